package invitation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const life = 7 * 24 * time.Hour

func path(organization id.Organization, more ...string) string {
	return strings.Join(append([]string{"/organization/" + string(organization) + "/inviteMember"}, more...), "/")
}

// invite gives the path of a new invitation.
func invite(t *testing.T, by *apptest.Caller, organization id.Organization, email string, role authz.RoleName) string {
	t.Helper()
	r := by.Post(t, path(organization), map[string]any{"email": email, "role_id": authz.RoleID(organization, role)}).Must(t, 201)
	return path(organization, r.Text("id"))
}

func TestLife(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		made := jane.Post(t, path(acme), map[string]any{"email": "Bob@Example.com", "role_id": authz.RoleID(acme, authz.Developer)}).Must(t, 201)
		for field, want := range map[string]string{
			"email": "Bob@Example.com", "role": "DEVELOPER", "role_name": "DEVELOPER", "invitation_status": "PENDING",
			"organization_name": "Acme", "inviter": "jane@example.com",
			"invitation_link": s.URL + "/accept-invitation?inviteToken=" + made.Text("id") + "&organization=" + string(acme),
		} {
			if made.Text(field) != want {
				t.Errorf("%s is %q, want %q", field, made.Text(field), want)
			}
		}
		jane.Post(t, path(acme), map[string]any{"email": "bob@example.com"}).Refused(t, 409, "already_invited")
		one := path(acme, made.Text("id"))

		link := strings.TrimPrefix(made.Text("invitation_link"), s.URL)
		page := s.Anonymous().Get(t, link).Must(t, 200)
		for _, want := range []string{"Acme", "jane@example.com", "Bob@Example.com", "DEVELOPER", "same-origin"} {
			if !strings.Contains(string(page.Body)+page.Header.Get("Referrer-Policy"), want) {
				t.Errorf("the page behind the link does not say %s", want)
			}
		}
		s.Anonymous().Get(t, strings.Replace(link, string(acme), id.Nil, 1)).Must(t, 404)

		joe := s.Person(t, "joe@example.com")
		joe.Get(t, one).Refused(t, 404, "not_found")
		refused := joe.Post(t, one, nil).Refused(t, 403, "wrong_account")
		if !strings.Contains(refused.Text("detail"), "Bob@Example.com") {
			t.Errorf("the refusal does not say which address is meant: %s", refused.Body)
		}

		bob := s.Person(t, "bob@example.com") // the account comes after the invitation
		bob.Get(t, one).Must(t, 200)
		if mine := bob.Get(t, "/account/invitations").Must(t, 200); mine.Text("results.0.id") != made.Text("id") {
			t.Errorf("my invitations: %s", mine.Body)
		}
		bob.Get(t, "/organization/"+string(acme)).Refused(t, 404, "not_found")
		bob.Post(t, one, nil).Must(t, 201)
		bob.Get(t, "/organization/"+string(acme)).Must(t, 200)
		bob.Post(t, one, nil).Refused(t, 404, "not_found")
		s.Anonymous().Get(t, link).Must(t, 404)
		jane.Post(t, path(acme), map[string]any{"email": "BOB@example.com"}).Refused(t, 409, "already_invited")
		members := jane.Get(t, "/organization/"+string(acme)+"/member").Must(t, 200)
		if len(members.List("results")) != 2 || members.Text("results.1.role_name") != "DEVELOPER" || members.Text("results.1.last_activity_at") == "" {
			t.Errorf("members: %s", members.Body)
		}
		if strings.Contains(string(jane.Get(t, "/organization/"+string(acme)+"/events").Body), made.Text("id")) {
			t.Error("the invitation's id, a secret, is in the events")
		}
		if log := s.Log.String(); strings.Contains(log, made.Text("id")) || !strings.Contains(log, "/inviteMember/") {
			t.Error("the invitation's id, a secret, is in the log, or the log says nothing of it")
		}
		s.Verify(t)
	})
}

func TestExpiryResendRevokeDecline(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		bob := s.Person(t, "bob@example.com")
		one := invite(t, jane, acme, "bob@example.com", authz.Viewer)

		s.Clock.Advance(life)
		jane, bob = s.Again(t, jane), s.Again(t, bob)
		if got := jane.Get(t, path(acme)).Text("results.0.invitation_status"); got != "EXPIRED" {
			t.Errorf("status %q after its life", got)
		}
		bob.Post(t, one, nil).Refused(t, 400, "invitation_expired")
		if mine := bob.Get(t, "/account/invitations"); len(mine.List("results")) != 0 {
			t.Errorf("an expired invitation waits: %s", mine.Body)
		}
		again := jane.Post(t, one+"/resend", nil).Must(t, 200)
		if !strings.HasSuffix(one, again.Text("id")) || again.Text("invitation_status") != "PENDING" {
			t.Errorf("resent: %s", again.Body)
		}
		bob.Post(t, one+"/decline", nil).Must(t, 204)
		bob.Post(t, one, nil).Refused(t, 404, "not_found")

		two := invite(t, jane, acme, "bob@example.com", authz.Viewer)
		jane.Delete(t, two).Must(t, 204)
		bob.Get(t, two).Refused(t, 404, "not_found")
		jane.Delete(t, two).Refused(t, 404, "not_found")

		three := invite(t, jane, acme, "bob@example.com", authz.Viewer)
		s.Clock.Advance(life)
		jane = s.Again(t, jane)
		jane.Post(t, path(acme), map[string]any{"email": "bob@example.com"}).Must(t, 201) // an expired one does not stand in the way
		jane.Get(t, three).Refused(t, 404, "not_found")
		jane.Delete(t, "/organization/"+string(acme)).Must(t, 204)
		if mine := s.Again(t, bob).Get(t, "/account/invitations"); len(mine.List("results")) != 0 {
			t.Errorf("an invitation of a deleted organization waits: %s", mine.Body)
		}
		s.Verify(t)
	})
}

