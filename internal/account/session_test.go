package account_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// signedIn is a person's caller in a session of its own.
func signedIn(t *testing.T, s *apptest.Server, email string) *apptest.Caller {
	t.Helper()
	return (&apptest.Caller{Email: email, Scheme: "Bearer", Credential: signIn(t, s, email, apptest.Password).Must(t, 200).Text("access_token")}).At(s)
}

func TestSessions(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, eve := s.Person(t, "jane@example.com"), s.Person(t, "eve@example.com")
		laptop := signedIn(t, s, jane.Email).With("User-Agent", "CLI/1.0")
		s.Clock.Advance(time.Minute)
		phone, third := signedIn(t, s, jane.Email), signedIn(t, s, jane.Email)
		list := laptop.Get(t, "/account/sessions").Must(t, 200)
		if len(list.List("results")) != 3 || list.Value("results.0.current") != false || list.Value("results.2.current") != true || list.Text("results.2.kind") != "api" ||
			list.Text("results.2.expires_at") != "2026-03-01T13:00:00Z" || list.Text("results.2.address") != "127.0.0.1" {
			t.Errorf("the sessions: %s", list.Body)
		}
		for _, n := range []string{"results.0.id", "results.1.id"} {
			eve.Delete(t, "/account/sessions/"+list.Text(n)).Refused(t, 404, "not_found")
		}
		jane.Delete(t, "/account/sessions/"+id.New[string]()).Refused(t, 404, "not_found")
		phone.Get(t, "/account").Must(t, 200)
		laptop.Delete(t, "/account/sessions/"+list.Text("results.0.id")).Must(t, 204)
		laptop.Delete(t, "/account/sessions/"+list.Text("results.1.id")).Must(t, 204)
		phone.Get(t, "/account").Refused(t, 401, "unauthenticated") // the very next request
		third.Get(t, "/account").Refused(t, 401, "unauthenticated")
		phone.Put(t, "/account", map[string]any{"communication_email": "x@example.com"}).Refused(t, 401, "unauthenticated")
		laptop.Get(t, "/account").Must(t, 200)
		eve.Get(t, "/account").Must(t, 200)

		tablet := signedIn(t, s, jane.Email)
		laptop.Delete(t, "/account/sessions").Must(t, 204)
		tablet.Get(t, "/account").Refused(t, 401, "unauthenticated")
		laptop.Get(t, "/account").Must(t, 200)
		laptop.Post(t, "/auth/sign-out", nil).Must(t, 204)
		laptop.Get(t, "/account").Refused(t, 401, "unauthenticated")
		jane.Post(t, "/auth/sign-out", nil).Must(t, 204) // the operator's token belongs to no session
		jane.Get(t, "/account").Must(t, 200)

		acme := jane.Organization(t, "Acme")
		jane.Token(t, acme, "ci", authz.Admin).Get(t, "/account/sessions").Refused(t, 403, "person_required")
		if n := serverEvents(t, s, "account.sign_out"); n != 4 {
			t.Errorf("%d events of 4 ends", n)
		}
		s.Verify(t)
	})
}

// TestEndOfCredentials: what was signed in before a change of credentials, and while
// the account is disabled, is dead.
func TestEndOfCredentials(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		browser, program := s.Browser(), signedIn(t, s, jane.Email)
		enter(t, browser, jane.Email)
		alter(t, s, jane, `UPDATE account SET credentials_changed_at = $2 WHERE id = $1`)
		program.Get(t, "/account").Refused(t, 401, "unauthenticated")
		browser.Open(t, "/console/account/sessions").Must(t, 200, "Password") // the form to sign in
		enter(t, browser, jane.Email)
		alter(t, s, jane, `UPDATE account SET disabled_at = $2 WHERE id = $1`)
		browser.Open(t, "/console/account/sessions").Must(t, 200, "Password")
	})
}

func TestManySessions(t *testing.T) {
	apptest.EachWith(t, apptest.Options{Settings: func(c *config.Server) { c.AccessTokenLife = 24 * time.Hour }}, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "jane@example.com")
		first := signedIn(t, s, "jane@example.com")
		first.Get(t, "/account").Must(t, 200) // and is remembered
		var last *apptest.Caller
		for range 200 {
			s.Clock.Advance(2 * time.Second)
			last = signedIn(t, s, "jane@example.com")
		}
		if n := len(last.Get(t, "/account/sessions").Must(t, 200).List("results")); n != 200 {
			t.Errorf("%d sessions are kept", n)
		}
		first.Get(t, "/account").Refused(t, 401, "unauthenticated") // it made room: what is not listed, and cannot be ended, is over
		s.Clock.Advance(25 * time.Hour)
		if n := len(signedIn(t, s, "jane@example.com").Get(t, "/account/sessions").List("results")); n != 1 {
			t.Errorf("%d sessions after the others' end", n)
		}
	})
}

func enter(t *testing.T, b *consoletest.Browser, email string) *consoletest.Page {
	t.Helper()
	return b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": email, "password": apptest.Password}).Must(t, 200)
}

