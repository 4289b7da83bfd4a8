package demo_test

import (
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/demo"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func prepare(t *testing.T, storage config.Storage) error {
	t.Helper()
	return demo.Prepare(t.Context(), storage, config.Defaults(), slog.New(slog.DiscardHandler), io.Discard)
}

// TestDemo: the story is whole, may be written once, and everything in it is as if
// people had done it.
func TestDemo(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			storage := apptest.Storage(t, engine)
			for range 2 { // the second time it is there already
				if err := prepare(t, storage); err != nil {
					t.Fatal(err)
				}
			}
			s := apptest.Start(t, storage, apptest.Options{RealClock: true})
			d, err := s.Demo(t.Context())
			if err != nil || d == nil || len(d.Organizations) != 2 {
				t.Fatalf("the demo is %v, %v", d, err)
			}
			roles := map[string]bool{}
			for _, p := range d.People {
				roles[p.Role] = true
			}
			for _, role := range authz.RoleNames {
				if !roles[string(role)] {
					t.Errorf("nobody is %s", role)
				}
			}
			if len(roles) < len(authz.RoleNames)+2 {
				t.Errorf("the roles are %v", slices.Sorted(maps.Keys(roles)))
			}
			person := s.Anonymous().Post(t, "/auth/sign-in", map[string]any{"email": d.People[0].Email, "password": d.Password}).Must(t, 200)
			owner := (&apptest.Caller{Scheme: "Bearer", Credential: person.Text("access_token")}).At(s)
			token := (&apptest.Caller{Scheme: "Token", Credential: d.Token}).At(s)
			org := "/organization/" + d.Organizations[0].ID
			for path, most := range map[string]int{"/member": 10, "/project": 5, "/apiToken": 4, "/customRole": 3, "/inviteMember": 3} {
				if n := len(owner.Get(t, org+path).Must(t, 200).List("results")); n < most {
					t.Errorf("%s has %d, want %d", path, n, most)
				}
			}
			token.Get(t, org+"/project").Must(t, 200)
			events, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM event`)
			if err != nil || events < 2000 || events > 10_000 {
				t.Errorf("%d events, %v", events, err)
			}
			first, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT MIN(at) FROM event`)
			if age := time.Since(time.UnixMicro(first)); err != nil || age < 364*24*time.Hour || age > 366*24*time.Hour {
				t.Errorf("the story begins %s ago, %v", age, err)
			}
			last, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT MAX(at) FROM event WHERE action <> 'account.sign_in'`)
			if err != nil || time.UnixMicro(last).After(time.Now()) || time.Since(time.UnixMicro(last)) > 3*24*time.Hour {
				t.Errorf("the story ends at %s, %v", time.UnixMicro(last), err)
			}
			if log := s.Log.String(); strings.Contains(log, d.Token) || strings.Contains(log, d.Password) {
				t.Error("the log holds a secret")
			}
			s.Verify(t)
		})
	}
}

// TestNotBesideOthers: a database that is used keeps what it has, and gets nothing.
func TestNotBesideOthers(t *testing.T) {
	storage := apptest.Storage(t, "postgres") // which two may open
	s := apptest.Start(t, storage, apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	if err := prepare(t, storage); !fault.Has(err, fault.DemoRefused) {
		t.Errorf("a database with an account takes the demo: %v", err)
	}
	jane.Get(t, "/organization").Must(t, 200)
	if d, err := s.Demo(t.Context()); d != nil || err != nil {
		t.Errorf("the demo is there: %v, %v", d, err)
	}
}
