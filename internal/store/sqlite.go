package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"time"
)

var errClosed = errors.New("store: the database is closed")

// maxBatch bounds how many Writes share a commit, and so how long the first waits.
const maxBatch = 256

func (db *DB) openSQLite(ctx context.Context, o Options) error {
	db.dialect = sqliteDialect
	db.heads = newHeads(false)
	source := func(pragmas ...string) string {
		v := url.Values{"_pragma": append(pragmas, "busy_timeout(10000)", "foreign_keys(1)", "trusted_schema(0)")}
		if o.ReadOnly {
			v.Set("mode", "ro")
		}
		return "file:" + (&url.URL{Path: o.Path}).EscapedPath() + "?" + v.Encode()
	}
	var err error
	if db.reads, err = sql.Open("sqlite", source("query_only(1)", "cache_size(-4000)")); err != nil {
		return fmt.Errorf("open %s: %w", o.Path, err)
	}
	db.reads.SetMaxOpenConns(8)
	db.reads.SetMaxIdleConns(8)
	if o.ReadOnly {
		db.queue = &writeQueue{db: db, closed: true}
		return db.reads.PingContext(ctx)
	}
	if db.writes, err = sql.Open("sqlite", source("journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16000)", "temp_store(MEMORY)")); err != nil {
		return fmt.Errorf("open %s: %w", o.Path, err)
	}
	db.writes.SetMaxOpenConns(1)
	conn, err := db.writes.Conn(ctx)
	if err != nil {
		return fmt.Errorf("open %s: %w", o.Path, err)
	}
	db.queue = &writeQueue{db: db, conn: &liteConn{conn: conn, stmts: map[string]*statement{}}, deadline: writeDeadline}
	db.queue.idle = sync.NewCond(&db.queue.mu)
	return nil
}

// liteConn is the writer's connection with its prepared statements.
type liteConn struct {
	conn  *sql.Conn
	stmts map[string]*statement
}

func (c *liteConn) prepared(ctx context.Context, query string) (*statement, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	prepared, err := c.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s := &statement{stmt: prepared}
	c.stmts[query] = s
	return s, nil
}

func (c *liteConn) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	s, err := c.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.query(ctx, args)
}

func (c *liteConn) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	s, err := c.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.exec(ctx, args)
}

// send has nothing to wait for: a round trip costs nothing here.
func (c *liteConn) send(ctx context.Context, query string, args []any) error {
	_, err := c.exec(ctx, query, args)
	return err
}

func (*liteConn) flush(context.Context) error { return nil }

// waiting is one Write in the queue.
type waiting struct {
	body     func(*Tx) error
	dry      bool // it will be undone
	done     chan struct{}
	taken    bool
	err      error
	panicked any
	tx       *Tx
}

// writeQueue is SQLite's single writer. Whoever finds it idle becomes the writer
// and commits inline; those who come meanwhile wait and are committed together.
type writeQueue struct {
	db       *DB
	conn     *liteConn
	deadline time.Duration // of a batch
	mu       sync.Mutex
	idle     *sync.Cond
	queue    []*waiting
	running  bool
	closed   bool
}

func (q *writeQueue) submit(ctx context.Context, body func(*Tx) error, dry bool) error {
	w := &waiting{body: body, dry: dry, done: make(chan struct{})}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		q.mu.Unlock()
		return err
	}
	lead := !q.running
	if !lead && nested() {
		q.mu.Unlock()
		return errNested
	}
	q.queue = append(q.queue, w)
	q.running = true
	q.mu.Unlock()
	if lead {
		q.turn()
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if q.withdraw(w) {
			return ctx.Err()
		}
		<-w.done
	}
	if w.panicked != nil {
		panic(w.panicked)
	}
	return w.err
}

// withdraw takes a Write back that has not been started.
func (q *writeQueue) withdraw(w *waiting) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.taken {
		return false
	}
	for i, other := range q.queue {
		if other == w {
			q.queue = append(q.queue[:i], q.queue[i+1:]...)
			return true
		}
	}
	return false
}

