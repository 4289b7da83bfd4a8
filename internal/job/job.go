// Package job runs work that was queued in the transaction of a change: it is
// taken by lease, so that a crash or another node loses nothing, and tried again
// with growing pauses. Handlers must be able to run twice, and beside each other.
package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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
	atOnce     = 4 // jobs of the common lane that run at the same time
)

// Handler does the work of one kind.
type Handler func(ctx context.Context, payload []byte) error

// Queue takes jobs and runs them.
type Queue struct {
	db       *store.DB
	permit   store.Permit
	log      *slog.Logger
	handlers map[string]Handler
	lanes    map[string]*lane
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// lane is a part of the queue that does not wait for the others.
type lane struct {
	name   string
	atOnce int
	wake   chan struct{}
}

func newLane(name string, atOnce int) *lane { return &lane{name, atOnce, make(chan struct{}, 1)} }

// New makes a queue; permit is the system's, for the queue's own bookkeeping.
func New(db *store.DB, permit store.Permit, log *slog.Logger) *Queue {
	return &Queue{db: db, permit: permit, log: log, handlers: map[string]Handler{}, lanes: map[string]*lane{"": newLane("", atOnce)}, stop: func() {}}
}

// Handle names the handler of a kind; all are named before Start.
func (q *Queue) Handle(kind string, h Handler) { q.handlers[kind] = h }

// HandleApart is Handle for a kind whose jobs may hang, on somebody else's server for
// instance: they run in a lane of their own, so many at once, and hold up no other kind.
func (q *Queue) HandleApart(kind string, atOnce int, h Handler) {
	q.Handle(kind, h)
	q.lanes[kind] = newLane(kind, atOnce)
}

// laneOf is the lane of a kind: its own, or the common one.
func (q *Queue) laneOf(kind string) *lane {
	if l, ok := q.lanes[kind]; ok {
		return l
	}
	return q.lanes[""]
}

// Enqueue queues work in the transaction of the change that asks for it.
func (q *Queue) Enqueue(tx *store.Tx, kind string, payload any, due clock.Time) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	l := q.laneOf(kind)
	if _, err := tx.Exec(`INSERT INTO job (id, kind, lane, payload, due_at, leased_to, attempts, last_error, created_at)
		VALUES ($1, $2, $3, $4, $5, 0, 0, '', $6)`, id.New[string](), kind, l.name, string(text), due, tx.Now()); err != nil {
		return err
	}
	tx.AfterCommit(l.nudge)
	return nil
}

func (l *lane) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Start runs due jobs until Stop.
func (q *Queue) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	q.stop = cancel
	for _, l := range q.lanes {
		q.done.Go(func() { q.serve(ctx, l) })
	}
}

// serve takes a lane's jobs one after the other and runs some at once. A job is taken
// when there is a place to run it: the lease of one that waited would run out unseen.
func (q *Queue) serve(ctx context.Context, l *lane) {
	tick := time.NewTicker(idlePoll)
	defer tick.Stop()
	places := make(chan struct{}, l.atOnce)
	for {
		select {
		case <-ctx.Done():
			return
		case places <- struct{}{}:
		}
		j, found, err := q.next(ctx, l)
		if found {
			q.done.Go(func() {
				defer func() { <-places }()
				if err := q.finish(ctx, j, q.run(ctx, j)); err != nil {
					q.log.Error("the end of a job could not be written", slog.String("job", j.id), slog.Any("error", err))
				}
			})
			continue
		}
		<-places
		if err != nil && ctx.Err() == nil {
			q.log.Error("jobs could not be run", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-tick.C:
		}
	}
}

// Stop ends the running jobs' context and waits for them.
func (q *Queue) Stop() {
	q.stop()
	q.done.Wait()
}

type taken struct {
	id, kind, payload string
	attempts          int64
}

// RunDue runs what is due now, one after the other, and tells how many jobs it tried.
func (q *Queue) RunDue(ctx context.Context) (int, error) {
	tried := 0
	for _, name := range slices.Sorted(maps.Keys(q.lanes)) {
		for range batch {
			j, found, err := q.next(ctx, q.lanes[name])
			if err != nil {
				return tried, err
			}
			if !found {
				break
			}
			tried++
			if err := q.finish(ctx, j, q.run(ctx, j)); err != nil {
				return tried, err
			}
		}
	}
	return tried, nil
}

// next takes a lane's next job, if one is due. A look comes first: it costs less than
// a Write that finds nothing.
func (q *Queue) next(ctx context.Context, l *lane) (j taken, found bool, err error) {
	waiting, err := store.Value[int64](q.db.Reader(ctx),
		`SELECT COUNT(*) FROM (SELECT id FROM job WHERE due_at <= $1 AND leased_to < $1 AND lane = $2 LIMIT 1) AS due`, q.db.Now(), l.name)
	if err != nil || waiting == 0 {
		return j, false, err
	}
	j, err = store.Write(ctx, q.db, q.permit, func(tx *store.Tx) (taken, error) { return take(tx, l.name) })
	if errors.Is(err, store.ErrNone) { // another node was quicker
		return j, false, nil
	}
	return j, err == nil, err
}

// take leases the job of a lane that has been due longest; ErrNone where nothing is due.
func take(tx *store.Tx, lane string) (taken, error) {
	tx.Unaudited("taking a job is no change of an organization")
	j, err := store.One(tx, `SELECT id, kind, payload, attempts FROM job WHERE due_at <= $1 AND leased_to < $1 AND lane = $2 ORDER BY due_at, id LIMIT 1`,
		func(s store.Scan) (j taken, err error) { return j, s(&j.id, &j.kind, &j.payload, &j.attempts) }, tx.Now(), lane)
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
