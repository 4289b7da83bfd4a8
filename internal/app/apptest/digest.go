package apptest

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Digest is a sum over every row of every table, to see that nothing changed.
func (s *Server) Digest(t testing.TB) string {
	t.Helper()
	driver, source := "pgx", string(s.Storage.DatabaseURL)
	if s.Storage.Embedded() {
		driver, source = "sqlite", "file:"+s.Storage.DatabaseFile()+"?mode=ro"
	}
	tables, err := s.DB.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var lines []string
	for _, name := range tables {
		for _, row := range rowsOf(t, db, "SELECT * FROM "+name) {
			lines = append(lines, name+row)
		}
	}
	if len(lines) < 10 {
		t.Fatalf("%d rows were found, which is not the database", len(lines))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

func rowsOf(t testing.TB, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
