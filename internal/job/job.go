// Package job runs work that was queued in the transaction of a change: it is
// taken by lease, so that a crash or another node loses nothing, and tried again
// with growing pauses. Handlers must be able to run twice.
package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const (
	lease      = 2 * time.Minute
	maxPause   = time.Hour
	batch      = 16
	idlePoll   = 5 * time.Second
	maxMessage = 500
)

// Handler does the work of one kind.
type Handler func(ctx context.Context, payload []byte) error

// Queue takes jobs and runs them.
type Queue struct {
	db       *store.DB
	permit   store.Permit
	log      *slog.Logger
	handlers map[string]Handler
	wake     chan struct{}
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// New makes a queue; permit is the system's, for the queue's own bookkeeping.
func New(db *store.DB, permit store.Permit, log *slog.Logger) *Queue {
	return &Queue{db: db, permit: permit, log: log, handlers: map[string]Handler{}, wake: make(chan struct{}, 1), stop: func() {}}
}

// Handle names the handler of a kind; all are named before Start.
func (q *Queue) Handle(kind string, h Handler) { q.handlers[kind] = h }

// Enqueue queues work in the transaction of the change that asks for it.
func (q *Queue) Enqueue(tx *store.Tx, kind string, payload any, due clock.Time) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO job (id, kind, payload, due_at, leased_to, attempts, last_error, created_at)
		VALUES ($1, $2, $3, $4, 0, 0, '', $5)`, id.New[string](), kind, string(text), due, tx.Now()); err != nil {
		return err
	}
	tx.AfterCommit(q.nudge)
	return nil
}

func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Start runs due jobs until Stop.
func (q *Queue) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	q.stop = cancel
	q.done.Go(func() {
		tick := time.NewTicker(idlePoll)
		defer tick.Stop()
		for {
			if n, err := q.RunDue(ctx); err != nil && ctx.Err() == nil {
				q.log.Error("jobs could not be run", slog.Any("error", err))
			} else if n > 0 {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
			case <-tick.C:
			}
		}
	})
}

// Stop ends the running job's context and waits for it.
func (q *Queue) Stop() {
	q.stop()
	q.done.Wait()
}

type taken struct {
	id, kind, payload string
	attempts          int64
}

// RunDue runs what is due now and tells how many jobs it tried.
func (q *Queue) RunDue(ctx context.Context) (int, error) {
	waiting, err := store.Value[int64](q.db.Reader(ctx), `SELECT COUNT(*) FROM (SELECT id FROM job WHERE due_at <= $1 AND leased_to < $1 LIMIT 1) AS due`, q.db.Now())
	if err != nil || waiting == 0 {
		return 0, err
	}
	// One at a time: the lease of a job that waited behind another would run out unseen.
	for tried := range batch {
		j, err := store.Write(ctx, q.db, q.permit, take)
		if errors.Is(err, store.ErrNone) {
			return tried, nil
		}
		if err != nil {
			return tried, err
		}
		if err := q.finish(ctx, j, q.run(ctx, j)); err != nil {
			return tried + 1, err
		}
	}
	return batch, nil
}

// take leases the job that has been due longest; ErrNone where nothing is due.
func take(tx *store.Tx) (taken, error) {
	tx.Unaudited("taking a job is no change of an organization")
	j, err := store.One(tx, `SELECT id, kind, payload, attempts FROM job WHERE due_at <= $1 AND leased_to < $1 ORDER BY due_at, id LIMIT 1`,
		func(s store.Scan) (j taken, err error) { return j, s(&j.id, &j.kind, &j.payload, &j.attempts) }, tx.Now())
	if err != nil {
		return j, err
	}
	_, err = tx.Exec(`UPDATE job SET leased_to = $2, attempts = attempts + 1 WHERE id = $1`, j.id, tx.Now().Add(lease))
	return j, err
}

func (q *Queue) run(ctx context.Context, j taken) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	h, ok := q.handlers[j.kind]
	if !ok {
		return errors.New("no handler for this kind")
	}
	ctx, cancel := context.WithTimeout(ctx, lease*9/10)
	defer cancel()
	return h(ctx, []byte(j.payload))
}

// finish forgets a job that is done, and puts one that failed off. Where the lease
// ran out and another has taken the job since, it is theirs: the number of attempts
// tells.
func (q *Queue) finish(ctx context.Context, j taken, failed error) error {
	if failed != nil {
		q.log.Warn("a job failed and will be tried again", slog.String("job", j.id), slog.String("kind", j.kind),
			slog.Int64("attempt", j.attempts+1), slog.Any("error", failed))
	}
	return store.Do(context.WithoutCancel(ctx), q.db, q.permit, func(tx *store.Tx) error {
		tx.Unaudited("the job's own change has its event")
		if failed == nil {
			_, err := tx.Exec(`DELETE FROM job WHERE id = $1 AND attempts = $2`, j.id, j.attempts+1)
			return err
		}
		pause := min(time.Second<<min(j.attempts, 12), maxPause)
		_, err := tx.Exec(`UPDATE job SET leased_to = 0, due_at = $2, last_error = $3 WHERE id = $1 AND attempts = $4`,
			j.id, tx.Now().Add(pause), shorten(failed.Error()), j.attempts+1)
		return err
	})
}

// shorten makes a message fit for a column: PostgreSQL takes whole characters only,
// and no zero byte.
func shorten(message string) string {
	message = strings.ReplaceAll(message[:min(len(message), maxMessage)], "\x00", "")
	return strings.ToValidUTF8(message, "")
}
