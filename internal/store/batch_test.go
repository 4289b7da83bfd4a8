package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// crowd are Writes that were started behind one that holds them up.
type crowd struct {
	b       *base
	head    string
	all     sync.WaitGroup
	entered atomic.Int64 // how many Writes ran
	// tooSoon counts the Writes that ran after another's effect; none in one batch.
	tooSoon atomic.Int64
	effects atomic.Int64
}

// send starts a Write of a row; wrong is done after it. The result is for check.
func (c *crowd) send(ctx context.Context, name string, wrong func(tx *store.Tx) error, check func(err error)) {
	c.all.Go(func() {
		var err error
		raised := panicOf(func() {
			err = store.Do(ctx, c.b.DB, permit(c.head), func(tx *store.Tx) error {
				c.entered.Add(1)
				if c.effects.Load() > 0 {
					c.tooSoon.Add(1)
				}
				tx.AfterCommit(func() { c.effects.Add(1) })
				if err := errors.Join(put(tx, name, "x"), event(tx, c.head)); err != nil {
					return err
				}
				return wrong(tx)
			})
		})
		if raised != nil {
			err = fmt.Errorf("panic: %v", raised)
		}
		check(err)
	})
}

// wait waits until n Writes stand in the queue; PostgreSQL has as many connections
// as it has, and the rest wait for one.
func (c *crowd) wait(t testing.TB, n int) {
	t.Helper()
	if c.b.Engine() == "PostgreSQL" {
		n = min(n, 28)
	}
	until(t, fmt.Sprintf("%d Writes wait", n), func() bool { return c.b.Waiting() >= n })
}

func nothing(*store.Tx) error { return nil }

// TestNeighbours: one Write among fifty goes wrong. It alone fails.
func TestNeighbours(t *testing.T) {
	const neighbours = 49
	for name, wrong := range map[string]func(tx *store.Tx) error{
		"an error":            func(*store.Tx) error { return errMade },
		"a statement":         func(tx *store.Tx) error { _, err := tx.Exec(`DELETE FROM nowhere`); return err },
		"a swallowed failure": func(tx *store.Tx) error { _, _ = tx.Exec(`DELETE FROM nowhere`); return nil },
		"a duplicate":         func(tx *store.Tx) error { return put(tx, "bad", "again") },
		"a panic":             func(*store.Tx) error { panic("made by the test") },
		"a missing head":      func(tx *store.Tx) error { return tx.Lock("nobody") },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *base) {
				c := &crowd{b: b, head: b.organization(t)}
				release := b.hold(t, c.head)
				for i := range neighbours {
					if i == neighbours/3 {
						c.send(t.Context(), "bad", wrong, func(err error) {
							if err == nil {
								t.Error("the one that went wrong was acknowledged")
							}
						})
					}
					c.send(t.Context(), fmt.Sprint("good ", i), nothing, func(err error) {
						if err != nil {
							t.Errorf("a neighbour failed: %v", err)
						}
					})
				}
				c.wait(t, neighbours+1)
				release()
				c.all.Wait()
				for i := range neighbours {
					if b.value(t, fmt.Sprint("good ", i)) != "x" {
						t.Errorf("the neighbour %d was acknowledged and is not there", i)
					}
				}
				if b.value(t, "bad") != "" {
					t.Error("the one that went wrong is there")
				}
				if got := b.row(t, c.head); got.seq != 2+neighbours || c.effects.Load() != neighbours {
					t.Errorf("the head is at %d, want %d; %d effects, want %d", got.seq, 2+neighbours, c.effects.Load(), neighbours)
				}
				if b.Engine() == "SQLite" && c.tooSoon.Load() > 0 {
					t.Error("Writes that waited together were not committed together")
				}
				b.works(t, c.head)
			})
		})
	}
}

// TestEffectsOfNeighbours: an effect that panics reaches its own caller only.
func TestEffectsOfNeighbours(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		c := &crowd{b: b, head: b.organization(t)}
		release := b.hold(t, c.head)
		for i := range 10 {
			bad := i == 3
			c.send(t.Context(), fmt.Sprint("row ", i), func(tx *store.Tx) error {
				if bad {
					tx.AfterCommit(func() { panic("an effect") })
				}
				return nil
			}, func(err error) {
				if (err != nil) != bad {
					t.Errorf("Write %d: %v", i, err)
				}
			})
		}
		c.wait(t, 10)
		release()
		c.all.Wait()
		for i := range 10 {
			if b.value(t, fmt.Sprint("row ", i)) != "x" {
				t.Errorf("row %d is not there", i)
			}
		}
		b.works(t, c.head)
	})
}

