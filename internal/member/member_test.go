package member_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func pass(t *testing.T, s *apptest.Server, c *apptest.Caller, organization id.Organization, p authz.Permission) authz.Pass {
	t.Helper()
	actor, err := s.Authenticator.Authenticate(t.Context(), c.Scheme+" "+c.Credential)
	if err != nil {
		t.Fatal(err)
	}
	actor.Client.Origin = "API" // as a request would have
	pass, err := s.Authorizer.Require(t.Context(), actor, p, authz.Scope{Organization: organization, Kind: authz.KindOrganization})
	if err != nil {
		t.Fatal(err)
	}
	return pass
}

func roleOf(t *testing.T, s *apptest.Server, organization id.Organization, user id.User) authz.RoleName {
	t.Helper()
	name, err := store.Value[string](s.DB.Reader(t.Context()), `SELECT role FROM member WHERE organization_id = $1 AND user_id = $2`, organization, user)
	if err != nil {
		t.Fatal(err)
	}
	return authz.RoleName(name)
}

func TestSetRole(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		admin := s.Member(t, acme, "admin@example.com", authz.Admin)
		jane := s.Member(t, acme, "jane@example.com", authz.Viewer)
		stranger := s.Person(t, "stranger@example.com")
		other := stranger.Organization(t, "Other")
		manager := func(c *apptest.Caller) authz.Pass { return pass(t, s, c, acme, authz.MemberManage) }
		for _, c := range []struct {
			name string
			by   authz.Pass
			who  id.User
			role authz.RoleName
			want fault.Code // empty: it is done
		}{
			{"owner promotes", manager(owner), jane.ID, authz.Admin, ""},
			{"admin demotes an admin", manager(admin), jane.ID, authz.DevOps, ""},
			{"to billing", manager(admin), jane.ID, authz.Billing, ""},
			{"to developer", manager(owner), jane.ID, authz.Developer, ""},
			{"a second owner", manager(owner), jane.ID, authz.Owner, fault.CannotGrant},
			{"owner by admin", manager(admin), admin.ID, authz.Owner, fault.CannotGrant},
			{"unknown role", manager(owner), jane.ID, "KING", fault.Invalid},
			{"lower case", manager(owner), jane.ID, "viewer", fault.Invalid},
			{"no role", manager(owner), jane.ID, "", fault.Invalid},
			{"the owner steps down", manager(owner), owner.ID, authz.Admin, fault.LimitReached},
			{"the owner is pushed", manager(admin), owner.ID, authz.Viewer, fault.LimitReached},
			{"no member", manager(owner), stranger.ID, authz.Viewer, fault.NotFound},
			{"nobody", manager(owner), id.New[id.User](), authz.Viewer, fault.NotFound},
			{"member elsewhere", pass(t, s, stranger, other, authz.MemberManage), jane.ID, authz.Viewer, fault.NotFound},
		} {
			before := s.Verify(t).Events
			err := s.Members.SetRole(context.Background(), c.by, c.who, authz.RoleID(c.by.Organization(), c.role))
			if (c.want == "") != (err == nil) || (err != nil && !fault.Has(err, c.want)) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
			if events := s.Verify(t).Events - before; (events == 1) != (c.want == "") || events > 1 {
				t.Errorf("%s: %d events", c.name, events)
			}
			if c.want == "" && roleOf(t, s, acme, c.who) != c.role {
				t.Errorf("%s: the role is %s", c.name, roleOf(t, s, acme, c.who))
			}
		}
		if roleOf(t, s, acme, owner.ID) != authz.Owner || roleOf(t, s, acme, jane.ID) != authz.Developer || roleOf(t, s, acme, admin.ID) != authz.Admin {
			t.Error("a refused change was made")
		}
		event := owner.Get(t, "/organization/"+string(acme)+"/events").Must(t, 200)
		if event.Text("events.0.action") != "member.role" || event.Text("events.0.target_name") != "jane@example.com" || event.Text("events.0.triggered_by") != "owner@example.com" ||
			event.Text("events.0.original_change") != brief(acme, "jane@example.com", authz.Billing) || event.Text("events.0.change") != brief(acme, "jane@example.com", authz.Developer) {
			t.Errorf("the event is %s", event.Body)
		}
	})
}

// TestWrongPass: a pass for something else, or one that is empty, opens no service.
func TestWrongPass(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		jane := s.Member(t, acme, "jane@example.com", authz.Viewer)
		for name, wrong := range map[string]authz.Pass{"empty": {}, "for another permission": pass(t, s, owner, acme, authz.OrganizationEdit)} {
			if err := s.Members.SetRole(t.Context(), wrong, jane.ID, authz.RoleID(acme, authz.Admin)); err == nil || roleOf(t, s, acme, jane.ID) != authz.Viewer {
				t.Errorf("%s: the pass was taken", name)
			}
		}
	})
}

// TestAtOnce: a new role holds from the next request on, for the person and their tokens.
func TestAtOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		jane := s.Member(t, acme, "jane@example.com", authz.DevOps)
		token := jane.Token(t, acme, "ci", authz.DevOps)
		projects := "/organization/" + string(acme) + "/project"
		for i, c := range []*apptest.Caller{jane, token} {
			c.Post(t, projects, map[string]any{"name": string(rune('a' + i))}).Must(t, 200)
		}
		set := func(role authz.RoleName) {
			t.Helper()
			if err := s.Members.SetRole(t.Context(), pass(t, s, owner, acme, authz.MemberManage), jane.ID, authz.RoleID(acme, role)); err != nil {
				t.Fatal(err)
			}
		}
		set(authz.Viewer)
		for i, c := range []*apptest.Caller{jane, token} {
			if p := c.Post(t, projects, map[string]any{"name": string(rune('c' + i))}).Refused(t, 403, "permission_missing").Text("permission"); p != "project.create" {
				t.Errorf("the missing permission is %q", p)
			}
			c.Get(t, projects).Must(t, 200)
		}
		set(authz.Billing)
		if list := jane.Get(t, projects).Must(t, 200).List("results"); len(list) != 0 {
			t.Errorf("BILLING lists projects: %v", list)
		}
		set(authz.DevOps)
		token.Post(t, projects, map[string]any{"name": "e"}).Must(t, 200)
	})
}

func TestOneOwner(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		jane := s.Person(t, "jane@example.com")
		for name, c := range map[string]struct {
			user id.User
			role authz.RoleName
		}{"a second owner": {jane.ID, authz.Owner}, "a member twice": {owner.ID, authz.Viewer}, "nobody": {id.New[id.User](), authz.Viewer}} {
			if err := store.Do(t.Context(), s.DB, authz.System("test").On(acme), func(tx *store.Tx) error {
				tx.Unaudited("test")
				return s.Members.Add(tx, acme, c.user, c.role)
			}); err == nil {
				t.Errorf("%s: the database takes it", name)
			}
		}
	})
}

// brief is a member as events show them.
func brief(organization id.Organization, email string, role authz.RoleName) string {
	return fmt.Sprintf(`{"email":%q,"role_name":%q,"role_id":%q}`, email, role, authz.RoleID(organization, role))
}
