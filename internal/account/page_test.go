package account_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

func invitationPath(organization id.Organization, invitation string) string {
	return "/accept-invitation?" + url.Values{"inviteToken": {invitation}, "organization": {string(organization)}}.Encode()
}

// TestInvitedNewcomer: from the letter of an invitation to a member of the
// organization, in a browser, with mail.
func TestInvitedNewcomer(t *testing.T) {
	mailed(t, account.Invited, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		invite(t, owner, acme, "jane+x@example.com")
		work(t, s)
		b := s.Browser()
		page := b.Open(t, post.To(t, "jane+x@example.com").Link()).Must(t, 200, "owner@example.com", "jane+x@example.com", "Acme", "VIEWER")
		if page.Has("/accept-invitation") {
			t.Error("a stranger may answer")
		}
		page = b.Open(t, page.Link("Create an account")).Must(t, 200)
		if page.Value("email") != "jane+x@example.com" || strings.Contains(page.Source, `type="password"`) {
			t.Errorf("the form: %s", page.Source)
		}
		page.Send(t, "/sign-up", map[string]string{"email": "eve@example.com"}).Must(t, 200, "jane+x@example.com") // the address is the invited one
		work(t, s)
		letter := post.To(t, "jane+x@example.com").Says("jane+x@example.com")
		other := s.Browser() // where the mail is read
		for range 3 {
			other.Open(t, letter.Link()).Must(t, 200, "jane+x@example.com") // opening uses nothing up
		}
		page = other.Open(t, letter.Link())
		page = page.Send(t, "/verify", map[string]string{"password": "short"}).Must(t, 400, "at least 8 characters")
		page = page.Send(t, "/verify", map[string]string{"password": apptest.Password}).Must(t, 200, "Acme")
		if !strings.HasPrefix(page.Path, "/accept-invitation?") {
			t.Fatalf("after the sign-up: %s", page.Path)
		}
		other.Open(t, letter.Link()).Must(t, 404, "expired")
		page = page.Send(t, "/accept-invitation", map[string]string{"answer": "accept"}).Must(t, 200, "Acme", "VIEWER")
		if n := len(as(t, s, "jane+x@example.com", apptest.Password).Get(t, "/organization").List("results")); n != 1 || page.Title != "Welcome to Acme" {
			t.Errorf("%d organizations; the page is %q", n, page.Title)
		}
		s.Verify(t)
		if log := s.Log.String(); strings.Contains(log, apptest.Password) || strings.Contains(log, "inviteToken") || strings.Contains(log, "token=") {
			t.Error("the log holds a secret")
		}
	})
}

// TestInvitedWithoutMail: the same where no mail is sent; the link is the way in.
func TestInvitedWithoutMail(t *testing.T) {
	silent(t, account.Invited, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		link := invitationPath(acme, invite(t, owner, acme, "jane@example.com"))
		b := s.Browser()
		page := b.Open(t, "/sign-up").Must(t, 200, "Ask who invited you")
		if page.Has("/sign-up") {
			t.Error("whoever has no link may sign up")
		}
		page = b.Open(t, b.Open(t, link).Link("Create an account"))
		page = page.Send(t, "/sign-up", map[string]string{"password": "short"}).Must(t, 400, "at least 8 characters")
		page = page.Send(t, "/sign-up", map[string]string{"password": apptest.Password}).Must(t, 200, "Acme")
		page.Send(t, "/accept-invitation", map[string]string{"answer": "accept"}).Must(t, 200, "You are a member of Acme")
		b.Open(t, link).Must(t, 404, "There is no such invitation")
		b.Open(t, "/console/account").Must(t, 200, "jane@example.com", "not confirmed")

		// A taken address is said to be so: there is no letter to say it in.
		second := invite(t, owner, acme, "owner2@example.com")
		s.Person(t, "owner2@example.com")
		taken := s.Browser()
		page = taken.Open(t, taken.Open(t, invitationPath(acme, second)).Link("Create an account"))
		page.Send(t, "/sign-up", map[string]string{"password": apptest.Password}).Must(t, 409, "There is an account")
		s.Verify(t)
	})
}

