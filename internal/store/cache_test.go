package store_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store"
)

// counterCache serves the counter of concurrent_test from memory.
type counterCache struct {
	b     *base
	head  string
	cache *store.Cache[string, int]
	loads atomic.Int64
}

func newCounterCache(t testing.TB, b *base) *counterCache {
	t.Helper()
	c := &counterCache{b: b, head: b.organization(t), cache: store.NewCache[string, int](b.Heads(), 8)}
	if err := b.change(t.Context(), c.head, "counter", "0"); err != nil {
		t.Fatal(err)
	}
	return c
}

// on gives the same cache of another node.
func (c *counterCache) on(b *base) *counterCache {
	return &counterCache{b: b, head: c.head, cache: store.NewCache[string, int](b.Heads(), 8)}
}

func (c *counterCache) read(t testing.TB) (int, store.HeadState, error) {
	var at store.HeadState
	n, err := store.One(c.b.Reader(t.Context()), `SELECT s.value, h.seq, h.rights_seq FROM setting s
		JOIN organization_head h ON h.organization_id = $1 WHERE s.name = 'counter'`,
		func(s store.Scan) (int, error) {
			var text string
			if err := s(&text, &at.Seq, &at.Rights); err != nil {
				return 0, err
			}
			return strconv.Atoi(text)
		}, c.head)
	return n, at, err
}

func (c *counterCache) get(t testing.TB) int {
	t.Helper()
	n, err := c.cache.Get("counter", func() (int, []store.Dependency, error) {
		c.loads.Add(1)
		n, at, err := c.read(t)
		return n, []store.Dependency{{Head: c.head, At: at}}, err
	})
	if err != nil {
		t.Errorf("read the counter: %v", err)
	}
	return n
}

// warm waits until the value is served from memory; on PostgreSQL that begins when
// the node has looked for others' changes.
func (c *counterCache) warm(t testing.TB) {
	t.Helper()
	until(t, "the value is served from memory", func() bool {
		before := c.loads.Load()
		c.get(t)
		return c.loads.Load() == before
	})
}

func TestCacheFollowsWrites(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		c := newCounterCache(t, b)
		other := b.organization(t)
		for want := range 20 {
			if got := c.get(t); got != want {
				t.Fatalf("served %d, want %d", got, want)
			}
			c.warm(t)
			b.works(t, other) // is none of its business
			c.warm(t)
			if n, err := b.count(t, c.head); n != want+1 || err != nil {
				t.Fatalf("counted to %d, %v", n, err)
			}
		}
		// A Write that fails outdates nothing.
		c.warm(t)
		before := c.loads.Load()
		if err := store.Do(t.Context(), b.DB, permit(c.head), func(tx *store.Tx) error {
			return errors.Join(event(tx, c.head), errMade)
		}); !errors.Is(err, errMade) {
			t.Fatal(err)
		}
		if c.get(t); b.Engine() == "SQLite" && c.loads.Load() != before {
			t.Error("a Write that failed outdated the cache")
		}
	})
}

// TestCacheNeverOlderThanAnswers: while one counts, nobody is served less than what
// was acknowledged before they asked.
func TestCacheNeverOlderThanAnswers(t *testing.T) {
	const readers, counts = 4, 150
	each(t, func(t *testing.T, b *base) {
		c := newCounterCache(t, b)
		c.warm(t)
		var acknowledged, served atomic.Int64
		done := make(chan struct{})
		var all sync.WaitGroup
		for range readers {
			all.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					known := acknowledged.Load()
					if got := int64(c.get(t)); got < known {
						t.Errorf("served %d after %d was acknowledged", got, known)
						return
					}
					served.Add(1)
				}
			})
		}
		for range counts {
			n, err := b.count(t, c.head)
			if err != nil {
				t.Error(err)
				break
			}
			acknowledged.Store(int64(n))
			if got := c.get(t); got != n {
				t.Errorf("the one who counts was served %d after %d", got, n)
			}
		}
		close(done)
		all.Wait()
		if c.get(t) != counts {
			t.Errorf("at last %d, want %d", c.get(t), counts)
		}
		if b.Engine() == "SQLite" && c.loads.Load() >= served.Load() {
			t.Errorf("%d loads for %d answers: nothing came from memory", c.loads.Load(), served.Load())
		}
	})
}

