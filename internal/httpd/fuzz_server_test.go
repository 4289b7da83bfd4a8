package httpd_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
)

// FuzzForm sends bodies to every form, signed in and not: each is answered, and no answer is a failure of ours.
func FuzzForm(f *testing.F) {
	s := apptest.Start(f, apptest.Storage(f, "sqlite"), apptest.Options{})
	s.Person(f, "jane@example.com")
	var forms []string
	for _, pattern := range s.HTTP.Patterns() {
		if method, path, _ := strings.Cut(pattern, " "); method == http.MethodPost {
			forms = append(forms, path)
		}
	}
	in := httptest.NewRequest(http.MethodPost, "/sign-in", strings.NewReader("email=jane%40example.com&password=correct+horse+battery"))
	in.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.HTTP.Handler().ServeHTTP(w, in)
	session := w.Result().Cookies()[0]
	for i := range forms {
		f.Add(byte(i), "email=a%40b.example&password=x&token=y&code=BCDF-GHJK&session=&next=//evil.example", "application/x-www-form-urlencoded", true)
	}
	f.Add(byte(0), "a=%zz&=;\x00", "application/x-www-form-urlencoded", false)
	f.Add(byte(1), "{}", "application/json", true)
	f.Add(byte(2), "--x\r\n", "multipart/form-data; boundary=x", true)
	f.Fuzz(func(t *testing.T, which byte, body, contentType string, signed bool) {
		path := forms[int(which)%len(forms)]
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header["Content-Type"] = []string{contentType}
		if signed {
			r.AddCookie(session)
		}
		w := httptest.NewRecorder()
		s.HTTP.Handler().ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s with %q: %d\n%s", path, body, w.Code, w.Body)
		}
		if to := w.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n")) {
			t.Errorf("%s with %q leads to %q", path, body, to)
		}
	})
}

// FuzzCall sends requests to the API as an owner: bodies, keys to repeat by, conditions and queries. Nothing of it is a failure of ours.
func FuzzCall(f *testing.F) {
	s := apptest.Start(f, apptest.Storage(f, "sqlite"), apptest.Options{})
	jane := s.Person(f, "jane@example.com")
	acme := string(jane.Organization(f, "Acme"))
	role := jane.Post(f, "/organization/"+acme+"/customRole", map[string]any{"name": "fuzz"}).Must(f, 201).Text("id")
	paths := []string{
		"POST /organization/" + acme + "/customRole", "PUT /organization/" + acme + "/customRole/" + role, "PUT /organization/" + acme, "POST /organization/" + acme + "/inviteMember",
		"GET /organization/" + acme + "/events?", "GET /organization/" + acme + "/access/explain?permission=", "GET /organization/" + acme + "/access/who?", "POST /oauth/token", "PUT /organization/",
	}
	for i := range paths {
		f.Add(byte(i), `{"name":"x","Name":"y"}`, "key-1", "pageSize=20&continueToken=x")
		f.Add(byte(i), `{"name":"x","cluster_permissions":[],"project_permissions":[{"project_id":"`+acme+`","is_admin":true}]}`, "", "permission=project.read&fromTimestamp=1")
	}
	f.Add(byte(0), "{\"a\":\"\\ud800\"}", "ümlaut", "%00")
	f.Add(byte(7), "grant_type=refresh_token&refresh_token=x", strings.Repeat("x", 300), "")
	f.Fuzz(func(t *testing.T, which byte, body, key, query string) {
		method, path, _ := strings.Cut(paths[int(which)%len(paths)], " ")
		r := httptest.NewRequest(method, "/", strings.NewReader(body))
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
		r.URL.RawQuery += query
		if r.URL.Path == "/organization/" {
			r.URL.Path += query
		}
		r.Header["Content-Type"] = []string{"application/json"}
		if r.URL.Path == "/oauth/token" {
			r.Header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
		}
		r.Header["Authorization"] = []string{"Bearer " + jane.Credential}
		r.Header["Idempotency-Key"] = []string{key}
		w := httptest.NewRecorder()
		s.HTTP.Handler().ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Errorf("%s %s %q with the key %q: %d\n%s", method, r.URL, body, key, w.Code, w.Body)
		}
	})
}
