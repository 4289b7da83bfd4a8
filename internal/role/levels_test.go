package role_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// cluster adds a cluster past the service that will make them.
func cluster(t *testing.T, s *apptest.Server, organization id.Organization, name string) string {
	t.Helper()
	made := id.New[string]()
	if err := store.Do(t.Context(), s.DB, authz.System("test").On(organization), func(tx *store.Tx) error {
		tx.Unaudited("test")
		_, err := tx.Exec(`INSERT INTO object (id, kind, organization_id, project_id, environment_id, mode, name, name_key, version, body, sealed, created_at, updated_at, deleted_at)
			VALUES ($1, $2, $3, '', '', '', $4, $4, 1, '{}', '', 0, 0, 0)`, made, authz.KindCluster, organization, name)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return made
}

// summary is a role's levels in a line: clusters, then projects with their four types.
func summary(r *apptest.Response) string {
	var parts []string
	for _, c := range r.List("cluster_permissions") {
		c := c.(map[string]any)
		parts = append(parts, fmt.Sprintf("%s:%s", c["cluster_name"], c["permission"]))
	}
	for _, p := range r.List("project_permissions") {
		p := p.(map[string]any)
		var levels []string
		for _, l := range p["permissions"].([]any) {
			l := l.(map[string]any)
			levels = append(levels, l["environment_type"].(string)[:1]+l["permission"].(string)[:1])
		}
		parts = append(parts, fmt.Sprintf("%s:%s,%t", p["project_name"], strings.Join(levels, ""), p["is_admin"]))
	}
	return strings.Join(parts, " ")
}

func at(mode, level string) map[string]any {
	return map[string]any{"environment_type": mode, "permission": level}
}

// TestLevels: a role lists every cluster and project, a request may name some of them,
// and what it does not name falls to the lowest level.
func TestLevels(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		shop, site := jane.Project(t, acme, "shop"), jane.Project(t, acme, "site")
		east, west := cluster(t, s, acme, "east"), cluster(t, s, acme, "west")
		made := jane.Post(t, path(acme), map[string]any{"name": "Testers"}).Must(t, 201)
		const lowest = "east:VIEWER west:VIEWER shop:DNPNSNPN,false site:DNPNSNPN,false"
		if got := summary(made); got != lowest {
			t.Errorf("a new role: %s", got)
		}
		put := func(clusters, projects any, want string) {
			t.Helper()
			r := jane.Put(t, path(acme, made.Text("id")), map[string]any{"name": "Testers", "cluster_permissions": clusters, "project_permissions": projects}).Must(t, 200)
			for place, got := range map[string]string{
				"answered": summary(r), "read": summary(jane.Get(t, path(acme, made.Text("id"))).Must(t, 200)),
			} {
				if got != want {
					t.Errorf("%s %s, want %s", place, got, want)
				}
			}
		}
		some := []any{at("STAGING", "DEPLOYER"), at("DEVELOPMENT", "MANAGER"), at("PREVIEW", "VIEWER")}
		put([]any{map[string]any{"cluster_id": west, "permission": "ENV_CREATOR"}}, []any{map[string]any{"project_id": site, "permissions": some}},
			"east:VIEWER west:ENV_CREATOR shop:DNPNSNPN,false site:DMPVSDPN,false")
		put([]any{map[string]any{"cluster_id": strings.ToUpper(east), "cluster_name": "ignored", "permission": "ADMIN"}}, []any{map[string]any{"project_id": shop, "project_name": "ignored", "permissions": []any{at("PRODUCTION", "VIEWER")}}},
			"east:ADMIN west:VIEWER shop:DNPNSNPV,false site:DNPNSNPN,false")
		// Full access as one client sends it, as another does, and with levels that say otherwise.
		const admin = "east:VIEWER west:VIEWER shop:DMPMSMPM,true site:DNPNSNPN,false"
		four := []any{at("DEVELOPMENT", "MANAGER"), at("PREVIEW", "MANAGER"), at("STAGING", "MANAGER"), at("PRODUCTION", "MANAGER")}
		put([]any{}, []any{map[string]any{"project_id": shop, "is_admin": true}}, admin)
		put(nil, []any{map[string]any{"project_id": shop, "is_admin": true, "permissions": four}}, admin)
		put([]any{}, []any{map[string]any{"project_id": shop, "is_admin": true, "permissions": nil}, map[string]any{"project_id": site}}, admin)
		put([]any{}, []any{map[string]any{"project_id": shop, "is_admin": true, "permissions": []any{at("PRODUCTION", "NO_ACCESS")}}}, admin)
		put([]any{}, []any{map[string]any{"project_id": shop, "is_admin": false, "permissions": four}}, strings.Replace(admin, "true", "false", 1))

		jane.Project(t, acme, "later")
		cluster(t, s, acme, "north")
		if got, want := summary(jane.Get(t, path(acme, made.Text("id")))), "east:VIEWER west:VIEWER north:VIEWER shop:DMPMSMPM,false site:DNPNSNPN,false later:DNPNSNPN,false"; got != want {
			t.Errorf("with what was made later: %s", got)
		}
		put(nil, nil, "east:VIEWER west:VIEWER north:VIEWER shop:DNPNSNPN,false site:DNPNSNPN,false later:DNPNSNPN,false")
		jane.Delete(t, "/project/"+string(shop)).Must(t, 204)
		if got := summary(jane.Get(t, path(acme)).Must(t, 200)); strings.Contains(got, "shop") {
			t.Errorf("a deleted project is listed: %s", got)
		}
		s.Verify(t)
	})
}

