package job_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/job"
)

// stuck is a queue whose handler stays in its job until it is let go.
type stuck struct {
	*job.Queue
	in   chan struct{}
	out  chan error
	done chan error
}

func newStuck(t *testing.T, s *apptest.Server) *stuck {
	t.Helper()
	k := &stuck{in: make(chan struct{}), out: make(chan error), done: make(chan error, 1)}
	k.Queue = newQueue(s, func(context.Context, []byte) error {
		k.in <- struct{}{}
		return <-k.out
	})
	return k
}

// start takes a job and hangs in it.
func (k *stuck) start(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	go func() {
		_, err := k.RunDue(ctx)
		k.done <- err
	}()
	select {
	case <-k.in:
	case err := <-k.done:
		t.Fatalf("no job was taken: %v", err)
	}
}

// finish lets it go on with a result.
func (k *stuck) finish(t *testing.T, result error) {
	t.Helper()
	k.out <- result
	if err := <-k.done; err != nil {
		t.Errorf("the queue that hung: %v", err)
	}
}

// TestCrash: a job whose queue died in the middle is taken again when its lease is
// over, not before; and if the dead rises, it does not meddle.
func TestCrash(t *testing.T) {
	for name, c := range map[string]struct {
		late, second error
		left         int
	}{
		"both succeed":       {nil, nil, 0},
		"the second fails":   {nil, errMade, 1},
		"the late one fails": {errMade, nil, 0},
		"both fail":          {errMade, errMade, 1},
	} {
		t.Run(name, func(t *testing.T) {
			apptest.Each(t, func(t *testing.T, s *apptest.Server) {
				dead, second := newStuck(t, s), newStuck(t, s)
				enqueue(t, s, dead.Queue, 1, s.DB.Now())
				dead.start(t)
				run(t, second.Queue, 0) // it is leased
				s.Clock.Advance(2 * time.Minute)
				run(t, second.Queue, 0)
				s.Clock.Advance(time.Microsecond)
				second.start(t)

				dead.finish(t, c.late) // while the second runs: the job is not its own any more
				run(t, newQueue(s, nil), 0)
				if l := left(t, s); len(l) != 1 || l[0] != (rest{attempts: 2}) {
					t.Fatalf("the late end of the first changed the job of the second: %v", l)
				}
				second.finish(t, c.second)
				if l := left(t, s); len(l) != c.left {
					t.Errorf("left %v, want %d", l, c.left)
				}
			})
		})
	}
}

// TestWaitingBehind: jobs that wait behind a slow one are not leased meanwhile, so
// that nobody runs them twice.
func TestWaitingBehind(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		slow := newStuck(t, s)
		ran := 0
		other := newQueue(s, func(context.Context, []byte) error { ran++; return nil })
		enqueue(t, s, other, 1, s.DB.Now())
		enqueue(t, s, other, 2, s.DB.Now())
		slow.start(t)
		run(t, other, 1)
		s.Clock.Advance(time.Minute)
		slow.finish(t, nil)
		if l := left(t, s); ran != 1 || len(l) != 0 {
			t.Errorf("the other ran %d, left %v", ran, l)
		}
	})
}

// TestTwoNodes: two servers on one PostgreSQL share the work, and no job runs twice.
func TestTwoNodes(t *testing.T) {
	const jobs = 40
	storage := apptest.Storage(t, "postgres")
	a := apptest.Start(t, storage, apptest.Options{})
	nodes := []*apptest.Server{a, apptest.Start(t, storage, apptest.Options{})}
	var mu sync.Mutex
	ran := map[string]int{}
	handler := func(_ context.Context, payload []byte) error {
		mu.Lock()
		defer mu.Unlock()
		ran[string(payload)]++
		return nil
	}
	q := newQueue(a, handler)
	for i := range jobs {
		enqueue(t, a, q, i, a.DB.Now())
	}
	var all sync.WaitGroup
	for _, s := range nodes {
		for range 2 {
			q := newQueue(s, handler)
			all.Go(func() {
				for {
					if n, err := q.RunDue(t.Context()); err != nil || n == 0 {
						if err != nil {
							t.Error(err)
						}
						return
					}
				}
			})
		}
	}
	all.Wait()
	for payload, n := range ran {
		if n != 1 {
			t.Errorf("the job %s ran %d times", payload, n)
		}
	}
	if len(ran) != jobs || len(left(t, a)) != 0 {
		t.Errorf("%d of %d jobs ran, %d are left", len(ran), jobs, len(left(t, a)))
	}
}

// TestStartStop: a queue that runs hears of a new job at once; Stop ends the
// running one's context and waits for it.
func TestStartStop(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		began, ended := make(chan struct{}), false
		q := newQueue(s, func(ctx context.Context, payload []byte) error {
			began <- struct{}{}
			if string(payload) == `"stay"` {
				<-ctx.Done()
				ended = true
				return errors.New("interrupted")
			}
			return nil
		})
		q.Start()
		enqueue(t, s, q, "go", s.DB.Now())
		<-began
		enqueue(t, s, q, "stay", s.DB.Now())
		<-began
		q.Stop()
		if !ended {
			t.Error("Stop did not wait for the running job")
		}
		if l := left(t, s); len(l) != 1 || l[0].lastError != "interrupted" {
			t.Errorf("left %v, want the job that was interrupted", l)
		}
		q.Stop() // twice is fine
	})
}

// TestStopBetweenJobs: who stops does not start what was waiting.
func TestStopBetweenJobs(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ran := 0
		q := newQueue(s, func(context.Context, []byte) error { ran++; cancel(); return nil })
		enqueue(t, s, q, 1, s.DB.Now())
		enqueue(t, s, q, 2, s.DB.Now())
		if n, err := q.RunDue(ctx); n != 1 || err == nil || ran != 1 {
			t.Errorf("%d jobs, %v, ran %d; want one and the reason", n, err, ran)
		}
		if l := left(t, s); len(l) != 1 || l[0] != (rest{}) {
			t.Errorf("left %v, want one that was not tried", l)
		}
	})
}
