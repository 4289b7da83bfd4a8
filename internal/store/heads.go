package store

import (
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// HeadState is a head's generation: Seq counts every change, Rights is the Seq of
// the last change of who may do what.
type HeadState struct{ Seq, Rights int64 }

// HeadKind says what a head stands for.
type HeadKind string

// The kinds of heads. Organizations and the server have a chain of events; an
// account's head only serializes and numbers its changes.
const (
	OrganizationHead HeadKind = "organization"
	AccountHead      HeadKind = "account"
	ServerHead       HeadKind = "server"
)

// maxHeads bounds the memory of known generations; past it all is forgotten and
// caches fill again.
const maxHeads = 200_000

// maxStaleness is how long a node may go on without having looked for the changes
// of other nodes; after that it reads the database each time.
const maxStaleness = time.Second

// Heads knows the newest generation of each head that this node has seen. A Write
// advances it after its commit and before its acknowledgement, so a cached value
// is never served after the change that outdates it was acknowledged here.
type Heads struct {
	mu        sync.RWMutex
	known     map[string]HeadState
	epoch     uint64
	shared    bool         // other nodes write as well
	confirmed atomic.Int64 // Unix nanoseconds of the last look at other nodes' changes
	watchers  map[string]map[chan struct{}]bool
}

func newHeads(shared bool) *Heads {
	return &Heads{known: map[string]HeadState{}, shared: shared}
}

// usable tells whether cached values may be served at all.
func (h *Heads) usable() bool {
	return !h.shared || time.Since(time.Unix(0, h.confirmed.Load())) < maxStaleness
}

func (h *Heads) advance(id string, s HeadState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.known[id]
	h.known[id] = HeadState{Seq: max(old.Seq, s.Seq), Rights: max(old.Rights, s.Rights)}
	for c := range h.watchers[id] {
		wake(c)
	}
	if len(h.known) > maxHeads {
		h.reset()
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has been woken, and has not looked yet
	}
}

// Watch gives a channel that has something in it whenever one of these heads may have
// changed since it was last emptied: by a Write of this node once it is durable, by
// one of another node with the next look at those. The function ends it.
func (h *Heads) Watch(ids ...string) (changed <-chan struct{}, end func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers == nil {
		h.watchers = map[string]map[chan struct{}]bool{}
	}
	for _, id := range ids {
		if h.watchers[id] == nil {
			h.watchers[id] = map[chan struct{}]bool{}
		}
		h.watchers[id][c] = true
	}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, id := range ids {
			if delete(h.watchers[id], c); len(h.watchers[id]) == 0 {
				delete(h.watchers, id)
			}
		}
	}
}

func (h *Heads) forgetAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reset()
}

func (h *Heads) reset() {
	h.known = map[string]HeadState{}
	h.epoch++
	for _, waiting := range h.watchers {
		for c := range waiting {
			wake(c)
		}
	}
}

func (h *Heads) mark() uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.epoch
}

// Dependency says that a cached value was read at a generation of a head. OnRights
// values stay good until rights change; others until anything changes.
type Dependency struct {
	Head     string
	At       HeadState
	OnRights bool
}

func (d Dependency) good(now HeadState) bool {
	if d.OnRights {
		return now.Rights <= d.At.Rights
	}
	return now.Seq <= d.At.Seq
}

func (h *Heads) good(deps []Dependency) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, d := range deps {
		if now, ok := h.known[d.Head]; !ok || !d.good(now) {
			return false
		}
	}
	return true
}

// adopt accepts what was read since mark, unless something newer came meanwhile.
func (h *Heads) adopt(mark uint64, deps []Dependency) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.epoch != mark {
		return false
	}
	for _, d := range deps {
		if now, ok := h.known[d.Head]; ok && !d.good(now) {
			return false
		}
	}
	for _, d := range deps {
		if _, ok := h.known[d.Head]; !ok {
			h.known[d.Head] = d.At
		}
	}
	if len(h.known) > maxHeads {
		h.reset()
		return false
	}
	return true
}

// Cache keeps values as long as the generations they were read at are the newest.
// It is bounded; the least recently used go first.
type Cache[K comparable, V any] struct {
	heads *Heads
	lru   *lru.Cache[K, cached[V]]
}

type cached[V any] struct {
	value V
	deps  []Dependency
}

// NewCache makes a cache of at most size values.
func NewCache[K comparable, V any](heads *Heads, size int) *Cache[K, V] {
	l, err := lru.New[K, cached[V]](size)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Cache[K, V]{heads: heads, lru: l}
}

// Get gives the value of key, loading it where it is missing or outdated. The
// loader names what it read the value from; without a dependency it is not kept.
func (c *Cache[K, V]) Get(key K, load func() (V, []Dependency, error)) (V, error) {
	usable := c.heads.usable()
	if usable {
		if e, ok := c.lru.Get(key); ok && c.heads.good(e.deps) {
			return e.value, nil
		}
	}
	mark := c.heads.mark()
	value, deps, err := load()
	if err == nil && usable && len(deps) > 0 && c.heads.adopt(mark, deps) {
		c.lru.Add(key, cached[V]{value, deps})
	}
	return value, err
}
