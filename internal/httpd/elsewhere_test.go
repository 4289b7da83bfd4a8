package httpd_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/httpd"
	"github.com/guildhall-dev/guildhall/internal/id"
)

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// concrete puts ids in the place of a path's parameters.
func concrete(path string) string {
	return parameter.ReplaceAllStringFunc(path, func(string) string { return id.New[string]() })
}

// served tells whether an operation of the route table takes a path of the contract,
// and with which method, whatever its parameters are called.
func served(s *apptest.Server, path string) (methods []string) {
	plain := parameter.ReplaceAllString(path, "{}")
	for _, op := range s.HTTP.Table() {
		if parameter.ReplaceAllString(op.Path, "{}") == plain {
			methods = append(methods, op.Method)
		}
	}
	return methods
}

func start(t *testing.T) *apptest.Server {
	t.Helper()
	return apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
}

// TestNotYet: what the contract has and we do not serve says so, by its name; nothing pretends.
func TestNotYet(t *testing.T) {
	s := start(t)
	jane := s.Person(t, "jane@example.com")
	missing := 0
	for _, op := range httpd.Contract() {
		if slices.Contains(served(s, op.Path), op.Method) {
			continue
		}
		missing++
		for _, c := range []*apptest.Caller{jane, s.Anonymous()} {
			r := inside(s, c, op.Method, concrete(op.Path), []byte("{}"))
			if r.Status != 501 || r.Text("code") != "not_implemented" || !strings.Contains(r.Text("detail"), "the operation "+op.ID+" ") {
				t.Errorf("%s %s: %d %s", op.Method, op.Path, r.Status, r.Body)
			}
			sound(t, op.ID, r)
		}
	}
	if missing+len(s.HTTP.Table()) < len(httpd.Contract()) {
		t.Errorf("%d operations of %d are missing, and %d are served", missing, len(httpd.Contract()), len(s.HTTP.Table()))
	}
}

// TestContractServed: the operations we serve in the contract's name have its
// method, path, id and tag.
func TestContractServed(t *testing.T) {
	ids := map[string]httpd.ContractOperation{}
	for _, op := range httpd.Contract() {
		ids[op.ID] = op
	}
	for _, op := range httpd.Table() {
		theirs, known := ids[op.ID]
		if known == op.Own {
			t.Errorf("%s: in the contract: %t, marked as our own: %t", op.ID, known, op.Own)
		}
		if known && (theirs.Method != op.Method || parameter.ReplaceAllString(theirs.Path, "{}") != parameter.ReplaceAllString(op.Path, "{}") || theirs.Tag != op.Tag) {
			t.Errorf("%s is %s %s of %q, in the contract %s %s of %q", op.ID, op.Method, op.Path, op.Tag, theirs.Method, theirs.Path, theirs.Tag)
		}
	}
}

func TestWrongMethod(t *testing.T) {
	s := start(t)
	jane := s.Person(t, "jane@example.com")
	notYet := map[string]bool{}
	for _, op := range httpd.Contract() {
		notYet[op.Method+" "+parameter.ReplaceAllString(op.Path, "{}")] = true
	}
	for _, op := range s.HTTP.Table() {
		allowed := served(s, op.Path)
		slices.Sort(allowed)
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X"} {
			if slices.Contains(allowed, method) || notYet[method+" "+parameter.ReplaceAllString(op.Path, "{}")] {
				continue
			}
			r := inside(s, jane, method, concrete(op.Path), nil)
			got := strings.Split(r.Header.Get("Allow"), ", ")
			slices.Sort(got)
			if r.Status != 405 || r.Text("code") != "method_not_allowed" || !slices.Equal(got, allowed) {
				t.Errorf("%s %s: %d, Allow %v; want 405 and %v", method, op.Path, r.Status, got, allowed)
			}
			sound(t, method+" "+op.Path, r)
		}
	}
}

