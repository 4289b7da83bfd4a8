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
	bucket, now := l.bucket(key), l.clock.Now()
	if err := l.wait(bucket, now); err != nil {
		return err
	}
	bucket.AllowN(now, 1)
	return nil
}

// Check is Try that takes nothing: for what counts only once it has happened, by Take.
func (l *Limiter) Check(key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wait(l.bucket(key), l.clock.Now())
}

// Take counts what has happened.
func (l *Limiter) Take(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(key).AllowN(l.clock.Now(), 1)
}

func (l *Limiter) bucket(key string) *rate.Limiter {
	bucket, ok := l.keys.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(l.every), l.burst)
		l.keys.Add(key, bucket)
	}
	return bucket
}

func (*Limiter) wait(bucket *rate.Limiter, now time.Time) error {
	r := bucket.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	r.CancelAt(now)
	if wait <= 0 {
		return nil
	}
	seconds := int(math.Ceil(wait.Seconds()))
	e := fault.New(fault.TooManyRequests, "Too many attempts; wait %s and try again.", time.Duration(seconds)*time.Second)
	e.RetryAfter = seconds
	return e
}

// Forget gives key all its tries back, after a success.
func (l *Limiter) Forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys.Remove(key)
}
