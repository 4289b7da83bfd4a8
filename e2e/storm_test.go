package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store"
)

// wish is a change that a client asks for.
type wish struct {
	kind         string // "project", "token" or "edit"
	organization string
	name         string // of what is created, or the new description
	acknowledged string // the id in the answer, or "yes"; empty while there is none
	attempted    bool
}

// send asks for the change, under a key of its own, so that it can be repeated.
func (w *wish) send(c client) error {
	w.attempted = true
	c.headers = map[string]string{"Idempotency-Key": "wish for " + w.name}
	method, path, status := "POST", "/organization/"+w.organization, 200
	body := map[string]string{"name": w.name}
	switch w.kind {
	case "project":
		path += "/project"
	case "token":
		path, status = path+"/apiToken", 201
	default:
		method, body = "PUT", map[string]string{"name": "Organization " + w.organization, "description": w.name}
	}
	r, err := c.try(method, path, body)
	if err != nil {
		return err
	}
	if r.status != status {
		return fmt.Errorf("%s: %d %s", w.name, r.status, r.body)
	}
	w.acknowledged = r.text("id")
	return nil
}

// storm has 32 clients make wishes, and calls kill once so many are acknowledged.
// It returns when every client has seen the end.
func storm(c client, wishes []*wish, killAfter int64, kill func()) {
	var next, acknowledged atomic.Int64
	var over atomic.Bool
	var once sync.Once
	var clients sync.WaitGroup
	for range 32 {
		clients.Go(func() {
			for !over.Load() {
				n := next.Add(1) - 1
				if n >= int64(len(wishes)) {
					return
				}
				// A client whose answer does not come cannot know what happened.
				if wishes[n].send(c) == nil && acknowledged.Add(1) >= killAfter {
					once.Do(func() {
						kill()
						over.Store(true)
					})
				}
			}
		})
	}
	clients.Wait()
}

// kept is what a database holds.
type kept struct {
	created map[string]string         // project or token id -> its name
	events  map[string]int            // "action target-id" -> how many
	edits   map[string]map[string]int // organization -> description -> events that set it
	newest  map[string]string         // organization -> the description that its last event set
	version map[string]int            // organization -> its version
	now     map[string]string         // organization -> its description
}

func (p place) kept(t *testing.T) kept {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Path: p.sqlite(), URL: p.url, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	k := kept{map[string]string{}, map[string]int{}, map[string]map[string]int{}, map[string]string{}, map[string]int{}, map[string]string{}}
	if err := db.Snapshot(ctx, k.read); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k kept) read(q store.Querier) error {
	for _, query := range []string{`SELECT id, name FROM object WHERE kind = 'project' AND deleted_at = 0`, `SELECT id, name FROM api_token`} {
		if err := store.Each(q, query, func(scan store.Scan) error {
			var id, name string
			err := scan(&id, &name)
			k.created[id] = name
			return err
		}); err != nil {
			return err
		}
	}
	if err := store.Each(q, `SELECT id, version, body FROM organization`, func(scan store.Scan) error {
		var id, body string
		var version int
		var profile struct{ Description string }
		if err := scan(&id, &version, &body); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(body), &profile)
		k.version[id], k.now[id], k.edits[id] = version, profile.Description, map[string]int{}
		return err
	}); err != nil {
		return err
	}
	return store.Each(q, `SELECT organization_id, action, target_id, payload FROM event ORDER BY organization_id, seq`, func(scan store.Scan) error {
		var stream, action, target string
		var payload []byte
		if err := scan(&stream, &action, &target, &payload); err != nil {
			return err
		}
		k.events[action+" "+target]++
		if action != "organization.update" {
			return nil
		}
		var e struct{ After struct{ Description string } }
		err := json.Unmarshal(payload, &e)
		k.edits[stream][e.After.Description]++
		k.newest[stream] = e.After.Description
		return err
	})
}

// whole fails the test where something is half done: a thing without its event, an
// event without its thing, an edit that one of the two does not know.
func (k kept) whole(t *testing.T) {
	t.Helper()
	creations := 0
	for id, name := range k.created {
		n := k.events["project.create "+id] + k.events["api_token.create "+id]
		if n != 1 {
			t.Errorf("%s is there, with %d events of its creation", name, n)
		}
		creations += n
	}
	for what, n := range k.events {
		var action, target string
		if _, err := fmt.Sscan(what, &action, &target); err != nil {
			t.Fatal(err)
		}
		if slices.Contains([]string{"project.create", "api_token.create"}, action) && k.created[target] == "" {
			t.Errorf("%d events %s, and there is no such thing", n, what)
		}
	}
	for organization, edits := range k.edits {
		n := 0
		for description, times := range edits {
			n += times
			if times != 1 {
				t.Errorf("%d events of the edit %q", times, description)
			}
		}
		if k.version[organization] != n+1 || k.now[organization] != k.newest[organization] {
			t.Errorf("organization %s: version %d after %d edits, description %q, by its last event %q",
				organization, k.version[organization], n, k.now[organization], k.newest[organization])
		}
	}
	if creations == 0 {
		t.Error("nothing was created at all")
	}
}

// fulfilled fails the test where a wish that was acknowledged is not there, once.
func (k kept) fulfilled(t *testing.T, wishes []*wish) {
	t.Helper()
	named := map[string]int{}
	for _, name := range k.created {
		named[name]++
	}
	for _, w := range wishes {
		switch {
		case w.acknowledged == "":
		case w.kind == "edit":
			if n := k.edits[w.organization][w.name]; n != 1 {
				t.Errorf("the edit %q was acknowledged, and is there %d times", w.name, n)
			}
		case k.created[w.acknowledged] != w.name || named[w.name] != 1:
			t.Errorf("%s %s was acknowledged as %s, and is there %d times", w.kind, w.name, w.acknowledged, named[w.name])
		}
	}
}
