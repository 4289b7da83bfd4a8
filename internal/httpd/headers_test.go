package httpd_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// everywhere are the headers of every answer.
var everywhere = map[string]string{
	"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
	"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}

const (
	onData = "default-src 'none'; frame-ancestors 'none'"
	onTLS  = "max-age=31536000"
)

// onPages is the policy of a page: our own files and nothing from elsewhere, nothing inline.
const onPages = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

var placeholder = regexp.MustCompile(`\{[^}]+\}`)

// TestHeaders asks every operation, page and form, and what is none of them, as nobody, as a person and from another site's page.
func TestHeadersEverywhere(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	for address, strict := range map[string]string{"http://guildhall.example": "", "https://guildhall.example": onTLS} {
		server := s.Server(address)
		handler := server.Handler()
		statuses := map[int]int{}
		ask := func(method, path, body string, header http.Header) {
			t.Helper()
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			for name, values := range header {
				r.Header[name] = values
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			statuses[w.Code]++
			for name, want := range everywhere {
				if got := w.Header().Values(name); len(got) != 1 || got[0] != want {
					t.Errorf("%s %s (%d): %s is %q", method, path, w.Code, name, got)
				}
			}
			if got := w.Header().Get("Strict-Transport-Security"); got != strict {
				t.Errorf("%s %s at %s: Strict-Transport-Security is %q", method, path, address, got)
			}
			policy := w.Header().Values("Content-Security-Policy")
			if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && (w.Code < 300 || w.Code >= 400) {
				if len(policy) != 1 || policy[0] != onPages {
					t.Errorf("%s %s (%d): the page's policy is %q", method, path, w.Code, policy)
				}
			} else if len(policy) != 1 || policy[0] != onData {
				t.Errorf("%s %s (%d): the policy is %q", method, path, w.Code, policy)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("%s %s (%d): Cache-Control is %q", method, path, w.Code, got)
			}
		}
		credential := http.Header{"Authorization": {"Bearer " + jane.Credential}}
		foreign := http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}
		routes := 0
		visit := func(method, path string) {
			routes++
			path = placeholder.ReplaceAllStringFunc(path, func(name string) string {
				if name == "{$}" {
					return ""
				}
				return id.New[string]()
			})
			for _, h := range []http.Header{nil, credential, foreign} {
				ask(method, path, "", h)
			}
			if method != http.MethodGet {
				ask(method, path, `{"broken`, http.Header{"Content-Type": {"application/json"}})
				ask(method, path, "a=%zz", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
			}
			ask("BREW", path, "", nil)
		}
		for _, op := range server.Table() {
			visit(op.Method, op.Path)
		}
		for _, pattern := range server.Patterns() {
			method, path, _ := strings.Cut(pattern, " ")
			visit(method, path)
		}
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json", "/nothing", "/nothing/../else", "//double", "/organization/x/../..", "/.git/config"} {
			visit(http.MethodGet, path)
		}
		for _, op := range []string{"/application/" + id.New[string]() + "/deploy", "/organization/" + id.New[string]() + "/cluster"} {
			visit(http.MethodPost, op) // of the contract, and not served
		}
		if routes < 90 {
			t.Errorf("only %d routes were asked", routes)
		}
		for _, status := range []int{200, 303, 400, 401, 403, 404, 405, 501} {
			if statuses[status] == 0 {
				t.Errorf("no answer had the status %d: %v", status, statuses)
			}
		}
	}
}

// TestCookies: a browser keeps what it gets for this server alone, and shows it to no script and no other site's form.
func TestCookies(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	s.Person(t, "jane@example.com")
	for address, prefix := range map[string]string{"http://guildhall.example": "guildhall_", "https://guildhall.example": "__Host-guildhall_"} {
		handler := s.Server(address).Handler()
		form := url.Values{"email": {"jane@example.com"}, "password": {apptest.Password}}.Encode()
		r := httptest.NewRequest(http.MethodPost, "/sign-in", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		cookies := w.Result().Cookies()
		if w.Code != http.StatusSeeOther || len(cookies) == 0 {
			t.Fatalf("%s: %d with the cookies %v", address, w.Code, cookies)
		}
		out := httptest.NewRequest(http.MethodPost, "/sign-out", nil)
		out.AddCookie(cookies[0])
		w = httptest.NewRecorder()
		handler.ServeHTTP(w, out)
		ended := w.Result().Cookies()
		if len(ended) == 0 || ended[0].MaxAge >= 0 || ended[0].Value != "" {
			t.Errorf("%s: signing out leaves %v", address, ended)
		}
		for _, c := range append(cookies, ended...) {
			if !strings.HasPrefix(c.Name, prefix) || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" ||
				c.Secure != strings.HasPrefix(address, "https") {
				t.Errorf("%s: the cookie %s", address, c)
			}
		}
	}
}
