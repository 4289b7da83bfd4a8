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

// TestDryRun: a dry Write answers and is gone; what it looked at were both states.
func TestDryRun(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		was, known := b.row(t, org), b.Heads().Seq(org)
		var seen []string
		look := func(q store.Querier) error {
			v, err := store.Setting(q, "dry")
			seen = append(seen, v)
			return err
		}
		dry := &store.DryRun{Compare: func(q store.Querier, notes []any) (func(store.Querier) error, error) {
			if len(notes) != 1 {
				t.Errorf("the notes %v", notes)
			}
			return look, look(q)
		}}
		once := &store.Idempotency{Actor: "jane", Key: "key"}
		answer, err := store.Write(store.WithIdempotency(store.WithDryRun(t.Context(), dry), once), b.DB, permit(org), func(tx *store.Tx) (string, error) {
			tx.AfterCommit(func() { t.Error("a dry run has an effect") })
			tx.Note("noted")
			return "answered", errors.Join(put(tx, "dry", "x"), event(tx, org))
		})
		if err != nil || answer != "answered" || fmt.Sprint(dry.Notes()) != "[noted]" || fmt.Sprint(seen) != "[x ]" {
			t.Errorf("%q, %v, notes %v, seen %q", answer, err, dry.Notes(), seen)
		}
		kept, err := store.Value[int64](b.Reader(t.Context()), `SELECT COUNT(*) FROM idempotency`)
		if err != nil || kept != 0 || b.value(t, "dry") != "" || fmt.Sprint(b.row(t, org)) != fmt.Sprint(was) || b.Heads().Seq(org) != known {
			t.Errorf("something of a dry run stayed: %d keys, %v, %v", kept, b.row(t, org), err)
		}
		b.works(t, org)
	})
}

// TestDryRefusals: what a Write is refused for, a dry one is refused for.
func TestDryRefusals(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		if err := b.change(t.Context(), org, "there", "x"); err != nil {
			t.Fatal(err)
		}
		refuse := fault.New(fault.RightsChanged, "")
		for name, c := range map[string]struct {
			permit store.Permit
			fn     func(tx *store.Tx) error
		}{
			"its own":         {permit(org), func(tx *store.Tx) error { return errors.Join(put(tx, "a", "x"), refuse) }},
			"the permit's":    {asked{permit(org), func(*store.Tx) error { return refuse }}, nothing},
			"no head":         {permit("nobody"), nothing},
			"no event":        {permit(org), func(tx *store.Tx) error { return put(tx, "b", "x") }},
			"a duplicate":     {permit(org), func(tx *store.Tx) error { return errors.Join(put(tx, "there", "y"), event(tx, org)) }},
			"a late failure":  {permit(org), func(tx *store.Tx) error { return errors.Join(tx.Send(`DELETE FROM nowhere`), event(tx, org)) }},
			"a panic, caught": {permit(org), func(*store.Tx) error { panic("made by the test") }},
		} {
			run := func(ctx context.Context) (err error) {
				if raised := panicOf(func() { err = store.Do(ctx, b.DB, c.permit, c.fn) }); raised != nil {
					err = fmt.Errorf("panic: %v", raised)
				}
				return err
			}
			really, dry := run(t.Context()), run(store.WithDryRun(t.Context(), &store.DryRun{}))
			if really == nil || dry == nil || really.Error() != dry.Error() {
				t.Errorf("%s: %v, and dry %v", name, really, dry)
			}
		}
		b.works(t, org)
	})
}

// TestDryAmongOthers: dry Writes stand between real ones that wait with them.
func TestDryAmongOthers(t *testing.T) {
	const done = 24
	each(t, func(t *testing.T, b *base) {
		c := &crowd{b: b, head: b.organization(t)}
		release := b.hold(t, c.head)
		var foreseen atomic.Int64
		for i := range done {
			c.send(t.Context(), fmt.Sprint("real ", i), nothing, func(err error) {
				if err != nil {
					t.Errorf("a real Write failed beside a dry one: %v", err)
				}
			})
			if i%3 == 0 {
				dry := &store.DryRun{Compare: func(store.Querier, []any) (func(store.Querier) error, error) {
					return func(store.Querier) error { foreseen.Add(1); return nil }, nil
				}}
				// Each makes the same row: they would clash if anything of one stayed.
				c.send(store.WithDryRun(t.Context(), dry), "dry", nothing, func(err error) {
					if err != nil {
						t.Errorf("a dry Write failed: %v", err)
					}
				})
			}
		}
		c.wait(t, done+done/3)
		release()
		c.all.Wait()
		for i := range done {
			if b.value(t, fmt.Sprint("real ", i)) != "x" {
				t.Errorf("the real Write %d was acknowledged and is not there", i)
			}
		}
		if b.value(t, "dry") != "" || b.row(t, c.head).seq != 2+done || c.effects.Load() != done || foreseen.Load() < done/3 {
			t.Errorf("dry %q, the head at %d, %d effects, %d looks", b.value(t, "dry"), b.row(t, c.head).seq, c.effects.Load(), foreseen.Load())
		}
		if b.Engine() == "SQLite" && c.tooSoon.Load() > 0 {
			t.Error("Writes that waited together were not committed together")
		}
		b.works(t, c.head)
	})
}
