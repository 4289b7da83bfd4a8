package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib" // registers "pgx"
	_ "modernc.org/sqlite"           // registers "sqlite"
)

// errOutcomeUnknown: the connection went away during COMMIT.
var errOutcomeUnknown = fault.New(fault.OutcomeUnknown, "")

// maxTries bounds how often PostgreSQL may ask for a transaction again.
const maxTries = 6

func (db *DB) openPostgres(ctx context.Context, o Options) error {
	db.dialect = postgresDialect
	db.heads = newHeads(true)
	pool, err := sql.Open("pgx", o.URL)
	if err != nil {
		return fmt.Errorf("open PostgreSQL: %w", err)
	}
	pool.SetMaxOpenConns(32)
	pool.SetMaxIdleConns(32)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db.reads, db.writes = pool, pool
	if err := pool.PingContext(ctx); err != nil {
		pool.Close()
		return fmt.Errorf("reach PostgreSQL: %w", err)
	}
	if o.ReadOnly {
		db.gate.close()
		return nil
	}
	if o.PollInterval == 0 {
		o.PollInterval = 200 * time.Millisecond
	}
	pollCtx, cancel := context.WithCancel(context.Background())
	db.stopPoll = cancel
	db.polling.Go(func() { db.poll(pollCtx, o.PollInterval) })
	return nil
}

// poll follows the heads that other nodes change.
func (db *DB) poll(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var mark int64 = 1<<63 - 1
	for {
		mark = db.pollOnce(ctx, mark, interval)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (db *DB) pollOnce(ctx context.Context, mark int64, interval time.Duration) int64 {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, max(interval, 500*time.Millisecond))
	defer cancel()
	next := mark
	err := Each(db.Reader(ctx), changedHeads, func(s Scan) error {
		var id sql.NullString
		var seq, rights sql.NullInt64
		if err := s(&next, &id, &seq, &rights); err != nil {
			return err
		}
		if id.Valid {
			db.heads.advance(id.String, HeadState{Seq: seq.Int64, Rights: rights.Int64})
		}
		return nil
	}, mark)
	if err != nil {
		return mark // not confirmed: this node reads the database until it is
	}
	db.heads.confirmed.Store(started.UnixNano())
	return next
}

// pgTx is an open transaction on a connection. What is only sent waits in pending
// for what comes next, so that several statements share a round trip.
type pgTx struct {
	conn    *sql.Conn
	tx      *sql.Tx
	pending pgx.Batch
}

func (p *pgTx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if err := p.flush(ctx); err != nil {
		return nil, err
	}
	return p.tx.QueryContext(ctx, query, args...)
}

func (p *pgTx) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	if err := p.flush(ctx); err != nil {
		return nil, err
	}
	return p.tx.ExecContext(ctx, query, args...)
}

func (p *pgTx) send(_ context.Context, query string, args []any) error {
	p.pending.Queue(query, args...)
	return nil
}

// flush runs what has been sent so far, in its order.
func (p *pgTx) flush(ctx context.Context) error {
	if p.pending.Len() == 0 {
		return nil
	}
	batch := p.pending
	p.pending = pgx.Batch{}
	var failed error
	err := p.conn.Raw(func(driver any) error {
		failed = driver.(*stdlib.Conn).Conn().SendBatch(ctx, &batch).Close()
		return nil // the connection is fit for its rollback, or knows itself that it is not
	})
	return cmp.Or(failed, err)
}

// gate counts the running Writes, so that Close can wait for them.
type gate struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errClosed
	}
	g.running.Add(1)
	return nil
}

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.running.Wait()
}

func (db *DB) writePostgres(ctx context.Context, body func(*Tx) error) error {
	if nested() {
		return errNested
	}
	if err := db.gate.enter(); err != nil {
		return err
	}
	defer db.gate.running.Done()
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := db.tryPostgres(ctx, body)
		again := wantsRetry(err) || (lostConnection(err) && !errors.Is(err, errOutcomeUnknown))
		if err == nil || !again || try == maxTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(rand.IntN(10<<try)) * time.Millisecond): //nolint:gosec // jitter only
		}
	}
}

// tryPostgres runs body once. Until the head is locked the Write waits for its
// turn, and the caller may give up; after that its statements run under their own
// deadline, and a caller who leaves does not break the transaction half-way.
func (db *DB) tryPostgres(caller context.Context, body func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeDeadline)
	defer cancel()
	stopWaiting := context.AfterFunc(caller, cancel)
	defer stopWaiting()
	conn, err := db.writes.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", cmp.Or(caller.Err(), err))
	}
	defer conn.Close()
	sqlTx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", cmp.Or(caller.Err(), err))
	}
	tx := db.newTx(ctx, &pgTx{conn: conn, tx: sqlTx})
	waiting := true
	tx.started = func() error {
		if !stopWaiting() {
			return caller.Err()
		}
		waiting = false
		return nil
	}
	err, panicked := tx.run(body)
	if err != nil || panicked != nil {
		_ = sqlTx.Rollback() // the server rolls back too when the connection is gone
		if panicked != nil {
			panic(panicked)
		}
		if waiting && caller.Err() != nil {
			return caller.Err()
		}
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		if lostConnection(err) || errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%w: %w", errOutcomeUnknown, err)
		}
		return fmt.Errorf("commit: %w", err)
	}
	tx.committed()
	return nil
}

func unexpectedEOF(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		strings.Contains(err.Error(), "conn closed")
}
