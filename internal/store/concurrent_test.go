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

// TestOneWinner: of all who want a name, one gets it, and the others hear why.
func TestOneWinner(t *testing.T) {
	const clients = 200
	each(t, func(t *testing.T, b *base) {
		heads := []string{b.organization(t), b.organization(t), b.organization(t)}
		var all sync.WaitGroup
		var winner atomic.Pointer[string]
		for i := range clients {
			head, me := heads[i%len(heads)], fmt.Sprint("client ", i)
			all.Go(func() {
				err := b.change(t.Context(), head, "the name", me)
				switch {
				case err == nil && !winner.CompareAndSwap(nil, &me):
					t.Errorf("%s won, and %s did", me, *winner.Load())
				case err != nil && !store.Duplicate(err):
					t.Errorf("%s lost because: %v", me, err)
				}
			})
		}
		all.Wait()
		if w := winner.Load(); w == nil || b.value(t, "the name") != *w {
			t.Errorf("the name belongs to %q", b.value(t, "the name"))
		}
		var seq int64
		for _, head := range heads {
			seq += b.row(t, head).seq
		}
		if seq != int64(len(heads)+1) {
			t.Errorf("%d events after one change and %d beginnings", seq, len(heads))
		}
	})
}

// TestNoLostUpdate: reading and writing under a head is serial on both databases.
func TestNoLostUpdate(t *testing.T) {
	const clients, times = 20, 10
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		if err := b.change(t.Context(), org, "counter", "0"); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for range times {
					if _, err := b.count(t, org); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got := b.value(t, "counter"); got != strconv.Itoa(clients*times) {
			t.Errorf("%d increments made %s", clients*times, got)
		}
		if got := b.row(t, org).seq; got != 2+clients*times {
			t.Errorf("seq %d, want %d", got, 2+clients*times)
		}
	})
}

// count adds one to the counter under a head.
func (b *base) count(t testing.TB, head string) (int, error) {
	return store.Write(t.Context(), b.DB, permit(head), func(tx *store.Tx) (int, error) {
		text, err := store.Value[string](tx, `SELECT value FROM setting WHERE name = 'counter'`)
		if err != nil {
			return 0, err
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, err
		}
		_, err = tx.Exec(`UPDATE setting SET value = $1 WHERE name = 'counter'`, strconv.Itoa(n+1))
		return n + 1, errors.Join(err, event(tx, head))
	})
}

// TestLimit: a limit that is checked under the head holds for whoever comes at once.
func TestLimit(t *testing.T) {
	const limit, clients = 5, 40
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		errFull := errors.New("full")
		var all sync.WaitGroup
		var refused atomic.Int64
		for i := range clients {
			all.Go(func() {
				err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
					n, err := store.Value[int64](tx, `SELECT COUNT(*) FROM setting WHERE value = 'seat'`)
					if err != nil {
						return err
					}
					if n >= limit {
						return errFull
					}
					return errors.Join(put(tx, fmt.Sprint("seat ", i), "seat"), event(tx, org))
				})
				if errors.Is(err, errFull) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		seats, err := store.Value[int64](b.Reader(t.Context()), `SELECT COUNT(*) FROM setting WHERE value = 'seat'`)
		if err != nil || seats != limit || refused.Load() != clients-limit {
			t.Errorf("%d seats of %d, %d refused, %v", seats, limit, refused.Load(), err)
		}
	})
}
