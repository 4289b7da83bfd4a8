package job_test

import (
	"context"
	"errors"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/job"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const apart = "apart"

func enqueueApart(t *testing.T, s *apptest.Server, q *job.Queue, n int) {
	t.Helper()
	err := store.Do(t.Context(), s.DB, permit, func(tx *store.Tx) error {
		var errs []error
		for i := range n {
			errs = append(errs, q.Enqueue(tx, apart, i, tx.Now()))
		}
		return errors.Join(append(errs, record(tx))...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLanes: the jobs of a kind that stands apart run some at once, never more than it
// says, and hold up nobody else when all of them hang.
func TestLanes(t *testing.T) {
	const places = 3
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		in, out, other := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
		q := newQueue(s, func(context.Context, []byte) error { other <- struct{}{}; return nil })
		q.HandleApart(apart, places, func(context.Context, []byte) error {
			in <- struct{}{}
			<-out
			return nil
		})
		q.Start()
		enqueueApart(t, s, q, places+2) // told of all at once
		for range places {
			<-in
		}
		enqueue(t, s, q, 1, s.DB.Now())
		<-other
		leased, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM job WHERE kind = $1 AND leased_to > 0`, apart)
		if err != nil || leased != places {
			t.Errorf("%d are taken (%v), want %d: one that waits for a place would lose its lease", leased, err, places)
		}
		for n := range places + 2 {
			out <- struct{}{}
			if n < 2 { // one that waited takes the place
				<-in
			}
		}
		q.Stop()
		if l := left(t, s); len(l) != 0 {
			t.Errorf("left %v", l)
		}
	})
}

// TestLanesInTurn: who runs what is due sees every lane.
func TestLanesInTurn(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		ran := 0
		count := func(context.Context, []byte) error { ran++; return nil }
		q := newQueue(s, count)
		q.HandleApart(apart, 1, count)
		enqueueApart(t, s, q, 3)
		enqueue(t, s, q, 1, s.DB.Now())
		run(t, q, 4)
		run(t, q, 0)
		if ran != 4 {
			t.Errorf("%d ran", ran)
		}
	})
}
