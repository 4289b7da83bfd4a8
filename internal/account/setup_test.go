package account_test

import (
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func link(t *testing.T, s *apptest.Server) string {
	t.Helper()
	token, err := s.Accounts.SetupToken(t.Context(), authz.System("test"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func browser(s *apptest.Server) *apptest.Caller {
	return s.Anonymous().With("Content-Type", "application/x-www-form-urlencoded").With("Origin", s.URL).With("Sec-Fetch-Site", "same-origin")
}

func form(token, email, password string) string {
	return url.Values{"token": {token}, "email": {email}, "password": {password}}.Encode()
}

func escape(s string) string { return url.QueryEscape(s) }

func people(t *testing.T, s *apptest.Server) int64 {
	t.Helper()
	n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM account`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSetup(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		token, second := link(t, s), link(t, s)
		if token == "" || token == second || len(token) < 26 {
			t.Fatalf("the links are %q and %q", token, second)
		}
		page := s.Anonymous().Get(t, "/setup?token="+token).Must(t, 200)
		policy := page.Header.Get("Content-Security-Policy")
		if !strings.Contains(string(page.Body), token) || !strings.Contains(policy, "default-src 'none'") || page.Header.Get("Cache-Control") != "no-store" || page.Header.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("the page with the secret in it: %v", page.Header)
		}
		for _, wrong := range []string{"", "x", strings.ToLower(token), token + "A", token[:25], "';%20--", "%00", "%ff"} {
			s.Anonymous().Get(t, "/setup?token="+wrong).Must(t, 404)
			browser(s).Post(t, "/setup", form(wrong, "jane@example.com", apptest.Password)).Must(t, 404)
		}
		// What is wrong is said beside it; the link stays good.
		r := browser(s).Post(t, "/setup", form(token, `"><script>alert(1)</script>`, apptest.Password)).Must(t, 400)
		if strings.Contains(string(r.Body), "<script>alert") || strings.Contains(string(r.Body), apptest.Password) || !strings.Contains(string(r.Body), "email-help") {
			t.Errorf("the page repeats what it must not, or does not say what is wrong: %s", r.Body)
		}
		browser(s).Post(t, "/setup", form(token, "jane@example.com", "short")).Must(t, 400)
		browser(s).Post(t, "/setup", form(token, "jane@example.com", "12345678\x00")).Must(t, 400)
		browser(s).Post(t, "/setup", form(token, "jane@example.com", strings.Repeat("x", 20<<10))).Must(t, 413)
		s.Anonymous().With("Content-Type", "application/x-www-form-urlencoded").With("Sec-Fetch-Site", "cross-site").Post(t, "/setup", form(token, "eve@example.com", apptest.Password)).Must(t, 403)
		if n := people(t, s); n != 0 {
			t.Fatalf("%d accounts after refused forms", n)
		}

		done := browser(s).Post(t, "/setup", form(token, " jane@example.com ", apptest.Password)).Must(t, 200)
		access := regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`).FindString(string(done.Body))
		jane := &apptest.Caller{Scheme: "Bearer", Credential: access}
		if got := jane.At(s).Get(t, "/account").Must(t, 200).Text("email"); got != "jane@example.com" {
			t.Errorf("the token on the page is %q's", got)
		}
		signIn(t, s, "jane@example.com", apptest.Password).Must(t, 200)

		for _, used := range []string{token, second} {
			if body := string(s.Anonymous().Get(t, "/setup?token="+used).Must(t, 404).Body); !strings.Contains(body, "set up already") {
				t.Errorf("the page does not say why: %s", body)
			}
			browser(s).Post(t, "/setup", form(used, "eve@example.com", apptest.Password)).Must(t, 404)
		}
		if token := link(t, s); token != "" {
			t.Error("a server with an account makes a setup link")
		}
		if n := people(t, s); n != 1 {
			t.Errorf("%d accounts", n)
		}
		s.Verify(t)
	})
}

func TestSetupLinkExpires(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		token := link(t, s)
		s.Clock.Advance(account.SetupLife - time.Microsecond)
		s.Anonymous().Get(t, "/setup?token="+token).Must(t, 200)
		s.Clock.Advance(time.Microsecond)
		s.Anonymous().Get(t, "/setup?token="+token).Must(t, 404)
		browser(s).Post(t, "/setup", form(token, "jane@example.com", apptest.Password)).Must(t, 404)
		fresh := link(t, s)
		s.Anonymous().Get(t, "/setup?token="+token).Must(t, 404)
		browser(s).Post(t, "/setup", form(fresh, "jane@example.com", apptest.Password)).Must(t, 200)
	})
}

// TestSetupOnce: of many people with the link one makes the first account.
func TestSetupOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		tokens := []string{link(t, s), link(t, s)}
		const visitors = 50
		statuses := make([]int, visitors)
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range visitors {
			all.Go(func() {
				<-start
				email := string(rune('a'+i%26)) + strings.Repeat("x", i) + "@example.com"
				r, err := browser(s).Try("POST", "/setup", form(tokens[i%2], email, apptest.Password))
				if err != nil {
					t.Error(err)
					return
				}
				statuses[i] = r.Status
			})
		}
		close(start)
		all.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		if count[200] != 1 || count[404] != visitors-1 || people(t, s) != 1 {
			t.Errorf("the answers are %v, and there are %d accounts", count, people(t, s))
		}
		if n := serverEvents(t, s, "account.create"); n != 1 {
			t.Errorf("%d events for 1 account", n)
		}
		s.Verify(t)
	})
}
