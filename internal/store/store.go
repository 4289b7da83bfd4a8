// Package store is the database room: it opens SQLite or PostgreSQL, migrates,
// and offers exactly two ways in, a Reader and a Write. Every Write is one
// durable transaction that carries who writes and which head (organization,
// account or server) it belongs to.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

// Server is the head of what belongs to no organization: accounts, sign-ins,
// the operator's actions.
const Server = "00000000-0000-0000-0000-000000000000"

// writeDeadline bounds a transaction's statements, from its begin to its commit.
const writeDeadline = 15 * time.Second

// Keys are the secrets that the store needs; they come from outside the database.
type Keys struct {
	// HeadMAC signs each head row, so that a recomputed chain or a cut tail is found.
	HeadMAC []byte
	// Answers seals the kept answers of idempotent requests.
	Answers Box
}

// Box encrypts and opens; seal.Box is one.
type Box interface {
	Seal(plain, additional []byte) []byte
	Open(sealed, additional []byte) ([]byte, error)
}

// Options say which database, and what surrounds it.
type Options struct {
	Path  string // the SQLite file; empty when URL is set
	URL   string // a PostgreSQL URL
	Clock clock.Clock
	Keys  Keys
	Log   *slog.Logger
	// ReadOnly opens the database for looking only; it works beside a running server.
	ReadOnly bool
	// PollInterval is how often heads changed by other nodes are looked for (PostgreSQL).
	PollInterval time.Duration
}

// DB is an open database.
type DB struct {
	dialect dialect
	reads   *sql.DB
	writes  *sql.DB // the same pool as reads on PostgreSQL
	clock   clock.Clock
	keys    Keys
	log     *slog.Logger
	heads   *Heads
	queue   *writeQueue // SQLite's single writer; nil on PostgreSQL
	gate    gate        // PostgreSQL's Writes pass it
	stmts   sync.Map    // query -> *statement, SQLite's reads

	stopPoll context.CancelFunc
	polling  sync.WaitGroup
}

// Open opens the database without migrating it.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	db := &DB{clock: o.Clock, keys: o.Keys, log: o.Log, stopPoll: func() {}}
	if o.URL != "" {
		return db, db.openPostgres(ctx, o)
	}
	return db, db.openSQLite(ctx, o)
}

// Close waits for the running Writes and closes the database.
func (db *DB) Close() error {
	db.stopPoll()
	db.polling.Wait()
	if db.queue != nil {
		db.queue.close()
	}
	db.gate.close()
	err := db.reads.Close()
	if db.writes != nil && db.writes != db.reads {
		err = errors.Join(err, db.writes.Close())
	}
	return err
}

// Engine names the database for people: "SQLite" or "PostgreSQL".
func (db *DB) Engine() string { return db.dialect.name }

// Now is the present moment by the database's clock seam.
func (db *DB) Now() clock.Time { return clock.At(db.clock.Now()) }

// Heads are the in-memory generations of the head rows, for caches.
func (db *DB) Heads() *Heads { return db.heads }

// UseKeys gives the keys to a database that was opened without them, to find out
// which key it belongs to. It is called before the first Write of a head.
func (db *DB) UseKeys(k Keys) { db.keys = k }

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.reads.PingContext(ctx) }

// Querier runs the queries of One, All and Each: a Reader or a running Write.
type Querier interface {
	rows(query string, args []any) (*sql.Rows, error)
	// over tells why the rest of the rows is not wanted any more; nil while it is.
	over() error
	// failed tells a transaction that a statement failed, which poisons it.
	failed(err error) error
}

// Scan copies the current row's columns.
type Scan func(dest ...any) error

// ErrNone is what One answers where there is no row.
var ErrNone = errors.New("no row")

// Each runs a query and hands every row to fn.
func Each(q Querier, query string, fn func(Scan) error, args ...any) error {
	rows, err := q.rows(query, args)
	if err != nil {
		return q.failed(fmt.Errorf("query: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := q.over(); err != nil {
			return q.failed(fmt.Errorf("rows: %w", err))
		}
		if err := fn(rows.Scan); err != nil {
			return q.failed(fmt.Errorf("row: %w", err))
		}
	}
	if err := rows.Err(); err != nil {
		return q.failed(fmt.Errorf("rows: %w", err))
	}
	return nil
}

// One runs a query for at most one row; ErrNone where there is none.
func One[T any](q Querier, query string, scan func(Scan) (T, error), args ...any) (T, error) {
	var found T
	none := true
	err := Each(q, query, func(s Scan) (err error) {
		none = false
		found, err = scan(s)
		return err
	}, args...)
	if err == nil && none {
		err = ErrNone
	}
	return found, err
}

// All runs a query and gathers its rows; the list is never nil.
func All[T any](q Querier, query string, scan func(Scan) (T, error), args ...any) ([]T, error) {
	list := []T{}
	err := Each(q, query, func(s Scan) error {
		item, err := scan(s)
		list = append(list, item)
		return err
	}, args...)
	return list, err
}

// Value reads a single column of a single row.
func Value[T any](q Querier, query string, args ...any) (T, error) {
	return One(q, query, func(s Scan) (v T, err error) { return v, s(&v) }, args...)
}

type reader struct {
	ctx context.Context
	db  *DB
}

// Reader runs queries outside a transaction, under the caller's ctx; under that of a
// running Write it sees the Write's own rows.
func (db *DB) Reader(ctx context.Context) Querier {
	if tx := writeOf(ctx); tx != nil && tx.db == db {
		return tx
	}
	return reader{ctx, db}
}

// errLooksOnly keeps changes where they are recorded.
var errLooksOnly = errors.New("store: only a Write changes rows")

func (r reader) rows(query string, args []any) (*sql.Rows, error) {
	if changesRows(query) {
		return nil, errLooksOnly
	}
	if r.db.queue == nil {
		return r.db.reads.QueryContext(r.ctx, query, args...)
	}
	stmt, err := r.db.prepared(r.ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.query(r.ctx, args)
}

func (r reader) over() error { return r.ctx.Err() }

func (r reader) failed(err error) error { return r.db.translate(err) }

// prepared keeps statements: SQLite compiles a text anew each time otherwise. The
// set is bounded because every query of the project is a constant.
func (db *DB) prepared(ctx context.Context, query string) (*statement, error) {
	if s, ok := db.stmts.Load(query); ok {
		return s.(*statement), nil
	}
	prepared, err := db.reads.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, loaded := db.stmts.LoadOrStore(query, &statement{stmt: prepared})
	if loaded {
		prepared.Close()
	}
	return s.(*statement), nil
}

type snapshot struct {
	ctx context.Context
	db  *DB
	tx  *sql.Tx
}

func (s snapshot) rows(query string, args []any) (*sql.Rows, error) {
	if changesRows(query) {
		return nil, errLooksOnly
	}
	return s.tx.QueryContext(s.ctx, query, args...)
}

func (s snapshot) over() error { return s.ctx.Err() }

func (s snapshot) failed(err error) error { return s.db.translate(err) }

// Snapshot runs several queries that must see one state of the database.
func (db *DB) Snapshot(ctx context.Context, fn func(q Querier) error) error {
	if tx := writeOf(ctx); tx != nil && tx.db == db {
		return fn(tx)
	}
	tx, err := db.reads.BeginTx(ctx, &sql.TxOptions{Isolation: db.dialect.snapshot, ReadOnly: true})
	if err != nil {
		return db.translate(fmt.Errorf("begin: %w", err))
	}
	defer tx.Rollback()
	return fn(snapshot{ctx, db, tx})
}
