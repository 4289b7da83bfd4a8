package member_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
)

func signedIn(t *testing.T, s *apptest.Server, who *apptest.Caller) *consoletest.Browser {
	t.Helper()
	b := s.Browser()
	b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": who.Email, "password": apptest.Password}).Must(t, 200)
	return b
}

// TestPages: many are invited at once, those who cannot be stay in the form; one is sent
// again, one taken back; a member gets another role and is removed.
func TestPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, bob, eve := s.Person(t, "jane@example.com"), s.Person(t, "bob@example.com"), s.Person(t, "eve@example.com")
		acme, other := jane.Organization(t, "Acme"), eve.Organization(t, "Other")
		s.Join(t, acme, bob, authz.Viewer)
		hers, stranger := signedIn(t, s, jane), signedIn(t, s, eve)
		members := "/console/organizations/" + string(acme) + "/settings/members"
		one := members + "/" + string(bob.ID)

		form := hers.Open(t, members+"/invite").Must(t, 200, "sends no mail")
		form.Send(t, members+"/invite", map[string]string{"emails": " , "}).Must(t, 400, "1 to 100")
		again := form.Send(t, members+"/invite", map[string]string{"emails": "ann@example.com, bob@example.com\njoe@example.com; nonsense"})
		again.Must(t, 409, "2 people are invited", "bob@example.com: ", "nonsense: ")
		if left := again.Value("emails"); left != "bob@example.com\nnonsense" {
			t.Errorf("left in the form: %q", left)
		}
		list := hers.Open(t, members).Must(t, 200, "ann@example.com", "joe@example.com", "invited", "/accept-invitation?", "you", "owner stays")
		pending := jane.Get(t, "/organization/"+string(acme)+"/inviteMember").Must(t, 200)
		ann, stays := pending.Text("results.0.id"), pending.Text("results.1.email")
		list.Send(t, members+"/invitations/"+ann+"/resend", nil).Must(t, 200, "has a new life")
		taken := hers.Open(t, members+"/invitations/"+ann+"/revoke").Send(t, members+"/invitations/"+ann+"/revoke", nil).Must(t, 200, "is taken back")
		if strings.Contains(taken.Source, ann) {
			t.Error("the invitation is still listed")
		}
		hers.Open(t, members+"?q="+strings.ToUpper(stays[:3])).Must(t, 200, stays)
		hers.Open(t, members+"?q=nobody").Must(t, 200, "Nobody here")

		admin := string(authz.RoleID(acme, authz.Admin))
		hers.Open(t, members).Send(t, one+"/role", map[string]string{"role_id": admin}).Must(t, 200, "bob@example.com has the role ADMIN")
		hers.Open(t, one+"/role").Send(t, one+"/role", map[string]string{"role_id": string(authz.RoleID(other, authz.Admin))}).Must(t, 400, "Role")
		for _, path := range []string{members, members + "/invite", one + "/role", one + "/remove"} {
			stranger.Open(t, path).Must(t, 404)
		}
		stranger.Open(t, strings.Replace(one, string(acme), string(other), 1)+"/remove").Must(t, 404)
		bob.Token(t, acme, "ci", authz.Viewer)
		hers.Open(t, one+"/remove").Must(t, 200, "1 API token").Send(t, one+"/remove", nil).Must(t, 200, "is removed")
		bob.Get(t, "/organization/"+string(acme)).Refused(t, 404, "not_found")
		owner := members + "/" + string(jane.ID)
		hers.Open(t, owner+"/remove").Send(t, owner+"/remove", nil).Must(t, 403, "transfer the ownership first")
		s.Verify(t)
	})
}
