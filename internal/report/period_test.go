package report

import (
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

// TestPeriods: a period ends at midnight UTC of a Monday or a first, wherever the
// clock's zone is, and neither leap days nor the turn of a year shift it.
func TestPeriods(t *testing.T) {
	east := time.FixedZone("east", 14*3600)
	for _, c := range []struct {
		kind               Kind
		now                time.Time
		start, end, before string
		words              string
	}{
		{Weekly, time.Date(2026, 3, 1, 23, 59, 59, 999, time.UTC), "2026-02-16", "2026-02-23", "2026-02-09", "16 to 22 February 2026"},
		{Weekly, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), "2026-02-23", "2026-03-02", "2026-02-16", "23 February to 1 March 2026"},
		{Weekly, time.Date(2026, 3, 2, 13, 59, 0, 0, east), "2026-02-16", "2026-02-23", "2026-02-09", "16 to 22 February 2026"}, // Sunday in UTC
		{Weekly, time.Date(2024, 3, 4, 6, 0, 0, 0, time.UTC), "2024-02-26", "2024-03-04", "2024-02-19", "26 February to 3 March 2024"},
		{Weekly, time.Date(2027, 1, 3, 0, 0, 0, 0, time.UTC), "2026-12-21", "2026-12-28", "2026-12-14", "21 to 27 December 2026"},
		{Weekly, time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC), "2026-12-28", "2027-01-04", "2026-12-21", "28 December 2026 to 3 January 2027"},
		{Monthly, time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC), "2024-02-01", "2024-03-01", "2024-01-01", "February 2024"},
		{Monthly, time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC), "2024-01-01", "2024-02-01", "2023-12-01", "January 2024"},
		{Monthly, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "2025-12-01", "2026-01-01", "2025-11-01", "December 2025"},
		{Monthly, time.Date(2026, 1, 1, 13, 0, 0, 0, east), "2025-11-01", "2025-12-01", "2025-10-01", "November 2025"},
		{Monthly, time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC), "2026-02-01", "2026-03-01", "2026-01-01", "February 2026"},
		{Monthly, time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), "2026-11-01", "2026-12-01", "2026-10-01", "November 2026"},
	} {
		p := last(c.kind, c.now)
		if p.Start.Format(time.DateOnly) != c.start || p.End.Format(time.DateOnly) != c.end || p.words() != c.words || p.Start.Location() != time.UTC {
			t.Errorf("%s at %s: %s to %s, %q", c.kind, c.now, p.Start, p.End, p.words())
		}
		if b := p.before(); b.Start.Format(time.DateOnly) != c.before || !b.End.Equal(p.Start) {
			t.Errorf("%s at %s: before that %s to %s", c.kind, c.now, b.Start, b.End)
		}
		if p.due().Hour() != 6 || last(c.kind, p.due()) != p || last(c.kind, p.tooLate()) != p {
			t.Errorf("%s at %s: due %s, until %s", c.kind, c.now, p.due(), p.tooLate())
		}
		if at := endOf(sendPayload{Kind: c.kind, Start: clock.At(p.Start)}); !at.Equal(p.End) {
			t.Errorf("%s at %s: the payload's end is %s", c.kind, c.now, at)
		}
	}
}
