package authn_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

func TestLimiter(t *testing.T) {
	c := clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	l := authn.NewLimiter(c, 3, 10*time.Second)
	allowed := func(what string, key string, times int) {
		t.Helper()
		for i := range times {
			if err := l.Try(key); err != nil {
				t.Fatalf("%s: try %d of %q: %v", what, i+1, key, err)
			}
		}
	}
	refused := func(what string, key string, seconds int) {
		t.Helper()
		var f *fault.Error
		if err := l.Try(key); !errors.As(err, &f) || f.Code != fault.TooManyRequests {
			t.Fatalf("%s: %v, want %s", what, err, fault.TooManyRequests)
		}
		if f.RetryAfter != seconds {
			t.Errorf("%s: wait %d seconds, want %d", what, f.RetryAfter, seconds)
		}
		if want := (time.Duration(seconds) * time.Second).String(); !strings.Contains(f.Detail, "wait "+want) {
			t.Errorf("%s: %q does not say to wait %s", what, f.Detail, want)
		}
	}
	allowed("a fresh key", "a", 3)
	refused("the fourth", "a", 10)
	refused("a refused try costs nothing", "a", 10)
	allowed("another key", "b", 3)
	c.Advance(9700 * time.Millisecond)
	refused("a little too early", "a", 1)
	c.Advance(300 * time.Millisecond)
	allowed("one came back", "a", 1)
	refused("and no more", "a", 10)
	c.Advance(24 * time.Hour)
	allowed("all came back", "a", 3)
	refused("no more than the burst", "a", 10)
	l.Forget("a")
	allowed("forgotten after a success", "a", 3)
	refused("and full again", "a", 10)
	allowed("the other one has its own time", "b", 3)
	refused("and its own end", "b", 10)
}

func TestLimiterAtOnce(t *testing.T) {
	l := authn.NewLimiter(clock.NewManual(time.Unix(1, 0)), 5, time.Hour)
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if l.Try("a") == nil {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if passed.Load() != 5 {
		t.Errorf("%d of 100 at once got through, want 5", passed.Load())
	}
}
