package httpd_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// lag is how long another node may go on reading under old rights; its Writes are
// exact at once.
const lag = time.Second

// hammer sends one request again and again, and notes what came of it.
type hammer struct {
	name  string
	grace time.Duration // how long after the acknowledgement a request may still be served
	send  func(n int) (*apptest.Response, error)

	served  int
	warm    chan struct{} // closed when it was served often enough
	enough  chan struct{} // closed when it was tried often enough after the end
	last    time.Time     // when the last request that was served was sent
	answers map[int]int   // statuses of requests sent after the end
	broken  error
}

const often = 20

func (h *hammer) run(ctx context.Context, end *atomic.Pointer[time.Time]) {
	after := 0
	for n := 0; ctx.Err() == nil; n++ {
		sent := time.Now()
		r, err := h.send(n)
		if err != nil {
			h.broken = err
			return
		}
		if r.Status < 300 {
			h.last = sent
			if h.served++; h.served == often {
				close(h.warm)
			}
		}
		if at := end.Load(); at != nil && sent.After(at.Add(h.grace)) {
			h.answers[r.Status]++
			if after++; after == often {
				close(h.enough)
			}
		}
	}
}

// shared is an organization in a database that several nodes use.
type shared struct {
	here         *apptest.Server
	owner, jane  *apptest.Caller
	token        *apptest.Caller
	organization id.Organization
}

// demote takes jane's rights; she stays a member.
func (w shared) demote(t *testing.T) {
	t.Helper()
	pass, err := w.here.Authorizer.Require(t.Context(), actorOf(t, w.here, w.owner), authz.MemberManage, authz.Scope{Organization: w.organization, Kind: authz.KindOrganization})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.here.Members.SetRole(t.Context(), pass, w.jane.ID, authz.RoleID(w.organization, authz.Viewer)); err != nil {
		t.Fatal(err)
	}
}

// remove takes jane out of the organization.
func (w shared) remove(t *testing.T) {
	t.Helper()
	w.owner.Do(t, "DELETE", "/organization/"+string(w.organization)+"/member", map[string]any{"user_id": w.jane.ID}).Must(t, 204)
}

// TestRevocationUnderLoad: rights that were taken away are gone when that is
// acknowledged: at once on this node, within a second on another one.
func TestRevocationUnderLoad(t *testing.T) {
	for name, c := range map[string]struct {
		holder func(w shared) *apptest.Caller
		revoke func(t *testing.T, w shared)
		status map[int]bool // what may come afterwards
	}{
		"API token deleted": {func(w shared) *apptest.Caller { return w.token }, func(t *testing.T, w shared) {
			w.owner.Delete(t, "/organization/"+string(w.organization)+"/apiToken/"+string(w.token.TokenID)).Must(t, 204)
		}, map[int]bool{401: true}},
		"member demoted":  {func(w shared) *apptest.Caller { return w.jane }, func(t *testing.T, w shared) { w.demote(t) }, map[int]bool{403: true}},
		"creator demoted": {func(w shared) *apptest.Caller { return w.token }, func(t *testing.T, w shared) { w.demote(t) }, map[int]bool{403: true}},
		"member removed":  {func(w shared) *apptest.Caller { return w.jane }, func(t *testing.T, w shared) { w.remove(t) }, map[int]bool{404: true}},
		"creator removed": {func(w shared) *apptest.Caller { return w.token }, func(t *testing.T, w shared) { w.remove(t) }, map[int]bool{401: true, 404: true}},
		"organization deleted": {func(w shared) *apptest.Caller { return w.jane }, func(t *testing.T, w shared) {
			w.owner.Delete(t, "/organization/"+string(w.organization)).Must(t, 204)
		}, map[int]bool{404: true}},
	} {
		for _, engine := range []string{"sqlite", "postgres"} {
			t.Run(name+"/"+engine, func(t *testing.T) {
				o := apptest.Options{RealClock: true}
				storage := apptest.Storage(t, engine)
				w := shared{here: apptest.Start(t, storage, o)}
				w.owner = w.here.Person(t, "owner@example.com")
				w.organization = w.owner.Organization(t, "Acme")
				w.jane = w.here.Member(t, w.organization, "jane@example.com", authz.DevOps)
				w.token = w.jane.Token(t, w.organization, "ci", authz.DevOps)
				nodes := []*apptest.Server{w.here}
				if engine == "postgres" { // an embedded database has one server
					nodes = append(nodes, apptest.Start(t, storage, o))
				}
				var hammers []*hammer
				for i, node := range nodes {
					hammers = append(hammers, hammersAt(fmt.Sprint("node ", i), c.holder(w).At(node), w.organization, i > 0)...)
				}
				strike(t, hammers, func() { c.revoke(t, w) })
				for _, h := range hammers {
					for status := range h.answers {
						if !c.status[status] && status >= 300 {
							t.Errorf("%s: answers afterwards: %v", h.name, h.answers)
						}
					}
				}
				for _, node := range nodes {
					node.Verify(t)
				}
			})
		}
	}
}

// hammersAt are a reader and a writer that need rights which only some roles have.
func hammersAt(where string, c *apptest.Caller, organization id.Organization, elsewhere bool) []*hammer {
	path := "/organization/" + string(organization)
	one := func(what string, grace time.Duration, send func(n int) (*apptest.Response, error)) *hammer {
		return &hammer{name: where + " " + what, grace: grace, send: send, warm: make(chan struct{}), enough: make(chan struct{}), answers: map[int]int{}}
	}
	var grace time.Duration
	if elsewhere {
		grace = lag
	}
	return []*hammer{
		one("reads", grace, func(int) (*apptest.Response, error) { return c.Try("GET", path+"/apiToken", nil) }),
		one("reads again", grace, func(int) (*apptest.Response, error) { return c.Try("GET", path+"/apiToken?name=x", nil) }),
		one("writes", 0, func(n int) (*apptest.Response, error) {
			return c.Try("POST", path+"/project", map[string]any{"name": fmt.Sprintf("%s %d", where, n)})
		}),
	}
}

// strike lets the hammers work, ends their rights, and finds who was served for too long.
func strike(t *testing.T, hammers []*hammer, revoke func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var end atomic.Pointer[time.Time]
	var all sync.WaitGroup
	defer func() { stop(); all.Wait() }()
	for _, h := range hammers {
		all.Go(func() { h.run(ctx, &end) })
	}
	patience := time.After(time.Minute)
	await := func(what string, done func(*hammer) chan struct{}) {
		t.Helper()
		for _, h := range hammers {
			select {
			case <-done(h):
			case <-patience:
				stop()
				all.Wait()
				t.Fatalf("%s: not %s after a minute: served %d times, then %v (%v)", h.name, what, h.served, h.answers, h.broken)
			}
		}
	}
	await("served often enough", func(h *hammer) chan struct{} { return h.warm })
	revoke()
	now := time.Now()
	end.Store(&now)
	await("tried often enough afterwards", func(h *hammer) chan struct{} { return h.enough })
	stop()
	all.Wait()
	for _, h := range hammers {
		if h.broken != nil {
			t.Errorf("%s: %v", h.name, h.broken)
		}
		if late := h.last.Sub(now); late > h.grace {
			t.Errorf("%s: a request sent %s after the acknowledgement was served; %s are allowed (then %v)", h.name, late, h.grace, h.answers)
		}
	}
}
