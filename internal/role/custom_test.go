package role_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

func path(organization id.Organization, more ...string) string {
	return strings.Join(append([]string{"/organization/" + string(organization) + "/customRole"}, more...), "/")
}

func TestLife(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		shop := jane.Project(t, acme, "shop")
		made := jane.Post(t, path(acme), map[string]any{"name": "Testers", "description": "They test"}).Must(t, 201)
		one := path(acme, made.Text("id"))
		if made.Text("project_permissions.0.project_name") != "shop" || made.Text("project_permissions.0.permissions.3.permission") != "NO_ACCESS" {
			t.Errorf("a new role has not the lowest level everywhere: %s", made.Body)
		}
		jane.Post(t, path(acme), map[string]any{"name": "TESTERS"}).Refused(t, 409, "name_taken")
		for _, reserved := range []string{"owner", "Admin", "DEVOPS", "developer", "billing", "viewer"} {
			jane.Post(t, path(acme), map[string]any{"name": reserved}).Refused(t, 400, "invalid_request")
		}
		edited := jane.Put(t, one, map[string]any{
			"name": "Testers", "cluster_permissions": []any{},
			"project_permissions": []any{map[string]any{"project_id": shop, "permissions": []any{
				map[string]any{"environment_type": "DEVELOPMENT", "permission": "MANAGER"}, map[string]any{"environment_type": "PRODUCTION", "permission": "VIEWER"},
			}}},
		}).Must(t, 200)
		if edited.Text("description") != "They test" || edited.Text("project_permissions.0.permissions.0.permission") != "MANAGER" ||
			edited.Text("project_permissions.0.permissions.1.permission") != "NO_ACCESS" || edited.Text("project_permissions.0.permissions.3.permission") != "VIEWER" {
			t.Errorf("edited: %s", edited.Body)
		}
		jane.Project(t, acme, "later") // made later, it is in the role at once
		if got := jane.Get(t, one).Must(t, 200); len(got.List("project_permissions")) != 2 || got.Text("project_permissions.1.permissions.0.permission") != "NO_ACCESS" {
			t.Errorf("with a later project: %s", got.Body)
		}
		jane.Put(t, one, map[string]any{"name": "Testers", "cluster_permissions": []any{}, "project_permissions": []any{
			map[string]any{"project_id": id.New[id.Object](), "is_admin": true}}}).Refused(t, 400, "invalid_request")
		if roles := jane.Get(t, "/organization/"+string(acme)+"/availableRole").Must(t, 200); roles.Text("results.6.name") != "Testers" || roles.Text("results.0.name") != "ADMIN" {
			t.Errorf("available roles: %s", roles.Body)
		}
		jane.Delete(t, one).Must(t, 204)
		jane.Get(t, one).Refused(t, 404, "not_found")
		s.Verify(t)
	})
}

// TestMemberOfOneProject sees exactly that project, through every list, get and count.
func TestMemberOfOneProject(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		org := "/organization/" + string(acme)
		shop, secret := jane.Project(t, acme, "shop"), jane.Project(t, acme, "secret")
		role := jane.Post(t, path(acme), map[string]any{"name": "Shop"}).Must(t, 201).Text("id")
		bob := s.Person(t, "bob@example.com")
		invited := jane.Post(t, org+"/inviteMember", map[string]any{"email": bob.Email, "role_id": role}).Must(t, 201)
		if invited.Text("role") != "VIEWER" || invited.Text("role_name") != "Shop" {
			t.Errorf("invitation with a custom role: %s", invited.Body)
		}
		bob.Post(t, org+"/inviteMember/"+invited.Text("id"), nil).Must(t, 201)

		see := func(want ...string) {
			t.Helper()
			for _, list := range []string{"/project", "/project/stats"} {
				if got := bob.Get(t, org+list).Must(t, 200); len(got.List("results")) != len(want) {
					t.Errorf("%s: %s, want %v", list, got.Body, want)
				}
			}
			for project, name := range map[id.Object]string{shop: "shop", secret: "secret"} {
				status := 404
				for _, w := range want {
					if w == name {
						status = 200
					}
				}
				bob.Get(t, "/project/"+string(project)).Must(t, status)
			}
			events := string(bob.Get(t, org+"/events").Must(t, 200).Body) + string(bob.Get(t, org+"/targets").Must(t, 200).Body)
			for _, name := range []string{"shop", "secret"} {
				if strings.Contains(events, `"`+name+`"`) != strings.Contains(strings.Join(want, " "), name) {
					t.Errorf("the activity of %v: %s", want, events)
				}
			}
		}
		see()
		level := func(body map[string]any) {
			t.Helper()
			jane.Put(t, path(acme, role), map[string]any{"name": "Shop", "cluster_permissions": []any{}, "project_permissions": []any{body}}).Must(t, 200)
		}
		level(map[string]any{"project_id": shop, "permissions": []any{map[string]any{"environment_type": "STAGING", "permission": "VIEWER"}}})
		see("shop")
		bob.Put(t, "/project/"+string(shop), map[string]any{"name": "mine"}).Refused(t, 403, "permission_missing")
		bob.Post(t, org+"/project", map[string]any{"name": "new"}).Refused(t, 403, "permission_missing")
		bob.Get(t, org+"/customRole").Refused(t, 403, "permission_missing")
		level(map[string]any{"project_id": shop, "is_admin": true})
		see("shop")
		bob.Put(t, "/project/"+string(shop), map[string]any{"name": "shop", "description": "mine"}).Must(t, 200)
		bob.Put(t, "/project/"+string(secret), map[string]any{"name": "mine"}).Refused(t, 404, "not_found")
		bob.Delete(t, "/project/"+string(shop)).Must(t, 204)
		if got := bob.Get(t, org+"/project"); len(got.List("results")) != 0 {
			t.Errorf("a deleted project is listed: %s", got.Body)
		}
	})
}

func TestDeleteInUse(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		org := "/organization/" + string(acme)
		role := jane.Post(t, path(acme), map[string]any{"name": "Shop"}).Must(t, 201).Text("id")
		bob := s.Member(t, acme, "bob@example.com", authz.RoleName(role))
		jane.Post(t, org+"/inviteMember", map[string]any{"email": "joe@example.com", "role_id": role}).Must(t, 201)
		jane.Post(t, org+"/apiToken", map[string]any{"name": "ci", "role_id": role}).Must(t, 201)
		refused := jane.Delete(t, path(acme, role)).Refused(t, 409, "role_in_use")
		for _, holder := range []string{"bob@example.com", "joe@example.com", "ci"} {
			if !strings.Contains(refused.Text("detail"), holder) {
				t.Errorf("the refusal does not name %s: %s", holder, refused.Body)
			}
		}
		bob.Get(t, org).Must(t, 200)
		list := jane.Get(t, org+"/apiToken").Must(t, 200)
		if list.Text("results.0.role_name") != "Shop" || list.Text("results.0.role_id") != role {
			t.Errorf("a token with a custom role: %s", list.Body)
		}
	})
}
