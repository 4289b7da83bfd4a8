package audit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// moment is the database as it was after an event, as a copy of it would bring it back.
type moment struct {
	head  []any
	noted audit.Noted
}

// against gives the first event that is not as the noted heads say.
func (i intruder) against(key string, list ...audit.Noted) *audit.BadEvent {
	i.t.Helper()
	if _, bad := i.verify(); bad != nil {
		return bad
	}
	err := audit.VerifyNoted(i.s.DB.Reader(i.t.Context()), key, list)
	var bad *audit.BadEvent
	if err != nil && !errors.As(err, &bad) {
		i.t.Fatal(err)
	}
	return bad
}

// TestNotedHeads rolls the database back to random moments, with heads that are signed as
// they were then, and goes on from there with other events or none. Without a noted head
// nothing of that can be found; with them the first bad event is named.
func TestNotedHeads(t *testing.T) {
	for engine, rounds := range map[string]int{"sqlite": 60, "postgres": 12} {
		t.Run(engine, func(t *testing.T) {
			if *seed == 0 {
				*seed = rand.Uint64()
			}
			t.Logf("-seed %d", *seed)
			random := rand.New(rand.NewPCG(*seed, 2))
			s := apptest.Start(t, apptest.Storage(t, engine), apptest.Options{})
			jane := s.Person(t, "jane@example.com")
			acme := jane.Organization(t, "Acme")
			stream := string(acme)
			i := intrude(t, s)
			var moments []moment
			for n := 1; n <= last; n++ {
				if n > 1 {
					jane.Project(t, acme, fmt.Sprint("project ", n))
				}
				m := moment{head: make([]any, 4), noted: noted(t, jane.Get(t, "/organization/"+stream+"/events/head").Must(t, 200).Text("signed"))}
				if err := i.QueryRow("SELECT seq, rights_seq, hash, mac FROM organization_head WHERE organization_id = $1", stream).Scan(&m.head[0], &m.head[1], &m.head[2], &m.head[3]); err != nil {
					t.Fatal(err)
				}
				moments = append(moments, m)
			}
			key := moments[0].noted.Key
			i.remember()
			pass := authz.System("test").On(acme)
			for range rounds {
				back := 1 + random.IntN(last-1) // the event at which the database stands again
				i.remove(stream, int64(back+1), last)
				i.do("UPDATE organization_head SET seq = $2, rights_seq = $3, hash = $4, mac = $5 WHERE organization_id = $1", append([]any{stream}, moments[back-1].head...)...)
				more := random.IntN(last + 2)
				for n := range more {
					if err := store.Do(t.Context(), s.DB, pass, func(tx *store.Tx) error {
						return audit.Record(tx, stream, pass, audit.Entry{Action: audit.ProjectCreate, Target: audit.Reference{Name: fmt.Sprint("other ", n)}})
					}); err != nil {
						t.Fatal(err)
					}
				}
				if _, bad := i.verify(); bad != nil {
					t.Fatalf("rolled back to %d, %d more: found without a noted head: %v", back, more, bad)
				}
				// All that was noted names the event exactly, also in another order.
				all := make([]audit.Noted, 0, last)
				for _, n := range random.Perm(last) {
					all = append(all, moments[n].noted)
				}
				if bad := i.against(key, all...); bad == nil || bad.Seq != int64(back+1) || bad.Stream != stream {
					t.Errorf("rolled back to %d, %d more: %v", back, more, bad)
				}
				// One head: what was cut is named exactly, what was replaced at the latest there.
				one := random.IntN(last)
				bad, want := i.against(key, moments[one].noted), int64(one+1)
				if back+more < last && want > int64(back+more) {
					want = int64(back + more + 1)
				}
				switch {
				case one+1 <= back && bad != nil:
					t.Errorf("rolled back to %d: the head of %d is not there any more: %v", back, one+1, bad)
				case one+1 > back && (bad == nil || bad.Seq != want):
					t.Errorf("rolled back to %d, %d more, noted %d: %v, want event %d", back, more, one+1, bad, want)
				}
				i.restore()
			}
			if bad := i.against(key, moments[3].noted, moments[last-1].noted); bad != nil {
				t.Errorf("after everything was put back: %v", bad)
			}
			i.vanish(key, acme, moments[2].noted)
		})
	}
}

// vanish takes an organization out of the database with everything that tells of it.
func (i intruder) vanish(key string, organization id.Organization, n audit.Noted) {
	i.t.Helper()
	for _, table := range []string{"object", "member", "event", "organization_head"} {
		i.do("DELETE FROM "+table+" WHERE organization_id = $1", organization)
	}
	i.do("DELETE FROM organization WHERE id = $1", organization)
	if _, bad := i.verify(); bad != nil {
		i.t.Fatalf("an organization that is gone without a trace is found: %v", bad)
	}
	if bad := i.against(key, n); bad == nil || bad.Seq != 1 || !strings.Contains(bad.Reason, "whole chain is gone") {
		i.t.Errorf("an organization is gone: %v", bad)
	}
	if err := audit.VerifyNoted(i.s.DB.Reader(i.t.Context()), key, slices.Repeat([]audit.Noted{n}, 2)); err == nil {
		i.t.Error("noted twice, it is not missed")
	}
}