func TestHead(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		for _, op := range s.HTTP.Table() {
			if op.Method != "GET" {
				continue
			}
			path := fill(t, op, w.values(t, op, authz.Development))
			get, head := w.owner.Do(t, "GET", path, nil).Must(t, 200), w.owner.Do(t, "HEAD", path, nil)
			if head.Status != 200 || len(head.Body) != 0 || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
				t.Errorf("HEAD of %s: %d, %d bytes, %v", op.ID, head.Status, len(head.Body), head.Header)
			}
			if r := s.Anonymous().Do(t, "HEAD", path, nil); op.Permission != authz.Public && r.Status != 401 {
				t.Errorf("HEAD of %s without a credential: %d", op.ID, r.Status)
			}
			if r := w.owner.Do(t, "OPTIONS", path, nil); r.Status >= 500 {
				t.Errorf("OPTIONS of %s: %d", op.ID, r.Status)
			}
		}
	})
}

func TestUnknownAddresses(t *testing.T) {
	s := start(t)
	jane := s.Person(t, "jane@example.com")
	for _, path := range []string{
		"/nothing", "/organizations", "/organization/", "/Organization", "/organization/" + id.New[string]() + "/", "/organization/" + id.New[string]() + "/nothing", "/project",
		"/api/organization", "/v1/organization", "/.env", "/.git/config", "/wp-login.php", "/debug/pprof/", "/healthz/", "/metrics/x", "/openapi.yaml", "/docs", "/schemas/Problem.json",
		"/%2e%2e/etc/passwd", "/%00", "/%ff", "/organization%2f", "/openapi.json/", "/" + strings.Repeat("a", 8000),
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			r := inside(s, jane, method, path, nil)
			if r.Status != 404 || r.Text("code") != "not_found" {
				t.Errorf("%s %.60s: %d %.200s", method, path, r.Status, r.Body)
			}
			sound(t, method+" "+path[:min(60, len(path))], r)
		}
	}
}

// TestSurroundings: what stands beside the operations.
func TestSurroundings(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		answers := map[string]string{
			"/healthz": `"ok"`, "/readyz": `"ready"`, "/openapi.json": `"openapi": "3.0.3"`, "/": "Guildhall is running", "/.well-known/jwks.json": `"keys"`, "/metrics": "guildhall_requests_total",
		}
		for _, path := range slices.Sorted(maps.Keys(answers)) { // in order: the metrics count what was asked before them
			want := answers[path]
			r := s.Anonymous().Get(t, path).Must(t, 200)
			if !strings.Contains(string(r.Body), want) {
				t.Errorf("%s: no %s in %.300s", path, want, r.Body)
			}
		}
		var served, described bytes.Buffer
		served.Write(s.Anonymous().Get(t, "/openapi.json").Body)
		text, err := httpd.Document()
		if err != nil {
			t.Fatal(err)
		}
		described.Write(text)
		// What is served also names the server.
		if !strings.Contains(served.String(), s.URL) || served.Len() <= described.Len() {
			t.Error("the served description does not name this server")
		}
		metrics := string(s.Anonymous().Get(t, "/metrics").Body)
		if strings.Contains(metrics, "nothing-like-this") || !strings.Contains(metrics, `operation="getJwks"`) {
			t.Errorf("the metrics do not count by operation: %.500s", metrics)
		}
	})
}

func TestHeaders(t *testing.T) {
	s := start(t)
	jane := s.Person(t, "jane@example.com")
	for _, c := range []struct{ method, path string }{
		{"GET", "/"}, {"GET", "/healthz"}, {"GET", "/openapi.json"}, {"GET", "/organization"}, {"POST", "/organization"}, {"GET", "/nothing"}, {"DELETE", "/organization"},
		{"GET", "/organization/" + id.New[string]()}, {"POST", "/environment/" + id.New[string]() + "/deploy"}, {"GET", "/setup"}, {"OPTIONS", "/"},
	} {
		r := inside(s, jane, c.method, c.path, nil)
		h := r.Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") ||
			!strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s %s: %v", c.method, c.path, h)
		}
		if h.Get("Server") != "" || h.Get("X-Powered-By") != "" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %s tells or allows too much: %v", c.method, c.path, h)
		}
		if h.Get("Content-Type") == "" && len(r.Body) > 0 {
			t.Errorf("%s %s: no content type", c.method, c.path)
		}
	}
	cross := jane.With("Sec-Fetch-Site", "cross-site").Post(t, "/organization", map[string]any{"name": "x", "plan": "FREE"}).Must(t, 403)
	sound(t, "from another site", cross)
	jane.With("Origin", "https://evil.example").Post(t, "/organization", map[string]any{"name": "x", "plan": "FREE"}).Must(t, 403)
	jane.With("Origin", s.URL).Post(t, "/organization", map[string]any{"name": "x", "plan": "FREE"}).Must(t, 201)
}