// TestWrongAccountPage: who is signed in with another account is told which is meant,
// and comes back to the invitation with the right one.
func TestWrongAccountPage(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		owner, jane := s.Person(t, "owner@example.com"), s.Person(t, "jane@example.com")
		acme := owner.Organization(t, "Acme")
		s.Person(t, "eve@example.com")
		link := invitationPath(acme, invite(t, owner, acme, jane.Email))
		b := s.Browser()
		enter(t, b, "eve@example.com")
		page := b.Open(t, link).Must(t, 200, "eve@example.com", "jane@example.com")
		if page.Has("/accept-invitation") {
			t.Error("another's invitation can be answered")
		}
		page = page.Send(t, "/sign-out", nil).Must(t, 200)
		if page.Value("email") != "jane@example.com" {
			t.Errorf("the form to sign in: %s", page.Source)
		}
		page = page.Send(t, "/sign-in", map[string]string{"password": apptest.Password}).Must(t, 200, "Acme")
		s.Clock.Advance(15 * 24 * 3600 * 1e9) // the session ends, and the invitation
		page.Send(t, "/accept-invitation", map[string]string{"answer": "accept"}).Must(t, 200, "Password")

		owner = s.Again(t, owner)
		list := owner.Get(t, "/organization/"+string(acme)+"/inviteMember").Must(t, 200)
		b.Open(t, link).Must(t, 200, "has expired")
		owner.Post(t, "/organization/"+string(acme)+"/inviteMember/"+list.Text("results.0.id")+"/resend", nil).Must(t, 200)
		page = b.Open(t, b.Open(t, link).Link("Sign in"))
		page = page.Send(t, "/sign-in", map[string]string{"password": apptest.Password}).Must(t, 200, "Acme")
		page.Send(t, "/accept-invitation", map[string]string{"answer": "decline"}).Must(t, 200, "is gone")
		if n := count(t, s, actionsIn, acme, "invitation.decline"); n != 1 {
			t.Errorf("%d events for 1 answer", n)
		}
		s.Verify(t)
	})
}

func TestResetPages(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		s.Person(t, "jane@example.com")
		signedIn := s.Browser()
		enter(t, signedIn, "jane@example.com")
		b := s.Browser()
		page := b.Open(t, b.Open(t, "/sign-in").Link("Forgot")).Must(t, 200)
		page.Send(t, "/reset", map[string]string{"email": "no address"}).Must(t, 400, "e-mail address")
		unknown := page.Send(t, "/reset", map[string]string{"email": "jane2@example.com"}).Must(t, 200)
		known := page.Send(t, "/reset", map[string]string{"email": "jane@example.com"}).Must(t, 200)
		if strings.ReplaceAll(unknown.Text, "jane2@", "jane@") != known.Text || unknown.Title != known.Title {
			t.Errorf("the pages differ: %q, %q", unknown.Text, known.Text)
		}
		work(t, s)
		letter := post.To(t, "jane@example.com")
		for range 3 {
			page = b.Open(t, letter.Link()).Must(t, 200, "jane@example.com")
		}
		page = page.Send(t, "/reset", map[string]string{"password": "short"}).Must(t, 400, "at least 8 characters")
		page = page.Send(t, "/reset", map[string]string{"password": newPassword}).Must(t, 200)
		page = b.Open(t, page.Link("Sign in"))
		if page.Value("email") != "jane@example.com" {
			t.Errorf("the form to sign in: %s", page.Source)
		}
		page.Send(t, "/sign-in", map[string]string{"password": newPassword}).Must(t, 200)
		b.Open(t, letter.Link()).Must(t, 404, "expired")
		signedIn.Open(t, "/console/account").Must(t, 200, "Password") // signed out
	})
}

