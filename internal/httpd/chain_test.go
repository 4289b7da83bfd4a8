package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// kept is a log that can be read while it is written.
type kept struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(b)
}

func (k *kept) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// chained serves one handler behind the chain.
func chained(t *testing.T, h http.HandlerFunc) (*httptest.Server, *kept, *metrics) {
	t.Helper()
	return chainedAt(t, h, Edge{}, false)
}

func chainedAt(t *testing.T, h http.HandlerFunc, edge Edge, secure bool) (*httptest.Server, *kept, *metrics) {
	t.Helper()
	log, m := &kept{}, newMetrics()
	server := httptest.NewUnstartedServer(chain(h, slog.New(slog.NewJSONHandler(log, nil)), m, edge, secure))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return server, log, m
}

func TestPanic(t *testing.T) {
	server, log, m := chained(t, func(w http.ResponseWriter, r *http.Request) {
		route.RequestInfo(r.Context()).Operation = "breaks"
		if r.URL.Path == "/runtime" {
			w.Header()["X"][len(r.URL.Path)] = "past the end"
		}
		panic("the secret is xyzzy")
	})
	for _, path := range []string{"/text", "/runtime"} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var p route.Problem
		if err := json.Unmarshal(body, &p); err != nil || resp.StatusCode != 500 || p.Status != 500 || p.Code != "internal" || p.Path != path || p.RequestID == "" || p.RequestID != resp.Header.Get("X-Request-Id") {
			t.Errorf("%s: %d %s (%v)", path, resp.StatusCode, body, err)
		}
		if text := string(body); strings.Contains(text, "xyzzy") || strings.Contains(text, "out of range") || strings.Contains(text, ".go") {
			t.Errorf("%s: the answer tells of the inside: %s", path, text)
		}
		if text := log.String(); !strings.Contains(text, `"msg":"panic","request_id":"`+p.RequestID+`","operation":"breaks"`) || !strings.Contains(text, "chain_test.go") {
			t.Errorf("%s: the log does not say what broke: %s", path, text)
		}
	}
	if n := counted(t, m, "breaks", "500"); n != 2 {
		t.Errorf("the metrics count %v failures, want 2", n)
	}
}

// TestPanicTellsNothing: what a request carried, and what looks like a secret, is not in the log when something breaks on it.
func TestPanicTellsNothing(t *testing.T) {
	token := authn.NewAPIToken()
	server, log, _ := chained(t, func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		panic(fmt.Sprintf("cannot use %q, %q, %s and %v", r.Header, r.PostForm, token, r.URL.Query()))
	})
	req, err := http.NewRequest(http.MethodPost, server.URL+"/?token=in-the-query", strings.NewReader("password=in+the+form&email=jane"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer in-the-header")
	req.AddCookie(&http.Cookie{Name: "session", Value: "in-the-cookie"})
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 500 {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	for where, text := range map[string]string{"the log": log.String(), "the answer": string(body)} {
		for _, secret := range []string{token, "in-the-query", "in the form", "in-the-header", "in-the-cookie"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q: %s", where, secret, text)
			}
		}
	}
	if !strings.Contains(log.String(), "cannot use") || !strings.Contains(log.String(), "jane") {
		t.Errorf("the log does not say what broke: %s", log)
	}
}

// TestPanicInTheMiddle: where the answer has begun, the client must not take what
// came for the whole.
func TestPanicInTheMiddle(t *testing.T) {
	server, log, _ := chained(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"results":[`)
		if f, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
			f.Unwrap().(http.Flusher).Flush()
		}
		panic("too late")
	})
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the client reads %q as a whole answer (%v)", body, err)
	}
	if !strings.Contains(log.String(), "too late") {
		t.Error("the log does not say what broke")
	}
}

func counted(t *testing.T, m *metrics, operation, status string) float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			labels := prometheus.Labels{}
			for _, l := range metric.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == "guildhall_requests_total" && labels["operation"] == operation && labels["status"] == status {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestLogLine(t *testing.T) {
	server, log, m := chained(t, func(w http.ResponseWriter, r *http.Request) {
		info := route.RequestInfo(r.Context())
		info.Actor = "somebody"
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // too late: the first one went out
		_, _ = io.WriteString(w, "12345")
	})
	req, err := http.NewRequest("GET", server.URL+"/a%0ab?token=geheim", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer geheim")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	server.Close() // the line is written behind the answer
	var line map[string]any
	if err := json.Unmarshal([]byte(strings.TrimSpace(log.String())), &line); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	for name, want := range map[string]any{"msg": "request", "method": "GET", "path": "/a\nb", "status": 418.0, "bytes": 5.0, "actor": "somebody", "address": "127.0.0.1", "request_id": resp.Header.Get("X-Request-Id")} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	if strings.Contains(log.String(), "geheim") {
		t.Errorf("the log holds what is secret: %s", log)
	}
	if counted(t, m, "none", "418") != 1 {
		t.Error("a request to no operation is not counted as none")
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"curl/8.0", "curl"}, {"", ""}, {"abcdef", "abcd"}, {"äöüßx", "äöüß"}, {"a\x00b", "ab"}, {"a\xff\xfeb", "ab"}, {"\xf0\x9f", ""}, {"\ufffdab", "ab"}, {"\x00\x00\x00\x00abcd", "abcd"},
	} {
		if got := truncate(c.in, 4); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.in, got, c.want)
		}
	}
}
