package httpd

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

type testKey struct{}

// TestDeadline: the context says the same whether its timer runs or not.
func TestDeadline(t *testing.T) {
	const limit = time.Minute
	for name, c := range map[string]struct {
		happens func(d *deadline, cancel context.CancelFunc)
		want    error
	}{
		"nothing":         {func(*deadline, context.CancelFunc) { time.Sleep(limit - 1) }, nil},
		"the time passes": {func(*deadline, context.CancelFunc) { time.Sleep(limit) }, context.DeadlineExceeded},
		"the client goes": {func(_ *deadline, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"the answer ends": {func(d *deadline, _ context.CancelFunc) { d.end() }, context.Canceled},
	} {
		for _, timed := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, cancel := context.WithCancel(context.WithValue(t.Context(), testKey{}, "value"))
					defer cancel()
					d := &deadline{Context: parent, at: time.Now().Add(limit)}
					defer d.end()
					if timed {
						d.Done()
					}
					child, stop := context.WithCancel(d)
					defer stop()
					c.happens(d, cancel)
					synctest.Wait()
					if err := d.Err(); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
						t.Errorf("with a timer %t: %v, want %v", timed, err, c.want)
					}
					for what, ctx := range map[string]context.Context{"the context": d, "one made from it": child} {
						select {
						case <-ctx.Done():
							if c.want == nil {
								t.Errorf("%s is over", what)
							}
						default:
							if c.want != nil {
								t.Errorf("%s is not over", what)
							}
						}
					}
					if got := child.Value(testKey{}); got != "value" {
						t.Errorf("the value is %v", got)
					}
					if at, ok := child.Deadline(); !ok || !at.Equal(d.at) {
						t.Errorf("the deadline is %v, %t", at, ok)
					}
				})
			})
		}
	}
}