func TestSignInPage(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		b := s.Browser()
		page := b.Open(t, "/console/account/sessions")
		if !strings.HasPrefix(page.Path, "/sign-in?next=%2Fconsole%2Faccount%2Fsessions") {
			t.Fatalf("a stranger lands on %s", page.Path)
		}
		wrong := page.Send(t, "/sign-in", map[string]string{"email": jane.Email, "password": "wrong password"}).Must(t, 401, "The e-mail address or the password is wrong.")
		if wrong.Value("email") != jane.Email || strings.Contains(wrong.Source, "wrong password") || wrong.Value("next") != "/console/account/sessions" {
			t.Errorf("what was typed: %s", wrong.Source)
		}
		if hasSession(b) {
			t.Error("a refused sign-in gives a cookie")
		}
		in := wrong.Send(t, "/sign-in", map[string]string{"password": apptest.Password}).Must(t, 200, "jane@example.com", "Firefox")
		if in.Path != "/console/account/sessions" {
			t.Errorf("signed in, the browser is at %s", in.Path)
		}
		b.Open(t, "/sign-in").Must(t, 200, "signed in as jane@example.com")
		if start := b.Open(t, "/").Must(t, 200, "New organization"); start.Path != "/console/organizations/new" {
			t.Errorf("who is in no organization begins at %s", start.Path)
		}
		if list := jane.Get(t, "/account/sessions"); list.Text("results.0.kind") != "browser" {
			t.Errorf("the browser's session: %s", list.Body)
		}
		other := s.Browser()
		enter(t, other, jane.Email)
		// One browser ends the other.
		in = b.Open(t, "/console/account/sessions").Send(t, "/console/account/sessions/end", map[string]string{})
		other.Open(t, "/console/account/sessions").Must(t, 200, "Password")
		out := in.Send(t, "/sign-out", map[string]string{})
		if !strings.HasPrefix(out.Path, "/sign-in") || hasSession(b) {
			t.Errorf("signed out, the browser is at %s with %v", out.Path, b.Cookies())
		}
		enter(t, b, jane.Email)
		s.Clock.Advance(14 * 24 * time.Hour)
		b.Open(t, "/console/account/sessions").Must(t, 200, "Password")

		// Who signs out too late is asked to sign in, and comes to a page that is there.
		left := enter(t, b, jane.Email)
		s.Clock.Advance(14 * 24 * time.Hour)
		late := left.Send(t, "/sign-out", map[string]string{}).Must(t, 200, "Password")
		late.Send(t, "/sign-in", map[string]string{"email": jane.Email, "password": apptest.Password}).Must(t, 200, "New organization")
		s.Verify(t)
	})
}

// TestCookie: no script, no other site and no other host gets at the session, and a
// session's cookie is no credential of the API.
func TestCookie(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "jane@example.com")
		sent := browser(s).Post(t, "/sign-in", form("", "jane@example.com", apptest.Password)).Must(t, 303)
		c, err := http.ParseSetCookie(sent.Header.Get("Set-Cookie"))
		if err != nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Name != "guildhall_session" || len(c.Value) < 26 {
			t.Errorf("the cookie %v, %v", c, err)
		}
		s.Anonymous().With("Cookie", c.Name+"="+c.Value).Get(t, "/account").Refused(t, 401, "unauthenticated")
		for _, credential := range []string{"Bearer " + c.Value, "Token " + c.Value} {
			s.Anonymous().With("Authorization", credential).Get(t, "/account").Refused(t, 401, "unauthenticated")
		}
		for _, wrong := range []string{"x", strings.Repeat("A", 5000), strings.ToLower(c.Value), c.Value + "A"} {
			s.Anonymous().With("Cookie", c.Name+"="+wrong).Get(t, "/console/account/sessions").Must(t, 303)
		}
		foreign := s.Anonymous().With("Content-Type", "application/x-www-form-urlencoded").With("Cookie", c.Name+"="+c.Value).With("Sec-Fetch-Site", "cross-site")
		foreign.Post(t, "/sign-out", "").Refused(t, 403, "cross_origin")
		foreign.Post(t, "/sign-in", form("", "jane@example.com", apptest.Password)).Refused(t, 403, "cross_origin")
		if strings.Contains(s.Log.String(), c.Value) {
			t.Error("the log holds the session's secret")
		}
	})
}

// TestNext: a link cannot lead from here to another site.
func TestNext(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	s.Person(t, "jane@example.com")
	for next, want := range map[string]string{
		"/console/x?y=1": "/console/x?y=1", "https://evil.example": "", "//evil.example": "", `/\evil.example`: "", `\\evil.example`: "", "javascript:alert(1)": "",
		"/%09/evil.example": "/%09/evil.example", "/\t/evil.example": "", "": "", "evil": "", "/\r\nX: y": "",
	} {
		if want == "" {
			want = "/console/"
		}
		page := s.Browser().Open(t, "/sign-in")
		if got := page.Value("next"); got != "/console/" {
			t.Errorf("without next: %q", got)
		}
		sent := browser(s).Post(t, "/sign-in", form("", "jane@example.com", apptest.Password)+"&next="+escape(next)).Must(t, 303)
		if got := sent.Header.Get("Location"); got != want {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}

// hasSession tells whether a browser keeps a session's cookie.
func hasSession(b *consoletest.Browser) bool {
	return slices.ContainsFunc(b.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "_session") })
}
