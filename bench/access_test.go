package bench_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// crowd makes an organization with n members and n projects, and a custom role, held by
// every second member, with a level in every one of them; and asks about rights in it.
func (s *server) crowd(tb testing.TB, n int) []other {
	tb.Helper()
	owner := s.hot.owner
	_, created := s.request(tb, http.MethodPost, "/organization", owner, `{"name":"Crowd","plan":"ENTERPRISE_2025"}`)
	organization, now := text(tb, created, "id"), int64(clock.At(time.Now()))
	_, made := s.request(tb, http.MethodPost, "/organization/"+organization+"/customRole", owner, `{"name":"Everywhere"}`)
	role := text(tb, made, "id")
	people, projects := make([]string, n), make([]string, n)
	for i := range n {
		people[i], projects[i] = id.New[string](), id.New[string]()
	}
	accounts := []string{"id", "email", "email_key", "communication_email", "first_name", "last_name", "nickname", "picture_url", "password_hash", "organization_limit",
		"credentials_changed_at", "verified_at", "disabled_at", "created_at", "updated_at"}
	s.bulk(tb, "account", accounts, n, func(i int) []any {
		email := fmt.Sprintf("crowd%d@example.com", i)
		return []any{people[i], email, email, email, "", "", "", "", "", 5, now, now, 0, now, now}
	})
	s.bulk(tb, "member", []string{"organization_id", "user_id", "role", "joined_at"}, n, func(i int) []any {
		return []any{organization, people[i], []string{"VIEWER", role}[i%2], now}
	})
	objects := []string{"id", "kind", "organization_id", "project_id", "environment_id", "mode", "name", "name_key", "version", "body", "sealed", "created_at", "updated_at", "deleted_at"}
	s.bulk(tb, "object", objects, n, func(i int) []any {
		name := fmt.Sprintf("project %d", i)
		return []any{projects[i], "project", organization, "", "", "", name, name, 1, `{"description":""}`, "", now, now, 0}
	})
	s.bulk(tb, "role_grant", []string{"role_id", "organization_id", "target_kind", "target_id", "mode", "level"}, 2*n, func(i int) []any {
		return []any{role, organization, "project", projects[i/2], []string{"STAGING", "PRODUCTION"}[i%2], "MANAGER"}
	})
	if s.engine == "postgres" {
		if _, err := s.raw.ExecContext(tb.Context(), "VACUUM ANALYZE"); err != nil {
			tb.Fatal(err)
		}
	}
	path := "/organization/" + organization + "/access/"
	ask := func(name string, next func(i int64) string) other {
		return other{fmt.Sprintf("%s (%d members, %d projects)", name, n, n), 1, http.StatusOK, func(out []byte) []byte {
			return s.ask(out, path+next(s.read.Add(1)%int64(n)), owner)
		}}
	}
	return []other{
		ask("why may somebody? (access/explain)", func(i int64) string {
			return "explain?permission=environment.edit&mode=STAGING&actor=" + people[i] + "&scope=" + projects[i]
		}),
		ask("who may? the first 100 of half", func(i int64) string { return "who?permission=environment.edit&mode=STAGING&scope=" + projects[i] }),
		ask("who may? the one", func(int64) string { return "who?permission=organization.delete" }),
	}
}

// BenchmarkAccess asks about rights in a crowd.
func BenchmarkAccess(b *testing.B) {
	for _, engine := range engines {
		b.Run(engine, func(b *testing.B) {
			s := start(b, engine, tiny)
			for _, o := range s.crowd(b, 10_000) {
				b.Run(o.name, func(b *testing.B) { s.measure(b, o) })
			}
		})
	}
}

// TestAccess asks each a few times.
func TestAccess(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			s := start(t, engine, tiny)
			for _, o := range s.crowd(t, 50) {
				if _, err := connect(t, s.address, o.connections, o.status, o.next).turn(5, 0); err != nil {
					t.Errorf("%s: %v", o.name, err)
				}
			}
		})
	}
}
