package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var setupLink = regexp.MustCompile(`^ +http://[^/]+(/setup\?token=\S+)$`)

// TestFirstStart starts on nothing and makes the first account with the link that
// the server prints.
func TestFirstStart(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, engine)
			s := p.serve(t)
			link, err := s.line(setupLink)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(s.out.String(), "A new master key was written to "+p.key()) {
				t.Errorf("the server does not say where the master key is: %s", s.out.String())
			}
			browser := client{url: s.URL}
			form := page(t, browser.do(t, 200, "GET", link, nil))
			for _, part := range []string{`<form method="post" action="/setup"`, `name="email"`, `name="password" type="password"`, `<button>`} {
				if !strings.Contains(form, part) {
					t.Errorf("the form has no %s: %s", part, form)
				}
			}
			token := strings.TrimPrefix(link, "/setup?token=")
			fill := func(email, password string) string {
				return url.Values{"token": {token}, "email": {email}, "password": {password}}.Encode()
			}
			bad := page(t, browser.do(t, 400, "POST", "/setup", fill(`jane"><script>`, "pass")))
			for _, part := range []string{`value="jane&#34;&gt;&lt;script&gt;"`, "must be an e-mail address", "must have at least 8 characters", token} {
				if !strings.Contains(bad, part) {
					t.Errorf("after bad input the form has no %s: %s", part, bad)
				}
			}
			if strings.Contains(bad, `"pass"`) || strings.Contains(bad, "<script>") {
				t.Errorf("the form repeats what it must not: %s", bad)
			}
			page(t, browser.do(t, 404, "GET", "/setup?token=another", nil))
			page(t, browser.do(t, 404, "GET", "/setup", nil))
			page(t, browser.do(t, 404, "POST", "/setup", strings.Replace(fill("jane@example.com", password), token, "another", 1)))
			foreign := client{url: s.URL, headers: map[string]string{"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"}}
			foreign.do(t, 403, "POST", "/setup", fill("jane@example.com", password))
			browser.do(t, 401, "POST", "/auth/sign-in", map[string]string{"email": "jane@example.com", "password": password})

			done := page(t, browser.do(t, 200, "POST", "/setup", fill("jane@example.com", password)))
			access := regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`).FindString(done)
			me := client{url: s.URL, credential: access}.do(t, 200, "GET", "/account", nil)
			if me.text("email") != "jane@example.com" {
				t.Errorf("the new account: %s", me.body)
			}
			if strings.Contains(done, password) {
				t.Error("the page shows the password")
			}
			for _, closed := range []reply{
				browser.do(t, 404, "GET", link, nil), browser.do(t, 404, "POST", "/setup", fill("joe@example.com", password)),
			} {
				if text := page(t, closed); !strings.Contains(text, "set up already") || strings.Contains(text, "<form") {
					t.Errorf("after the setup: %s", text)
				}
			}
			browser.do(t, 200, "POST", "/auth/sign-in", map[string]string{"email": "jane@example.com", "password": password})
			browser.do(t, 401, "POST", "/auth/sign-in", map[string]string{"email": "joe@example.com", "password": password})
			finish(t, s)

			again := p.serve(t)
			browser.url = again.URL
			browser.do(t, 200, "GET", "/healthz", nil)
			finish(t, again)
			if out := again.out.String(); strings.Contains(out, "setup") || strings.Contains(out, "master key") || strings.Count(out, "\n") != 1 {
				t.Errorf("a server with an account prints %s", out)
			}
		})
	}
}

// page is the text of an HTML answer, which must be guarded as a page.
func page(t *testing.T, r reply) string {
	t.Helper()
	policy := r.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.Contains(policy, "default-src 'none'") || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the page is sent with %v", r.header)
	}
	return string(r.body)
}

// TestCommandsBesideServer changes things by command while a server runs: its next
// request sees them. The data directory lies deeper than the path of a socket can be.
func TestCommandsBesideServer(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, engine)
			if engine == "sqlite" {
				p.home = filepath.Join(p.home, strings.Repeat("a-deep-directory/", 8))
				p.flag = "--data=" + p.data()
				if len(p.data()) <= 108 {
					t.Fatalf("%s is not deep", p.data())
				}
			}
			s := p.serve(t)
			made := p.bootstrap(t, "jane@example.com", "Acme")
			jane, robot := client{url: s.URL, credential: made["access_token"]}, client{url: s.URL, credential: made["api_token"]}
			path := "/organization/" + made["organization_id"]
			jane.do(t, 200, "GET", path, nil)
			robot.do(t, 200, "GET", path, nil)
			joe := fields(t, p.must(t, "admin", "user", "create", "--json", "--email=joe@example.com", "--password="+password).out)
			if r := (client{url: s.URL, credential: joe["access_token"]}).do(t, 200, "GET", "/account", nil); r.text("id") != joe["user_id"] {
				t.Errorf("Joe's account: %s", r.body)
			}
			jane.do(t, 204, "DELETE", path, nil)
			robot.do(t, 401, "GET", path, nil)
			restored := fields(t, p.must(t, "admin", "organization", "restore", "Acme", "--json").out)
			if restored["organization_id"] != made["organization_id"] {
				t.Errorf("restored: %v", restored)
			}
			robot.do(t, 200, "GET", path, nil)
			jane.do(t, 200, "GET", path, nil)
			if o := p.run(t, "admin", "organization", "restore", "Acme"); o.code != 1 || !strings.Contains(o.err, "is not deleted") {
				t.Errorf("a refusal beside the server: %+v", o)
			}
			p.must(t, "audit", "verify")
			if engine == "sqlite" {
				info, err := os.Stat(filepath.Join(p.data(), "control.sock"))
				if err != nil || info.Mode() != os.ModeSocket|0o600 {
					t.Errorf("the control socket: %v, %v", info.Mode(), err)
				}
			}
			finish(t, s)
			p.must(t, "admin", "access-token", "--email=joe@example.com") // the socket is dead
		})
	}
}

// TestStop asks a server to end while a request runs: the request is finished, the
// server takes nothing new, and ends well.
func TestStop(t *testing.T) {
	for _, engine := range engines {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(engine+"/"+signal.String(), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, engine)
				made := p.bootstrap(t, "jane@example.com", "Acme")
				s := p.serve(t)
				path := "/organization/" + made["organization_id"] + "/project"
				const body = `{"name":"Made while the server ends"}`
				running := begin(t, s, path, made["api_token"], len(body))
				if err := s.process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				if err := until(func() error {
					conn, err := net.Dial("tcp", running.RemoteAddr().String())
					if err != nil {
						return nil //nolint:nilerr // as it should be
					}
					conn.Close()
					return fmt.Errorf("the server still takes connections")
				}); err != nil {
					t.Fatal(err)
				}
				running.send(t, body)
				if text := running.answer(t, 200); !strings.Contains(text, "Made while") {
					t.Errorf("the running request: %s", text)
				}
				if code, err := s.wait(); code != 0 || err != nil {
					t.Errorf("the server ended with %d (%v): %s", code, err, s.log.String())
				}
				next := p.serve(t)
				list := client{url: next.URL, credential: made["api_token"]}.do(t, 200, "GET", path, nil)
				if !strings.Contains(string(list.body), "Made while the server ends") {
					t.Errorf("after the next start: %s", list.body)
				}
			})
		}
	}
}

// TestDrain gives load balancers time: the server says that it is not ready, and
// still answers whatever comes.
func TestDrain(t *testing.T) {
	p := newPlace(t, "sqlite")
	made := p.bootstrap(t, "jane@example.com", "Acme")
	s := p.serve(t, "--drain-time=10m")
	c := client{url: s.URL, credential: made["api_token"]}
	c.do(t, 200, "GET", "/readyz", nil)
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := until(func() error {
		r, err := c.try("GET", "/readyz", nil)
		if err == nil && (r.status != 503 || string(r.body) != `{"status":"stopping"}`+"\n") {
			err = fmt.Errorf("%d %s", r.status, r.body)
		}
		return err
	}); err != nil {
		t.Fatalf("ready while it drains: %v", err)
	}
	c.do(t, 200, "GET", "/healthz", nil)
	c.do(t, 200, "POST", "/organization/"+made["organization_id"]+"/project", map[string]string{"name": "Web"})
}

// TestStopHasAnEnd: a request that does not end holds the server up for a time only.
func TestStopHasAnEnd(t *testing.T) {
	p := newPlace(t, "sqlite")
	made := p.bootstrap(t, "jane@example.com", "Acme")
	s := p.serve(t, "--shutdown-timeout=20ms")
	begin(t, s, "/organization/"+made["organization_id"]+"/project", made["api_token"], 20)
	code, err := s.stop()
	if code != 1 || err != nil || !strings.Contains(s.log.String(), "requests were still running after 20ms") {
		t.Errorf("the server ended with %d (%v): %s", code, err, s.log.String())
	}
	p.must(t, "audit", "verify")
}

// conversation is a connection on which a request is under way.
type conversation struct {
	net.Conn
	reader *bufio.Reader
}

// begin posts all but the body, and comes back when the operation waits for it.
func begin(t *testing.T, s *server, path, credential string, length int) conversation {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := conversation{conn, bufio.NewReader(conn)}
	c.send(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Token %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		path, credential, length))
	c.answer(t, 100)
	return c
}

func (c conversation) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func (c conversation) answer(t *testing.T, status int) string {
	t.Helper()
	r, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		t.Fatalf("status %d, want %d: %s (%v)", r.StatusCode, status, body, err)
	}
	return string(body)
}

// TestHealth asks what probes and a metrics collector ask.
func TestHealth(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, engine)
			made := p.bootstrap(t, "jane@example.com", "Acme")
			s := p.serve(t)
			anybody, robot := client{url: s.URL}, client{url: s.URL, credential: made["api_token"]}
			for path, word := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
				if r := anybody.do(t, 200, "GET", path, nil); r.text("status") != word || r.header.Get("Content-Type") != "application/json" {
					t.Errorf("%s: %s", path, r.body)
				}
			}
			anybody.do(t, 200, "GET", "/", nil)
			anybody.do(t, 405, "POST", "/healthz", nil)
			robot.do(t, 200, "POST", "/organization/"+made["organization_id"]+"/project", map[string]string{"name": "Web"})
			robot.do(t, 404, "GET", "/project/"+made["organization_id"], nil)
			anybody.do(t, 404, "GET", "/nothing/"+made["organization_id"], nil)
			text := string(anybody.do(t, 200, "GET", "/metrics", nil).body)
			for _, line := range []string{
				`guildhall_requests_total{operation="createProject",status="200"} 1`, `guildhall_requests_total{operation="getProject",status="404"} 1`,
				`guildhall_request_seconds_count{operation="createProject"} 1`, "go_goroutines ", "process_open_fds ",
			} {
				if !strings.Contains(text, "\n"+line) {
					t.Errorf("the metrics have no %s", line)
				}
			}
			if strings.Contains(text, made["organization_id"]) || strings.Contains(text, "/nothing") {
				t.Error("the metrics hold what a caller chose")
			}
			finish(t, s)
			for line := range strings.Lines(s.log.String()) {
				var entry struct{ Time, Level, Msg string }
				if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Level == "" || entry.Msg == "" {
					t.Errorf("a line of the log is not JSON as it should be (%v): %s", err, line)
				}
			}
		})
	}
}
