// Package clock is the seam for time: production reads the system's clock,
// tests set one of their own. Time is kept in microseconds UTC everywhere.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time.
type Clock interface{ Now() time.Time }

// System is the machine's clock.
type System struct{}

// Now is the present moment.
func (System) Now() time.Time { return time.Now() }

// Manual is a clock that a test sets and moves.
type Manual struct {
	mu  sync.Mutex
	now time.Time
}

// NewManual starts a manual clock at the given moment.
func NewManual(at time.Time) *Manual { return &Manual{now: at} }

// Now is the moment the clock was last set to.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Advance moves the clock.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

// Time is a moment as the database keeps it: microseconds since 1970, UTC.
// Zero means "never" or "not yet".
type Time int64

// At gives the moment in microseconds; what is finer is cut off.
func At(t time.Time) Time { return Time(t.UnixMicro()) }

// Std gives the moment as the standard library's time, in UTC.
func (t Time) Std() time.Time { return time.UnixMicro(int64(t)).UTC() }

// IsZero tells whether the moment is unset.
func (t Time) IsZero() bool { return t == 0 }

// Add moves the moment.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Microseconds()) }

// Pointer gives nil for an unset moment.
func (t Time) Pointer() *time.Time {
	if t.IsZero() {
		return nil
	}
	s := t.Std()
	return &s
}

// Format writes RFC 3339 with microseconds, always in UTC.
func (t Time) Format() string { return t.Std().Format("2006-01-02T15:04:05.000000Z") }