func TestAccountPages(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		jane := s.Person(t, "jane@example.com")
		alter(t, s, jane, `UPDATE account SET verified_at = 0 WHERE id = $1 AND CAST($2 AS BIGINT) > 0`)
		b, elsewhere := s.Browser(), s.Browser()
		enter(t, b, jane.Email)
		enter(t, elsewhere, jane.Email)
		page := b.Open(t, "/console/account").Must(t, 200, "jane@example.com", "not confirmed")
		page.Send(t, "/console/account", nil).Must(t, 200, "is on its way")
		work(t, s)
		letter := post.To(t, "jane@example.com")
		if !strings.Contains(s.Browser().Open(t, letter.Link()).Must(t, 200).Source, `type="password"`) {
			t.Error("the letter alone proves the address")
		}
		page = b.Open(t, letter.Link()).Must(t, 200)
		page.Send(t, "/verify", nil).Must(t, 200)
		if page = b.Open(t, "/console/account"); strings.Contains(page.Text, "not confirmed") || page.Has("/console/account") {
			t.Errorf("the page after the proof: %s", page.Text)
		}

		page = b.Open(t, page.Link("Change the password")).Must(t, 200)
		page = page.Send(t, "/console/account/password", map[string]string{"current_password": "wrong one", "new_password": newPassword}).Must(t, 400, "is not the password")
		page.Send(t, "/console/account/password", map[string]string{"current_password": apptest.Password, "new_password": newPassword}).Must(t, 200, "The password is changed")
		elsewhere.Open(t, "/console/account").Must(t, 200, "Password")
		work(t, s)
		post.To(t, "jane@example.com")

		page = b.Open(t, b.Open(t, "/console/account").Link("Change the address")).Must(t, 200)
		page.Send(t, "/console/account/email", map[string]string{"email": "jane@new.example", "password": newPassword}).Must(t, 200, "is on its way")
		work(t, s)
		letter = post.To(t, "jane@new.example")
		post.To(t, "jane@example.com")
		page = elsewhere.Open(t, letter.Link()).Must(t, 200, "jane@new.example")
		page = page.Send(t, "/verify", map[string]string{"password": apptest.Password}).Must(t, 400, "is not the password")
		page.Send(t, "/verify", map[string]string{"password": newPassword}).Must(t, 200, "jane@new.example")
		b.Open(t, "/console/account").Must(t, 200, "You sign in as jane@new.example")

		acme := s.Again(t, &apptest.Caller{Email: "jane@new.example", Scheme: "Bearer"}).At(s).Organization(t, "Acme")
		page = b.Open(t, b.Open(t, "/console/account").Link("Delete")).Must(t, 200)
		page = page.Send(t, "/console/account/delete", map[string]string{"password": newPassword}).Must(t, 403, `"Acme"`)
		heir := s.Member(t, acme, "heir@example.com", authz.Viewer)
		s.Again(t, &apptest.Caller{Email: "jane@new.example", Scheme: "Bearer"}).At(s).Post(t, "/organization/"+string(acme)+"/transferOwnership", map[string]any{"user_id": heir.ID}).Must(t, 204)
		page = page.Send(t, "/console/account/delete", map[string]string{"password": "wrong one"}).Must(t, 400, "is not the password")
		page.Send(t, "/console/account/delete", map[string]string{"password": newPassword}).Must(t, 200, "Good-bye")
		if len(b.Cookies()) != 0 {
			t.Error("the cookie is still there")
		}
		s.Verify(t)
	})
}

// TestForeignForms: a page of another site sends none of these forms.
func TestForeignForms(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		for _, path := range []string{"/sign-up", "/verify", "/reset", "/accept-invitation", "/console/account/password", "/console/account/delete"} {
			evil := s.Anonymous().With("Content-Type", "application/x-www-form-urlencoded").With("Sec-Fetch-Site", "cross-site").With("Origin", "https://evil.example")
			evil.Post(t, path, url.Values{"email": {"eve@example.com"}, "password": {apptest.Password}}.Encode()).Must(t, 403)
		}
		if n := people(t, s); n != 0 {
			t.Errorf("%d accounts were made", n)
		}
	})
}

// TestFormsWithoutTLS: over plain HTTP browsers do not say which site a form is from
// (Sec-Fetch-Site), only its origin, and under the policy no-referrer not even that:
// then they send "null", which must be refused.
func TestFormsWithoutTLS(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		form := s.Anonymous().With("Content-Type", "application/x-www-form-urlencoded")
		send := func(origin string, status int) {
			t.Helper()
			form.With("Origin", origin).Post(t, "/sign-up", url.Values{"email": {"jane@example.com"}, "password": {apptest.Password}}.Encode()).Must(t, status)
		}
		send("null", 403)
		send("http://evil.example", 403)
		if policy := s.Anonymous().Get(t, "/sign-up").Header.Get("Referrer-Policy"); policy != "same-origin" {
			t.Errorf("under the policy %q a browser does not name our own origin", policy)
		}
		send(s.URL, 303)
	})
}

// TestHostileForms: what no database keeps is wrong, not our fault.
func TestHostileForms(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "jane@example.com")
		form := s.Anonymous().With("Content-Type", "application/x-www-form-urlencoded")
		for _, bad := range []string{"jane\x00@example.com", "\x00", "jane@example.com\xff", "\xed\xa0\x80@example.com", strings.Repeat("é", 4000)} {
			for _, path := range []string{"/sign-in", "/sign-up", "/reset", "/verify", "/setup"} {
				body := url.Values{"email": {bad}, "password": {bad}, "token": {bad}, "next": {bad}, "inviteToken": {bad}, "organization": {bad}}.Encode()
				if r := form.Post(t, path, body); r.Status < 400 || r.Status >= 500 {
					t.Errorf("%s with %.20q: %d", path, bad, r.Status)
				}
				if r := s.Anonymous().Get(t, path+"?"+body); r.Status >= 500 {
					t.Errorf("GET %s with %.20q: %d", path, bad, r.Status)
				}
			}
		}
		if strings.Contains(s.Log.String(), "request failed") {
			t.Error("a hostile form is told as a failure of the server")
		}
	})
}
