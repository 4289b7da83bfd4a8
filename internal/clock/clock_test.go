package clock_test

import (
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

func TestTime(t *testing.T) {
	east := time.FixedZone("east", 3*3600)
	for name, c := range map[string]struct {
		at     time.Time
		micros clock.Time
		text   string
	}{
		"the beginning":      {time.Unix(0, 0), 0, "1970-01-01T00:00:00.000000Z"},
		"a microsecond":      {time.Unix(0, 1000), 1, "1970-01-01T00:00:00.000001Z"},
		"finer is cut off":   {time.Unix(1, 1999), 1_000_001, "1970-01-01T00:00:01.000001Z"},
		"before":             {time.Unix(-1, 0), -1_000_000, "1969-12-31T23:59:59.000000Z"},
		"another zone":       {time.Date(2026, 3, 1, 2, 0, 0, 0, east), 1_772_319_600_000_000, "2026-02-28T23:00:00.000000Z"},
		"whole seconds show": {time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), 1_772_366_400_000_000, "2026-03-01T12:00:00.000000Z"},
	} {
		got := clock.At(c.at)
		if got != c.micros || got.Format() != c.text {
			t.Errorf("%s: %d %s, want %d %s", name, got, got.Format(), c.micros, c.text)
		}
		if back := got.Std(); !back.Equal(c.at.Truncate(time.Microsecond)) || back.Location() != time.UTC {
			t.Errorf("%s: came back as %s", name, back)
		}
		if got.IsZero() != (c.micros == 0) {
			t.Errorf("%s: zero %t", name, got.IsZero())
		}
		if p := got.Pointer(); (p == nil) != (c.micros == 0) || (p != nil && !p.Equal(got.Std())) {
			t.Errorf("%s: pointer %v", name, p)
		}
		for _, d := range []time.Duration{0, time.Microsecond, -time.Hour, 3650 * 24 * time.Hour} {
			if moved := got.Add(d); moved != clock.At(c.at.Add(d)) {
				t.Errorf("%s and %s: %d", name, d, moved)
			}
		}
	}
}

func TestManual(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := clock.NewManual(start)
	if !m.Now().Equal(start) {
		t.Errorf("starts at %s", m.Now())
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { m.Advance(time.Second) })
	}
	all.Wait()
	if got := m.Now().Sub(start); got != 20*time.Second {
		t.Errorf("twenty seconds made %s", got)
	}
}

func TestSystem(t *testing.T) {
	before := time.Now()
	got := clock.System{}.Now()
	if got.Before(before) || time.Now().Before(got) {
		t.Errorf("the system's clock says %s after %s", got, before)
	}
}
