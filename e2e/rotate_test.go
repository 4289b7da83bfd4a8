package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// manyKeys gives the database so many data keys that a rotation takes its time.
func (p place) manyKeys(t *testing.T, n int) {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Path: p.sqlite(), URL: p.url})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	master, err := seal.LoadMaster(p.key())
	if err != nil {
		t.Fatal(err)
	}
	keeper := seal.NewKeeper(master)
	for done := 0; done < n; {
		if err := store.Do(ctx, db, authz.System("test"), func(tx *store.Tx) error {
			tx.Unaudited("a test")
			for range 500 {
				if _, err := keeper.Seal(tx, id.New[string](), "x", "x", "x"); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		done += 500
	}
}

// whole fails the test unless everything opens with the key in its file and the
// chains are as they were written; it gives the number of data keys.
func (p place) whole(t *testing.T) int {
	t.Helper()
	file := filepath.Join(t.TempDir(), "now.backup")
	p.must(t, "backup", file)
	var v struct {
		DataKeys int `json:"data_keys"`
	}
	o := p.must(t, "backup", "verify", "--json", file)
	if err := json.Unmarshal([]byte(o.out), &v); err != nil {
		t.Fatalf("%v: %s", err, o.out)
	}
	return v.DataKeys
}

// TestKillWhileKeysRotate kills whoever rotates the key, as kill -9 does, at some
// moment of the rotation, and then runs the command again.
func TestKillWhileKeysRotate(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			const many = 4000
			p := newPlace(t, engine)
			p.bootstrap(t, "jane@example.com", "Acme")
			p.manyKeys(t, many)
			if n := p.whole(t); n != many+2 {
				t.Fatalf("%d data keys", n)
			}
			began := time.Now()
			p.must(t, "keys", "rotate")
			takes := time.Since(began)
			r := random(t)
			cut := 0
			rounds := 0
			for ; cut < 3 && rounds < 12; rounds++ {
				s := p.serve(t)
				command := exec.Command(program, "keys", "rotate", p.flag)
				command.Env = p.environment()
				if err := command.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(r.Int64N(int64(takes) * 3 / 4))) // the moment is what the test is about
				s.kill()                                                  // on SQLite it is the server that rotates
				_ = command.Process.Kill()                                // on PostgreSQL the command itself
				if err := command.Wait(); err != nil {
					cut++
				}
				old, err := seal.LoadMaster(p.key())
				if err != nil {
					t.Fatal(err)
				}
				p.must(t, "keys", "rotate")
				now, err := seal.LoadMaster(p.key())
				if err != nil || now.Fingerprint() == old.Fingerprint() {
					t.Errorf("the key was not rotated: %v", err)
				}
				if _, err := os.Stat(p.key() + seal.NextSuffix); err == nil {
					t.Error("the key to come is still waiting")
				}
				if n := p.whole(t); n != many+2 {
					t.Errorf("%d data keys", n)
				}
			}
			t.Logf("a rotation takes %s; %d of %d were cut off", takes, cut, rounds)
			if cut == 0 {
				t.Error("nobody was interrupted")
			}
		})
	}
}

// TestRotateWhileServing: the clients of a running server, or of two on one
// PostgreSQL, see nothing of a rotation.
func TestRotateWhileServing(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			p := newPlace(t, engine)
			made := p.bootstrap(t, "jane@example.com", "Acme")
			p.manyKeys(t, 1000)
			nodes := []*server{p.serve(t)}
			if engine == "postgres" {
				nodes = append(nodes, p.serve(t))
			}
			var over atomic.Bool
			var load sync.WaitGroup
			var done atomic.Int64
			for n := range 8 {
				c := client{url: nodes[n%len(nodes)].URL, credential: made["access_token"]}
				load.Go(func() {
					for i := 0; !over.Load(); i++ {
						c.headers = map[string]string{"Idempotency-Key": fmt.Sprint(n, "/", i)}
						r, err := c.try("POST", "/organization/"+made["organization_id"]+"/project", map[string]string{"name": fmt.Sprint(n, " ", i)})
						if err != nil || r.status != 200 {
							t.Errorf("write: %v, %d %s", err, r.status, r.body)
							return
						}
						if r, err := c.try("GET", "/readyz", nil); err != nil || r.status != 200 {
							t.Errorf("ready: %v, %d %s", err, r.status, r.body)
							return
						}
						done.Add(1)
					}
				})
			}
			for range 3 {
				p.must(t, "keys", "rotate")
			}
			over.Store(true)
			load.Wait()
			t.Logf("%d writes beside 3 rotations", done.Load())
			if n := p.whole(t); n != 1002 || done.Load() == 0 {
				t.Errorf("%d data keys, %d writes", n, done.Load())
			}
			for _, s := range nodes {
				finish(t, s)
			}
		})
	}
}

// TestRotateManyNodes: a node takes the new key as soon as its file is there. One
// that never gets it says that it is not fit, corrupts nothing, and does not start.
func TestRotateManyNodes(t *testing.T) {
	p := newPlace(t, "postgres")
	made := p.bootstrap(t, "jane@example.com", "Acme")
	path := "/organization/" + made["organization_id"] + "/project"
	files := map[string]string{"told": filepath.Join(p.home, "told.key"), "forgotten": filepath.Join(p.home, "forgotten.key")}
	nodes := map[string]client{}
	for name, file := range files {
		bring(t, p.key(), file)
		s := p.serve(t, "--master-key-file="+file)
		nodes[name] = client{url: s.URL, credential: made["access_token"]}
	}
	p.must(t, "keys", "rotate")
	for name, c := range nodes {
		if r := c.do(t, 503, "GET", "/readyz", nil); r.text("reason") != "master_key_mismatch" {
			t.Errorf("%s: %s", name, r.body)
		}
		// What it has opened before it goes on with; its events are chained rightly.
		c.do(t, 200, "POST", path, map[string]string{"name": "by the node " + name})
	}
	bring(t, p.key(), files["told"]+seal.NextSuffix)
	nodes["told"].do(t, 200, "GET", "/readyz", nil)
	nodes["forgotten"].do(t, 503, "GET", "/readyz", nil)
	if n := p.whole(t); n != 2 {
		t.Errorf("%d data keys", n)
	}
	if o := p.run(t, "serve", "--listen=127.0.0.1:0", "--master-key-file="+files["forgotten"]); o.code != 1 || !strings.Contains(o.err, "give the right file with --master-key-file") {
		t.Errorf("a start with the old key: %+v", o)
	}
	s := p.serve(t, "--master-key-file="+files["told"]) // which puts the new key into its place
	if _, err := os.Stat(files["told"] + seal.NextSuffix); err == nil {
		t.Error("the new key still stands beside the old one")
	}
	if err := s.process.Signal(syscall.Signal(0)); err != nil {
		t.Error(err)
	}
	client{url: s.URL}.do(t, 200, "GET", "/readyz", nil)
}