func TestLevelRefusals(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, other := jane.Organization(t, "Acme"), jane.Organization(t, "Other")
		shop, gone, foreign := jane.Project(t, acme, "shop"), jane.Project(t, acme, "gone"), jane.Project(t, other, "foreign")
		jane.Delete(t, "/project/"+string(gone)).Must(t, 204)
		east, foreignCluster := cluster(t, s, acme, "east"), cluster(t, s, other, "foreign")
		role := jane.Post(t, path(acme), map[string]any{"name": "Testers"}).Must(t, 201).Text("id")
		jane.Post(t, path(acme), map[string]any{"name": "Others"}).Must(t, 201)
		projects := func(list ...any) map[string]any {
			return map[string]any{"name": "Testers", "cluster_permissions": []any{}, "project_permissions": list}
		}
		clusters := func(list ...any) map[string]any {
			return map[string]any{"name": "Testers", "project_permissions": []any{}, "cluster_permissions": list}
		}
		inShop := func(levels ...any) map[string]any {
			return projects(map[string]any{"project_id": shop, "permissions": levels})
		}
		named := func(name string) map[string]any {
			body := projects()
			body["name"] = name
			return body
		}
		for what, c := range map[string]struct {
			body  map[string]any
			field string
		}{
			"a type twice":        {inShop(at("STAGING", "VIEWER"), at("STAGING", "DEPLOYER")), "project_permissions"},
			"a type twice, none":  {inShop(at("STAGING", "NO_ACCESS"), at("STAGING", "NO_ACCESS")), "project_permissions"},
			"no type":             {inShop(map[string]any{"permission": "VIEWER"}), "project_permissions"},
			"unknown type":        {inShop(at("TEST", "VIEWER")), "project_permissions"},
			"type in lower case":  {inShop(at("staging", "VIEWER")), "project_permissions"},
			"unknown level":       {inShop(at("STAGING", "OWNER")), "project_permissions"},
			"a cluster's level":   {inShop(at("STAGING", "ENV_CREATOR")), "project_permissions"},
			"full access as one":  {inShop(at("STAGING", "ADMIN")), "project_permissions"},
			"a project twice":     {projects(map[string]any{"project_id": shop}, map[string]any{"project_id": strings.ToUpper(string(shop))}), "project_permissions"},
			"a deleted project":   {projects(map[string]any{"project_id": gone, "is_admin": true}), "project_permissions"},
			"another's project":   {projects(map[string]any{"project_id": foreign, "is_admin": true}), "project_permissions"},
			"a cluster for one":   {projects(map[string]any{"project_id": east, "is_admin": true}), "project_permissions"},
			"no project":          {projects(map[string]any{"is_admin": true}), "project_permissions"},
			"an unknown cluster":  {clusters(map[string]any{"cluster_id": id.New[string](), "permission": "ADMIN"}), "cluster_permissions"},
			"another's cluster":   {clusters(map[string]any{"cluster_id": foreignCluster, "permission": "ADMIN"}), "cluster_permissions"},
			"a cluster twice":     {clusters(map[string]any{"cluster_id": east}, map[string]any{"cluster_id": east}), "cluster_permissions"},
			"a project's level":   {clusters(map[string]any{"cluster_id": east, "permission": "MANAGER"}), "cluster_permissions"},
			"reserved":            {named("Owner"), "name"},
			"reserved, wide":      {named("ａｄｍｉｎ"), "name"},
			"reserved, joiner":    {named("DEV\u200dOPS"), "name"},
			"reserved, spaces":    {named(" billing "), "name"},
			"reserved, developer": {named("developer"), "name"},
			"reserved, viewer":    {named("ViEwEr"), "name"},
		} {
			r := jane.Put(t, path(acme, role), c.body).Must(t, 400)
			if !strings.HasPrefix(r.Text("errors.0.field"), c.field) {
				t.Errorf("%s: the field is %q: %s", what, r.Text("errors.0.field"), r.Body)
			}
		}
		jane.Put(t, path(acme, role), named("OTHERS")).Refused(t, 409, "name_taken")
		jane.Put(t, path(acme, role), named("TESTERS")).Must(t, 200) // its own, in other letters
		if got := summary(jane.Get(t, path(acme, role))); got != "east:VIEWER shop:DNPNSNPN,false" {
			t.Errorf("a refused request left %s", got)
		}
		s.Verify(t)
	})
}

