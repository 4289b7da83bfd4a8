package store

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"
)

// statement is a prepared statement of SQLite that knows whether it is quick. To be
// able to interrupt a call, driver and database/sql watch its context from goroutines
// of their own, which costs more than most calls do. A statement that has been quick
// often enough is trusted and called without; who calls looks at the context before,
// and between the rows. One that is slow once has to earn the trust again.
type statement struct {
	stmt  *sql.Stmt
	quick atomic.Int32 // calls in a row that were
}

const (
	quickCall  = 20 * time.Millisecond
	quickCalls = 10 // in a row, to be trusted
)

func (s *statement) query(ctx context.Context, args []any) (*sql.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer s.called(time.Now())
	return s.stmt.QueryContext(s.watched(ctx), args...)
}

func (s *statement) exec(ctx context.Context, args []any) (sql.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer s.called(time.Now())
	return s.stmt.ExecContext(s.watched(ctx), args...)
}

func (s *statement) watched(ctx context.Context) context.Context {
	if s.quick.Load() >= quickCalls {
		return context.Background()
	}
	return ctx
}

func (s *statement) called(started time.Time) {
	switch quick := s.quick.Load(); {
	case time.Since(started) > quickCall:
		s.quick.Store(0)
	case quick < quickCalls:
		s.quick.Store(quick + 1)
	}
}
