package authn

import (
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Limiter slows down guessing: each key has a number of tries that refills slowly.
type Limiter struct {
	clock clock.Clock
	every time.Duration
	burst int
	mu    sync.Mutex
	keys  *lru.Cache[string, *rate.Limiter]
}

// NewLimiter allows burst tries at once and one more each interval, for a bounded
// number of keys.
func NewLimiter(c clock.Clock, burst int, every time.Duration) *Limiter {
	keys, err := lru.New[string, *rate.Limiter](20_000)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Limiter{clock: c, every: every, burst: burst, keys: keys}
}

// Try takes one try from key, or says how long to wait.
func (l *Limiter) Try(key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, ok := l.keys.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(l.every), l.burst)
		l.keys.Add(key, bucket)
	}
	now := l.clock.Now()
	r := bucket.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		seconds := int(math.Ceil(wait.Seconds()))
		e := fault.New(fault.TooManyRequests, "Too many attempts; wait %s and try again.", time.Duration(seconds)*time.Second)
		e.RetryAfter = seconds
		return e
	}
	return nil
}

// Forget gives key all its tries back, after a success.
func (l *Limiter) Forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys.Remove(key)
}
