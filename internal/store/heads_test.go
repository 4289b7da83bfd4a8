package store_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/store"
)

func TestCacheRules(t *testing.T) {
	type heads = store.Heads
	dep := func(seq, rights int64, onRights bool) store.Dependency {
		return store.Dependency{Head: "h", At: store.HeadState{Seq: seq, Rights: rights}, OnRights: onRights}
	}
	for name, c := range map[string]struct {
		deps []store.Dependency
		then func(h *heads)
		kept bool
	}{
		"nothing happens":            {[]store.Dependency{dep(5, 3, false)}, func(*heads) {}, true},
		"a change":                   {[]store.Dependency{dep(5, 3, false)}, func(h *heads) { h.Advance("h", store.HeadState{Seq: 6, Rights: 3}) }, false},
		"a change elsewhere":         {[]store.Dependency{dep(5, 3, false)}, func(h *heads) { h.Advance("other", store.HeadState{Seq: 6, Rights: 6}) }, true},
		"an old change told again":   {[]store.Dependency{dep(5, 3, false)}, func(h *heads) { h.Advance("h", store.HeadState{Seq: 4, Rights: 2}) }, true},
		"rights stay":                {[]store.Dependency{dep(5, 3, true)}, func(h *heads) { h.Advance("h", store.HeadState{Seq: 9, Rights: 3}) }, true},
		"rights change":              {[]store.Dependency{dep(5, 3, true)}, func(h *heads) { h.Advance("h", store.HeadState{Seq: 6, Rights: 6}) }, false},
		"one of two heads":           {[]store.Dependency{dep(5, 3, false), {Head: "other", At: store.HeadState{Seq: 1}}}, func(h *heads) { h.Advance("other", store.HeadState{Seq: 2}) }, false},
		"forgetting":                 {[]store.Dependency{dep(5, 3, false)}, func(h *heads) { h.ForgetAll() }, false},
		"too many heads to remember": {[]store.Dependency{dep(5, 3, false)}, func(h *heads) { many(h) }, false},
		"no dependency":              {nil, func(*heads) {}, false},
		"old news after newer":       {[]store.Dependency{dep(5, 3, false)}, func(h *heads) { h.Advance("h", store.HeadState{Seq: 7}); h.Advance("h", store.HeadState{Seq: 5}) }, false},
		"rights news in another's news": {[]store.Dependency{dep(5, 3, true)}, func(h *heads) {
			h.Advance("h", store.HeadState{Seq: 7, Rights: 7})
			h.Advance("h", store.HeadState{Seq: 8, Rights: 3})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := store.NewHeads(false)
			cache := store.NewCache[string, int](h, 8)
			loads := 0
			get := func() {
				if _, err := cache.Get("k", func() (int, []store.Dependency, error) { loads++; return loads, c.deps, nil }); err != nil {
					t.Error(err)
				}
			}
			get()
			c.then(h)
			get()
			if kept := loads == 1; kept != c.kept {
				t.Errorf("kept %t, want %t", kept, c.kept)
			}
		})
	}
}

func many(h *store.Heads) {
	for i := range store.MaxHeads + 1 {
		h.Advance(strconv.Itoa(i), store.HeadState{Seq: 1})
	}
}

// TestHeadsAreBounded: neither Writes nor reads let the memory grow without end.
func TestHeadsAreBounded(t *testing.T) {
	h := store.NewHeads(false)
	many(h)
	if h.Known() > store.MaxHeads {
		t.Errorf("after many Writes %d generations are known", h.Known())
	}
	h = store.NewHeads(false)
	cache := store.NewCache[int, int](h, 2)
	for i := range store.MaxHeads + 10 {
		_, _ = cache.Get(i, func() (int, []store.Dependency, error) {
			return i, []store.Dependency{{Head: strconv.Itoa(i), At: store.HeadState{Seq: 1}}}, nil
		})
	}
	if h.Known() > store.MaxHeads {
		t.Errorf("after many reads %d generations are known", h.Known())
	}
}

// TestCacheIsBounded: the least recently used goes first.
func TestCacheIsBounded(t *testing.T) {
	h := store.NewHeads(false)
	cache := store.NewCache[int, int](h, 2)
	loads := 0
	get := func(key int) {
		_, _ = cache.Get(key, func() (int, []store.Dependency, error) {
			loads++
			return key, []store.Dependency{{Head: "h", At: store.HeadState{Seq: 1}}}, nil
		})
	}
	for i, step := range []struct{ key, loads int }{{1, 1}, {2, 2}, {1, 2}, {3, 3}, {1, 3}, {2, 4}, {3, 5}} {
		if get(step.key); loads != step.loads {
			t.Fatalf("step %d: %d loads, want %d", i, loads, step.loads)
		}
	}
}

// TestCacheKeepsNoError: a failure is told and asked about again.
func TestCacheKeepsNoError(t *testing.T) {
	cache := store.NewCache[int, int](store.NewHeads(false), 2)
	deps := []store.Dependency{{Head: "h", At: store.HeadState{Seq: 1}}}
	if _, err := cache.Get(1, func() (int, []store.Dependency, error) { return 0, deps, errMade }); !errors.Is(err, errMade) {
		t.Errorf("the failure is %v", err)
	}
	if got, err := cache.Get(1, func() (int, []store.Dependency, error) { return 7, deps, nil }); got != 7 || err != nil {
		t.Errorf("after a failure: %d, %v", got, err)
	}
}

// TestBlindNode: a node that could not look for others' changes for a second reads
// the database each time, and believes its memory again once it has looked.
func TestBlindNode(t *testing.T) {
	h := store.NewHeads(true)
	cache := store.NewCache[string, int](h, 8)
	loads := 0
	get := func() int {
		n, _ := cache.Get("k", func() (int, []store.Dependency, error) {
			loads++
			return loads, []store.Dependency{{Head: "h", At: store.HeadState{Seq: 1}}}, nil
		})
		return n
	}
	blind, seeing := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	for i, step := range []struct {
		confirmed time.Time
		want      int
	}{
		{blind, 1}, {blind, 2}, // nothing is kept while blind
		{seeing, 3}, {seeing, 3}, // and what was read then is not served later
		{blind, 4}, {seeing, 3},
	} {
		h.Confirm(step.confirmed)
		if got := get(); got != step.want {
			t.Fatalf("step %d: served %d, want %d", i, got, step.want)
		}
	}
}
