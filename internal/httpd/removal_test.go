package httpd_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// volley sends requests at a thousand a second, each at its moment whether or not
// those before it were answered, and notes what came of them.
type volley struct {
	s            *apptest.Server
	jane, token  *apptest.Caller
	organization id.Organization

	end           atomic.Pointer[time.Time] // when the removal was acknowledged
	all           sync.WaitGroup
	sent          int
	mu            sync.Mutex
	before, after map[int]int // statuses, by when the request was sent
	late          []string
}

func (v *volley) fire(t *testing.T, requests int) {
	t.Helper()
	const burst = 10
	tick := time.NewTicker(burst * time.Millisecond)
	defer tick.Stop()
	for range requests / burst {
		<-tick.C
		for range burst {
			n := v.sent
			v.all.Go(func() { v.send(n) })
			v.sent++
		}
	}
}

func (v *volley) send(n int) {
	org := "/organization/" + string(v.organization)
	c, method, path := v.jane, "GET", org+[]string{"", "/project", "/member", "/apiToken"}[n/2%4]
	var body []byte
	if n%2 == 1 {
		c = v.token
	}
	if n%20 < 2 { // some of them change something
		method, path, body = "POST", org+"/project", fmt.Appendf(nil, `{"name":"project %d"}`, n)
	}
	end := v.end.Load()
	r := inside(v.s, c, method, path, body)
	v.mu.Lock()
	defer v.mu.Unlock()
	if end == nil {
		v.before[r.Status]++
		return
	}
	v.after[r.Status]++
	if r.Status < 400 {
		v.late = append(v.late, r.Request)
	}
}

// TestRemovedMemberUnderLoad: a member who sends a thousand requests a second, reads
// and writes, in person and by API token, has no success with one that was sent
// after the removal was acknowledged.
func TestRemovedMemberUnderLoad(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			s := apptest.Start(t, apptest.Storage(t, engine), apptest.Options{RealClock: true})
			owner := s.Person(t, "owner@example.com")
			v := &volley{s: s, organization: owner.Organization(t, "Acme"), before: map[int]int{}, after: map[int]int{}}
			v.jane = s.Member(t, v.organization, "jane@example.com", authz.DevOps)
			v.token = v.jane.Token(t, v.organization, "ci", authz.DevOps)
			v.fire(t, 500)
			acknowledged := make(chan *apptest.Response)
			go func() {
				r := inside(s, owner, "DELETE", "/organization/"+string(v.organization)+"/member", fmt.Appendf(nil, `{"user_id":%q}`, v.jane.ID))
				now := time.Now()
				v.end.Store(&now)
				acknowledged <- r
			}()
			var removed *apptest.Response
			for removed == nil {
				v.fire(t, 10)
				select {
				case removed = <-acknowledged:
				default:
				}
			}
			removed.Must(t, 204)
			v.fire(t, 2000)
			took := time.Since(*v.end.Load())
			v.all.Wait()
			t.Logf("%d requests in %s after the acknowledgement: before %v, after %v", 2000, took.Round(time.Millisecond), v.before, v.after)
			if len(v.late) > 0 {
				t.Errorf("served after the removal was acknowledged: %v", v.late)
			}
			// In person the organization is not there; the token sleeps.
			if v.before[200] == 0 || v.after[404] < 900 || v.after[401] < 900 || len(v.after) != 2 {
				t.Errorf("answers before the removal %v, after it %v", v.before, v.after)
			}
			s.Verify(t)
		})
	}
}
