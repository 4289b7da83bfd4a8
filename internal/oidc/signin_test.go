package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
	"github.com/guildhall-dev/guildhall/internal/oidc/oidctest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// with is a Guildhall in front of the real provider, whose time is the machine's.
func with(p *oidctest.Provider, more ...func(*config.Server)) apptest.Options {
	return apptest.Options{RealClock: true, Settings: func(c *config.Server) {
		c.OIDC.Issuer, c.OIDC.ClientID, c.OIDC.ClientSecret, c.OIDC.Name = p.URL, oidctest.ClientID, oidctest.ClientSecret, "Acme Login"
		c.OIDC.Audience = oidctest.Program
		for _, change := range more {
			change(c)
		}
	}}
}

// each runs a test on both databases, each in front of a provider of its own.
func each(t *testing.T, test func(t *testing.T, s *apptest.Server, p *oidctest.Provider), more ...func(*config.Server)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			p := oidctest.Start(t)
			s := apptest.Start(t, apptest.Storage(t, engine), with(p, more...))
			p.Serves(s.URL)
			test(t, s, p)
			s.Verify(t)
			quiet(t, s)
		})
	}
}

// quiet looks for what no log may hold.
func quiet(t *testing.T, s *apptest.Server) {
	t.Helper()
	for _, secret := range []string{"code=", "state=", oidctest.ClientSecret, url.QueryEscape(oidctest.ClientSecret), "id_token", "eyJ"} {
		if strings.Contains(s.Log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// through signs somebody in through the provider, from the page to sign in.
func through(t *testing.T, s *apptest.Server, b *consoletest.Browser, subject, next string) *consoletest.Page {
	t.Helper()
	if next == "" {
		next = "/console/account/sessions" // which says who is signed in
	}
	page := b.Open(t, "/sign-in?"+url.Values{"next": {next}}.Encode()).Must(t, 200)
	return b.Open(t, page.Link("Sign in with Acme Login")).Send(t, "/login/username", map[string]string{"username": subject, "password": oidctest.Password})
}

func accountOf(t *testing.T, s *apptest.Server, email string) (id string) {
	t.Helper()
	a, err := s.Accounts.Find(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	return string(a.ID)
}

func events(t *testing.T, s *apptest.Server, action string) int64 {
	t.Helper()
	n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM event WHERE action = $1`, action)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSignIn: a new person gets an account, the next time the same one; somebody who had
// an account keeps it.
func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, p *oidctest.Provider) {
		p.User("s-1", "New@Example.com", true)
		b := s.Browser()
		page := through(t, s, b, "s-1", "/console/account/identities").Must(t, 200, "New@Example.com", p.URL, "s-1")
		if page.Path != "/console/account/identities" || !page.At(s.URL) || strings.Contains(page.Text, "password") {
			t.Errorf("signed in, the browser is at %s: %s", page.Path, page.Text)
		}
		if cookies := b.Cookies(); len(cookies) < 1 || strings.Contains(cookies[0].Name, "oidc") {
			t.Errorf("the cookies: %v", cookies)
		}
		first := accountOf(t, s, "new@example.com")
		through(t, s, s.Browser(), "s-1", "").Must(t, 200, "Where you are signed in", "New@Example.com")
		if accountOf(t, s, "new@example.com") != first || events(t, s, "account.create") != 1 || events(t, s, "account.identity_link") != 1 || events(t, s, "account.sign_in") != 2 {
			t.Error("the second sign-in is not as the first")
		}
		// The address at the provider moves: the account and its address stay.
		p.User("s-1", "other@example.com", true)
		through(t, s, s.Browser(), "s-1", "").Must(t, 200, "New@Example.com")
		p.User("s-1", "other@example.com", false)
		through(t, s, s.Browser(), "s-1", "").Must(t, 200, "New@Example.com")

		jane := s.Person(t, "jane@example.com")
		p.User("s-2", "JANE@example.com", true)
		b = s.Browser()
		notice := through(t, s, b, "s-2", "/console/account/identities").Must(t, 200, "Acme Login has proved that you are jane@example.com")
		b.Open(t, notice.Link("Go on")).Must(t, 200, "jane@example.com", "with your password or", "s-2")
		through(t, s, b, "s-2", "/console/account/identities").Must(t, 200, "What you sign in with")
		if list := jane.Get(t, "/account/identities").Must(t, 200); list.Text("results.0.subject") != "s-2" || list.Text("results.0.issuer") != p.URL || list.Text("results.0.email") != "JANE@example.com" {
			t.Errorf("the identities: %s", list.Body)
		}
		if who := jane.Get(t, "/account"); who.Text("email") != "jane@example.com" {
			t.Errorf("the account: %s", who.Body)
		}
	})
}

// TestTakeOver: nobody gets into an account by what they can say at the provider.
func TestTakeOver(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, p *oidctest.Provider) {
		jane, trap := s.Person(t, "jane@example.com"), s.Person(t, "trap@example.com")
		refused := func(subject, words string) {
			t.Helper()
			b := s.Browser()
			page := through(t, s, b, subject, "/console/account/sessions")
			if page.Status != 403 || !strings.Contains(page.Text, words) || !page.At(s.URL) {
				t.Errorf("%s: %d at %s: %s", subject, page.Status, page.Path, page.Text)
			}
			b.Open(t, "/console/account/sessions").Must(t, 200, "Password")
		}
		p.User("eve", "jane@example.com", false)
		refused("eve", "has not proved your e-mail address")
		p.User("nobody", "", true)
		refused("nobody", "has not proved your e-mail address")
		p.User("odd", "no address", true)
		refused("odd", "has not proved your e-mail address")
		// An account whose address nobody has proved waits for its victim.
		alter(t, s, `UPDATE account SET verified_at = 0 WHERE id = $1`, trap)
		p.User("victim", "trap@example.com", true)
		refused("victim", "nobody has proved")
		// Eve signs in as herself, then moves her address onto Jane's.
		p.User("eve", "eve@example.com", true)
		through(t, s, s.Browser(), "eve", "").Must(t, 200, "eve@example.com")
		p.User("eve", "jane@example.com", true)
		through(t, s, s.Browser(), "eve", "").Must(t, 200, "eve@example.com")
		// Jane comes; later her address is given to somebody else at the provider.
		p.User("jane", "jane@example.com", true)
		through(t, s, s.Browser(), "jane", "").Must(t, 200, "jane@example.com")
		p.User("heir", "jane@example.com", true)
		refused("heir", "belongs to somebody else at Acme Login")
		// Letters that only look alike are another address.
		s.Person(t, "kim@example.com")
		p.User("alike", "\u212aim@example.com", true) // the sign of Kelvin
		refused("alike", "only in how it is written")
		// A disabled account stays out, linked or not.
		alter(t, s, `UPDATE account SET disabled_at = 1 WHERE id = $1`, jane)
		refused("jane", "disabled")
		off := s.Person(t, "off@example.com")
		alter(t, s, `UPDATE account SET disabled_at = 1 WHERE id = $1`, off)
		p.User("off", "off@example.com", true)
		refused("off", "disabled")
	})
}

func alter(t *testing.T, s *apptest.Server, statement string, c *apptest.Caller) {
	t.Helper()
	if err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
		tx.Unaudited("test")
		if _, err := tx.Exec(statement, c.ID); err != nil {
			return err
		}
		if err := tx.Lock(string(c.ID)); err != nil {
			return err
		}
		return tx.Touch(string(c.ID), true)
	}); err != nil {
		t.Fatal(err)
	}
}

// TestInvitedOnly: with accounts for nobody new, an invitation lets its addressee in.
func TestInvitedOnly(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, p *oidctest.Provider) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		p.User("joe", "joe@example.com", true)
		b := s.Browser()
		through(t, s, b, "joe", "").Must(t, 403, "no invitation waits")
		owner.Post(t, "/organization/"+string(acme)+"/inviteMember", map[string]any{"email": "joe@example.com", "role_id": authz.RoleID(acme, authz.Viewer)}).Must(t, 201)
		through(t, s, b, "joe", "").Must(t, 200, "joe@example.com")
		p.User("owner", "owner@example.com", true)
		through(t, s, s.Browser(), "owner", "").Must(t, 200, "owner@example.com")
	}, func(c *config.Server) { c.OIDC.CreateAccounts = false })
}

// TestOpen: where anybody may sign up, anybody may come through the provider.
func TestOpen(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, p *oidctest.Provider) {
		p.User("joe", "joe@example.com", true)
		through(t, s, s.Browser(), "joe", "").Must(t, 200, "joe@example.com")
	}, func(c *config.Server) { c.OIDC.CreateAccounts, c.Registration = false, "open" })
}

// TestCallback: an answer that was not asked for in this browser, now, is worth nothing.
func TestCallback(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, p *oidctest.Provider) {
		p.User("jane", "jane@example.com", true)
		// begin leaves the browser before the last step, and gives the callback's address.
		begin := func(cookies map[string]string) (callback string) {
			t.Helper()
			jar := cookies
			hop := func(method, to string, body url.Values) *http.Response {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), method, to, strings.NewReader(body.Encode()))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r, err := (&http.Transport{}).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				r.Body.Close()
				for _, c := range r.Cookies() {
					jar[c.Name] = c.Value
				}
				return r
			}
			r := hop(http.MethodGet, s.URL+"/sign-in/oidc", nil)
			r = hop(http.MethodGet, r.Header.Get("Location"), nil)
			login, err := url.Parse(r.Header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			r = hop(http.MethodPost, p.URL+"/login/username", url.Values{"username": {"jane"}, "password": {oidctest.Password}, "id": {login.Query().Get("authRequestID")}})
			r = hop(http.MethodGet, r.Header.Get("Location"), nil)
			return r.Header.Get("Location")
		}
		answer := func(what, callback string, cookies map[string]string, status int) {
			t.Helper()
			var kept []string
			for name, value := range cookies {
				kept = append(kept, name+"="+value)
			}
			r := s.Anonymous().With("Cookie", strings.Join(kept, "; ")).Get(t, strings.TrimPrefix(callback, s.URL))
			if r.Status != status {
				t.Errorf("%s: %d %s", what, r.Status, r.Body)
			}
			if in := strings.Contains(strings.Join(r.Header.Values("Set-Cookie"), " "), "guildhall_session="); in != (status == 303) {
				t.Errorf("%s: signed in: %t", what, in)
			}
		}
		altered := func(callback, name, value string) string {
			u, err := url.Parse(callback)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			q.Set(name, value)
			u.RawQuery = q.Encode()
			return u.String()
		}
		mine, theirs := map[string]string{}, map[string]string{}
		callback, other := begin(mine), begin(theirs)
		code := func(callback string) string { u, _ := url.Parse(callback); return u.Query().Get("code") }
		answer("without the cookie", callback, nil, 403)
		answer("with the cookie of another attempt", callback, theirs, 403)
		answer("without a state", altered(callback, "state", ""), mine, 403)
		answer("with a state of their own", altered(callback, "state", "x"), mine, 403)
		answer("with a cookie of their own", callback, map[string]string{"guildhall_oidc": "e30"}, 403)
		answer("the provider's refusal", altered(callback, "error", "access_denied"), mine, 403)
		answer("another provider's answer", altered(callback, "iss", "https://evil.example.com"), mine, 403)
		answer("a code of another attempt", altered(callback, "code", code(other)), mine, 403) // PKCE
		answer("a code that nobody gave", altered(callback, "code", "x"), mine, 403)
		answer("as it should be", callback, mine, 303)
		answer("the same once more", callback, mine, 403) // the provider knows the code as used
		again := map[string]string{}
		callback = begin(again)
		p.Down.Store(true)
		answer("the provider down", callback, again, 503)
		p.Down.Store(false)
		if n := events(t, s, "account.sign_in"); n != 1 {
			t.Errorf("%d sign-ins", n)
		}
	})
}

// TestProviderOfTokens: the real provider's JWT works for the account once it is linked,
// through a change of keys, and not after it is unlinked.
func TestProviderOfTokens(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, p *oidctest.Provider) {
		p.User("jane", "jane@example.com", true)
		jane := s.Person(t, "jane@example.com")
		theirs := bearer(s, p.AccessToken(t, "jane"))
		if r := theirs.Get(t, "/account").Refused(t, 401, "unauthenticated"); !strings.Contains(r.Text("message"), "sign in with it once in the browser") {
			t.Errorf("an unknown subject hears %s", r.Body)
		}
		through(t, s, s.Browser(), "jane", "").Must(t, 200)
		if r := theirs.Get(t, "/account").Must(t, 200); r.Text("id") != string(jane.ID) {
			t.Errorf("the account of the token: %s", r.Body)
		}
		acme := theirs.Organization(t, "Acme")
		p.Rotate()
		identity := jane.Get(t, "/account/identities").Text("results.0.id")
		theirs.Delete(t, "/account/identities/"+identity).Must(t, 204)
		theirs.Get(t, "/organization/"+string(acme)).Refused(t, 401, "unauthenticated")
		jane.Get(t, "/organization/"+string(acme)).Must(t, 200)
		jane.Delete(t, "/account/identities/"+identity).Refused(t, 404, "not_found")
	})
}
