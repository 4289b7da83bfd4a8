package activity_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
)

// TestPages: the list with its filters and pages, an event's difference, the export; a
// stranger finds nothing, and who sees one project only sees what happened in it.
func TestPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, bob, eve := s.Person(t, "jane@example.com"), s.Person(t, "bob@example.com"), s.Person(t, "eve@example.com")
		acme := jane.Organization(t, "Acme")
		eve.Organization(t, "Other")
		shop := jane.Project(t, acme, "storefront")
		jane.Project(t, acme, "secret plans")
		jane.Put(t, "/project/"+string(shop), map[string]any{"name": "shop"}).Must(t, 200)
		made := jane.Post(t, "/organization/"+string(acme)+"/customRole", map[string]any{"name": "shopkeeper"}).Must(t, 201)
		jane.Put(t, "/organization/"+string(acme)+"/customRole/"+made.Text("id"), map[string]any{
			"name": "shopkeeper", "cluster_permissions": []any{}, "project_permissions": []any{map[string]any{"project_id": shop, "is_admin": true}},
		}).Must(t, 200)
		s.Join(t, acme, bob, authz.RoleName(made.Text("id")))
		in := func(who *apptest.Caller) *consoletest.Browser {
			b := s.Browser()
			b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": who.Email, "password": apptest.Password}).Must(t, 200)
			return b
		}
		hers, his, stranger := in(jane), in(bob), in(eve)
		list := "/console/organizations/" + string(acme) + "/activity"

		all := hers.Open(t, list).Must(t, 200, "jane@example.com created the project storefront", "changed the project shop", "secret plans", "Chain:", string(acme)+":")
		if !strings.Contains(all.Frame(), "Activity") {
			t.Error("the rail does not lead to the activity")
		}
		lacks := func(p *consoletest.Page, words string) {
			t.Helper()
			if strings.Contains(p.Text, words) {
				t.Errorf("%s says %q", p.Path, words)
			}
		}
		created := hers.Open(t, list+"?type=CREATE&kind=PROJECT&project="+string(shop)).Must(t, 200, "created the project storefront", "create ✕", "about: project ✕", "in shop ✕")
		lacks(created, "changed the project")
		lacks(created, "created the project secret plans")
		hers.Open(t, list+"?by=nobody").Must(t, 200, "Nothing that you see fits", "by nobody ✕")
		hers.Open(t, list+"?from=2999-01-01").Must(t, 200, "Nothing that you see fits")
		for _, wrong := range []string{"?from=x", "?older=x", "?older=x&newer=y", "?thing=abc", "?by=%00"} {
			hers.Open(t, list+wrong).Must(t, 400)
		}

		changed := hers.Open(t, list+"?type=UPDATE&kind=PROJECT")
		one := hers.Open(t, changed.Link("jane@example.com")).Must(t, 200, "name", "storefront", "shop", "project.update")
		hers.Open(t, one.Link("shop")).Must(t, 200, "thing "+string(shop)[:8]+" ✕", "created the project storefront")
		hidden := hers.Open(t, list+"?type=CREATE&kind=PROJECT").Link("jane@example.com")

		see := his.Open(t, list).Must(t, 200, "projects that you see", "changed the project shop")
		lacks(see, "secret plans")
		lacks(see, "shopkeeper")
		his.Open(t, one.Path).Must(t, 200, "storefront")
		his.Open(t, hidden).Must(t, 404) // the newest project
		for _, path := range []string{list, one.Path, list + "/export"} {
			stranger.Open(t, path).Must(t, 404)
		}
		for _, path := range []string{list + "/0", list + "/x", list + "/999999"} {
			hers.Open(t, path).Must(t, 404)
		}

		form := hers.Open(t, list+"/export?kind=PROJECT").Must(t, 200, "JSON Lines")
		file := form.Send(t, list+"/export", map[string]string{"format": "csv"})
		if file.Status != 200 || !strings.Contains(file.Header.Get("Content-Disposition"), ".csv") || !strings.Contains(file.Source, "storefront") || strings.Contains(file.Source, "shopkeeper") {
			t.Errorf("the export: %d %v\n%s", file.Status, file.Header, file.Source)
		}
		form.Send(t, list+"/export", map[string]string{"format": "pdf"}).Must(t, 400, "Format must be one of the two")
		hers.Open(t, list).Must(t, 200, "exported the events of Acme")
		part := his.Open(t, list+"/export").Send(t, list+"/export", map[string]string{"format": "csv"})
		if part.Status != 200 || strings.Contains(part.Source, "secret plans") {
			t.Errorf("his export: %d\n%s", part.Status, part.Source)
		}

		for i := range 55 {
			jane.Put(t, "/project/"+string(shop), map[string]any{"name": "shop", "description": strings.Repeat("y", i+1)}).Must(t, 200)
		}
		first := hers.Open(t, list+"?kind=PROJECT")
		second := hers.Open(t, first.Link("Older")).Must(t, 200, "about: project ✕", "created the project storefront")
		hers.Open(t, second.Link("Newer")).Must(t, 200, "changed the project shop")
		s.Verify(t)
	})
}
