package history_test

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
)

// number is the version of a row of a thing's history.
func (p *place) number(t *testing.T, thing string, row int) int64 {
	t.Helper()
	n, ok := p.owner.Get(t, p.story(thing)).Must(t, 200).Value(fmt.Sprintf("results.%d.version", row)).(float64)
	if !ok {
		t.Fatalf("%s has no version %d", thing, row)
	}
	return int64(n)
}

func version(n int64) map[string]any { return map[string]any{"version": n} }

// TestVersions: who, when, from where, what; pages; a view at a moment.
func TestVersions(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p := newPlace(t, s, "acme")
		web := string(p.owner.Project(t, p.organization, "Web"))
		s.Clock.Advance(10 * time.Minute)
		p.admin.With("User-Agent", "CLI 1.0").With("X-Request-Id", "request-7").Put(t, "/project/"+web, map[string]any{"name": "Site", "description": "new"}).Must(t, 200)
		s.Clock.Advance(10 * time.Minute)
		p.owner.Delete(t, "/project/"+web).Must(t, 204)

		r := p.owner.Get(t, p.story(web)).Must(t, 200)
		if r.Text("kind") != "project" || len(r.List("results")) != 3 || r.Has("next") || r.Value("organization_max_limit_reached") != false {
			t.Fatalf("%s", r.Body)
		}
		for path, want := range map[string]any{
			"results.0.action": "project.delete", "results.0.exists": false, "results.0.state": nil,
			"results.1.action": "project.update", "results.1.triggered_by": p.admin.Email, "results.1.actor_id": string(p.admin.ID), "results.1.origin": "CLI",
			"results.1.user_agent": "CLI 1.0", "results.1.ip_address": "127.0.0.1", "results.1.request_id": "request-7", "results.1.reverts_to": nil,
			"results.1.timestamp":       apptest.Epoch.Add(10 * time.Minute).Format(time.RFC3339),
			"results.1.changes.0.field": "description", "results.1.changes.0.before": "", "results.1.changes.0.after": "new",
			"results.1.changes.1.before": "Web", "results.1.changes.1.after": "Site", "results.1.state.name": "Site",
			"results.1.state.associated_environments_count": nil, // of the moment, not the project's own
			"results.2.action": "project.create", "results.2.state.name": "Web",
		} {
			if got := r.Value(path); got != want {
				t.Errorf("%s: %v, want %v", path, got, want)
			}
		}
		for page, after := 0, ""; page < 3; page++ {
			one := p.owner.Get(t, p.story(web)+"?limit=1"+after).Must(t, 200)
			if !reflect.DeepEqual(one.Value("results.0"), r.Value(fmt.Sprintf("results.%d", page))) || one.Has("next") != (page < 2) {
				t.Errorf("page %d: %s", page, one.Body)
			}
			after = fmt.Sprintf("&after=%.0f", one.Value("results.0.version"))
		}
		for minutes, want := range map[int]any{-1: nil, 0: "Web", 9: "Web", 10: "Site", 19: "Site", 20: nil} {
			at := apptest.Epoch.Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339)
			v := p.owner.Get(t, p.story(web)+"/at?time="+url.QueryEscape(at)).Must(t, 200)
			if v.Value("state.name") != want || v.Value("exists") != (want != nil) {
				t.Errorf("at %d minutes: %s", minutes, v.Body)
			}
		}
	})
}

