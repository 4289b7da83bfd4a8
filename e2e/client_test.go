package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// client talks to a server with one credential.
type client struct {
	url, credential string
	headers         map[string]string
}

var transport = &http.Client{
	Timeout:       2 * patience,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64, IdleConnTimeout: 10 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// reply is an answer that was read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// try sends a request; body is nil, a text, or what is sent as JSON.
func (c client) try(method, path string, body any) (reply, error) {
	var reader io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		reader, kind = strings.NewReader(b), "application/x-www-form-urlencoded"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return reply{}, err
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, c.url+path, reader)
	if err != nil {
		return reply{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	if c.credential != "" {
		req.Header.Set("Authorization", "Token "+c.credential)
	}
	for name, value := range c.headers {
		req.Header.Set(name, value)
	}
	resp, err := transport.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, text}, err
}

// do sends a request whose answer must have the status.
func (c client) do(t *testing.T, status int, method, path string, body any) reply {
	t.Helper()
	r, err := c.try(method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if r.status != status {
		t.Fatalf("%s %s: status %d, want %d\n%s", method, path, r.status, status, r.body)
	}
	return r
}

// text is a field of a JSON answer.
func (r reply) text(field string) string {
	var fields map[string]any
	if json.Unmarshal(r.body, &fields) != nil {
		return ""
	}
	s, _ := fields[field].(string)
	return s
}

// fields reads the one JSON object that a command printed.
func fields(t *testing.T, text string) map[string]string {
	t.Helper()
	var values map[string]string
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&values); err != nil || d.More() {
		t.Fatalf("not one JSON object of texts (%v): %s", err, text)
	}
	return values
}

const password = "correct horse battery"

// bootstrap makes a person, an organization and a token by command.
func (p place) bootstrap(t *testing.T, email, organization string) map[string]string {
	t.Helper()
	return fields(t, p.must(t, "admin", "bootstrap", "--json", "--email="+email, "--password="+password, "--organization="+organization).out)
}
