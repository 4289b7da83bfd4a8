package store

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// DryRun lets the Writes under its context happen up to their commit and takes them
// back: their locks, checks, refusals and answers are those of the real thing, and
// nothing of them stays. It is good for one request.
type DryRun struct {
	// Compare looks at what a Write would change: asked with the change in place, it
	// gives what is to be asked with the change taken back. notes are what the Write left.
	Compare func(changed Querier, notes []any) (func(original Querier) error, error)

	mu    sync.Mutex
	notes []any
}

type dryRunKey struct{}

// WithDryRun makes every Write under ctx a dry one.
func WithDryRun(ctx context.Context, d *DryRun) context.Context {
	return context.WithValue(ctx, dryRunKey{}, d)
}

// IsDryRun tells whether the Writes under ctx are dry: what would be handed out once
// is not handed out then.
func IsDryRun(ctx context.Context) bool { return dryRunOf(ctx) != nil }

func dryRunOf(ctx context.Context) *DryRun {
	d, _ := ctx.Value(dryRunKey{}).(*DryRun)
	return d
}

// Notes are what the Writes left with Note, in their order.
func (d *DryRun) Notes() []any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.notes)
}

// Note leaves something for whoever asked for a dry run; in any other Write it does nothing.
func (tx *Tx) Note(v any) {
	if tx.dry != nil {
		tx.notes = append(tx.notes, v)
	}
}

// errTakenBack ends a dry Write that went well.
var errTakenBack = errors.New("store: a dry run is taken back")

const (
	beginDry = "SAVEPOINT dry"
	undoDry  = "ROLLBACK TO SAVEPOINT dry"
)

// beforehand marks the state to which a dry Write goes back, its locks held.
func (tx *Tx) beforehand() error {
	if tx.dry == nil {
		return nil
	}
	return tx.own(beginDry)
}

// takeBack finishes a dry Write like any other, so that what would fail late fails
// here too, has both states looked at, and fails it on purpose.
func (tx *Tx) takeBack() error {
	if err := tx.finish(); err != nil {
		return err
	}
	var then func(Querier) error
	if tx.dry.Compare != nil {
		var err error
		if then, err = tx.dry.Compare(tx, tx.notes); err != nil {
			return err
		}
	}
	if err := tx.own(undoDry); err != nil {
		return err
	}
	if then != nil {
		if err := then(tx); err != nil {
			return err
		}
	}
	tx.dry.mu.Lock()
	defer tx.dry.mu.Unlock()
	tx.dry.notes = append(tx.dry.notes, tx.notes...)
	return errTakenBack
}

// own runs a statement about the transaction itself.
func (tx *Tx) own(statement string) error {
	tx.wrote = true // whoever shares the transaction must not be left with the savepoint
	if _, err := tx.conn.exec(tx.ctx, statement, nil); err != nil {
		return tx.failed(err)
	}
	return nil
}
