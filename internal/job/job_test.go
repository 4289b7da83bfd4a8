package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/job"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const kind = "test"

var (
	permit  = authz.System("test")
	errMade = errors.New("made by the test")
)

// newQueue makes a queue on a server's database; it runs only when it is told to.
func newQueue(s *apptest.Server, h job.Handler) *job.Queue {
	q := job.New(s.DB, permit, slog.New(slog.NewTextHandler(s.Log, nil)))
	if h != nil {
		q.Handle(kind, h)
	}
	return q
}

// enqueue queues a job with an event, as a change does.
func enqueue(t testing.TB, s *apptest.Server, q *job.Queue, payload any, due clock.Time) {
	t.Helper()
	err := store.Do(t.Context(), s.DB, permit, func(tx *store.Tx) error {
		return errors.Join(q.Enqueue(tx, kind, payload, due), record(tx))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func record(tx *store.Tx) error {
	return audit.Record(tx, store.Server, permit, audit.Entry{Action: audit.OrganizationPurge})
}

// run runs what is due and fails the test unless that many jobs were tried.
func run(t testing.TB, q *job.Queue, want int) {
	t.Helper()
	if got, err := q.RunDue(t.Context()); got != want || err != nil {
		t.Fatalf("%d jobs were run, %v; want %d", got, err, want)
	}
}

// rest is a job that is still there.
type rest struct {
	attempts  int64
	lastError string
}

func left(t testing.TB, s *apptest.Server) []rest {
	t.Helper()
	list, err := store.All(s.DB.Reader(t.Context()), `SELECT attempts, last_error FROM job ORDER BY id`,
		func(s store.Scan) (r rest, err error) { return r, s(&r.attempts, &r.lastError) })
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRunsWhenDue(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var seen []string
		q := newQueue(s, func(_ context.Context, payload []byte) error {
			var text string
			if err := json.Unmarshal(payload, &text); err != nil {
				return err
			}
			seen = append(seen, text)
			return nil
		})
		now := s.DB.Now()
		enqueue(t, s, q, "later", now.Add(time.Hour))
		enqueue(t, s, q, "now", now)
		enqueue(t, s, q, "long ago", now.Add(-time.Hour))
		run(t, q, 2)
		if fmt.Sprint(seen) != "[long ago now]" {
			t.Errorf("ran %v, want the oldest first and nothing too soon", seen)
		}
		run(t, q, 0)
		s.Clock.Advance(time.Hour - time.Microsecond)
		run(t, q, 0)
		s.Clock.Advance(time.Microsecond)
		run(t, q, 1)
		if fmt.Sprint(seen) != "[long ago now later]" || len(left(t, s)) != 0 {
			t.Errorf("ran %v, left %v", seen, left(t, s))
		}
	})
}

// TestPartOfTheChange: a job is queued with the change that asks for it, or not at all.
func TestPartOfTheChange(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		q := newQueue(s, nil)
		for name, fn := range map[string]func(tx *store.Tx) error{
			"an error":     func(tx *store.Tx) error { return errors.Join(q.Enqueue(tx, kind, 1, 0), record(tx), errMade) },
			"no event":     func(tx *store.Tx) error { return q.Enqueue(tx, kind, 1, 0) },
			"no such JSON": func(tx *store.Tx) error { return errors.Join(q.Enqueue(tx, kind, func() {}, 0), record(tx)) },
		} {
			if err := store.Do(t.Context(), s.DB, permit, fn); err == nil || len(left(t, s)) != 0 || q.Woken() {
				t.Errorf("%s: %v, left %v", name, err, left(t, s))
			}
		}
		run(t, q, 0)
		enqueue(t, s, q, 1, s.DB.Now())
		if !q.Woken() {
			t.Error("the queue was not told of a job")
		}
	})
}

// TestPauses: a job that fails waits twice as long each time, an hour at most, and
// is never forgotten.
func TestPauses(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		fails := true
		q := newQueue(s, func(context.Context, []byte) error {
			if fails {
				return errMade
			}
			return nil
		})
		enqueue(t, s, q, 1, s.DB.Now())
		for n := range 15 {
			run(t, q, 1)
			if l := left(t, s); len(l) != 1 || l[0] != (rest{int64(n + 1), errMade.Error()}) {
				t.Fatalf("after failure %d: %v", n+1, l)
			}
			pause := min(time.Second<<n, time.Hour)
			s.Clock.Advance(pause - time.Microsecond)
			run(t, q, 0)
			s.Clock.Advance(time.Microsecond)
		}
		fails = false
		run(t, q, 1)
		if l := left(t, s); len(l) != 0 {
			t.Errorf("a job that was done at last is still there: %v", l)
		}
	})
}

// TestFailures: whatever a handler does, the queue goes on and keeps a word about it.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		handler job.Handler
		want    string
	}{
		"an error":         {func(context.Context, []byte) error { return errMade }, errMade.Error()},
		"a panic":          {func(context.Context, []byte) error { panic("ouch") }, "ouch"},
		"a runtime error":  {func(ctx context.Context, _ []byte) error { return *ctx.Value(kind).(*error) }, "interface conversion"},
		"no handler":       {nil, "no handler"},
		"a long message":   {func(context.Context, []byte) error { return errors.New("x" + strings.Repeat("é", 5000)) }, "éé"},
		"no text at all":   {func(context.Context, []byte) error { return errors.New("zero \x00 and \xff") }, "zero"},
		"an empty message": {func(context.Context, []byte) error { return errors.New("") }, ""},
		"a cancelled call": {func(ctx context.Context, _ []byte) error { <-canceled(ctx).Done(); return context.Canceled }, "canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			apptest.Each(t, func(t *testing.T, s *apptest.Server) {
				q := newQueue(s, c.handler)
				ran := false
				q.Handle("other", func(context.Context, []byte) error { ran = true; return nil })
				enqueue(t, s, q, 1, s.DB.Now())
				err := store.Do(t.Context(), s.DB, permit, func(tx *store.Tx) error {
					return errors.Join(q.Enqueue(tx, "other", 1, tx.Now()), record(tx))
				})
				if err != nil {
					t.Fatal(err)
				}
				run(t, q, 2)
				l := left(t, s)
				if !ran || len(l) != 1 || l[0].attempts != 1 || !strings.Contains(l[0].lastError, c.want) {
					t.Errorf("the other ran %t; left %v", ran, l)
				}
				if text := l[0].lastError; len(text) > 500 || !utf8.ValidString(text) {
					t.Errorf("the message has %d bytes, valid %t", len(text), utf8.ValidString(text))
				}
				if !strings.Contains(s.Log.String(), "a job failed") {
					t.Error("nothing was logged")
				}
				s.Clock.Advance(time.Second)
				run(t, q, 1)
			})
		})
	}
}

func canceled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// TestBatches: many jobs are run in turns, so that Stop need not wait for all.
func TestBatches(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		ran := 0
		q := newQueue(s, func(context.Context, []byte) error { ran++; return nil })
		for i := range 20 {
			enqueue(t, s, q, i, s.DB.Now())
		}
		run(t, q, 16)
		run(t, q, 4)
		run(t, q, 0)
		if ran != 20 {
			t.Errorf("%d of 20 ran", ran)
		}
	})
}