// TestUnverified: an account whose address nobody has proved learns of no invitation
// for that address and, where addresses are proved by mail, cannot answer one.
func TestUnverified(t *testing.T) {
	withMail := apptest.Options{Settings: func(c *config.Server) {
		c.Mail = config.Mail{SMTPURL: "smtp://127.0.0.1:1", MailFrom: "guildhall@example.com"} // nothing listens there
	}}
	apptest.EachWith(t, withMail, func(t *testing.T, s *apptest.Server) {
		jane, bob := s.Person(t, "jane@example.com"), s.Person(t, "bob@example.com")
		one := invite(t, jane, jane.Organization(t, "Acme"), bob.Email, authz.Viewer)
		verified := func(at int) {
			t.Helper()
			if err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
				tx.Unaudited("test")
				_, err := tx.Exec(`UPDATE account SET verified_at = $2 WHERE id = $1`, bob.ID, at)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		verified(0)
		if mine := bob.Get(t, "/account/invitations").Must(t, 200); len(mine.List("results")) != 0 {
			t.Errorf("an unproved address is told of %s", mine.Body)
		}
		bob.Get(t, one).Refused(t, 404, "not_found")
		bob.Post(t, one, nil).Refused(t, 403, "wrong_account")
		bob.Post(t, one+"/decline", nil).Refused(t, 403, "wrong_account")
		verified(1)
		if mine := bob.Get(t, "/account/invitations").Must(t, 200); len(mine.List("results")) != 1 {
			t.Errorf("a proved address is told of %s", mine.Body)
		}
		bob.Post(t, one, nil).Must(t, 201)
	})
}

func TestWhoMayInvite(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		jane.Post(t, path(acme), map[string]any{"email": "x@example.com", "role": "OWNER"}).Refused(t, 403, "cannot_grant")
		jane.Post(t, path(acme), map[string]any{"email": "x@example.com", "role_id": id.Nil}).Refused(t, 400, "invalid_request")
		jane.Post(t, path(acme), map[string]any{"email": "x@example.com\r\nBcc: y@example.com"}).Refused(t, 400, "invalid_request")
		admin := s.Member(t, acme, "admin@example.com", authz.Admin)
		invite(t, admin, acme, "a@example.com", authz.Admin)
		for _, role := range []authz.RoleName{authz.DevOps, authz.Developer, authz.Billing, authz.Viewer} {
			c := s.Member(t, acme, strings.ToLower(string(role))+"@example.com", role)
			c.Post(t, path(acme), map[string]any{"email": "b@example.com"}).Refused(t, 403, "permission_missing")
		}
		token := jane.Token(t, acme, "ci", authz.Admin)
		one := invite(t, token, acme, "c@example.com", authz.Developer)
		token.Post(t, one, nil).Refused(t, 403, "person_required")
	})
}

func TestSeats(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		small := id.Organization(jane.Post(t, "/organization", map[string]any{"name": "Small", "plan": "USER_2025"}).Must(t, 201).Text("id"))
		one := invite(t, jane, small, "bob@example.com", authz.Viewer)
		full := jane.Post(t, path(small), map[string]any{"email": "joe@example.com"}).Refused(t, 403, "limit_reached")
		if !strings.Contains(full.Text("detail"), "2 seats") {
			t.Errorf("the refusal does not say the seats: %s", full.Body)
		}
		s.Clock.Advance(life) // an expired invitation holds no seat
		jane = s.Again(t, jane)
		two := invite(t, jane, small, "joe@example.com", authz.Viewer)
		s.Person(t, "joe@example.com").Post(t, two, nil).Must(t, 201)
		jane.Post(t, one+"/resend", nil).Refused(t, 403, "limit_reached")
	})
}

func TestMany(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		r := jane.Post(t, "/organization/"+string(acme)+"/inviteMembers", map[string]any{
			"emails": []string{"a@example.com", "nobody", "A@example.com", "jane@example.com", "b+x@example.com"},
		}).Must(t, 200)
		for i, code := range []string{"", "invalid_request", "already_invited", "already_invited", ""} {
			if got := r.Text(fmt.Sprintf("results.%d.code", i)); got != code {
				t.Errorf("outcome %d has the code %q, want %q", i, got, code)
			}
		}
		if pending := jane.Get(t, path(acme)); len(pending.List("results")) != 2 {
			t.Errorf("pending: %s", pending.Body)
		}
	})
}
