package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

type nestedKey struct{}

var errNested = errors.New("store: a Write inside a Write")

// What runs a Write and its effects; neither returns before a Write inside it does.
var running = []uintptr{reflect.ValueOf((*Tx).run).Pointer(), reflect.ValueOf((*Tx).committed).Pointer()}

// nested looks on the stack whether this goroutine runs a Write already. It would
// wait for itself, and a context from outside that Write does not tell.
func nested() bool {
	var stack [128]uintptr
	for _, pc := range stack[:runtime.Callers(1, stack[:])] {
		if f := runtime.FuncForPC(pc); f != nil && slices.Contains(running, f.Entry()) {
			return true
		}
	}
	return false
}

// Write runs fn in one durable transaction on the permit's head and answers once
// it is committed: all of it or nothing. The caller's ctx counts while the Write
// waits for its turn; once it runs, it runs to its end.
//
// fn must be pure and short: reads and changes through tx only, no network, no
// hashing of passwords, no captured variables (it may run twice, on both databases);
// effects go to tx.AfterCommit. fn's result must survive JSON, because the answer
// of a request with an Idempotency-Key is kept with the change.
func Write[T any](ctx context.Context, db *DB, permit Permit, fn func(tx *Tx) (T, error)) (T, error) {
	var result T
	if ctx.Value(nestedKey{}) != nil {
		return result, errNested
	}
	once, dry := takeIdempotency(ctx), dryRunOf(ctx)
	fn = held(ctx, fn)
	var last *Tx
	body := func(tx *Tx) error {
		last, tx.dry = tx, dry
		if err := tx.lock(permit.Head()); err != nil {
			return err
		}
		if tx.started != nil {
			if err := tx.started(); err != nil {
				return err
			}
		}
		if err := permit.Recheck(tx); err != nil {
			return err
		}
		if err := tx.beforehand(); err != nil {
			return err
		}
		var (
			answer T
			err    error
		)
		if once == nil {
			answer, err = fn(tx)
		} else {
			answer, err = answerOnce(tx, once, fn)
		}
		if err != nil {
			return err
		}
		result = answer
		if dry != nil {
			return tx.takeBack()
		}
		return nil
	}
	var err error
	if db.queue != nil {
		err = db.queue.submit(ctx, body, dry != nil)
	} else {
		err = db.writePostgres(ctx, body)
		if errors.Is(err, errOutcomeUnknown) && once != nil {
			if result, err = settle[T](ctx, db, once, err); err == nil {
				last.committed()
			}
		}
	}
	if err != nil && !errors.Is(err, errTakenBack) {
		var zero T
		return zero, db.translate(err)
	}
	return result, nil
}

// Do is a Write without a result.
func Do(ctx context.Context, db *DB, permit Permit, fn func(tx *Tx) error) error {
	_, err := Write(ctx, db, permit, func(tx *Tx) (struct{}, error) { return struct{}{}, fn(tx) })
	return err
}

func (db *DB) newTx(ctx context.Context, conn executor) *Tx {
	tx := &Tx{db: db, conn: conn, now: clock.At(db.clock.Now())}
	tx.ctx = context.WithValue(ctx, nestedKey{}, tx)
	return tx
}

// run executes body in an open transaction; a panic comes back as a value so that
// the caller's goroutine can raise it again after the rollback.
func (tx *Tx) run(body func(*Tx) error) (err error, panicked any) { //nolint:revive,staticcheck // the panic is not an error
	defer func() { panicked = recover() }()
	if err = body(tx); err != nil {
		return err, nil
	}
	return tx.finish(), nil
}

// Idempotency ties a request's answer to its key for a day. It serves one Write.
type Idempotency struct {
	Actor    string // whose key it is
	Key      string
	Request  [sha256.Size]byte // what was asked
	replayed atomic.Bool
	used     atomic.Bool
}

// IdempotencyLife is how long an answer is kept.
const IdempotencyLife = 24 * time.Hour

type idempotencyKey struct{}

// WithIdempotency makes the next Write under ctx happen at most once per key.
func WithIdempotency(ctx context.Context, i *Idempotency) context.Context {
	return context.WithValue(ctx, idempotencyKey{}, i)
}