// TestWhoSees: the history is for those who see the events of the thing, in its organization.
func TestWhoSees(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p, other := newPlace(t, s, "acme"), newPlace(t, s, "evil")
		web := string(p.owner.Project(t, p.organization, "Web"))
		viewer := s.Member(t, p.organization, "viewer@acme.example", authz.Viewer)
		billing := s.Member(t, p.organization, "billing@acme.example", authz.Billing)
		blind := s.Member(t, p.organization, "custom@acme.example", authz.RoleName(p.role(t, "Blind")))
		token := p.owner.Token(t, p.organization, "ci", authz.Viewer)
		made := p.number(t, web, 0)
		for name, c := range map[string]struct {
			caller      *apptest.Caller
			web, viewer int // their answers about the project, and about a member
			revert      int
		}{
			"admin": {p.admin, 200, 200, 200}, "viewer": {viewer, 200, 404, 403}, "billing": {billing, 404, 404, 404}, "custom role": {blind, 404, 404, 404},
			"viewer's token": {token, 200, 404, 403}, "another owner": {other.owner, 404, 404, 404}, "anonymous": {s.Anonymous(), 401, 401, 401},
		} {
			for _, rest := range []string{"", "/at"} {
				if r := c.caller.Get(t, p.story(web)+rest); r.Status != c.web {
					t.Errorf("%s, project%s: %d %s", name, rest, r.Status, r.Body)
				}
				if r := c.caller.Get(t, p.story(string(viewer.ID))+rest); r.Status != c.viewer {
					t.Errorf("%s, member%s: %d %s", name, rest, r.Status, r.Body)
				}
			}
			if r := c.caller.Post(t, p.story(web)+"/revert", version(made)); r.Status != c.revert {
				t.Errorf("%s reverts: %d %s", name, r.Status, r.Body)
			}
		}
		// Another's thing under the caller's own organization.
		for _, method := range []string{"", "/at"} {
			other.owner.Get(t, other.story(web)+method).Must(t, 404)
		}
		other.owner.Post(t, other.story(web)+"/revert", version(1)).Must(t, 404)
	})
}

// TestRevert goes back in every kind that changes, by the rules of the change.
func TestRevert(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p := newPlace(t, s, "acme")
		web := string(p.owner.Project(t, p.organization, "Web"))
		first := p.number(t, web, 0)
		p.owner.Put(t, "/project/"+web, map[string]any{"name": "Site", "description": "new"}).Must(t, 200)
		p.owner.Project(t, p.organization, "web")
		p.owner.Post(t, p.story(web)+"/revert", version(first)).Refused(t, 409, "name_taken")
		shop := string(p.owner.Project(t, p.organization, "Shop"))
		firstShop := p.number(t, shop, 0)
		p.owner.Put(t, "/project/"+shop, map[string]any{"name": "Store", "description": "new"}).Must(t, 200)
		r := p.admin.Post(t, p.story(shop)+"/revert", version(firstShop)).Must(t, 200)
		if r.Value("reverts_to") != float64(firstShop) || r.Text("action") != "project.update" || r.Text("triggered_by") != p.admin.Email || r.Text("state.name") != "Shop" {
			t.Errorf("%s", r.Body)
		}
		if got := p.owner.Get(t, "/project/"+shop).Must(t, 200); got.Text("name") != "Shop" || got.Text("description") != "" {
			t.Errorf("%s", got.Body)
		}
		if e := p.owner.Get(t, p.path("/events?pageSize=1")); e.Value("events.0.reverts_to") != float64(firstShop) {
			t.Errorf("the event does not say what it reverted to: %s", e.Body)
		}
		p.owner.Post(t, p.story(shop)+"/revert", version(first)).Refused(t, 400, "invalid_request") // another thing's

		// The organization's name and profile.
		p.owner.Put(t, p.path(""), map[string]any{"name": "acme", "description": "one", "admin_emails": []string{"ops@example.com"}}).Must(t, 200)
		was, at := p.owner.Get(t, p.path("")), p.number(t, string(p.organization), 0)
		p.owner.Put(t, p.path(""), map[string]any{"name": "Two", "description": nil, "website_url": "https://example.com", "admin_emails": nil}).Must(t, 200)
		p.owner.Post(t, p.story(string(p.organization))+"/revert", version(at)).Must(t, 200)
		same(t, "the organization", p.owner.Get(t, p.path("")), was)

		// A custom role, less the levels in what is gone.
		role := p.role(t, "Testers")
		level := func(project, level string) map[string]any {
			return map[string]any{"project_id": project, "permissions": []any{map[string]any{"environment_type": "STAGING", "permission": level}}}
		}
		edit := func(levels ...any) {
			p.owner.Put(t, p.path("/customRole/"+role), map[string]any{"name": "Testers", "description": "d", "cluster_permissions": []any{}, "project_permissions": levels}).Must(t, 200)
		}
		edit(level(web, "DEPLOYER"), level(shop, "MANAGER"))
		at = p.number(t, role, 0)
		edit()
		p.owner.Delete(t, "/project/"+shop).Must(t, 204)
		p.owner.Post(t, p.story(role)+"/revert", version(at)).Must(t, 200)
		if got := p.owner.Get(t, p.path("/customRole/"+role)); strings.Count(string(got.Body), "DEPLOYER") != 1 {
			t.Errorf("%s", got.Body)
		}

		// A member's role: nobody gives what they lack, and the ownership is no version.
		joe := s.Member(t, p.organization, "joe@acme.example", authz.Viewer)
		set := func(by *apptest.Caller, role authz.RoleName) {
			by.Put(t, p.path("/member"), map[string]any{"user_id": joe.ID, "role_id": authz.RoleID(p.organization, role)}).Must(t, 200)
		}
		asViewer := p.number(t, string(joe.ID), 0)
		set(p.owner, authz.Admin)
		asAdmin := p.number(t, string(joe.ID), 0)
		p.admin.Post(t, p.story(string(joe.ID))+"/revert", version(asViewer)).Must(t, 200)
		if me := p.owner.Get(t, p.story(string(joe.ID))).Must(t, 200); me.Text("kind") != "member" || me.Text("results.0.state.role_name") != "VIEWER" || me.Value("results.0.reverts_to") != float64(asViewer) {
			t.Errorf("%s", me.Body)
		}
		joe.Post(t, p.story(string(joe.ID))+"/revert", version(asAdmin)).Must(t, 404) // a VIEWER sees no such events
		owned := p.number(t, string(p.owner.ID), 0)
		p.owner.Post(t, p.path("/transferOwnership"), map[string]any{"user_id": p.admin.ID}).Must(t, 204)
		p.admin.Post(t, p.story(string(p.owner.ID))+"/revert", version(owned)).Refused(t, 403, "cannot_grant")
		for who, roles := range map[*apptest.Caller][]string{p.owner: {"ADMIN", "OWNER"}, p.admin: {"OWNER", "ADMIN"}} {
			for row, want := range roles {
				if r := p.admin.Get(t, p.story(string(who.ID))).Must(t, 200); r.Text(fmt.Sprintf("results.%d.state.role_name", row)) != want {
					t.Errorf("%s, version %d: want %s: %s", who.Email, row, want, r.Body)
				}
			}
		}

		// What does not change has nothing to go back to; what is gone is restored, not reverted.
		token := p.owner.Token(t, p.organization, "ci", authz.Viewer)
		p.owner.Post(t, p.story(string(token.TokenID))+"/revert", version(p.number(t, string(token.TokenID), 0))).Refused(t, 400, "invalid_request")
		p.owner.Post(t, p.story(shop)+"/revert", version(p.number(t, shop, 0))).Refused(t, 400, "invalid_request")
		p.owner.Post(t, p.story(shop)+"/revert", version(firstShop)).Must(t, 404)
		s.Verify(t)
	})
}