// turn commits one batch on the caller's goroutine, then hands over to another.
func (q *writeQueue) turn() {
	runtime.Gosched() // who is about to come shares the commit
	q.mu.Lock()
	n := min(len(q.queue), maxBatch)
	batch := q.queue[:n:n]
	q.queue = append([]*waiting(nil), q.queue[n:]...)
	for _, w := range batch {
		w.taken = true
	}
	q.mu.Unlock()

	q.commit(batch)

	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) > 0 {
		go q.turn()
		return
	}
	q.running = false
	q.idle.Broadcast()
}

func (q *writeQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for q.running {
		q.idle.Wait()
	}
	if q.conn != nil {
		for _, s := range q.conn.stmts {
			s.stmt.Close()
		}
		q.conn.conn.Close()
	}
}

// commit runs a batch in one transaction; where that is lost, its survivors run
// again one by one, so that nobody pays for a neighbour.
func (q *writeQueue) commit(batch []*waiting) {
	apart := len(batch) > 1 && slices.ContainsFunc(batch, func(w *waiting) bool { return w.dry })
	again := q.attempt(batch, apart)
	for _, w := range again {
		if left := q.attempt([]*waiting{w}, false); len(left) > 0 {
			w.tx = nil
		}
	}
	for _, w := range batch {
		w.answer()
	}
}

// answer ends a Write for its caller. An effect that panics is the caller's affair
// too: the writer and the neighbours go on.
func (w *waiting) answer() {
	defer close(w.done)
	defer func() {
		if p := recover(); p != nil {
			w.panicked = p
		}
	}()
	if w.tx != nil && w.err == nil && w.panicked == nil {
		w.tx.committed()
	}
}

// own runs a statement of the batch itself, which nothing interrupts.
func (q *writeQueue) own(statement string) error {
	_, err := q.conn.exec(context.Background(), statement, nil)
	return err
}

// attempt runs the Writes in one transaction and returns those that would have
// succeeded but were lost with it. Apart, each runs in a savepoint. That costs as
// much as a statement or two, and most Writes that fail have changed nothing by
// then; so a batch runs apart only once there is something of one to undo.
func (q *writeQueue) attempt(batch []*waiting, apart bool) (lost []*waiting) {
	ctx, cancel := context.WithTimeout(context.Background(), q.deadline)
	defer cancel()
	fail := func(err error) []*waiting {
		// The transaction may be gone already (disk full); a failed rollback says just that.
		_ = q.own("ROLLBACK")
		for _, w := range batch {
			if w.panicked == nil && (w.err == nil || w.tx == nil) {
				w.err = fmt.Errorf("commit: %w", err)
				lost = append(lost, w)
			}
		}
		return lost
	}
	for _, w := range batch {
		w.err, w.panicked, w.tx = nil, nil, nil
	}
	if err := q.own("BEGIN IMMEDIATE"); err != nil {
		return fail(err)
	}
	for _, w := range batch {
		if apart {
			if err := q.own("SAVEPOINT one"); err != nil {
				return fail(err)
			}
		}
		w.tx = q.db.newTx(ctx, q.conn)
		w.err, w.panicked = w.tx.run(w.body)
		undo := (w.err != nil || w.panicked != nil) && w.tx.marked()
		switch {
		case w.err != nil && ctx.Err() != nil && len(batch) > 1:
			w.tx = nil // a neighbour used the time up; alone it has its own
			return fail(ctx.Err())
		case undo && !apart:
			_ = q.own("ROLLBACK") // as in fail
			if len(batch) == 1 {
				return nil
			}
			return q.attempt(batch, true)
		case undo:
			if err := q.own("ROLLBACK TO one"); err != nil {
				return fail(err)
			}
		}
		if apart {
			if err := q.own("RELEASE one"); err != nil {
				return fail(err)
			}
		}
	}
	if err := q.own("COMMIT"); err != nil {
		return fail(err)
	}
	return nil
}
