package invitation_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// fallen are the ways in which an admin, Amy, comes to where she may not invite; each
// is given by the owner, Jane, or by Amy herself.
var fallen = map[string]func(t *testing.T, s *apptest.Server, jane, amy *apptest.Caller, acme id.Organization){
	"removed": func(t *testing.T, _ *apptest.Server, jane, amy *apptest.Caller, acme id.Organization) {
		t.Helper()
		jane.Do(t, "DELETE", "/organization/"+string(acme)+"/member", map[string]any{"user_id": amy.ID}).Must(t, 204)
	},
	"left": func(t *testing.T, _ *apptest.Server, _, amy *apptest.Caller, acme id.Organization) {
		t.Helper()
		amy.Do(t, "DELETE", "/organization/"+string(acme)+"/member", map[string]any{"user_id": amy.ID}).Must(t, 204)
	},
	"demoted": func(t *testing.T, _ *apptest.Server, jane, amy *apptest.Caller, acme id.Organization) {
		t.Helper()
		jane.Put(t, "/organization/"+string(acme)+"/member", map[string]any{"user_id": amy.ID, "role_id": authz.RoleID(acme, authz.DevOps)}).Must(t, 200)
	},
	"account deleted": func(t *testing.T, _ *apptest.Server, _, amy *apptest.Caller, _ id.Organization) {
		t.Helper()
		amy.Do(t, "DELETE", "/account", map[string]any{"password": apptest.Password}).Must(t, 204)
	},
	"account disabled": func(t *testing.T, s *apptest.Server, _, amy *apptest.Caller, _ id.Organization) {
		t.Helper()
		if _, err := s.Accounts.Disable(t.Context(), authz.System("test"), amy.Email); err != nil {
			t.Fatal(err)
		}
	},
}

// TestInviterFallen: an invitation lets nobody in when its inviter may not give its
// role any more, and makes nobody an account; whoever may sends it again.
func TestInviterFallen(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			s := apptest.Start(t, apptest.Storage(t, engine), apptest.Options{Settings: func(c *config.Server) { c.Registration = "invited" }})
			for name, fall := range fallen {
				t.Run(name, func(t *testing.T) {
					at := strings.ReplaceAll(name, " ", "-") + ".example"
					jane, bob := s.Person(t, "jane@"+at), s.Person(t, "bob@"+at)
					acme := jane.Organization(t, "Acme "+name)
					amy := s.Member(t, acme, "amy@"+at, authz.Admin)
					one := invite(t, amy, acme, bob.Email, authz.Admin) // Bob might be Amy herself
					two := invite(t, amy.Token(t, acme, "ci", authz.Admin), acme, "new@"+at, authz.Viewer)
					link := jane.Get(t, one).Must(t, 200).Text("invitation_link")
					s.Browser().Open(t, link).Must(t, 200, bob.Email, "Create an account")
					fall(t, s, jane, amy, acme)

					newcomer := map[string]any{"email": "new@" + at, "password": apptest.Password, "organization_id": acme, "invite_token": two[strings.LastIndex(two, "/")+1:]}
					for _, refused := range []*apptest.Response{bob.Post(t, one, nil), s.Anonymous().Post(t, "/auth/sign-up", newcomer)} {
						refused.Refused(t, 400, "invitation_expired")
						if !strings.Contains(refused.Text("detail"), "may not give this role any more") {
							t.Errorf("the refusal does not say why: %s", refused.Body)
						}
					}
					bob.Get(t, "/organization/"+string(acme)).Refused(t, 404, "not_found")
					if page := s.Browser().Open(t, link).Must(t, 200, "may not give this role any more"); strings.Contains(page.Text, "Create an account") {
						t.Errorf("the page offers a way that leads nowhere: %s", page.Text)
					}

					// Nothing is used up: the owner sends them again and is the inviter.
					if again := jane.Post(t, one+"/resend", nil).Must(t, 200); !strings.HasSuffix(one, again.Text("id")) || again.Text("inviter") != jane.Email {
						t.Errorf("sent again: %s", again.Body)
					}
					jane.Post(t, two+"/resend", nil).Must(t, 200)
					bob.Post(t, one, nil).Must(t, 201)
					bob.Get(t, "/organization/"+string(acme)).Must(t, 200)
					s.Anonymous().Post(t, "/auth/sign-up", newcomer).Must(t, 200)
				})
			}
			s.Verify(t)
		})
	}
}

// TestInviterBack: rights that come back wake the invitations.
func TestInviterBack(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, bob := s.Person(t, "jane@example.com"), s.Person(t, "bob@example.com")
		acme := jane.Organization(t, "Acme")
		amy := s.Member(t, acme, "amy@example.com", authz.Admin)
		one := invite(t, amy, acme, bob.Email, authz.Viewer)
		become := func(role authz.RoleName) {
			t.Helper()
			jane.Put(t, "/organization/"+string(acme)+"/member", map[string]any{"user_id": amy.ID, "role_id": authz.RoleID(acme, role)}).Must(t, 200)
		}
		waiting := func(want int) {
			t.Helper()
			if n := len(bob.Get(t, "/account/invitations").Must(t, 200).List("results")); n != want {
				t.Errorf("%d invitations wait for Bob, want %d", n, want)
			}
		}
		waiting(1)
		become(authz.Viewer)
		waiting(0)
		bob.Post(t, one, nil).Refused(t, 400, "invitation_expired")
		amy.Post(t, one+"/resend", nil).Refused(t, 403, "permission_missing")
		become(authz.Admin)
		waiting(1)
		bob.Post(t, one, nil).Must(t, 201)
		s.Verify(t)
	})
}
