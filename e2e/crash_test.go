package e2e_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

var seed = flag.Uint64("seed", 0, "seed of the moments at which the crash tests kill; 0 for others each time")

func random(t *testing.T) *rand.Rand {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed %d", *seed)
	return rand.New(rand.NewPCG(*seed, 0))
}

// writes is how many changes the clients would make if nobody was killed.
const writes = 1000

// scene is a place with a person and some organizations that the clients change.
type scene struct {
	place
	credential    string
	organizations []string
	wishes        []*wish // of all rounds
}

func newScene(t *testing.T, p place) *scene {
	t.Helper()
	made := p.bootstrap(t, "jane@example.com", "Organization")
	x := &scene{place: p, credential: made["access_token"], organizations: []string{made["organization_id"]}}
	s := p.serve(t)
	for n := range 2 {
		r := client{url: s.URL, credential: x.credential}.do(t, 201, "POST", "/organization", map[string]string{"name": fmt.Sprint("Organization ", n), "plan": "ENTERPRISE_2025"})
		x.organizations = append(x.organizations, r.text("id"))
	}
	finish(t, s)
	return x
}

// more makes the wishes of a round.
func (x *scene) more(round int) []*wish {
	kinds := []string{"project", "token", "edit", "project"}
	list := make([]*wish, writes)
	for n := range list {
		list[n] = &wish{kind: kinds[n%len(kinds)], organization: x.organizations[n%len(x.organizations)], name: fmt.Sprintf("round %d, wish %d", round, n)}
	}
	x.wishes = append(x.wishes, list...)
	return list
}

// check holds the database against what was acknowledged, in this round and before.
func (x *scene) check(t *testing.T) {
	t.Helper()
	k := x.kept(t)
	k.whole(t)
	k.fulfilled(t, x.wishes)
	if o := x.run(t, "audit", "verify"); o.code != 0 || !strings.Contains(o.out, "as they were written") {
		t.Errorf("audit verify: %+v", o)
	}
}

// repeat asks again for what was asked for without an answer: under the same keys,
// nothing happens twice.
func (x *scene) repeat(t *testing.T, c client, wishes []*wish) (repeated int) {
	t.Helper()
	for _, w := range wishes {
		if w.attempted && w.acknowledged == "" && w.kind != "edit" { // a PUT takes no key
			if err := w.send(c); err != nil {
				t.Errorf("asked again: %v", err)
			}
			repeated++
		}
	}
	return repeated
}

// killServer kills the program in the middle of its writes, round after round.
func killServer(t *testing.T, engine string, rounds int) {
	x := newScene(t, newPlace(t, engine))
	r := random(t)
	counted := 0
	// A kill between two writes proves nothing: it does not count and is tried again.
	for round := 0; counted < rounds && round < rounds+5; round++ {
		s := x.serve(t)
		wishes, after := x.more(round), 1+r.Int64N(writes-100)
		storm(client{url: s.URL, credential: x.credential}, wishes, after, s.kill)
		if x.report(t, wishes, after) > 0 {
			counted++
		}
		x.check(t)
		next := x.serve(t)
		repeated := x.repeat(t, client{url: next.URL, credential: x.credential}, wishes)
		x.check(t)
		t.Logf("%d were asked for again", repeated)
		next.kill()
	}
	if counted < rounds {
		t.Errorf("only %d of %d kills came in the middle of a write", counted, rounds)
	}
}

// report says what a round was like, and gives how many were cut off in the middle.
func (x *scene) report(t *testing.T, wishes []*wish, after int64) int {
	t.Helper()
	attempted, acknowledged := 0, 0
	for _, w := range wishes {
		if w.attempted {
			attempted++
		}
		if w.acknowledged != "" {
			acknowledged++
		}
	}
	t.Logf("killed after %d: %d asked for, %d acknowledged", after, attempted, acknowledged)
	if int64(acknowledged) < after {
		t.Errorf("killed after %d: only %d acknowledged", after, acknowledged)
	}
	return attempted - acknowledged
}

// TestKill kills the program once among a thousand writes of 32 clients, as kill -9
// does: what was acknowledged is there with its event, and nothing is half done.
func TestKill(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { killServer(t, engine, 1) })
	}
}

// TestKillAgainAndAgain does so many times on one database.
func TestKillAgainAndAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("many rounds of a thousand writes take long; TestKill is one of them")
	}
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { killServer(t, engine, 5) })
	}
}

// TestKillPostgres kills the database in the middle of the writes; the program lives
// on, says so, and goes on by itself when the database is back.
func TestKillPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("a PostgreSQL of its own that syncs to disk takes long to start")
	}
	cluster := storetest.Durable(t)
	p := place{home: t.TempDir(), url: cluster.Empty(t)}
	p.flag = "--database-url=" + p.url
	x := newScene(t, p)
	r := random(t)
	s := x.serve(t)
	c := client{url: s.URL, credential: x.credential}
	ready := func(status int) {
		t.Helper()
		if err := until(func() error {
			r, err := client{url: s.URL}.try("GET", "/readyz", nil)
			if err == nil && r.status != status {
				err = fmt.Errorf("readyz: %d %s", r.status, r.body)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 3 {
		wishes, after := x.more(round), 1+r.Int64N(writes-100)
		storm(c, wishes, after, func() { cluster.Kill(t) })
		if x.report(t, wishes, after) == 0 {
			t.Errorf("killed after %d: nobody was interrupted", after)
		}
		ready(503)
		client{url: s.URL}.do(t, 200, "GET", "/healthz", nil)
		if r := c.do(t, 503, "POST", "/organization/"+x.organizations[0]+"/project", map[string]string{"name": "nowhere"}); r.text("code") != "unavailable" {
			t.Errorf("without a database: %s", r.body)
		}
		cluster.Restart(t)
		ready(200)
		x.check(t)
		t.Logf("%d were asked for again", x.repeat(t, c, wishes))
		x.check(t)
	}
	finish(t, s)
}
