package organization_test

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

// TestSettingsPages: the profile is edited, who may not sees it only; the ownership is
// handed on, the former owner leaves, the new one deletes the organization.
func TestSettingsPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, bob, eve := s.Person(t, "jane@example.com"), s.Person(t, "bob@example.com"), s.Person(t, "eve@example.com")
		acme := jane.Organization(t, "Acme")
		eve.Organization(t, "Taken")
		s.Join(t, acme, bob, authz.Viewer)
		dora := s.Person(t, "dora@example.com")
		s.Join(t, acme, dora, authz.DevOps)
		jane.Token(t, acme, "ci", authz.Admin)
		hers, his, stranger := signedIn(t, s, jane), signedIn(t, s, bob), signedIn(t, s, eve)
		under := "/console/organizations/" + string(acme) + "/settings/"

		form := hers.Open(t, under+"general").Must(t, 200, "Admin e-mails")
		again := form.Send(t, under+"general", map[string]string{"name": "taken", "admin_emails": "a@example.com, b@example.com"}).Must(t, 409, "already")
		if again.Value("admin_emails") != "a@example.com, b@example.com" || again.Value("name") != "taken" {
			t.Error("what was typed is lost")
		}
		again.Send(t, under+"general", map[string]string{"name": "Acme & Co", "website_url": "https://acme.example.com"}).Must(t, 200, "is saved")
		now := jane.Get(t, "/organization/"+string(acme)).Must(t, 200)
		if now.Text("name") != "Acme & Co" || now.Text("admin_emails.1") != "b@example.com" || now.Text("website_url") != "https://acme.example.com" {
			t.Errorf("after the edit: %s", now.Body)
		}
		hers.Open(t, under+"general").Send(t, under+"general", map[string]string{"admin_emails": "not an address"}).Must(t, 400, "Admin e-mails")
		his.Open(t, under+"general").Must(t, 403, "organization.read", "jane@example.com")
		if read := signedIn(t, s, dora).Open(t, under+"general").Must(t, 200, "Owners and admins"); strings.Contains(read.Source, ">Save<") {
			t.Error("who may not edit is offered to save")
		}
		stranger.Open(t, under+"general").Must(t, 404)
		stranger.Open(t, under+"danger").Must(t, 404)

		his.Open(t, under+"danger").Must(t, 200, "Only the owner can delete")
		his.Open(t, under+"danger/delete").Must(t, 403, "organization.delete")
		hers.Open(t, under+"danger").Must(t, 200, "You are the owner")
		handed := hers.Open(t, under+"danger/transfer").Must(t, 200)
		handed.Send(t, under+"danger/transfer", map[string]string{"user_id": string(bob.ID)}).Must(t, 200, "you are an admin now")
		hers.Open(t, under+"danger/leave").Must(t, 200, "1 API token").Send(t, under+"danger/leave", nil).Must(t, 200, "You have left")
		hers.Open(t, under+"general").Must(t, 404)

		sure := his.Open(t, under+"danger/delete").Must(t, 200, "2 people lose", "1 API token", "30 days")
		sure.Send(t, under+"danger/delete", map[string]string{"confirm": "acme"}).Must(t, 400)
		bob.Get(t, "/organization/"+string(acme)).Must(t, 200)
		sure.Send(t, under+"danger/delete", map[string]string{"confirm": "Acme & Co"}).Must(t, 200, "is deleted")
		bob.Get(t, "/organization/"+string(acme)).Refused(t, 404, "not_found")
		s.Verify(t)
	})
}
