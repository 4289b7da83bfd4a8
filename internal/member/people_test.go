package member_test

import (
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

func setRole(t *testing.T, by *apptest.Caller, organization id.Organization, user id.User, role authz.RoleName) *apptest.Response {
	t.Helper()
	return by.Put(t, "/organization/"+string(organization)+"/member", map[string]any{"user_id": user, "role_id": authz.RoleID(organization, role)})
}

func remove(t *testing.T, by *apptest.Caller, organization id.Organization, user id.User) *apptest.Response {
	t.Helper()
	return by.Do(t, "DELETE", "/organization/"+string(organization)+"/member", map[string]any{"user_id": user})
}

func transfer(t *testing.T, by *apptest.Caller, organization id.Organization, user id.User) *apptest.Response {
	t.Helper()
	return by.Post(t, "/organization/"+string(organization)+"/transferOwnership", map[string]any{"user_id": user})
}

func TestRoleChange(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		admin := s.Member(t, acme, "admin@example.com", authz.Admin)
		bob := s.Member(t, acme, "bob@example.com", authz.Viewer)
		projects := "/organization/" + string(acme) + "/project"

		bob.Post(t, projects, map[string]any{"name": "one"}).Refused(t, 403, "permission_missing")
		setRole(t, admin, acme, bob.ID, authz.DevOps).Must(t, 200)
		bob.Post(t, projects, map[string]any{"name": "one"}).Must(t, 200) // the very next request
		setRole(t, admin, acme, bob.ID, authz.Viewer).Must(t, 200)
		bob.Post(t, projects, map[string]any{"name": "two"}).Refused(t, 403, "permission_missing")

		setRole(t, admin, acme, jane.ID, authz.Viewer).Refused(t, 403, "limit_reached")
		setRole(t, jane, acme, jane.ID, authz.Viewer).Refused(t, 403, "limit_reached")
		setRole(t, jane, acme, bob.ID, authz.Owner).Refused(t, 403, "cannot_grant")
		setRole(t, bob, acme, bob.ID, authz.Admin).Refused(t, 403, "permission_missing")
		setRole(t, jane, acme, id.New[id.User](), authz.Admin).Refused(t, 404, "not_found")
		jane.Put(t, "/organization/"+string(acme)+"/member", map[string]any{"user_id": bob.ID, "role_id": id.Nil}).Refused(t, 400, "invalid_request")
		s.Verify(t)
	})
}

func TestLeaveAndRemove(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		org := "/organization/" + string(acme)
		bob := s.Member(t, acme, "bob@example.com", authz.DevOps)
		token := bob.Token(t, acme, "ci", authz.DevOps)
		token.Get(t, org).Must(t, 200)

		remove(t, bob, acme, jane.ID).Refused(t, 403, "permission_missing")
		remove(t, jane, acme, jane.ID).Refused(t, 403, "limit_reached")
		remove(t, bob, acme, bob.ID).Must(t, 204) // everybody may leave
		bob.Get(t, org).Refused(t, 404, "not_found")
		token.Get(t, org).Refused(t, 401, "unauthenticated") // asleep, not gone
		if list := jane.Get(t, org+"/apiToken"); len(list.List("results")) != 1 {
			t.Errorf("tokens of somebody who left: %s", list.Body)
		}
		s.Join(t, acme, bob, authz.Viewer)
		token.Get(t, org).Must(t, 200) // awake, with no more than its creator has now
		token.Post(t, org+"/project", map[string]any{"name": "one"}).Refused(t, 403, "permission_missing")

		remove(t, jane, acme, bob.ID).Must(t, 204)
		bob.Get(t, org).Refused(t, 404, "not_found")
		remove(t, jane, acme, bob.ID).Refused(t, 404, "not_found")
		s.Verify(t)
	})
}

func TestTransfer(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		bob := s.Member(t, acme, "bob@example.com", authz.Viewer)
		stranger := s.Person(t, "stranger@example.com")
		transfer(t, bob, acme, bob.ID).Refused(t, 403, "permission_missing")
		transfer(t, jane.Token(t, acme, "ci", authz.Admin), acme, bob.ID).Refused(t, 403, "permission_missing")
		transfer(t, jane, acme, stranger.ID).Refused(t, 404, "not_found")
		transfer(t, jane, acme, jane.ID).Refused(t, 400, "invalid_request")
		transfer(t, jane, acme, bob.ID).Must(t, 204)
		if owner := bob.Get(t, "/organization/"+string(acme)).Text("owner"); owner != string(bob.ID) {
			t.Errorf("owner %s, want %s", owner, bob.ID)
		}
		jane.Delete(t, "/organization/"+string(acme)).Refused(t, 403, "permission_missing")
		remove(t, jane, acme, jane.ID).Must(t, 204) // the former owner is an ADMIN and may leave
		s.Verify(t)
	})
}
