package store_test

import (
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestWatch: who watches a head is told once for all changes since they looked, of that
// head only, and also when everything is forgotten.
func TestWatch(t *testing.T) {
	h := store.NewHeads(false)
	changed, end := h.Watch("a", "b")
	told := func() bool {
		select {
		case <-changed:
			return true
		default:
			return false
		}
	}
	h.Advance("c", store.HeadState{Seq: 1})
	if told() {
		t.Error("told of another head")
	}
	h.Advance("a", store.HeadState{Seq: 1})
	h.Advance("b", store.HeadState{Seq: 1})
	if !told() || told() {
		t.Error("two changes are not told at once")
	}
	h.ForgetAll()
	if !told() {
		t.Error("not told that everything is forgotten")
	}
	end()
	h.Advance("a", store.HeadState{Seq: 2})
	if told() {
		t.Error("told after the end")
	}
}
