package project_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func projects(organization id.Organization) string {
	return "/organization/" + string(organization) + "/project"
}

func TestCreate(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		made := jane.Post(t, projects(acme), map[string]any{"name": " Shop ", "description": "Sells <things> & more"}).Must(t, 200)
		got := jane.Get(t, "/project/"+made.Text("id")).Must(t, 200)
		if string(made.Body) != string(got.Body) {
			t.Errorf("created %s\nread    %s", made.Body, got.Body)
		}
		for field, want := range map[string]any{
			"name": "Shop", "description": "Sells <things> & more", "organization.id": string(acme), "associated_environments_count": 0.0,
			"created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z",
		} {
			if got.Value(field) != want {
				t.Errorf("%s is %v, want %v", field, got.Value(field), want)
			}
		}
		for name, body := range map[string]map[string]any{"left out": {"name": "a"}, "null": {"name": "b", "description": nil}} {
			if d := jane.Post(t, projects(acme), body).Must(t, 200).Value("description"); d != "" {
				t.Errorf("description %s: %v, want an empty text", name, d)
			}
		}
		s.Verify(t)
	})
}

func TestNames(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, other := jane.Organization(t, "Acme"), jane.Organization(t, "Other")
		shop, blog := "/project/"+string(jane.Project(t, acme, "Shop")), "/project/"+string(jane.Project(t, acme, "Blog"))
		for _, same := range []string{"Shop", "SHOP", " shop ", "ｓｈｏｐ", "Sh\u200dop"} {
			if d := jane.Post(t, projects(acme), map[string]any{"name": same}).Refused(t, 409, "name_taken").Text("detail"); d != "Project name is already taken" {
				t.Errorf("clients compare the detail: %q", d)
			}
			jane.Put(t, blog, map[string]any{"name": same}).Refused(t, 409, "name_taken")
		}
		jane.Project(t, other, "Shop") // another organization's names are its own
		jane.Put(t, shop, map[string]any{"name": "SHOP"}).Must(t, 200)
		jane.Delete(t, shop).Must(t, 204)
		jane.Put(t, blog, map[string]any{"name": "Shop"}).Must(t, 200)
		jane.Post(t, projects(acme), map[string]any{"name": "Shop"}).Refused(t, 409, "name_taken")
		jane.Project(t, acme, "Blog")
	})
}

func TestRefusals(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		shop := "/project/" + string(jane.Project(t, acme, "Shop"))
		before := jane.Get(t, shop)
		for name, c := range map[string]struct {
			field string
			value any
		}{
			"no name": {"name", nil}, "blank": {"name", "  "}, "long": {"name", strings.Repeat("ä", 129)}, "HTML": {"name", "<b>"}, "semicolon": {"name", "a;b"}, "bell": {"name", "\a"},
			"invisible": {"name", "a\u2060b"}, "number": {"name", 1}, "list": {"name", []string{"a"}}, "long description": {"description", strings.Repeat("x", 2001)}, "description of a number": {"description", 1},
		} {
			body := map[string]any{"name": "Fine", c.field: c.value}
			for _, r := range []*apptest.Response{jane.Post(t, projects(acme), body), jane.Put(t, shop, body)} {
				if field := r.Refused(t, 400, "invalid_request").Text("errors.0.field"); field != c.field {
					t.Errorf("%s: field %q, want %q", name, field, c.field)
				}
			}
		}
		if got := jane.Get(t, shop); string(got.Body) != string(before.Body) {
			t.Errorf("a refused edit changed %s into %s", before.Body, got.Body)
		}
		for _, fine := range []string{strings.Repeat("ä", 128), "O'Neil & Söhne (2)", "日本語", "👩\u200d💻", "-", "{{.}}", "../..", "%00"} {
			if name := jane.Post(t, projects(acme), map[string]any{"name": fine}).Must(t, 200).Text("name"); name != fine {
				t.Errorf("%q is kept as %q", fine, name)
			}
		}
	})
}

func TestEdit(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		made := jane.Post(t, projects(acme), map[string]any{"name": "Shop", "description": "Sells things"}).Must(t, 200)
		shop := "/project/" + made.Text("id")
		s.Clock.Advance(time.Minute)
		for _, c := range []struct {
			body              any
			name, description string
		}{
			{map[string]any{"name": "Shop 2"}, "Shop 2", "Sells things"},
			{map[string]any{"name": "Shop 2", "description": nil}, "Shop 2", "Sells things"},
			{map[string]any{"name": "Shop 3", "description": "More"}, "Shop 3", "More"},
			{map[string]any{"name": "Shop 3", "description": ""}, "Shop 3", ""},
			{string(made.Body), "Shop", "Sells things"}, // clients send whole answers back
		} {
			r := jane.Put(t, shop, c.body).Must(t, 200)
			if r.Text("name") != c.name || r.Value("description") != c.description || r.Text("created_at") != "2026-03-01T12:00:00Z" || r.Text("updated_at") != "2026-03-01T12:01:00Z" {
				t.Errorf("%v makes %s", c.body, r.Body)
			}
			if got := jane.Get(t, shop); string(got.Body) != string(r.Body) {
				t.Errorf("edited %s\nread   %s", r.Body, got.Body)
			}
		}
		event := jane.Get(t, "/organization/"+string(acme)+"/events?pageSize=1").Must(t, 200)
		var changed []string
		for _, name := range event.List("events.0.changed_fields") {
			changed = append(changed, name.(string))
		}
		if event.Text("events.0.action") != "project.update" || event.Text("events.0.project_id") != made.Text("id") || strings.Join(changed, ",") != "description,name" {
			t.Errorf("the event is %s", event.Body)
		}
		s.Verify(t)
	})
}

