package store

import (
	"context"
	"sync/atomic"
)

// Condition holds the changes of a request to what its caller knows. Before is asked
// inside the first Write, once its head is locked: nothing comes between the answer and
// the change. Its error takes that Write back and refuses every later one. After sees
// what the Write made.
//
// Both get a context under which readers and snapshots see the Write's own rows.
type Condition struct {
	Before func(ctx context.Context) error
	After  func(ctx context.Context)
	asked  atomic.Bool
	failed error
}

type conditionKey struct{}

// WithCondition holds the Writes under ctx to a condition.
func WithCondition(ctx context.Context, c *Condition) context.Context {
	return context.WithValue(ctx, conditionKey{}, c)
}

// Asked tells whether a Write asked the condition, and what it answered.
func (c *Condition) Asked() (bool, error) { return c.asked.Load(), c.failed }

// held makes fn ask the condition of ctx first. A kept answer of an idempotent request
// is given without: its condition was asked when the change was made.
func held[T any](ctx context.Context, fn func(tx *Tx) (T, error)) func(tx *Tx) (T, error) {
	c, _ := ctx.Value(conditionKey{}).(*Condition)
	if c == nil {
		return fn
	}
	if c.asked.Swap(true) {
		if c.failed == nil {
			return fn
		}
		return func(*Tx) (none T, err error) { return none, c.failed }
	}
	return func(tx *Tx) (T, error) {
		inside := context.WithValue(context.WithoutCancel(ctx), nestedKey{}, tx)
		if c.failed = c.Before(inside); c.failed != nil { // asked anew where the Write runs again
			var none T
			return none, c.failed
		}
		answer, err := fn(tx)
		if err == nil && c.After != nil {
			c.After(inside)
		}
		return answer, err
	}
}

// InWrite tells whether what is read under ctx are the rows of a running Write; what
// was cached before it began is not good enough there.
func InWrite(ctx context.Context) bool { return writeOf(ctx) != nil }

func writeOf(ctx context.Context) *Tx {
	tx, _ := ctx.Value(nestedKey{}).(*Tx)
	return tx
}
