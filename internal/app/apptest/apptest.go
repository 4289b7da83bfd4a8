// Package apptest starts the real application for tests: a fresh database, the
// real services, a real listener, and callers who speak HTTP to it.
package apptest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
	"github.com/guildhall-dev/guildhall/internal/httpd"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

// Epoch is where the test's clock starts.
var Epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Server is a running application.
type Server struct {
	*app.App
	URL   string
	HTTP  *httpd.Server
	Clock *clock.Manual // nil with RealClock
	Log   *Log
}

// Options change how a test's application starts.
type Options struct {
	Settings  func(*config.Server)
	RealClock bool
}

// hasher is cheap, and shared because making one hashes.
var hasher = authn.NewCheapHasher()

// Each runs a test on both databases.
func Each(t *testing.T, test func(t *testing.T, s *Server)) {
	t.Helper()
	EachWith(t, Options{}, test)
}

// EachWith runs a test on both databases, with options.
func EachWith(t *testing.T, o Options, test func(t *testing.T, s *Server)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) { test(t, Start(t, Storage(t, engine), o)) })
	}
}

// Storage is a fresh database of an engine, "sqlite" or "postgres".
func Storage(t testing.TB, engine string) config.Storage {
	t.Helper()
	s := config.Storage{Data: filepath.Join(t.TempDir(), "data")}
	if engine == "postgres" {
		s.DatabaseURL = config.Secret(storetest.Shared(t).Prepared(t, "schema", func(url string) error {
			db, err := store.Open(context.Background(), store.Options{URL: url})
			if err != nil {
				return err
			}
			if err := db.Migrate(context.Background()); err != nil {
				return err
			}
			return db.Close()
		}))
	}
	return s
}

// Start opens the application on a database and listens.
func Start(t testing.TB, storage config.Storage, o Options) *Server {
	t.Helper()
	s := &Server{Log: &Log{}}
	settings := config.Defaults()
	if o.Settings != nil {
		o.Settings(&settings)
	}
	appOptions := app.Options{Hasher: hasher, Log: slog.New(slog.NewJSONHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if !o.RealClock {
		s.Clock = clock.NewManual(Epoch)
		appOptions.Clock = s.Clock
	}
	var err error
	if s.App, err = app.Open(t.Context(), storage, settings, appOptions); err != nil {
		t.Fatalf("open the application: %v", err)
	}
	listener := httptest.NewUnstartedServer(nil)
	s.URL = "http://" + listener.Listener.Addr().String()
	s.HTTP = s.Server(s.URL)
	listener.Config.Handler = s.HTTP.Handler()
	listener.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	listener.Start()
	t.Cleanup(func() {
		listener.Close()
		if err := s.Close(); err != nil {
			t.Errorf("close the application: %v", err)
		}
	})
	return s
}

// Browser gives a fresh browser for the server's pages.
func (s *Server) Browser() *consoletest.Browser { return consoletest.New(s.URL) }

// Password is that of every person made here.
const Password = "correct horse battery"

// Person makes a verified account and gives its caller.
func (s *Server) Person(t testing.TB, email string) *Caller {
	t.Helper()
	a, err := s.Accounts.Create(t.Context(), authz.System("test"), email, Password)
	if err != nil {
		t.Fatalf("create %s: %v", email, err)
	}
	access, err := s.Accounts.Access(a, "")
	if err != nil {
		t.Fatal(err)
	}
	return &Caller{server: s, ID: a.ID, Email: email, Credential: access.Token, Scheme: "Bearer"}
}

// Anonymous gives a caller without a credential.
func (s *Server) Anonymous() *Caller { return &Caller{server: s} }

// Organization makes an organization on ENTERPRISE_2025, owned by the caller.
func (c *Caller) Organization(t testing.TB, name string) id.Organization {
	t.Helper()
	r := c.Post(t, "/organization", map[string]any{"name": name, "plan": "ENTERPRISE_2025"}).Must(t, 201)
	return id.Organization(r.Text("id"))
}

// Member makes a person who has a role in an organization.
func (s *Server) Member(t testing.TB, organization id.Organization, email string, role authz.RoleName) *Caller {
	t.Helper()
	c := s.Person(t, email)
	s.Join(t, organization, c, role)
	return c
}

// Join makes a person a member.
func (s *Server) Join(t testing.TB, organization id.Organization, c *Caller, role authz.RoleName) {
	t.Helper()
	pass := authz.System("test").On(organization)
	err := store.Do(t.Context(), s.DB, pass, func(tx *store.Tx) error {
		if err := s.Members.Add(tx, organization, c.ID, role); err != nil {
			return err
		}
		return audit.Record(tx, string(organization), pass, audit.Entry{
			Action: audit.MemberAdd, Target: audit.Reference{ID: string(c.ID), Name: c.Email},
			After: map[string]any{"email": c.Email, "role_name": role, "role_id": authz.RoleID(organization, role)},
		})
	})
	if err != nil {
		t.Fatalf("make %s a member: %v", c.Email, err)
	}
}

// Token makes an API token of the caller's and gives its caller.
func (c *Caller) Token(t testing.TB, organization id.Organization, name string, role authz.RoleName) *Caller {
	t.Helper()
	r := c.Post(t, "/organization/"+string(organization)+"/apiToken", map[string]any{"name": name, "role_id": authz.RoleID(organization, role)}).Must(t, 201)
	return &Caller{server: c.server, ID: c.ID, TokenID: id.Token(r.Text("id")), Email: c.Email, Credential: r.Text("token"), Scheme: "Token"}
}

// Project makes a project.
func (c *Caller) Project(t testing.TB, organization id.Organization, name string) id.Object {
	t.Helper()
	return id.Object(c.Post(t, "/organization/"+string(organization)+"/project", map[string]any{"name": name}).Must(t, 200).Text("id"))
}

// Verify walks every chain of the database.
func (s *Server) Verify(t testing.TB) audit.Report {
	t.Helper()
	report, err := audit.Verify(s.DB.Reader(t.Context()), s.HeadMAC())
	if err != nil {
		t.Errorf("the record does not verify: %v", err)
	}
	return report
}

// OrganizationID is the id that an answer gives.
func OrganizationID(r *Response) id.Organization { return id.Organization(r.Text("id")) }

// Again gives a person a new access token, after the clock has moved.
func (s *Server) Again(t testing.TB, c *Caller) *Caller {
	t.Helper()
	found, err := s.Accounts.Find(t.Context(), c.Email)
	if err != nil {
		t.Fatal(err)
	}
	access, err := s.Accounts.Access(found, "")
	if err != nil {
		t.Fatal(err)
	}
	other := *c
	other.Credential = access.Token
	return &other
}
