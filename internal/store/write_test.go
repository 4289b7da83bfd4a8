package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

var errMade = errors.New("made by the test")

func TestWriteAnswers(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		before := b.row(t, org)
		got, err := store.Write(t.Context(), b.DB, permit(org), func(tx *store.Tx) (string, error) {
			if tx.Now().Std() != epoch {
				t.Errorf("the Write's moment is %s, want the clock's %s", tx.Now().Std(), epoch)
			}
			n, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2), ($3, $2)`, "a", "x", "b")
			if n != 2 {
				t.Errorf("two rows were counted as %d", n)
			}
			return "answer", errors.Join(err, event(tx, org))
		})
		if got != "answer" || err != nil {
			t.Errorf("answered %q, %v", got, err)
		}
		if b.value(t, "a") != "x" || b.value(t, "b") != "x" {
			t.Error("the rows are not there")
		}
		if after := b.row(t, org); after.seq != before.seq+1 {
			t.Errorf("seq went from %d to %d with one event", before.seq, after.seq)
		}
	})
}

// TestAllOrNothing runs Writes that do everything right and then one thing wrong.
// Whatever it is, and whether or not fn tells, nothing of them may stay.
func TestAllOrNothing(t *testing.T) {
	for name, c := range map[string]struct {
		wrong func(tx *store.Tx, org, account string) error
		want  string // part of the error
	}{
		"an error":            {func(*store.Tx, string, string) error { return errMade }, errMade.Error()},
		"no such table":       {func(tx *store.Tx, _, _ string) error { _, err := tx.Exec(`DELETE FROM nowhere`); return err }, "nowhere"},
		"a swallowed failure": {swallow(func(tx *store.Tx, _, _ string) error { _, err := tx.Exec(`DELETE FROM nowhere`); return err }), "nowhere"},
		"a swallowed duplicate": {swallow(func(tx *store.Tx, _, _ string) error {
			return put(tx, "row", "again")
		}), ""},
		"a swallowed query": {swallow(func(tx *store.Tx, _, _ string) error {
			_, err := store.Value[int64](tx, `SELECT COUNT(*) FROM nowhere`)
			return err
		}), "nowhere"},
		"a swallowed scan": {swallow(func(tx *store.Tx, _, _ string) error {
			return store.Each(tx, `SELECT name FROM setting`, func(store.Scan) error { return errMade })
		}), errMade.Error()},
		"a swallowed type": {swallow(func(tx *store.Tx, _, _ string) error {
			_, err := store.Value[int64](tx, `SELECT name FROM setting WHERE name = 'row'`)
			return err
		}), "row"},
		"a swallowed event on a head not locked": {swallow(func(tx *store.Tx, _, _ string) error {
			return event(tx, store.Server)
		}), "is not the head of a chain"},
		"a swallowed event on an account": {swallow(func(tx *store.Tx, _, account string) error {
			return errors.Join(tx.Lock(account), event(tx, account))
		}), "is not the head of a chain"},
		"a swallowed touch of an organization": {swallow(func(tx *store.Tx, org, _ string) error {
			return tx.Touch(org, true)
		}), "is not the head of an account"},
		"a swallowed touch of an account not locked": {swallow(func(tx *store.Tx, _, account string) error {
			return tx.Touch(account, true)
		}), "is not the head of an account"},
		"a head that is there already": {func(tx *store.Tx, _, account string) error {
			tx.OpenHead(store.AccountHead, account)
			return nil
		}, ""},
		"a head that is not there": {func(tx *store.Tx, _, _ string) error { return tx.Lock("nobody") }, string(fault.NotFound)},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *base) {
				org, account := b.organization(t), b.head(t, store.AccountHead)
				before, effects := b.row(t, org), 0
				got, err := store.Write(t.Context(), b.DB, permit(org), func(tx *store.Tx) (string, error) {
					tx.AfterCommit(func() { effects++ })
					if err := errors.Join(put(tx, "row", "x"), event(tx, org)); err != nil {
						return "", err
					}
					return "answer", c.wrong(tx, org, account)
				})
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("the error is %v, want one with %q", err, c.want)
				}
				if got != "" || effects != 0 || b.value(t, "row") != "" {
					t.Errorf("it left the answer %q, %d effects, the row %q", got, effects, b.value(t, "row"))
				}
				if after := b.row(t, org); fmt.Sprint(after) != fmt.Sprint(before) {
					t.Errorf("the head went from %v to %v", before, after)
				}
				b.works(t, org)
			})
		})
	}
}

func swallow(f func(tx *store.Tx, org, account string) error) func(tx *store.Tx, org, account string) error {
	return func(tx *store.Tx, org, account string) error {
		_ = f(tx, org, account)
		return nil
	}
}

// TestPoison: what follows a failed statement is not even sent, and the Write
// fails for the first reason.
func TestPoison(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		var first, second, third error
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			_, first = tx.Exec(`DELETE FROM nowhere`)
			second = put(tx, "row", "x")
			_, third = store.Value[int64](tx, `SELECT COUNT(*) FROM setting`)
			return event(tx, org)
		})
		if first == nil || !errors.Is(second, first) || !errors.Is(third, first) || !errors.Is(err, first) {
			t.Errorf("first %v, then %v and %v, at last %v", first, second, third, err)
		}
	})
}

// TestNoRowIsNoFailure: a question without an answer does not poison.
func TestNoRowIsNoFailure(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			if _, err := store.Value[string](tx, `SELECT value FROM setting WHERE name = 'nothing'`); !errors.Is(err, store.ErrNone) {
				t.Errorf("no row: %v", err)
			}
			return errors.Join(put(tx, "row", "x"), event(tx, org))
		})
		if err != nil || b.value(t, "row") != "x" {
			t.Errorf("%v, row %q", err, b.value(t, "row"))
		}
	})
}

func TestPanic(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		effects := 0
		for _, raised := range []any{"a text", errMade} {
			got := panicOf(func() {
				_ = store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
					tx.AfterCommit(func() { effects++ })
					_ = errors.Join(put(tx, "row", "x"), event(tx, org))
					panic(raised)
				})
			})
			if got != raised {
				t.Errorf("the caller got the panic %v, want %v", got, raised)
			}
		}
		if b.value(t, "row") != "" || effects != 0 {
			t.Errorf("a panic left the row %q and %d effects", b.value(t, "row"), effects)
		}
		b.works(t, org)
	})
}

func panicOf(f func()) (raised any) {
	defer func() { raised = recover() }()
	f()
	return nil
}

// TestRowsNeedAnEvent: there is no change without a record, unless a reason is given.
func TestRowsNeedAnEvent(t *testing.T) {
	changes := map[string]func(tx *store.Tx) error{
		"a statement": func(tx *store.Tx) error { return put(tx, "row", "x") },
		"a query that inserts": func(tx *store.Tx) error {
			_, err := store.Value[string](tx, `INSERT INTO setting (name, value) VALUES ('row', 'x') RETURNING name`)
			return err
		},
		"a WITH that inserts": func(tx *store.Tx) error {
			_, err := store.Value[string](tx, `WITH v AS (SELECT 'x' AS value) INSERT INTO setting (name, value) SELECT 'row', value FROM v RETURNING name`)
			return err
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *base) {
				org := b.organization(t)
				err := store.Do(t.Context(), b.DB, permit(org), change)
				if err == nil || !strings.Contains(err.Error(), "without recording an event") || b.value(t, "row") != "" {
					t.Errorf("without an event: %v, row %q", err, b.value(t, "row"))
				}
				err = store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
					tx.Unaudited("a test")
					return change(tx)
				})
				if err != nil || b.value(t, "row") != "x" {
					t.Errorf("with a reason: %v, row %q", err, b.value(t, "row"))
				}
			})
		})
	}
	each(t, func(t *testing.T, b *base) {
		org, account := b.organization(t), b.head(t, store.AccountHead)
		if n, err := store.Write(t.Context(), b.DB, permit(org), func(tx *store.Tx) (int64, error) {
			return store.Value[int64](tx, `WITH s AS (SELECT 1 AS one) SELECT COUNT(*) FROM s`)
		}); err != nil || n != 1 {
			t.Errorf("a Write that only looks: %d, %v", n, err)
		}
		if err := store.Do(t.Context(), b.DB, permit(account), func(tx *store.Tx) error {
			return errors.Join(put(tx, "row", "x"), tx.Touch(account, true))
		}); err == nil {
			t.Error("the touch of an account was taken for an event")
		}
	})
}

func TestNestedWrite(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			for name, ctx := range map[string]context.Context{"the Write's": tx.Context(), "the caller's": t.Context()} {
				if err := b.change(ctx, org, "inner", "x"); err == nil || fault.Has(err, fault.Timeout) {
					t.Errorf("a Write inside a Write under %s context was not refused: %v", name, err)
				}
			}
			tx.AfterCommit(func() {
				if err := b.change(t.Context(), org, "inner", "x"); err == nil || fault.Has(err, fault.Timeout) {
					t.Errorf("a Write in an effect was not refused: %v", err)
				}
			})
			return errors.Join(put(tx, "outer", "x"), event(tx, org))
		})
		if err != nil || b.value(t, "outer") != "x" || b.value(t, "inner") != "" {
			t.Errorf("%v, outer %q, inner %q", err, b.value(t, "outer"), b.value(t, "inner"))
		}
	})
}

// TestAfterCommit: effects see the change, in their order, before the caller does.
func TestAfterCommit(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		order := ""
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			tx.AfterCommit(func() { order += "first " + b.value(t, "row") })
			tx.AfterCommit(func() { order += ", second" })
			err := errors.Join(put(tx, "row", "x"), event(tx, org))
			order += "change, "
			return err
		})
		order += ", answer"
		if err != nil || order != "change, first x, second, answer" {
			t.Errorf("%v, order: %s", err, order)
		}
		raised := panicOf(func() {
			_ = store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
				tx.AfterCommit(func() { panic("an effect") })
				return errors.Join(put(tx, "kept", "x"), event(tx, org))
			})
		})
		if raised != "an effect" || b.value(t, "kept") != "x" {
			t.Errorf("a panic in an effect: the caller got %v, row %q", raised, b.value(t, "kept"))
		}
		b.works(t, org)
	})
}

// TestPermit: the head must exist, and the permit is asked when the head is held.
func TestPermit(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		if err := b.change(t.Context(), "nobody", "row", "x"); !fault.Has(err, fault.NotFound) {
			t.Errorf("a head that is not there: %v", err)
		}
		ran := false
		refuse := asked{permit(org), func(tx *store.Tx) error {
			if s, ok := tx.HeadState(org); !ok || s.Seq != 1 {
				t.Errorf("the permit was asked before the head was held: %v, %t", s, ok)
			}
			return fault.New(fault.Forbidden, "")
		}}
		err := store.Do(t.Context(), b.DB, refuse, func(*store.Tx) error { ran = true; return nil })
		if !fault.Has(err, fault.Forbidden) || ran {
			t.Errorf("a permit that refuses: %v, ran %t", err, ran)
		}
		swallowed := asked{permit(org), func(tx *store.Tx) error { _, _ = tx.Exec(`DELETE FROM nowhere`); return nil }}
		if err := store.Do(t.Context(), b.DB, swallowed, func(tx *store.Tx) error { return event(tx, org) }); err == nil {
			t.Error("a statement that failed while the permit was asked did not poison")
		}
		b.works(t, org)
	})
}

// TestGoneBeforeTheStart: who has left already changes nothing.
func TestGoneBeforeTheStart(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := b.change(gone, org, "row", "x"); !fault.Has(err, fault.Timeout) || b.value(t, "row") != "" {
			t.Errorf("%v, row %q", err, b.value(t, "row"))
		}
	})
}
