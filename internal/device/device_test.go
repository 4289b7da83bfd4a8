package device_test

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// post sends a form as a program does.
func post(t *testing.T, s *apptest.Server, path string, values url.Values) *apptest.Response {
	t.Helper()
	return program(s).Post(t, path, values.Encode())
}

func program(s *apptest.Server) *apptest.Caller {
	return s.Anonymous().With("Content-Type", "application/x-www-form-urlencoded").With("User-Agent", "CLI 1.2")
}

// begin asks for codes.
func begin(t *testing.T, s *apptest.Server) *apptest.Response {
	t.Helper()
	return post(t, s, "/oauth/device/code", url.Values{"client_id": {"cli"}, "scope": {"offline_access openid"}, "audience": {"x"}}).Must(t, 200)
}

func trade(t *testing.T, s *apptest.Server, code string) *apptest.Response {
	t.Helper()
	return post(t, s, "/oauth/token", url.Values{"grant_type": {deviceGrant}, "client_id": {"cli"}, "device_code": {code}})
}

func refresh(t *testing.T, s *apptest.Server, token string) *apptest.Response {
	t.Helper()
	return post(t, s, "/oauth/token", refreshForm(token))
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {"cli"}, "refresh_token": {token}}
}

// refused fails the test unless the answer is this error of the standard.
func refused(t *testing.T, r *apptest.Response, name string) {
	t.Helper()
	if r.Status != 400 || r.Text("error") != name || r.Text("error_description") == "" || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s: %d %s, want %s", r.Request, r.Status, r.Body, name)
	}
}

func enter(t *testing.T, b *apptest.Browser, email string) {
	t.Helper()
	b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": email, "password": apptest.Password}).Must(t, 200)
}

// approve goes through the pages.
func approve(t *testing.T, b *apptest.Browser, code string) *apptest.Page {
	t.Helper()
	page := b.Open(t, "/device").Send(t, "/device", map[string]string{"user_code": code}).Must(t, 200, code)
	return page.Send(t, "/device/approve", nil).Must(t, 200, "The program is signed in")
}

// signedIn is a program that somebody approved.
func signedIn(t *testing.T, s *apptest.Server, email string) *apptest.Response {
	t.Helper()
	b := s.Browser()
	enter(t, b, email)
	codes := begin(t, s)
	approve(t, b, codes.Text("user_code"))
	return trade(t, s, codes.Text("device_code")).Must(t, 200)
}

func bearer(s *apptest.Server, r *apptest.Response) *apptest.Caller {
	return (&apptest.Caller{Scheme: "Bearer", Credential: r.Text("access_token")}).At(s)
}

