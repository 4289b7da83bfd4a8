package audit_test

import (
	"errors"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
)

// TestNewest: of each chain the newest events are verified and nothing before them.
func TestNewest(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, stream, _ := chains(t, s)
		for name, c := range map[string]struct {
			do  func()
			bad int64 // the event that is named; 0 for none
		}{
			"untouched":          {func() {}, 0},
			"before the part":    {func() { i.alter(stream, 2) }, 0},
			"its first":          {func() { i.alter(stream, last-2) }, last - 2},
			"its last":           {func() { i.alter(stream, last) }, last},
			"the one before it":  {func() { i.remove(stream, last-3, last-3) }, last - 3},
			"the tail":           {func() { i.remove(stream, last, last) }, last},
			"all and recomputed": {func() { i.rewrite(stream, 2); i.rechain(stream, 2, true) }, last},
			"one too many":       {func() { i.copyOf(stream, last, last+1) }, last + 1},
		} {
			c.do()
			report, err := audit.VerifyNewest(s.DB.Reader(t.Context()), s.HeadMAC(), 3)
			var bad *audit.BadEvent
			switch {
			case c.bad == 0 && (err != nil || report.Streams != 3 || report.Events != 3+1+1):
				t.Errorf("%s: %+v, %v", name, report, err)
			case c.bad != 0 && (!errors.As(err, &bad) || bad.Stream != stream || bad.Seq != c.bad):
				t.Errorf("%s: %v, want event %d", name, err, c.bad)
			}
			i.restore()
		}
		if n, err := audit.Size(s.DB.Reader(t.Context())); err != nil || n != last+2 {
			t.Errorf("%d events, %v", n, err)
		}
	})
}
