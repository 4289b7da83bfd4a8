package store_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestChain computes by hand what the head must be after several events.
func TestChain(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		want := b.row(t, org)
		digest := func(n int) []byte {
			sum := sha256.Sum256(fmt.Append(nil, n))
			return sum[:]
		}
		first := sha256.Sum256([]byte("something happened"))
		if chain := store.ChainHash(make([]byte, sha256.Size), 1, first[:]); want.seq != 1 || !bytes.Equal(want.hash, chain) {
			t.Fatalf("a fresh chain starts at %d with %x, want 1 and %x", want.seq, want.hash, chain)
		}
		for write, events := range [][]bool{{false, true, false}, {false}, {true}} { // which events change rights
			err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
				for i, rights := range events {
					seq, hash, err := tx.AppendEvent(org, digest(10*write+i), rights)
					want.seq++
					want.hash = store.ChainHash(want.hash, want.seq, digest(10*write+i))
					if rights {
						want.rights = want.seq
					}
					if err != nil || seq != want.seq || !bytes.Equal(hash, want.hash) {
						t.Errorf("event %d.%d: seq %d hash %x, %v; want %d %x", write, i, seq, hash, err, want.seq, want.hash)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want.mac = store.HeadMAC(keys.HeadMAC, org, want.seq, want.rights, want.hash)
			if got := b.row(t, org); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("after Write %d the head is %v, want %v", write, got, want)
			}
		}
	})
}

// TestMAC: every part of a head is under its signature.
func TestMAC(t *testing.T) {
	key, hash := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	right := store.HeadMAC(key, "a", 5, 3, hash)
	if !bytes.Equal(right, store.HeadMAC(key, "a", 5, 3, hash)) {
		t.Error("the same head has two signatures")
	}
	for name, other := range map[string][]byte{
		"key":    store.HeadMAC(bytes.Repeat([]byte{9}, 32), "a", 5, 3, hash),
		"id":     store.HeadMAC(key, "b", 5, 3, hash),
		"seq":    store.HeadMAC(key, "a", 6, 3, hash),
		"rights": store.HeadMAC(key, "a", 5, 4, hash),
		"hash":   store.HeadMAC(key, "a", 5, 3, bytes.Repeat([]byte{3}, 32)),
	} {
		if bytes.Equal(right, other) {
			t.Errorf("another %s has the same signature", name)
		}
	}
}

// TestServerHead: the head that the first migration made carries a chain as well.
func TestServerHead(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		b.works(t, store.Server)
		first := sha256.Sum256([]byte("something happened"))
		got := b.row(t, store.Server)
		if got.seq != 1 || !bytes.Equal(got.hash, store.ChainHash(make([]byte, sha256.Size), 1, first[:])) {
			t.Errorf("the server's chain starts at %d with %x", got.seq, got.hash)
		}
	})
}

// TestUntouchedHead: a Write that only stands on a head leaves it as it is.
func TestUntouchedHead(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org, other := b.organization(t), b.organization(t)
		changed := func() int64 { // what other nodes go by
			n, err := store.Value[int64](b.Reader(t.Context()), `SELECT changed FROM organization_head WHERE organization_id = $1`, org)
			if err != nil {
				t.Error(err)
			}
			return n
		}
		before, mark := b.row(t, org), changed()
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			return errors.Join(tx.Lock(other), put(tx, "row", "x"), event(tx, other))
		})
		if err != nil {
			t.Fatal(err)
		}
		if after := b.row(t, org); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("the head without an event went from %v to %v", before, after)
		}
		if changed() != mark {
			t.Error("the head without an event is told to other nodes")
		}
		if after := b.row(t, other); after.seq != 2 {
			t.Errorf("the head with the event is at %d, want 2", after.seq)
		}
	})
}

func TestTouch(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		account := b.head(t, store.AccountHead)
		for i, step := range []struct {
			rights     bool
			wantRights int64
		}{{false, 0}, {true, 2}, {false, 2}} {
			err := store.Do(t.Context(), b.DB, permit(account), func(tx *store.Tx) error {
				tx.Unaudited("an account has no events")
				return errors.Join(put(tx, fmt.Sprint("row ", i), "x"), tx.Touch(account, step.rights))
			})
			if err != nil {
				t.Fatal(err)
			}
			got := b.row(t, account)
			if got.seq != int64(i+1) || got.rights != step.wantRights {
				t.Errorf("touch %d: seq %d, rights %d; want %d and %d", i, got.seq, got.rights, i+1, step.wantRights)
			}
			if !bytes.Equal(got.mac, store.HeadMAC(keys.HeadMAC, account, got.seq, got.rights, got.hash)) {
				t.Errorf("touch %d: the head's signature is wrong", i)
			}
		}
	})
}

func TestHeadState(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org, other := b.organization(t), b.organization(t)
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			if s, ok := tx.HeadState(org); !ok || s != (store.HeadState{Seq: 1}) {
				t.Errorf("the permit's head: %v, %t", s, ok)
			}
			if _, ok := tx.HeadState(other); ok {
				t.Error("a head is known that was not locked")
			}
			return errors.Join(tx.Lock(other), event(tx, org))
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestLockOrder: whatever the order of the names, heads are locked ascending, each
// once, and the caller's list stays as it was.
func TestLockOrder(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		heads := []string{b.organization(t), b.organization(t), b.organization(t)}
		slices.Sort(heads)
		account := b.head(t, store.AccountHead)
		asked := []string{heads[2], heads[0], heads[1], heads[0]}
		given := slices.Clone(asked)
		err := store.Do(t.Context(), b.DB, permit(account), func(tx *store.Tx) error {
			if err := tx.Lock(given...); err != nil {
				return err
			}
			if got, want := store.LockedHeads(tx), append([]string{account}, heads...); !slices.Equal(got, want) {
				t.Errorf("locked %v, want %v", got, want)
			}
			return event(tx, heads[0])
		})
		if err != nil || !slices.Equal(given, asked) {
			t.Errorf("%v; the caller's list became %v", err, given)
		}
	})
}

// TestNoDeadlock: Writes that name the same heads in another order wait for each
// other and never have to be run again.
func TestNoDeadlock(t *testing.T) {
	const pairs = 20
	each(t, func(t *testing.T, b *base) {
		one, two := b.organization(t), b.organization(t)
		var runs atomic.Int64
		var all sync.WaitGroup
		for i := range 2 * pairs {
			account := b.head(t, store.AccountHead)
			heads := []string{one, two}
			if i%2 == 1 {
				slices.Reverse(heads)
			}
			all.Go(func() {
				err := store.Do(t.Context(), b.DB, permit(account), func(tx *store.Tx) error {
					runs.Add(1)
					return errors.Join(tx.Lock(heads...), event(tx, one), event(tx, two))
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if runs.Load() != 2*pairs {
			t.Errorf("%d Writes ran %d times", 2*pairs, runs.Load())
		}
		if got := b.row(t, one); got.seq != 1+2*pairs {
			t.Errorf("the head is at %d, want %d", got.seq, 1+2*pairs)
		}
	})
}

// TestDropHead: the head of what is purged goes with it, and can be opened anew.
func TestDropHead(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			tx.DropHead(org)
			_, err := tx.Exec(`DELETE FROM organization_head WHERE organization_id = $1`, org)
			return errors.Join(err, tx.Lock(store.Server), event(tx, store.Server))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.change(t.Context(), org, "row", "x"); err == nil {
			t.Error("a Write stood on a head that was dropped")
		}
	})
}
