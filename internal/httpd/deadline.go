package httpd

import (
	"context"
	"sync"
	"time"
)

// deadline is a context with a deadline whose timer runs only once somebody waits
// for it: most requests are answered from memory, and nobody does.
type deadline struct {
	context.Context // without the deadline
	at              time.Time

	mu     sync.Mutex
	timed  context.Context // nil until somebody waits
	cancel context.CancelFunc
	ended  bool
}

// Deadline is when the request must be over.
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// Done starts the timer.
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.ended {
			d.cancel()
		}
	}
	return d.timed.Done()
}

// Err looks at the clock while no timer runs.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.timed != nil:
		return d.timed.Err()
	case d.Context.Err() != nil:
		return d.Context.Err()
	case d.ended:
		return context.Canceled
	case !time.Now().Before(d.at):
		return context.DeadlineExceeded
	}
	return nil
}

// Value leads a context that is made from this one to the timer, once it runs.
func (d *deadline) Value(key any) any {
	d.mu.Lock()
	from := d.Context
	if d.timed != nil {
		from = d.timed
	}
	d.mu.Unlock()
	return from.Value(key)
}

// end stops the timer and tells who still waits that the request is over.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.cancel != nil {
		d.cancel()
	}
}
