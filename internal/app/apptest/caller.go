package apptest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/id"
)

// Log keeps what the application logs.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps a line.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String is everything that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Caller sends requests with one credential.
type Caller struct {
	server     *Server
	ID         id.User
	TokenID    id.Token
	Email      string
	Credential string
	Scheme     string
	Header     http.Header // sent with every request
}

// With gives the same caller with a further header.
func (c *Caller) With(name, value string) *Caller {
	other := *c
	other.Header = c.Header.Clone()
	if other.Header == nil {
		other.Header = http.Header{}
	}
	other.Header.Set(name, value)
	return &other
}

// At gives the same caller against another server on the same database.
func (c *Caller) At(s *Server) *Caller {
	other := *c
	other.server = s
	return &other
}

// Response is an answer that was read whole; of one that has no end, the first line.
type Response struct {
	Status  int
	Header  http.Header
	Body    []byte
	Request string
}

var client = &http.Client{
	Timeout:       60 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Do sends a request; a body that is not a reader or text is sent as JSON. Every
// JSON answer is held against our own description, and against the public contract
// where it is at hand.
func (c *Caller) Do(t testing.TB, method, path string, body any) *Response {
	t.Helper()
	r, err := c.Try(method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	check(t, method, path, r)
	return r
}

// Try is Do for goroutines: it returns the error and checks nothing.
func (c *Caller) Try(method, path string, body any) (*Response, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case io.Reader:
		reader = b
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, c.server.URL+path, reader)
	if err != nil {
		return nil, err
	}
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Credential != "" {
		req.Header.Set("Authorization", c.Scheme+" "+c.Credential)
	}
	for name, values := range c.Header {
		req.Header[name] = values
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") { // it has no end
		first, err := bufio.NewReader(resp.Body).ReadBytes('\n')
		if errors.Is(err, io.EOF) { // the answer to a HEAD
			err = nil
		}
		return &Response{Status: resp.StatusCode, Header: resp.Header, Body: first, Request: method + " " + path}, err
	}
	text, err := io.ReadAll(resp.Body)
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: text, Request: method + " " + path}, err
}

// Get asks for a path.
func (c *Caller) Get(t testing.TB, path string) *Response {
	t.Helper()
	return c.Do(t, http.MethodGet, path, nil)
}

// Post sends a body.
func (c *Caller) Post(t testing.TB, path string, body any) *Response {
	t.Helper()
	return c.Do(t, http.MethodPost, path, body)
}

// Put sends a body.
func (c *Caller) Put(t testing.TB, path string, body any) *Response {
	t.Helper()
	return c.Do(t, http.MethodPut, path, body)
}

// Delete asks to delete.
func (c *Caller) Delete(t testing.TB, path string) *Response {
	t.Helper()
	return c.Do(t, http.MethodDelete, path, nil)
}

// Must fails the test unless the answer has the status.
func (r *Response) Must(t testing.TB, status int) *Response {
	t.Helper()
	if r.Status != status {
		t.Fatalf("%s: status %d, want %d\n%s", r.Request, r.Status, status, r.Body)
	}
	return r
}

// Refused fails the test unless the answer is this refusal.
func (r *Response) Refused(t testing.TB, status int, code string) *Response {
	t.Helper()
	r.Must(t, status)
	if got := r.Text("code"); got != code {
		t.Fatalf("%s: code %q, want %q\n%s", r.Request, got, code, r.Body)
	}
	return r
}

// Value finds a value in the JSON answer by a dotted path, such as "results.0.name";
// nil where there is none.
func (r *Response) Value(path string) any {
	var v any
	if err := json.Unmarshal(r.Body, &v); err != nil {
		return nil
	}
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// Has tells whether an object of the answer has a key, be it null.
func (r *Response) Has(key string) bool {
	var v map[string]json.RawMessage
	_ = json.Unmarshal(r.Body, &v)
	_, ok := v[key]
	return ok
}

// Text is a string of the answer.
func (r *Response) Text(path string) string {
	s, _ := r.Value(path).(string)
	return s
}

// List is an array of the answer.
func (r *Response) List(path string) []any {
	l, _ := r.Value(path).([]any)
	return l
}