func events(t *testing.T, s *apptest.Server, action string) int64 {
	t.Helper()
	n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM event WHERE action = $1`, action)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFlow goes the whole way of a program, from its code to the end of its session.
func TestFlow(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		about := s.Anonymous().Get(t, "/.well-known/oauth-authorization-server").Must(t, 200)
		path := func(name string) string { return strings.TrimPrefix(about.Text(name), s.URL) }
		if about.Text("issuer") != s.URL || path("token_endpoint") != "/oauth/token" || path("device_authorization_endpoint") != "/oauth/device/code" ||
			about.Text("grant_types_supported.0") != deviceGrant || !about.Has("response_types_supported") {
			t.Errorf("the metadata: %s", about.Body)
		}
		codes := begin(t, s)
		user := codes.Text("user_code")
		if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(user) || codes.Text("verification_uri") != s.URL+"/device" ||
			codes.Text("verification_uri_complete") != s.URL+"/device?user_code="+user || codes.Value("expires_in") != 600.0 || codes.Value("interval") != 5.0 || len(codes.Text("device_code")) < 40 {
			t.Errorf("the codes: %s", codes.Body)
		}
		refused(t, trade(t, s, codes.Text("device_code")), "authorization_pending")
		s.Clock.Advance(5 * time.Second)
		refused(t, trade(t, s, codes.Text("device_code")), "authorization_pending")

		b := s.Browser()
		page := b.Open(t, codes.Text("verification_uri_complete")).Must(t, 200, "Password")
		page = page.Send(t, "/sign-in", map[string]string{"email": jane.Email, "password": apptest.Password}).Must(t, 200, "Sign a program in", jane.Email)
		if page.Value("user_code") != user {
			t.Errorf("the code in the form: %q", page.Value("user_code"))
		}
		page = page.Send(t, "/device", nil).Must(t, 200, "Is this yours?", user, "cli", "CLI 1.2", "127.0.0.1", "12:00 UTC")
		page.Send(t, "/device/approve", nil).Must(t, 200, "The program is signed in")

		got := trade(t, s, codes.Text("device_code")).Must(t, 200)
		if got.Text("token_type") != "Bearer" || got.Value("expires_in") != 3600.0 || !strings.HasPrefix(got.Text("refresh_token"), "qor_") || got.Header.Get("Pragma") != "no-cache" {
			t.Errorf("the tokens: %s", got.Body)
		}
		cli := bearer(s, got)
		if r := cli.Get(t, "/account").Must(t, 200); r.Text("email") != jane.Email {
			t.Errorf("the program is %s", r.Body)
		}
		refused(t, trade(t, s, codes.Text("device_code")), "invalid_grant") // once
		list := cli.Get(t, "/account/sessions").Must(t, 200)
		if list.Text("results.0.kind") != "device" || list.Value("results.0.current") != true || list.Text("results.0.user_agent") != "CLI 1.2" {
			t.Errorf("the sessions: %s", list.Body)
		}
		b.Open(t, "/console/account/sessions").Must(t, 200, "Command line")

		s.Clock.Advance(59 * time.Minute)
		next := refresh(t, s, got.Text("refresh_token")).Must(t, 200)
		if next.Text("refresh_token") == got.Text("refresh_token") {
			t.Error("the refresh token is the same")
		}
		s.Clock.Advance(2 * time.Minute)
		cli.Get(t, "/account").Refused(t, 401, "unauthenticated") // its hour is over
		cli = bearer(s, next)
		cli.Get(t, "/account").Must(t, 200)
		cli.Delete(t, "/account/sessions/"+list.Text("results.0.id")).Must(t, 204)
		cli.Get(t, "/account").Refused(t, 401, "unauthenticated")
		refused(t, refresh(t, s, next.Text("refresh_token")), "invalid_grant")
		if events(t, s, "account.device_approve") != 1 || events(t, s, "account.sign_in") != 2 || events(t, s, "account.refresh_reuse") != 0 {
			t.Error("the events are not those of one program")
		}
		for _, secret := range []string{codes.Text("device_code"), user, got.Text("refresh_token"), next.Text("refresh_token"), got.Text("access_token")} {
			if strings.Contains(s.Log.String(), secret) {
				t.Errorf("the log holds %s", secret)
			}
		}
		s.Verify(t)
	})
}

// TestRefusals: every other end of the way, in the words of the standards.
func TestRefusals(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		b := s.Browser()
		enter(t, b, jane.Email)

		codes := begin(t, s)
		device := codes.Text("device_code")
		refused(t, trade(t, s, device), "authorization_pending")
		s.Clock.Advance(4 * time.Second)
		refused(t, trade(t, s, device), "slow_down") // the interval is 10 s now
		s.Clock.Advance(9 * time.Second)
		refused(t, trade(t, s, device), "slow_down") // and 15 s
		s.Clock.Advance(15 * time.Second)
		refused(t, trade(t, s, device), "authorization_pending")
		refused(t, post(t, s, "/oauth/token", url.Values{"grant_type": {deviceGrant}, "client_id": {"other"}, "device_code": {device}}), "invalid_grant")
		b.Open(t, "/device").Send(t, "/device", map[string]string{"user_code": strings.ToLower(strings.ReplaceAll(codes.Text("user_code"), "-", " "))}).
			Must(t, 200, "Is this yours?").Send(t, "/device/deny", nil).Must(t, 200, "not signed in")
		refused(t, trade(t, s, device), "access_denied")
		b.Open(t, "/device").Send(t, "/device", map[string]string{"user_code": codes.Text("user_code")}).Must(t, 400, "is not known, or has expired")

		late := begin(t, s)
		s.Clock.Advance(10 * time.Minute)
		refused(t, trade(t, s, late.Text("device_code")), "expired_token")
		b.Open(t, "/device").Send(t, "/device", map[string]string{"user_code": late.Text("user_code")}).Must(t, 400, "has expired")
		s.Clock.Advance(10 * time.Minute)
		begin(t, s)
		refused(t, trade(t, s, late.Text("device_code")), "invalid_grant") // forgotten

		// Approved, but too late, or by somebody whose credentials changed since.
		slow := begin(t, s)
		approve(t, b, slow.Text("user_code"))
		s.Clock.Advance(10 * time.Minute)
		refused(t, trade(t, s, slow.Text("device_code")), "expired_token")
		for _, change := range []string{`UPDATE account SET credentials_changed_at = credentials_changed_at + 1 WHERE id = $1`, `UPDATE account SET disabled_at = 1 WHERE id = $1`} {
			enter(t, b, jane.Email)
			stale := begin(t, s)
			approve(t, b, stale.Text("user_code"))
			alter(t, s, jane, change)
			refused(t, trade(t, s, stale.Text("device_code")), "invalid_grant")
			s.Clock.Advance(10 * time.Minute)
		}

		for name, values := range map[string]url.Values{
			"no grant type": {"client_id": {"cli"}}, "no code": {"client_id": {"cli"}, "grant_type": {deviceGrant}}, "no token": {"client_id": {"cli"}, "grant_type": {"refresh_token"}},
			"no client": {"grant_type": {deviceGrant}, "device_code": {"x"}}, "a parameter twice": {"client_id": {"cli", "cli"}, "grant_type": {deviceGrant}, "device_code": {"x"}},
			"a long client": {"client_id": {strings.Repeat("x", 129)}, "grant_type": {deviceGrant}, "device_code": {"x"}}, "a client with a bell": {"client_id": {"\a"}},
			"a client turned around": {"client_id": {"\u202egnp"}}, "too much": {"client_id": {"cli"}, "x": {strings.Repeat("x", 17<<10)}},
		} {
			t.Log(name)
			refused(t, post(t, s, "/oauth/token", values), "invalid_request")
			if values.Get("client_id") != "cli" || name == "too much" || name == "a parameter twice" {
				refused(t, post(t, s, "/oauth/device/code", values), "invalid_request")
			}
		}
		refused(t, post(t, s, "/oauth/token", url.Values{"client_id": {"cli"}, "grant_type": {"password"}}), "unsupported_grant_type")
		for header, status := range map[string]int{"cli:": 400, "cli:secret": 401, "other:": 400} {
			r := program(s).With("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(header))).Post(t, "/oauth/token", refreshForm("x").Encode())
			if want := map[string]string{"cli:": "invalid_grant", "cli:secret": "invalid_client", "other:": "invalid_request"}[header]; r.Status != status || r.Text("error") != want {
				t.Errorf("%s: %d %s", header, r.Status, r.Body)
			}
		}
		refused(t, s.Anonymous().Post(t, "/oauth/token", map[string]any{"client_id": "cli", "grant_type": deviceGrant, "device_code": "x"}), "invalid_request")
		refused(t, program(s).Post(t, "/oauth/token?grant_type=refresh_token&client_id=cli&refresh_token=x", ""), "invalid_request") // not in the address
		refused(t, program(s).Post(t, "/oauth/token", "%zz"), "invalid_request")
		for _, code := range []string{"x", strings.Repeat("A", 52), strings.Repeat("x", 10_000), "\x00"} {
			refused(t, trade(t, s, code), "invalid_grant")
			refused(t, refresh(t, s, code), "invalid_grant")
			refused(t, refresh(t, s, "qor_"+code), "invalid_grant")
		}
		s.Anonymous().Get(t, "/oauth/token").Must(t, 405)
		program(s).With("Sec-Fetch-Site", "cross-site").Post(t, "/oauth/token", "client_id=cli").Refused(t, 403, "cross_origin")
		s.Verify(t)
	})
}

func alter(t *testing.T, s *apptest.Server, c *apptest.Caller, statement string) {
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

// TestReuse: a refresh token that is shown twice ends the session of both who show it.
func TestReuse(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		first := signedIn(t, s, jane.Email)
		other := signedIn(t, s, jane.Email)
		second := refresh(t, s, first.Text("refresh_token")).Must(t, 200)
		third := refresh(t, s, second.Text("refresh_token")).Must(t, 200)
		bearer(s, third).Get(t, "/account").Must(t, 200)
		bearer(s, first).Get(t, "/account").Must(t, 200) // an older access token lives out its hour
		refused(t, post(t, s, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"other"}, "refresh_token": {third.Text("refresh_token")}}), "invalid_grant")
		bearer(s, third).Get(t, "/account").Must(t, 200)

		refused(t, refresh(t, s, first.Text("refresh_token")), "invalid_grant") // an old one: a thief, or a victim
		for _, r := range []*apptest.Response{first, second, third} {
			bearer(s, r).Get(t, "/account").Refused(t, 401, "unauthenticated")
			refused(t, refresh(t, s, r.Text("refresh_token")), "invalid_grant")
		}
		if n := events(t, s, "account.refresh_reuse"); n != 1 {
			t.Errorf("%d events of one reuse", n)
		}
		next := refresh(t, s, other.Text("refresh_token")).Must(t, 200) // another session goes on
		// Neither works without its account.
		alter(t, s, jane, `UPDATE account SET credentials_changed_at = credentials_changed_at + 1 WHERE id = $1`)
		bearer(s, next).Get(t, "/account").Refused(t, 401, "unauthenticated")
		refused(t, refresh(t, s, next.Text("refresh_token")), "invalid_grant")
		s.Verify(t)
	})
}

// TestLife: a session goes on for as long as it is used, and ends by itself.
func TestLife(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "jane@example.com")
		got := signedIn(t, s, "jane@example.com")
		for range 4 {
			s.Clock.Advance(13 * 24 * time.Hour)
			got = refresh(t, s, got.Text("refresh_token")).Must(t, 200)
			bearer(s, got).Get(t, "/account").Must(t, 200)
			s.Clock.Advance(59 * time.Minute)
			bearer(s, got).Get(t, "/account").Must(t, 200)
		}
		s.Clock.Advance(14 * 24 * time.Hour)
		refused(t, refresh(t, s, got.Text("refresh_token")), "invalid_grant")
	})
}

// TestGuesses: who tries codes is slowed down, and the right one is not found by trying.
func TestGuesses(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "eve@example.com")
		b := s.Browser()
		enter(t, b, "eve@example.com")
		codes := begin(t, s)
		for range 10 {
			b.Open(t, "/device").Send(t, "/device", map[string]string{"user_code": "BBBB-BBBB"}).Must(t, 400)
		}
		b.Open(t, "/device").Send(t, "/device", map[string]string{"user_code": codes.Text("user_code")}).Must(t, 429, "Too many attempts")
		s.Clock.Advance(time.Minute)
		approve(t, b, codes.Text("user_code"))
		for n := range 25 {
			r := post(t, s, "/oauth/device/code", url.Values{"client_id": {"cli"}})
			if r.Status == 429 && r.Text("error") == "slow_down" && r.Header.Get("Retry-After") != "" {
				if n < 10 {
					t.Errorf("refused after %d codes", n)
				}
				return
			}
		}
		t.Error("one address gets codes without end")
	})
}

// TestPagesNeedAPerson: a stranger is asked to sign in, and no other site approves.
func TestPagesNeedAPerson(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	codes := begin(t, s)
	for _, path := range []string{"/device", "/device/approve", "/device/deny"} {
		r := program(s).Post(t, path, url.Values{"user_code": {codes.Text("user_code")}}.Encode()).Must(t, 303)
		if !strings.HasPrefix(r.Header.Get("Location"), "/sign-in") {
			t.Errorf("%s leads to %s", path, r.Header.Get("Location"))
		}
		program(s).With("Sec-Fetch-Site", "cross-site").Post(t, path, "user_code=x").Refused(t, 403, "cross_origin")
	}
	refused(t, trade(t, s, codes.Text("device_code")), "authorization_pending")
}

// TestLetter: the owner hears of a token that was shown twice.
func TestLetter(t *testing.T) {
	inbox := mailtest.Start(t)
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{Settings: inbox.Settings})
	s.Person(t, "jane@example.com")
	first := signedIn(t, s, "jane@example.com")
	refresh(t, s, first.Text("refresh_token")).Must(t, 200)
	refused(t, refresh(t, s, first.Text("refresh_token")), "invalid_grant")
	if _, err := s.Jobs.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	inbox.To(t, "jane@example.com").Says("A program was signed out of your account", "the program cli was shown a second time, from the network address 127.0.0.1")
}
