package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// made is what a keyed request answers.
type made struct {
	ID   string
	At   clock.Time
	Tags []string
}

// request is a Write under a key: each run of it leaves a row of its own.
type request struct{ actor, key, asks, says string }

func (r request) send(ctx context.Context, b *base, head string) (answer made, replayed bool, err error) {
	once := &store.Idempotency{Actor: r.actor, Key: r.key, Request: sha256.Sum256([]byte(r.asks))}
	answer, err = store.Write(store.WithIdempotency(ctx, once), b.DB, permit(head), func(tx *store.Tx) (made, error) {
		m := made{ID: id.New[string](), At: tx.Now(), Tags: []string{r.says}}
		return m, errors.Join(put(tx, "run "+m.ID, r.asks), event(tx, head))
	})
	return answer, once.Replayed(), err
}

// runs counts how often a request changed something.
func (b *base) runs(t testing.TB) int64 {
	t.Helper()
	n, err := store.Value[int64](b.Reader(t.Context()), `SELECT COUNT(*) FROM setting WHERE name LIKE 'run %'`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSameKeySameAnswer(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		r := request{"jane", "key", "make it", "tag"}
		first, replayed, err := r.send(t.Context(), b, org)
		if err != nil || replayed {
			t.Fatalf("the first time: %v, replayed %t", err, replayed)
		}
		b.clock.Advance(time.Hour)
		again, replayed, err := r.send(t.Context(), b, org)
		if err != nil || !replayed || fmt.Sprint(again) != fmt.Sprint(first) || b.runs(t) != 1 {
			t.Errorf("again: %v, %v, replayed %t, %d runs; want %v", again, err, replayed, b.runs(t), first)
		}
		for name, other := range map[string]request{
			"another actor":           {"joe", "key", "make it", "tag"},
			"another key":             {"jane", "other", "make it", "tag"},
			"names that run together": {"janek", "ey", "make it", "tag"},
		} {
			runs := b.runs(t)
			if _, replayed, err := other.send(t.Context(), b, org); err != nil || replayed || b.runs(t) != runs+1 {
				t.Errorf("%s: %v, replayed %t", name, err, replayed)
			}
		}
		reused := request{"jane", "key", "make something else", "tag"}
		if _, _, err := reused.send(t.Context(), b, org); !fault.Has(err, fault.IdempotencyReused) {
			t.Errorf("another request under the same key: %v", err)
		}
	})
}

// TestKeyOfAFailure: only what was done is kept.
func TestKeyOfAFailure(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		once := &store.Idempotency{Actor: "jane", Key: "key"}
		_, err := store.Write(store.WithIdempotency(t.Context(), once), b.DB, permit(org), func(*store.Tx) (made, error) { return made{}, errMade })
		if !errors.Is(err, errMade) {
			t.Fatalf("the first time: %v", err)
		}
		if _, replayed, err := (request{"jane", "key", "make it", ""}).send(t.Context(), b, org); err != nil || replayed || b.runs(t) != 1 {
			t.Errorf("after a failure: %v, replayed %t, %d runs", err, replayed, b.runs(t))
		}
	})
}

// TestKeyServesOneWrite: a request that writes twice keeps the answer of its first Write.
func TestKeyServesOneWrite(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		ctx := store.WithIdempotency(t.Context(), &store.Idempotency{Actor: "jane", Key: "key"})
		for _, name := range []string{"one", "two"} {
			if err := b.change(ctx, org, name, "x"); err != nil {
				t.Fatal(err)
			}
		}
		if b.value(t, "one") != "x" || b.value(t, "two") != "x" {
			t.Error("the second Write of a request was taken for the first")
		}
	})
}

func TestKeyLivesForADay(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		r := request{"jane", "key", "make it", ""}
		for i, step := range []struct {
			wait time.Duration
			runs int64
		}{{0, 1}, {24 * time.Hour, 1}, {time.Microsecond, 2}, {23 * time.Hour, 2}, {2 * time.Hour, 3}} {
			b.clock.Advance(step.wait)
			if _, _, err := r.send(t.Context(), b, org); err != nil || b.runs(t) != step.runs {
				t.Errorf("step %d: %v, %d runs, want %d", i, err, b.runs(t), step.runs)
			}
		}
		count := func() int64 {
			n, err := store.Value[int64](b.Reader(t.Context()), `SELECT COUNT(*) FROM idempotency`)
			if err != nil {
				t.Error(err)
			}
			return n
		}
		drop := func() {
			if err := store.Do(t.Context(), b.DB, permit(store.Server), store.DropOldAnswers); err != nil {
				t.Error(err)
			}
		}
		drop()
		if count() != 1 {
			t.Error("an answer of today was dropped")
		}
		b.clock.Advance(25 * time.Hour)
		drop()
		if count() != 0 {
			t.Error("an answer of yesterday was not dropped")
		}
	})
}

// TestKeptAnswerIsSealed: an answer may hold a token that is shown once.
func TestKeptAnswerIsSealed(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		r := request{"jane", "key", "make it", "a secret shown once"}
		if _, _, err := r.send(t.Context(), b, org); err != nil {
			t.Fatal(err)
		}
		answer, err := store.Value[[]byte](b.Reader(t.Context()), `SELECT answer FROM idempotency`)
		if err != nil || len(answer) < len(r.says) || bytes.Contains(answer, []byte(r.says)) {
			t.Errorf("kept as %q, %v", answer, err)
		}
		if b.options.Path != "" {
			for _, file := range []string{b.options.Path, b.options.Path + "-wal"} {
				text, err := os.ReadFile(file)
				if err != nil || bytes.Contains(text, []byte(r.says)) {
					t.Errorf("the answer stands in %s in plain words (%v)", file, err)
				}
			}
		}
		// A row copied under another key does not open: it is bound to its own.
		err = store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE idempotency SET idempotency_key = 'stolen'`)
			return errors.Join(err, event(tx, org))
		})
		if err != nil {
			t.Fatal(err)
		}
		r.key = "stolen"
		if got, _, err := r.send(t.Context(), b, org); err == nil {
			t.Errorf("an answer moved to another key was given out: %v", got)
		}
	})
}

// TestSameKeyAtOnce: fifty clients send the same request, one of them on purpose.
func TestSameKeyAtOnce(t *testing.T) {
	const clients = 50
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		other := b.organization(t) // the key counts even where the head does not make them wait
		var all sync.WaitGroup
		var replays atomic.Int64
		answers := make([]string, clients)
		for i := range clients {
			head := org
			if i%2 == 1 {
				head = other
			}
			all.Go(func() {
				got, replayed, err := request{"jane", "key", "make it", "tag"}.send(t.Context(), b, head)
				if err != nil {
					t.Error(err)
				}
				if replayed {
					replays.Add(1)
				}
				answers[i] = fmt.Sprint(got)
			})
		}
		all.Wait()
		if b.runs(t) != 1 || replays.Load() != clients-1 {
			t.Errorf("%d runs, %d replays; want 1 and %d", b.runs(t), replays.Load(), clients-1)
		}
		for _, a := range answers {
			if a != answers[0] {
				t.Fatalf("two answers to one request: %s and %s", a, answers[0])
			}
		}
	})
}