// TestLeaving: who gives up in the queue is let go at once and nothing of theirs
// happens; the others do not notice.
func TestLeaving(t *testing.T) {
	const pairs = 20
	each(t, func(t *testing.T, b *base) {
		stay, leave := &crowd{b: b, head: b.organization(t)}, &crowd{b: b}
		leave.head = stay.head
		release := b.hold(t, stay.head)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range pairs {
			leave.send(ctx, fmt.Sprint("left ", i), nothing, func(err error) {
				if !fault.Has(err, fault.Timeout) {
					t.Errorf("who left was told %v", err)
				}
			})
			stay.send(t.Context(), fmt.Sprint("stayed ", i), nothing, func(err error) {
				if err != nil {
					t.Errorf("who stayed was told %v", err)
				}
			})
		}
		stay.wait(t, 2*pairs)
		cancel()
		leave.all.Wait() // while the writer is still held: they do not wait for it
		release()
		stay.all.Wait()
		for i := range pairs {
			if b.value(t, fmt.Sprint("stayed ", i)) != "x" || b.value(t, fmt.Sprint("left ", i)) != "" {
				t.Errorf("pair %d: stayed %q, left %q", i, b.value(t, fmt.Sprint("stayed ", i)), b.value(t, fmt.Sprint("left ", i)))
			}
		}
		if leave.entered.Load() > 0 {
			t.Errorf("%d of those who left ran", leave.entered.Load())
		}
		b.works(t, stay.head)
	})
}

// TestLeavingTooLate: a Write that has begun runs to its end, and its caller hears of it.
func TestLeavingTooLate(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got, err := store.Write(ctx, b.DB, permit(org), func(tx *store.Tx) (string, error) {
			cancel()
			if tx.Context().Err() != nil {
				t.Error("the caller's leaving reached the running Write")
			}
			return "answer", errors.Join(put(tx, "row", "x"), event(tx, org))
		})
		if got != "answer" || err != nil || b.value(t, "row") != "x" {
			t.Errorf("%q, %v, row %q", got, err, b.value(t, "row"))
		}
	})
}

// TestClose: what was begun or queued is done before Close returns; what comes
// afterwards is refused.
func TestClose(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		c := &crowd{b: b.another(t), head: b.organization(t)}
		release := c.b.hold(t, c.head)
		var answered atomic.Int64
		for i := range 10 {
			c.send(t.Context(), fmt.Sprint("row ", i), nothing, func(err error) {
				if err != nil {
					t.Errorf("a Write that waited: %v", err)
				}
				answered.Add(1)
			})
		}
		c.wait(t, 10)
		closed := make(chan int64)
		go func() {
			if err := c.b.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			closed <- c.effects.Load()
		}()
		until(t, "the database is closing", func() bool {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // where it is not closing yet, the Write is not made
			return fault.Has(c.b.change(ctx, c.head, "late", "x"), fault.Unavailable)
		})
		release()
		if effects := <-closed; effects != 10 {
			t.Errorf("Close returned after %d of 10 Writes", effects)
		}
		c.all.Wait()
		for i := range 10 {
			if b.value(t, fmt.Sprint("row ", i)) != "x" {
				t.Errorf("row %d is not there", i)
			}
		}
		if err := c.b.change(t.Context(), c.head, "late", "x"); !fault.Has(err, fault.Unavailable) || b.value(t, "late") != "" {
			t.Errorf("a Write after Close: %v, row %q", err, b.value(t, "late"))
		}
	})
}

// TestSlowNeighbour: a Write that uses up the time of its batch does not take it
// from the others; they run again with a time of their own.
func TestSlowNeighbour(t *testing.T) {
	b := open(t, "SQLite")
	c := &crowd{b: b, head: b.organization(t)}
	release := b.hold(t, c.head)
	tries := 0
	for i := range 10 {
		slow := i == 4
		c.send(t.Context(), fmt.Sprint("row ", i), func(tx *store.Tx) error {
			if !slow {
				return nil
			}
			if tries++; tries == 1 {
				<-tx.Context().Done()
				b.SetDeadline(time.Minute) // what runs again has all the time
				return put(tx, "too late", "x")
			}
			return errMade
		}, func(err error) {
			if slow != errors.Is(err, errMade) || slow != (err != nil) {
				t.Errorf("Write %d: %v", i, err)
			}
		})
	}
	c.wait(t, 10)
	b.SetDeadline(300 * time.Millisecond) // read when the next batch begins
	release()
	c.all.Wait()
	for i := range 10 {
		if there := b.value(t, fmt.Sprint("row ", i)) == "x"; there == (i == 4) {
			t.Errorf("row %d: there %t", i, there)
		}
	}
	b.works(t, c.head)
}

// TestEndlessStatement: the deadline interrupts a statement, and the writer's only
// connection survives it.
func TestEndlessStatement(t *testing.T) {
	b := open(t, "SQLite")
	org := b.organization(t)
	b.SetDeadline(100 * time.Millisecond)
	for name, endless := range map[string]string{
		"a question": `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n`,
		"a change":   `INSERT INTO setting (name, value) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i), '' FROM n RETURNING 1`,
	} {
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			if err := errors.Join(put(tx, "row", "x"), event(tx, org)); err != nil {
				return err
			}
			_, err := store.Value[int64](tx, endless)
			return err
		})
		if !fault.Has(err, fault.Timeout) || b.value(t, "row") != "" {
			t.Errorf("%s without an end: %v, row %q", name, err, b.value(t, "row"))
		}
	}
	b.SetDeadline(time.Minute)
	b.works(t, org)
}
