package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/guildhall-dev/guildhall/internal/fault"
	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
	_ "modernc.org/sqlite"             // registers "sqlite"
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

type pgTx struct{ tx *sql.Tx }

func (p pgTx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return p.tx.QueryContext(ctx, query, args...)
}

func (p pgTx) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return p.tx.ExecContext(ctx, query, args...)
}

func (db *DB) writePostgres(ctx context.Context, body func(*Tx) error) error {
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := db.tryPostgres(body)
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

// tryPostgres runs body once. Its statements run under their own deadline: a
// caller who gives up does not break the transaction half-way.
func (db *DB) tryPostgres(body func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeDeadline)
	defer cancel()
	sqlTx, err := db.writes.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := db.newTx(ctx, pgTx{sqlTx})
	err, panicked := tx.run(body)
	if err != nil || panicked != nil {
		_ = sqlTx.Rollback() // the server rolls back too when the connection is gone
		if panicked != nil {
			panic(panicked)
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
