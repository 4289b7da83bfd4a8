package bench_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// part is one step of a request, without HTTP.
type part struct {
	name    string
	workers int
	do      func() error
}

func (p part) subject() subject { return slices.Repeat(subject{p.do}, p.workers) }

// parts are the steps that every request, or every change, takes.
func parts(tb testing.TB, s *server) []part {
	tb.Helper()
	ctx := tb.Context()
	owner, _ := authz.LookupRole(authz.Owner)
	rights := authz.NewRights(owner)
	scope := authz.Scope{Organization: s.hot.id, Kind: authz.KindOrganization}
	_, created := s.request(tb, http.MethodPost, "/organization/"+string(s.hot.id)+"/apiToken", s.hot.owner, `{"name":"bench"}`)
	person, machine := "Bearer "+s.hot.owner.token, "Token "+text(tb, created, "token")
	actor, err := s.Authenticator.Authenticate(ctx, person)
	if err != nil {
		tb.Fatal(err)
	}
	authenticate := func(header string) func() error {
		return func() error { _, err := s.Authenticator.Authenticate(ctx, header); return err }
	}
	record := s.record(tb)
	return []part{
		{"decide (authz.Decide)", 1, func() error {
			if !authz.Decide(rights, authz.OrganizationView, scope).Allowed {
				tb.Error("an owner may not see the organization")
			}
			return nil
		}},
		{"require, from memory (authz.Require)", 1, func() error {
			_, err := s.Authorizer.Require(ctx, actor, authz.OrganizationView, scope)
			return err
		}},
		{"authenticate an access token, from memory", 1, authenticate(person)},
		{"authenticate an API token, from memory", 1, authenticate(machine)},
		{"write and record an event, alone", 1, record},
		{"write and record an event, 64 at once", 64, record},
	}
}

// record is a Write that does nothing but record an event of an organization.
func (s *server) record(tb testing.TB) func() error {
	tb.Helper()
	ctx := tb.Context()
	_, created := s.request(tb, http.MethodPost, "/organization", s.hot.owner, `{"name":"Recorded","plan":"ENTERPRISE_2025"}`)
	organization := text(tb, created, "id")
	pass := authz.System("bench").On(id.Organization(organization))
	entry := audit.Entry{Action: audit.OrganizationUpdate, Target: audit.Reference{ID: organization, Name: "Recorded"}}
	return func() error {
		return store.Do(ctx, s.DB, pass, func(tx *store.Tx) error { return audit.Record(tx, organization, pass, entry) })
	}
}

// BenchmarkParts measures the steps of a request without HTTP, on SQLite.
func BenchmarkParts(b *testing.B) {
	s := start(b, "sqlite", tiny)
	for _, p := range parts(b, s) {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			done, err := p.subject().turn(int64(b.N), 0)
			if err != nil {
				b.Fatal(err)
			}
			results.part(p.name, done)
		})
	}
}

// TestParts does every step a few times.
func TestParts(t *testing.T) {
	s := start(t, "sqlite", tiny)
	for _, p := range parts(t, s) {
		if _, err := p.subject().turn(20, 0); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}