// Replayed tells whether the answer was a kept one.
func (i *Idempotency) Replayed() bool { return i != nil && i.replayed.Load() }

func takeIdempotency(ctx context.Context) *Idempotency {
	i, _ := ctx.Value(idempotencyKey{}).(*Idempotency)
	if i == nil || i.used.Swap(true) {
		return nil
	}
	return i
}

func (i *Idempotency) additional() []byte { return []byte(i.Actor + "\x00" + i.Key) }

// DropOldAnswers forgets the answers whose day is over.
func DropOldAnswers(tx *Tx) error {
	_, err := tx.exec(`DELETE FROM idempotency WHERE created_at < $1`, tx.now.Add(-IdempotencyLife))
	return err
}

const reserveAnswer = `INSERT INTO idempotency (actor_id, idempotency_key, request_hash, answer, created_at)
	VALUES ($1, $2, $3, $4, $5) ON CONFLICT (actor_id, idempotency_key) DO NOTHING`

const keptAnswer = `SELECT request_hash, answer, created_at FROM idempotency WHERE actor_id = $1 AND idempotency_key = $2`

type kept struct {
	request, answer []byte
	at              clock.Time
}

func scanKept(s Scan) (k kept, err error) { return k, s(&k.request, &k.answer, &k.at) }

func answerOnce[T any](tx *Tx, i *Idempotency, fn func(tx *Tx) (T, error)) (T, error) {
	var zero T
	oldest := tx.now.Add(-IdempotencyLife)
	if _, err := tx.exec(`DELETE FROM idempotency WHERE actor_id = $1 AND idempotency_key = $2 AND created_at < $3`,
		i.Actor, i.Key, oldest); err != nil {
		return zero, err
	}
	n, err := tx.exec(reserveAnswer, i.Actor, i.Key, i.Request[:], []byte{}, tx.now)
	if err != nil {
		return zero, err
	}
	if n == 0 {
		k, err := One(tx, keptAnswer, scanKept, i.Actor, i.Key)
		if err != nil {
			return zero, err
		}
		return openKept[T](tx.db, i, k)
	}
	answer, err := fn(tx)
	if err != nil {
		return zero, err
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return zero, fmt.Errorf("keep the answer: %w", err)
	}
	return answer, tx.send(`UPDATE idempotency SET answer = $3 WHERE actor_id = $1 AND idempotency_key = $2`,
		i.Actor, i.Key, tx.db.keys.Answers.Seal(text, i.additional()))
}

func openKept[T any](db *DB, i *Idempotency, k kept) (T, error) {
	var answer T
	if string(k.request) != string(i.Request[:]) {
		return answer, fault.New(fault.IdempotencyReused, "")
	}
	text, err := db.keys.Answers.Open(k.answer, i.additional())
	if err != nil {
		return answer, fmt.Errorf("kept answer: %w", err)
	}
	i.replayed.Store(true)
	return answer, json.Unmarshal(text, &answer)
}

// settle looks, after a connection was lost during the commit, whether the change
// is there: the key's row commits with it. Reserving the key again waits for a
// commit that the server may still be working on.
func settle[T any](ctx context.Context, db *DB, i *Idempotency, lost error) (T, error) {
	var k kept
	err := db.writePostgres(ctx, func(tx *Tx) error {
		n, err := tx.exec(reserveAnswer, i.Actor, i.Key, i.Request[:], []byte{}, tx.now)
		if err != nil {
			return err
		}
		if n == 1 {
			return ErrNone // and the reservation goes with it
		}
		k, err = One(tx, keptAnswer, scanKept, i.Actor, i.Key)
		return err
	})
	if err != nil {
		var zero T
		if errors.Is(err, ErrNone) {
			return zero, fault.New(fault.Unavailable, "The connection to the database was lost; nothing was changed. Try again.").Because(lost)
		}
		return zero, lost
	}
	db.heads.forgetAll() // the change is in force, and nobody has said which heads it moved
	return openKept[T](db, i, k)
}
