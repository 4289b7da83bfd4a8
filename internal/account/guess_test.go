package account_test

import (
	"crypto/sha1"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

var behindProxy = apptest.Options{Settings: func(c *config.Server) { c.TrustedProxies = []string{"127.0.0.1"} }}

// TestManyNetworks: many machines guess one password slowly, and all the while its owner signs in from where they
// are known: the network of a session, or a browser that they have used before.
func TestManyNetworks(t *testing.T) {
	apptest.EachWith(t, behindProxy, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "jane@example.com")
		from := func(network string) *apptest.Caller { return s.Anonymous().With("X-Forwarded-For", network) }
		try := func(network, email, password string) *apptest.Response {
			return from(network).Post(t, "/auth/sign-in", map[string]any{"email": email, "password": password})
		}
		office, travelling := "198.51.100.7", "198.51.100.99"
		try(office, "jane@example.com", apptest.Password).Must(t, 200)
		browser := page(t, s, office, nil, apptest.Password)
		if len(browser) != 2 {
			t.Fatalf("signing in leaves the cookies %v", browser)
		}
		for i := range 99 {
			for _, email := range []string{"jane@example.com", "nobody@example.com"} {
				r := try(fmt.Sprintf("203.0.113.%d", i), email, "wrong password")
				if i < 97 { // two tries were the owner's
					r.Refused(t, 401, "bad_credentials")
				}
			}
		}
		try("203.0.113.200", "nobody@example.com", "wrong password").Refused(t, 401, "bad_credentials") // the hundredth
		for _, email := range []string{"jane@example.com", "JANE@example.com", "nobody@example.com"} {
			if r := try("203.0.113.201", email, apptest.Password).Refused(t, 429, "too_many_requests"); r.Header.Get("Retry-After") != "60" {
				t.Errorf("%s waits %s", email, r.Header.Get("Retry-After"))
			}
		}
		try(office, "jane@example.com", apptest.Password).Must(t, 200)
		if got := page(t, s, travelling, nil, apptest.Password); got != nil {
			t.Error("a stranger's browser is let through")
		}
		known := browser[1:]
		if got := page(t, s, travelling, known, apptest.Password); got == nil {
			t.Error("the owner's browser is held up on another network")
		}
		// Having the cookie is worth ten tries, and no other's account.
		forged := &http.Cookie{Name: known[0].Name, Value: known[0].Value[:len(known[0].Value)-1] + "0"}
		if strings.HasSuffix(known[0].Value, "0") {
			forged.Value = known[0].Value[:len(known[0].Value)-1] + "1"
		}
		if got := page(t, s, "198.51.100.98", []*http.Cookie{forged}, apptest.Password); got != nil {
			t.Error("a forged cookie is believed")
		}
		for range 10 {
			page(t, s, "203.0.113.250", known, "wrong password")
		}
		if got := page(t, s, "203.0.113.251", known, apptest.Password); got != nil {
			t.Error("a cookie has tries without end")
		}
		s.Clock.Advance(time.Minute)
		try("203.0.113.201", "jane@example.com", apptest.Password).Must(t, 200)
		s.Clock.Advance(account.BrowserLife)
		for i := range 100 {
			try(fmt.Sprintf("203.0.113.%d", i), "jane@example.com", "wrong password")
		}
		if got := page(t, s, "198.51.100.100", known, apptest.Password); got != nil {
			t.Error("a browser is known for ever")
		}
		s.Verify(t)
	})
}

// page signs in on the page, and gives the cookies of a success.
func page(t *testing.T, s *apptest.Server, network string, cookies []*http.Cookie, password string) []*http.Cookie {
	t.Helper()
	form := url.Values{"email": {"jane@example.com"}, "password": {password}}.Encode()
	r := httptest.NewRequest(http.MethodPost, "/sign-in", strings.NewReader(form))
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("X-Forwarded-For", network)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.HTTP.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther {
		return nil
	}
	return w.Result().Cookies()
}

// TestSameNetwork: somebody in the owner's network uses the tries up; the owner's browser has its own.
func TestSameNetwork(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), behindProxy)
	s.Person(t, "jane@example.com")
	known := page(t, s, "198.51.100.7", nil, apptest.Password)[1:]
	for range 200 {
		page(t, s, "198.51.100.7", nil, "wrong password")
	}
	if page(t, s, "198.51.100.7", nil, apptest.Password) != nil {
		t.Error("tries are not counted")
	}
	if page(t, s, "198.51.100.7", known, apptest.Password) == nil {
		t.Error("the owner's browser is held up by a neighbour")
	}
}

// TestKindsOfLetters: who asks for one kind of letter to another's address does not hold up the other kinds.
func TestKindsOfLetters(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		for range 5 {
			forgot(t, s, "new@example.com").Must(t, 204)
		}
		forgot(t, s, "new@example.com").Refused(t, 429, "too_many_requests")
		signUp(t, s, map[string]any{"email": "new@example.com"}).Must(t, 200)
		work(t, s)
		if m := post.To(t, "new@example.com"); m.Subject != "Finish your sign-up" {
			t.Errorf("the letter is %q", m.Subject)
		}
	})
}

// TestListedPasswords: nobody may choose a password that attackers try first, anywhere that one is chosen.
func TestListedPasswords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "breached.txt")
	if err := os.WriteFile(path, fmt.Appendf(nil, "a listed password\n%X:7\n", sha1.Sum([]byte("another listed one"))), 0o600); err != nil {
		t.Fatal(err)
	}
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{Settings: func(c *config.Server) {
		c.BreachedPasswordsFile, c.Registration = path, "open"
	}})
	jane := s.Person(t, "jane.doe@example.com")
	for _, bad := range []string{"password123", "a listed password", "another listed one", "jane.doe"} {
		for what, r := range map[string]*apptest.Response{
			"password":     signUp(t, s, map[string]any{"email": "jane.doe@other.example", "password": bad}),
			"new_password": jane.Post(t, "/account/password", map[string]any{"current_password": apptest.Password, "new_password": bad}),
		} {
			r.Refused(t, 400, "invalid_request")
			if r.Text("errors.0.field") != what || strings.Contains(string(r.Body), `"`+bad) {
				t.Errorf("%q: %s", bad, r.Body)
			}
		}
	}
	jane.Post(t, "/account/password", map[string]any{"current_password": apptest.Password, "new_password": newPassword}).Must(t, 204)
}
