package activity_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// message is one server-sent event.
type message struct {
	id             int64
	name, data     string
	action, target string
}

// stream is a client that follows an organization's events.
type stream struct {
	messages chan message // closed with the connection
	leave    func()
}

// patience is how long a message may be waited for: a failure, not a pace.
const patience = 20 * time.Second

// subscribe opens a stream at an address of a server.
func subscribe(t *testing.T, url string, c *apptest.Caller, organization id.Organization, lastID string) *stream {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	t.Cleanup(leave)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/organization/"+string(organization)+"/events/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", c.Scheme+" "+c.Credential)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		resp.Body.Close()
		t.Fatalf("a stream: %d %s", resp.StatusCode, resp.Header)
	}
	s := &stream{messages: make(chan message, 1000), leave: leave}
	go func() {
		defer resp.Body.Close()
		defer close(s.messages)
		lines, m := bufio.NewScanner(resp.Body), message{}
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case field == "id":
				m.id, _ = strconv.ParseInt(value, 10, 64)
			case field == "event":
				m.name = value
			case field == "data":
				m.data = value
			case lines.Text() == "":
				if m.data != "" {
					var e struct {
						Action     string `json:"action"`
						TargetName string `json:"target_name"`
					}
					_ = json.Unmarshal([]byte(m.data), &e)
					m.action, m.target = e.Action, e.TargetName
				}
				s.messages <- m
				m = message{}
			}
		}
	}()
	return s
}

// next waits for the next message that has something to say; false where the stream ended.
func (s *stream) next(t *testing.T) (message, bool) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case m, more := <-s.messages:
			if !more || m.data != "" {
				return m, more
			}
		case <-late:
			t.Fatal("the stream says nothing")
		}
	}
}

// say fails the test unless the next message is this event.
func (s *stream) say(t *testing.T, action, target string) {
	t.Helper()
	if m, ok := s.next(t); !ok || m.action != action || m.target != target {
		t.Fatalf("the stream says %+v (%t), want %s %s", m, ok, action, target)
	}
}

// end fails the test unless the stream tells its end now, with this code.
func (s *stream) end(t *testing.T, code string) {
	t.Helper()
	if m, ok := s.next(t); !ok || m.name != "end" || !strings.Contains(m.data, `"`+code+`"`) {
		t.Fatalf("the stream says %+v (%t), want its end, %s", m, ok, code)
	}
	if m, ok := s.next(t); ok {
		t.Fatalf("behind its end the stream says %+v", m)
	}
}

// TestStreamResumes: whoever loses the connection at any moment, while many write, and
// comes back to this node or another, has everything once.
func TestStreamResumes(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		nodes := []*apptest.Server{s}
		if !s.Storage.Embedded() {
			nodes = append(nodes, apptest.Start(t, s.Storage, apptest.Options{}))
		}
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		const writers, each = 3, 20
		var work sync.WaitGroup
		for w := range writers {
			work.Go(func() {
				for n := range each {
					if r, err := jane.At(nodes[w%len(nodes)]).Try("POST", "/organization/"+string(acme)+"/project", map[string]any{"name": fmt.Sprint("project ", w, " ", n)}); err != nil || r.Status != 200 {
						t.Errorf("%v %v", r, err)
					}
				}
			})
		}
		var got []int64
		last := "0"
		for round := 0; len(got) < 1+writers*each; round++ {
			one := subscribe(t, nodes[round%len(nodes)].URL, jane, acme, last)
			for range 1 + round*3%7 {
				if len(got) == 1+writers*each {
					break
				}
				m, ok := one.next(t)
				if !ok {
					t.Fatal("the stream ended")
				}
				got = append(got, m.id)
				last = fmt.Sprint(m.id)
			}
			one.leave()
		}
		work.Wait()
		for n, seq := range got {
			if seq != int64(n+1) {
				t.Fatalf("got %v", got)
			}
		}
		// And what happens elsewhere while it waits.
		one := subscribe(t, nodes[0].URL, jane, acme, "")
		started := time.Now()
		jane.At(nodes[len(nodes)-1]).Project(t, acme, "elsewhere")
		one.say(t, "project.create", "elsewhere")
		t.Logf("told after %s", time.Since(started))
	})
}

// TestStreamRights: what is seen follows the caller's rights while the stream runs.
func TestStreamRights(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		path := "/organization/" + string(acme)
		ann := s.Member(t, acme, "ann@example.com", authz.Admin)
		robot := ann.Token(t, acme, "robot", authz.Admin)
		role := func(name authz.RoleName) {
			jane.Put(t, path+"/member", map[string]any{"user_id": ann.ID, "role_id": authz.RoleID(acme, name)}).Must(t, 200)
		}
		// The API token shows what its creator shows: it has their rights at most.
		both := []*stream{subscribe(t, s.URL, ann, acme, ""), subscribe(t, s.URL, robot, acme, "")}
		say := func(action, target string) {
			t.Helper()
			for _, one := range both {
				one.say(t, action, target)
			}
		}
		jane.Project(t, acme, "one")
		say("project.create", "one")
		hidden := jane.Token(t, acme, "seen", authz.Viewer)
		say("api_token.create", "seen")
		role(authz.Viewer)
		jane.Delete(t, path+"/apiToken/"+string(hidden.TokenID)).Must(t, 204)
		jane.Project(t, acme, "two")
		say("project.create", "two")
		role(authz.Admin)
		// What was not to be seen when it happened does not come later.
		if m, ok := both[0].next(t); !ok || m.action != "member.role" {
			t.Fatalf("made an admin again, the stream says %+v", m)
		}
		remove(t, jane, path, ann)
		both[0].end(t, "not_found")
		for {
			m, ok := both[1].next(t)
			if !ok {
				t.Fatal("the token's stream ended without a word")
			}
			if m.name == "end" {
				break
			}
			if m.action == "api_token.create" && m.target == "after" {
				t.Fatalf("a removed member's token is told %+v", m)
			}
		}
		jane.Project(t, acme, "three")
		for name, stranger := range map[string]*apptest.Caller{"a removed member": ann, "another organization's": func() *apptest.Caller {
			joe := s.Person(t, "joe@example.com")
			joe.Organization(t, "Other")
			return joe
		}()} {
			for _, what := range []string{"stream", "export", "head"} {
				if r := stranger.Get(t, path+"/events/"+what); r.Status != 404 {
					t.Errorf("%s asks for the %s: %d", name, what, r.Status)
				}
			}
		}
	})
}