// TestHighestRole: a custom role at its highest reads the organization and does
// everything in its projects; settings, members, tokens and roles are in none.
func TestHighestRole(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		org := "/organization/" + string(acme)
		shop := jane.Project(t, acme, "shop")
		east := cluster(t, s, acme, "east")
		role := jane.Post(t, path(acme), map[string]any{"name": "All"}).Must(t, 201).Text("id")
		bob := s.Member(t, acme, "bob@example.com", authz.RoleName(role))
		token := jane.Token(t, acme, "ci", authz.RoleName(role))
		for _, c := range []*apptest.Caller{bob, token} {
			c.Get(t, "/project/"+string(shop)).Refused(t, 404, "not_found") // warm: what is remembered must end
		}
		jane.Put(t, path(acme, role), map[string]any{"name": "All", "project_permissions": []any{map[string]any{"project_id": shop, "is_admin": true}},
			"cluster_permissions": []any{map[string]any{"cluster_id": east, "permission": "ADMIN"}}}).Must(t, 200)
		for who, c := range map[string]*apptest.Caller{"member": bob, "token": token} {
			if card := c.Get(t, org).Must(t, 200); !card.Has("owner") {
				t.Errorf("%s: the organization is not read: %s", who, card.Body)
			}
			c.Get(t, org+"/availableRole").Must(t, 200)
			c.Put(t, "/project/"+string(shop), map[string]any{"name": "shop", "description": who}).Must(t, 200) // the very next request
			for what, r := range map[string]*apptest.Response{
				"edits the organization": c.Put(t, org, map[string]any{"name": "Mine"}), "deletes the organization": c.Delete(t, org),
				"reads members": c.Get(t, org+"/member"), "invites": c.Post(t, org+"/inviteMember", map[string]any{"email": "x@example.com"}), "reads invitations": c.Get(t, org+"/inviteMember"),
				"sets a role":  c.Put(t, org+"/member", map[string]any{"user_id": bob.ID, "role_id": authz.RoleID(acme, authz.Admin)}),
				"removes":      c.Do(t, "DELETE", org+"/member", map[string]any{"user_id": jane.ID}),
				"transfers":    c.Post(t, org+"/transferOwnership", map[string]any{"user_id": bob.ID}),
				"reads tokens": c.Get(t, org+"/apiToken"), "makes a token": c.Post(t, org+"/apiToken", map[string]any{"name": "x", "role_id": role}), "ends a token": c.Delete(t, org+"/apiToken/"+string(token.TokenID)),
				"takes a token over": c.Post(t, org+"/apiToken/"+string(token.TokenID)+"/takeOver", nil),
				"reads roles":        c.Get(t, path(acme)), "makes a role": c.Post(t, path(acme), map[string]any{"name": "x"}), "ends a role": c.Delete(t, path(acme, role)), "makes a project": c.Post(t, org+"/project", map[string]any{"name": "x"}),
			} {
				if r.Status != 403 {
					t.Errorf("%s %s: %d: %s", who, what, r.Status, r.Body)
				}
			}
		}
		for _, p := range authz.Permissions() { // those of billing, clusters and webhooks have no operation yet
			held, err := authz.LoadRole(s.DB.Reader(t.Context()), acme, authz.RoleName(role))
			if err != nil {
				t.Fatal(err)
			}
			allowed := authz.NewRights(held).Allow(p)
			if want := p == authz.OrganizationView || p == authz.OrganizationRead || p == authz.RoleView || p == authz.ClusterView; allowed != want {
				t.Errorf("%s in the whole organization: %t", p, allowed)
			}
		}
	})
}

// TestDeleteFreed: the refusal names who has the role, not more than a reader takes in;
// without a holder the role goes.
func TestDeleteFreed(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		role := jane.Post(t, path(acme), map[string]any{"name": "Shop"}).Must(t, 201).Text("id")
		bob := s.Member(t, acme, "bob@example.com", authz.RoleName(role))
		var tokens []*apptest.Caller
		for i := range 25 {
			tokens = append(tokens, jane.Token(t, acme, fmt.Sprint("token ", i), authz.RoleName(role)))
		}
		refused := jane.Delete(t, path(acme, role)).Refused(t, 409, "role_in_use").Text("detail")
		if !strings.Contains(refused, bob.Email) || !strings.Contains(refused, "and 6 more") {
			t.Errorf("the refusal: %s", refused)
		}
		for _, token := range tokens {
			jane.Delete(t, "/organization/"+string(acme)+"/apiToken/"+string(token.TokenID)).Must(t, 204)
		}
		jane.Delete(t, path(acme, role)).Refused(t, 409, "role_in_use")
		jane.Put(t, "/organization/"+string(acme)+"/member", map[string]any{"user_id": bob.ID, "role_id": authz.RoleID(acme, authz.Viewer)}).Must(t, 200)
		jane.Delete(t, path(acme, role)).Must(t, 204)
		bob.Get(t, "/organization/"+string(acme)).Must(t, 200)
		s.Verify(t)
	})
}
