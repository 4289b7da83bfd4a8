package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// often is more than it takes for a statement to be trusted.
const often = 30

// TestTrusted: a statement that was always quick is called without a watch over its
// context; who leaves is let go all the same, before it and between its rows.
func TestTrusted(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT i FROM n LIMIT $1`
		count := func(ctx context.Context, limit int, row func()) error {
			return store.Each(b.Reader(ctx), numbers, func(s store.Scan) error {
				var i int64
				row()
				return s(&i)
			}, limit)
		}
		for range often {
			if err := count(t.Context(), 3, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, leave := context.WithCancel(t.Context())
		seen := 0
		err := count(ctx, 1_000_000, func() {
			if seen++; seen == 5 {
				leave()
			}
		})
		if !fault.Has(err, fault.Timeout) || seen == 1_000_000 {
			t.Errorf("who left after 5 rows saw %d and was told %v", seen, err)
		}
		if err := count(ctx, 1, func() { t.Error("who had left saw a row") }); !fault.Has(err, fault.Timeout) {
			t.Errorf("who had left was told %v", err)
		}
	})
}

// TestRunsOfBatch: a Write that fails clean costs its neighbours nothing; one that
// has something to undo makes them run again, once.
func TestRunsOfBatch(t *testing.T) {
	const neighbours = 10
	for name, c := range map[string]struct {
		fail func(tx *store.Tx) error
		runs int64
	}{
		"clean":         {func(*store.Tx) error { return errMade }, 1},
		"a clean panic": {func(*store.Tx) error { panic("made by the test") }, 1},
		"nothing was there": {func(tx *store.Tx) error {
			_, err := tx.Exec(`DELETE FROM setting WHERE name = ''`)
			return errors.Join(err, errMade)
		}, 1},
		"a row":                 {func(tx *store.Tx) error { return errors.Join(put(tx, "bad", "x"), errMade) }, 2},
		"a row by a question":   {func(tx *store.Tx) error { return errors.Join(returning(tx), errMade) }, 2},
		"a row and a panic":     {func(tx *store.Tx) error { _ = put(tx, "bad", "x"); panic("made by the test") }, 2},
		"a statement":           {func(tx *store.Tx) error { _, err := tx.Exec(`DELETE FROM nowhere`); return err }, 2},
		"a row without a event": {func(tx *store.Tx) error { return put(tx, "bad", "x") }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, "SQLite")
			var ran [neighbours]atomic.Int64
			send := &crowd{b: b, head: b.organization(t)}
			release := b.hold(t, send.head)
			for i := range neighbours {
				if i == neighbours/2 {
					send.all.Go(func() {
						raised := panicOf(func() {
							if err := store.Do(t.Context(), b.DB, permit(send.head), c.fail); err == nil {
								t.Error("what failed was acknowledged")
							}
						})
						_ = raised // it may
					})
				}
				send.send(t.Context(), fmt.Sprint("good ", i), func(*store.Tx) error { ran[i].Add(1); return nil }, func(err error) {
					if err != nil {
						t.Errorf("a neighbour failed: %v", err)
					}
				})
			}
			send.wait(t, neighbours+1)
			release()
			send.all.Wait()
			var most int64
			for i := range ran {
				most = max(most, ran[i].Load())
				if b.value(t, fmt.Sprint("good ", i)) != "x" {
					t.Errorf("the neighbour %d is not there", i)
				}
			}
			if most > c.runs {
				t.Errorf("a neighbour ran %d times, want %d", most, c.runs)
			}
			if b.value(t, "bad") != "" {
				t.Error("the row of what failed is there")
			}
			b.works(t, send.head)
		})
	}
}

func returning(tx *store.Tx) error {
	_, err := store.Value[string](tx, `INSERT INTO setting (name, value) VALUES ('bad', 'x') RETURNING name`)
	return err
}

// TestFullDisk: a failure that ends the whole transaction in the middle of a batch
// leaves nothing behind of the one that failed and everything of its neighbours.
func TestFullDisk(t *testing.T) {
	b := open(t, "SQLite")
	c := &crowd{b: b, head: b.organization(t)}
	full := func(pages int) error {
		return store.Do(t.Context(), b.DB, permit(store.Server), func(tx *store.Tx) error {
			tx.Unaudited("nothing changes")
			_, err := tx.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages))
			return err
		})
	}
	release := b.hold(t, c.head)
	for i := range 10 {
		bad := i == 4
		c.send(t.Context(), fmt.Sprint("row ", i), func(tx *store.Tx) error {
			if !bad {
				return nil
			}
			if _, err := tx.Exec(`PRAGMA max_page_count = 1`); err != nil { // no less than there are
				return err
			}
			_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ('big', CAST(zeroblob(10000000) AS TEXT))`)
			_, _ = tx.Exec(`PRAGMA max_page_count = 1000000`)
			return err
		}, func(err error) {
			if (err != nil) != bad {
				t.Errorf("Write %d: %v", i, err)
			}
			if bad && !fault.Has(err, fault.Unavailable) {
				t.Errorf("who met the full disk was told %v", err)
			}
			if bad {
				if err := full(1_000_000); err != nil {
					t.Error(err)
				}
			}
		})
	}
	c.wait(t, 10)
	release()
	c.all.Wait()
	for i := range 10 {
		if there := b.value(t, fmt.Sprint("row ", i)) == "x"; there == (i == 4) {
			t.Errorf("row %d: there %t", i, there)
		}
	}
	if b.value(t, "big") != "" {
		t.Error("the row that found no room is there")
	}
	b.works(t, c.head)
}