// TestRetention: what the plan hides of the record, it hides of the history; what a thing
// was at a moment that it shows is told all the same.
func TestRetention(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p := newPlace(t, s, "acme")
		web := string(p.owner.Project(t, p.organization, "Web"))
		made := p.number(t, web, 0)
		days := p.owner.Get(t, p.path("")).Value("organization_plan.audit_logs_retention_in_days").(float64)
		s.Clock.Advance(time.Duration(days)*24*time.Hour + time.Hour)
		owner := s.Again(t, p.owner)
		r := owner.Get(t, p.story(web)).Must(t, 200)
		if len(r.List("results")) != 0 || r.Value("organization_max_limit_reached") != true {
			t.Errorf("%s", r.Body)
		}
		now := owner.Get(t, p.story(web)+"/at").Must(t, 200)
		if now.Text("state.name") != "Web" || now.Has("version") {
			t.Errorf("%s", now.Body)
		}
		owner.Get(t, p.story(web)+"/at?time="+apptest.Epoch.Format(time.RFC3339)).Refused(t, 400, "invalid_request")
		owner.Post(t, p.story(web)+"/revert", version(made)).Refused(t, 400, "invalid_request")
	})
}

// same compares two answers but for when things were changed last.
func same(t *testing.T, what string, got, want *apptest.Response) {
	t.Helper()
	g, w := whole(t, got.Must(t, 200)), whole(t, want.Must(t, 200))
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%s\n got %v\nwant %v", what, g, w)
	}
}