// TestSlowFiller: what was read before a change is given to who asked for it and
// not kept for others.
func TestSlowFiller(t *testing.T) {
	const another = "a change, and another that fills"
	each(t, func(t *testing.T, b *base) {
		for name, meanwhile := range map[string]func(c *counterCache) error{
			"a change": func(c *counterCache) error { _, err := b.count(t, c.head); return err },
			"forgetting": func(c *counterCache) error {
				_, err := b.count(t, c.head)
				b.Heads().ForgetAll()
				return err
			},
			"forgetting, and another that fills": func(c *counterCache) error {
				_, err := b.count(t, c.head)
				b.Heads().ForgetAll()
				c.get(t)
				return err
			},
			another: func(c *counterCache) error {
				_, err := b.count(t, c.head)
				c.get(t)
				return err
			},
		} {
			c := &counterCache{b: b, head: b.organization(t), cache: store.NewCache[string, int](b.Heads(), 8)}
			if err := store.Do(t.Context(), b.DB, permit(c.head), func(tx *store.Tx) error {
				_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ('counter', '0') ON CONFLICT (name) DO UPDATE SET value = '0'`)
				return errors.Join(err, event(tx, c.head))
			}); err != nil {
				t.Fatal(err)
			}
			got, err := c.cache.Get("counter", func() (int, []store.Dependency, error) {
				n, at, err := c.read(t)
				return n, []store.Dependency{{Head: c.head, At: at}}, errors.Join(err, meanwhile(c))
			})
			if got != 0 || err != nil {
				t.Errorf("%s: the filler itself was given %d, %v", name, got, err)
			}
			loads := c.loads.Load()
			if got := c.get(t); got != 1 {
				t.Errorf("%s: the next was served %d, want 1", name, got)
			}
			if name == another && b.Engine() == "SQLite" && c.loads.Load() != loads {
				t.Errorf("%s: the older value took the place of the newer", name)
			}
		}
	})
}

// TestForgetting: when a head is dropped, everything is asked for anew.
func TestForgetting(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		c := newCounterCache(t, b)
		c.warm(t)
		gone := b.organization(t)
		err := store.Do(t.Context(), b.DB, permit(gone), func(tx *store.Tx) error {
			tx.DropHead(gone)
			_, err := tx.Exec(`DELETE FROM organization_head WHERE organization_id = $1`, gone)
			return errors.Join(err, tx.Lock(store.Server), event(tx, store.Server))
		})
		if err != nil {
			t.Fatal(err)
		}
		before := c.loads.Load()
		if c.get(t); c.loads.Load() != before+1 {
			t.Error("a value outlived the dropping of a head")
		}
		c.warm(t)
	})
}

// TestTwoNodes: what one node acknowledges, the other serves soon, and it never
// falls back.
func TestTwoNodes(t *testing.T) {
	a := open(t, "PostgreSQL")
	b := a.another(t)
	here := newCounterCache(t, a)
	there := here.on(b)
	last := 0
	for want := 1; want <= 5; want++ {
		here.warm(t)
		there.warm(t)
		if _, err := a.count(t, here.head); err != nil {
			t.Fatal(err)
		}
		if got := here.get(t); got != want {
			t.Errorf("the node that counted serves %d, want %d", got, want)
		}
		until(t, fmt.Sprintf("the other node serves %d", want), func() bool {
			got := there.get(t)
			if got < last || got > want {
				t.Errorf("the other node serves %d between %d and %d", got, last, want)
			}
			last = got
			return got == want
		})
	}
	// A Write is exact on every node, whatever its caches believe.
	if n, err := b.count(t, here.head); n != 6 || err != nil {
		t.Errorf("the other node counted to %d, %v; want 6", n, err)
	}
}

// TestLateCommit: a transaction that is older than the other node's last look and
// commits after it is not overlooked.
func TestLateCommit(t *testing.T) {
	a := open(t, "PostgreSQL")
	b := a.another(t)
	here := newCounterCache(t, a)
	there := here.on(b)
	there.warm(t)
	release := a.hold(t, here.head)
	other := a.organization(t)
	for range 3 { // younger transactions are over long before
		a.works(t, other)
		seq := a.row(t, other).seq
		until(t, "the other node has looked", func() bool { return b.Heads().Seq(other) >= seq })
	}
	there.warm(t)
	release()
	before := there.loads.Load()
	until(t, "the other node asks anew", func() bool { there.get(t); return there.loads.Load() > before })
	until(t, "the other node knows the late change", func() bool { return b.Heads().Seq(here.head) == 3 })
}