func remove(t *testing.T, by *apptest.Caller, path string, c *apptest.Caller) {
	t.Helper()
	by.Do(t, "DELETE", path+"/member", map[string]any{"user_id": c.ID}).Must(t, 204)
}

// TestStreamEnds: a revoked token, an expired one and a server that stops end a stream.
func TestStreamEnds(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.HTTP.Streams().Heartbeat = 20 * time.Millisecond
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		robot := jane.Token(t, acme, "robot", authz.Admin)
		one := subscribe(t, s.URL, robot, acme, "")
		jane.Delete(t, "/organization/"+string(acme)+"/apiToken/"+string(robot.TokenID)).Must(t, 204)
		one.end(t, "unauthenticated")

		two := subscribe(t, s.URL, jane, acme, "1")
		two.say(t, "api_token.create", "robot")
		two.say(t, "api_token.delete", "robot")
		if m := <-two.messages; m.data != "" || m.id != 3 { // a heartbeat, with how far it has come
			t.Fatalf("between events the stream says %+v", m)
		}
		s.Clock.Advance(2 * s.Settings.AccessTokenLife)
		two.end(t, "unauthenticated")

		jane = s.Again(t, jane)
		three := subscribe(t, s.URL, jane, acme, "")
		s.HTTP.Streams().End()
		three.end(t, "unavailable")
	})
}

// TestStreamBounds: one caller has ten at most, and what is no number is refused.
func TestStreamBounds(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	acme := jane.Organization(t, "Acme")
	path := "/organization/" + string(acme) + "/events/"
	for _, wrong := range []string{"x", "-1", "1.5", "2", "99999999999999999999"} {
		jane.With("Last-Event-ID", wrong).Get(t, path+"stream").Refused(t, 400, "invalid_request")
		jane.Get(t, path+"stream?after="+wrong).Refused(t, 400, "invalid_request")
	}
	var open []*stream
	for range 10 {
		open = append(open, subscribe(t, s.URL, jane, acme, ""))
	}
	for _, what := range []string{"stream", "export"} {
		if r := jane.Get(t, path+what).Refused(t, 429, "too_many_requests"); r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", what)
		}
	}
	s.Member(t, acme, "joe@example.com", authz.Viewer).Get(t, path+"export").Must(t, 200)
	open[3].leave()
	for deadline := time.Now().Add(patience); jane.Get(t, path+"export").Status != 200; {
		if time.Now().After(deadline) {
			t.Fatal("a stream that was left still counts")
		}
	}
}

// TestStreamOutlasts: the limits of a request and its answer do not end a stream, and
// a server that stops does not wait for it.
func TestStreamOutlasts(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	acme := jane.Organization(t, "Acme")
	const limit = 150 * time.Millisecond
	short := &http.Server{Handler: s.HTTP.Handler(), ReadTimeout: limit, WriteTimeout: limit, ReadHeaderTimeout: limit}
	l := listen(t)
	go func() { _ = short.Serve(l) }()
	t.Cleanup(func() { short.Close() })
	one := subscribe(t, "http://"+l.Addr().String(), jane, acme, "")
	n := 0
	for started := time.Now(); time.Since(started) < 4*limit; n++ {
		name := fmt.Sprint("project ", n)
		jane.Project(t, acme, name)
		one.say(t, "project.create", name)
	}
	one.leave()

	ctx, stop := context.WithCancel(t.Context())
	l = listen(t)
	served := make(chan error, 1)
	go func() { served <- s.HTTP.Serve(ctx, l, patience, slog.New(slog.DiscardHandler)) }()
	two := subscribe(t, "http://"+l.Addr().String(), jane, acme, "")
	stop()
	two.end(t, "unavailable")
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience / 2):
		t.Error("the server waits for a stream")
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestExportIsPaged: a file of many pages is whole, however it is read.
func TestExportIsPaged(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		pass := authz.System("test").On(acme)
		if err := store.Do(t.Context(), s.DB, pass, func(tx *store.Tx) error {
			for n := range 450 {
				if err := audit.Record(tx, string(acme), pass, audit.Entry{Action: audit.ProjectCreate, Target: audit.Reference{Name: fmt.Sprint(n)}}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		r := jane.Get(t, "/organization/"+string(acme)+"/events/export").Must(t, 200)
		lines := strings.Split(strings.TrimSpace(string(r.Body)), "\n")
		if len(lines) != 1+1+450+1 || !strings.HasPrefix(r.Header.Get("Content-Disposition"), `attachment; filename="events-`+string(acme)) {
			t.Fatalf("%d lines, %v", len(lines), r.Header)
		}
		for n, line := range lines[1:] {
			if !strings.HasPrefix(line, fmt.Sprintf(`{"seq":%d,`, n+1)) {
				t.Fatalf("line %d: %.60s", n+2, line)
			}
		}
		if !slices.Contains(r.Header.Values("Cache-Control"), "no-store") {
			t.Error("the file may be kept by a proxy")
		}
	})
}