// put adds an environment or a service past the services that will make them.
func put(t *testing.T, s *apptest.Server, organization id.Organization, project id.Object, kind authz.Kind, name string, deleted int) {
	t.Helper()
	if err := store.Do(t.Context(), s.DB, authz.System("test").On(organization), func(tx *store.Tx) error {
		tx.Unaudited("test")
		_, err := tx.Exec(`INSERT INTO object (id, kind, organization_id, project_id, environment_id, mode, name, name_key, version, body, sealed, created_at, updated_at, deleted_at)
			VALUES ($1, $2, $3, $4, '', 'DEVELOPMENT', $5, $5, 1, '{}', '', 0, 0, $6)`, id.New[string](), kind, organization, project, name, deleted)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestCounts(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		shop, blog := jane.Project(t, acme, "Shop"), jane.Project(t, acme, "Blog")
		for _, name := range []string{"a", "b", "c"} {
			put(t, s, acme, shop, authz.KindEnvironment, name, 0)
		}
		put(t, s, acme, shop, authz.KindEnvironment, "gone", 1)
		put(t, s, acme, shop, authz.KindApplication, "web", 0)
		put(t, s, acme, shop, authz.KindDatabase, "db", 0)
		put(t, s, acme, shop, authz.KindDatabase, "old db", 1)
		put(t, s, acme, blog, authz.KindEnvironment, "a", 0)
		if got := numbers(jane.Get(t, projects(acme)).Must(t, 200), "associated_environments_count"); got != "3 1" {
			t.Errorf("the list counts %q, want 3 1", got)
		}
		stats := jane.Get(t, projects(acme)+"/stats").Must(t, 200)
		if e, n, again := numbers(stats, "environment_total_number"), numbers(stats, "service_total_number"), numbers(stats, "number"); e != "3 1" || n != "2 0" || again != "2 0" {
			t.Errorf("the statistics are %s", stats.Body)
		}
		if one := jane.Put(t, "/project/"+string(shop), map[string]any{"name": "Shop"}).Must(t, 200).Value("associated_environments_count"); one != 3.0 {
			t.Errorf("an edit counts %v, want 3", one)
		}
		viewer := s.Member(t, acme, "viewer@example.com", authz.Viewer)
		if got := numbers(viewer.Get(t, projects(acme)).Must(t, 200), "associated_environments_count"); got != "3 1" {
			t.Errorf("a VIEWER's list counts %q, want 3 1", got)
		}
		billing := s.Member(t, acme, "billing@example.com", authz.Billing)
		for _, path := range []string{projects(acme), projects(acme) + "/stats"} {
			if body := strings.TrimSpace(string(billing.Get(t, path).Must(t, 200).Body)); body != `{"results":[]}` {
				t.Errorf("BILLING sees %s", body)
			}
		}
	})
}

func numbers(r *apptest.Response, field string) string {
	var all []string
	for i := range r.List("results") {
		all = append(all, fmt.Sprint(r.Value(fmt.Sprintf("results.%d.%s", i, field))))
	}
	return strings.Join(all, " ")
}

func TestDelete(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		shop, blog := jane.Project(t, acme, "Shop"), jane.Project(t, acme, "Blog")
		put(t, s, acme, shop, authz.KindEnvironment, "staging", 0)
		put(t, s, acme, blog, authz.KindEnvironment, "staging", 0)
		jane.Delete(t, "/project/"+string(shop)).Must(t, 204)
		jane.Get(t, "/project/"+string(shop)).Refused(t, 404, "not_found")
		jane.Put(t, "/project/"+string(shop), map[string]any{"name": "Back"}).Refused(t, 404, "not_found")
		jane.Delete(t, "/project/"+string(shop)).Refused(t, 404, "not_found")
		left := jane.Get(t, projects(acme)).Must(t, 200)
		if len(left.List("results")) != 1 || left.Text("results.0.name") != "Blog" || left.Value("results.0.associated_environments_count") != 1.0 {
			t.Errorf("what is left is %s", left.Body)
		}
		if n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM object WHERE deleted_at = 0`); err != nil || n != 2 {
			t.Errorf("%d objects are left (%v), want the other project and its environment", n, err)
		}
		var event struct{ Name string }
		if err := json.Unmarshal([]byte(jane.Get(t, "/organization/"+string(acme)+"/events").Text("events.0.original_change")), &event); err != nil || event.Name != "Shop" {
			t.Errorf("the event does not say what was deleted: %+v, %v", event, err)
		}
		s.Verify(t)
	})
}

func TestLimit(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		if err := store.Do(t.Context(), s.DB, authz.System("test").On(acme), func(tx *store.Tx) error {
			tx.Unaudited("test")
			_, err := tx.Exec(`INSERT INTO object (id, kind, organization_id, project_id, environment_id, mode, name, name_key, version, body, sealed, created_at, updated_at, deleted_at)
				WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
				SELECT '00000000-0000-7000-8000-' || substr('000000000000' || i, length('' || i) + 1), 'project', $1, '', '', '', 'p' || i, 'p' || i, 1, '{}', '', 0, 0, 0 FROM n`, acme)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		last := jane.Project(t, acme, "The last")
		jane.Post(t, projects(acme), map[string]any{"name": "One more"}).Refused(t, 403, "limit_reached")
		jane.Delete(t, "/project/"+string(last)).Must(t, 204)
		jane.Project(t, acme, "One more")
		jane.Project(t, jane.Organization(t, "Other"), "Elsewhere")
	})
}
