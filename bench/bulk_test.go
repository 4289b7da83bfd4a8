package bench_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// bulk writes rows into a table of the server's database as fast as it takes them.
func (s *server) bulk(tb testing.TB, table string, columns []string, n int, row func(i int) []any) {
	tb.Helper()
	write := s.bulkLite
	if s.engine == "postgres" {
		write = s.bulkCopy
	}
	if err := write(tb.Context(), table, columns, n, row); err != nil {
		tb.Fatal(err)
	}
}

// bulkCopy uses PostgreSQL's protocol for it.
func (s *server) bulkCopy(ctx context.Context, table string, columns []string, n int, row func(i int) []any) error {
	conn, err := s.raw.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		source := pgx.CopyFromSlice(n, func(i int) ([]any, error) { return row(i), nil })
		_, err := driver.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, source)
		return err
	})
}

// bulkLite puts many rows into a statement, many statements into a transaction, and
// lets SQLite sync at the end only.
func (s *server) bulkLite(ctx context.Context, table string, columns []string, n int, row func(i int) []any) error {
	const rowsEach, rowsTogether = 50, 20_000
	text := func(rows int) string {
		one := "(" + strings.Repeat("?, ", len(columns)-1) + "?)"
		return "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES " + strings.Repeat(one+", ", rows-1) + one
	}
	if _, err := s.raw.ExecContext(ctx, "PRAGMA synchronous = OFF"); err != nil {
		return err
	}
	for from := 0; from < n; from += rowsTogether {
		tx, err := s.raw.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		many, err := tx.PrepareContext(ctx, text(rowsEach))
		if err != nil {
			return err
		}
		defer many.Close()
		for i := from; i < min(n, from+rowsTogether); {
			rows := min(rowsEach, n-i)
			var args []any
			for range rows {
				args = append(args, row(i)...)
				i++
			}
			if rows == rowsEach {
				_, err = many.ExecContext(ctx, args...)
			} else {
				_, err = tx.ExecContext(ctx, text(rows), args...)
			}
			if err != nil {
				return err
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	_, err := s.raw.ExecContext(ctx, "PRAGMA synchronous = FULL")
	return err
}