func TestRequestID(t *testing.T) {
	s := start(t)
	for given, kept := range map[string]bool{
		"0123-abcd": true, "a_B-0123456789": true, strings.Repeat("x", 64): true, id.New[string](): true,
		"short": false, strings.Repeat("x", 65): false, "": false, "with space": false, "semi;colon": false, "<script>": false, "ümlaut-12": false, "a.b.c.d.e": false, "new\tline-x": false,
	} {
		r := s.Anonymous().With("X-Request-Id", given).Get(t, "/organization").Must(t, 401)
		got := r.Header.Get("X-Request-Id")
		if (got == given) != kept || r.Text("request_id") != got {
			t.Errorf("%q becomes %q in the header, %q in the body; kept: %t", given, got, r.Text("request_id"), kept)
		}
		if _, ok := id.Parse[string](got); !kept && !ok {
			t.Errorf("the id made for %q is %q", given, got)
		}
		if !strings.Contains(s.Log.String(), `"request_id":"`+got+`"`) {
			t.Errorf("the log does not know the request %q", got)
		}
	}
}

// TestClientsThatLeave: somebody who goes in the middle leaves no trace and breaks nothing.
func TestClientsThatLeave(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		before := events(t, s)

		// The body breaks off, with and without a key that makes us read it ahead.
		for _, key := range []string{"", "a-key"} {
			req := httptest.NewRequest("POST", "/organization/"+string(acme)+"/project", io.MultiReader(strings.NewReader(`{"name":`), broken{}))
			req.Header.Set("Authorization", "Bearer "+jane.Credential)
			if key != "" {
				req.Header.Set("Idempotency-Key", key)
			}
			rec := httptest.NewRecorder()
			s.HTTP.Handler().ServeHTTP(rec, req)
			if rec.Code != 400 {
				t.Errorf("a body that breaks off (key %q): %d %s", key, rec.Code, rec.Body)
			}
		}
		// The caller has given up before we begin.
		for _, method := range []string{"GET", "POST"} {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			req := httptest.NewRequest(method, "/organization/"+string(acme)+"/project", strings.NewReader(`{"name":"late"}`)).WithContext(ctx)
			req.Header.Set("Authorization", "Bearer "+jane.Credential)
			rec := httptest.NewRecorder()
			s.HTTP.Handler().ServeHTTP(rec, req)
			if rec.Code != 503 || !strings.Contains(rec.Body.String(), `"code":"timeout"`) {
				t.Errorf("%s by a caller who left: %d %s", method, rec.Code, rec.Body)
			}
		}
		// The connection ends after half a request.
		for _, text := range []string{"POST /organization HTTP/1.1\r\nHost: x\r\n", "POST /organization HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + jane.Credential + "\r\nContent-Length: 1000\r\n\r\n{\"name\":"} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(conn, text)
			conn.Close()
		}
		// Two requests in one write are two answers.
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, strings.Repeat("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 2))
		answers := bufio.NewReader(conn)
		for range 2 {
			r, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != 200 {
				t.Errorf("%d, %v", r.StatusCode, err)
			}
		}
		if after := events(t, s); after != before {
			t.Errorf("%d events of requests that nobody waited for", after-before)
		}
		jane.Project(t, acme, "Still here")
		s.Verify(t)
	})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
