package store_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store"
)

// raw opens a database past the store, to ask it about itself.
func (b *base) raw(t testing.TB) *sql.DB {
	t.Helper()
	driver, source := "sqlite", "file:"+b.options.Path
	if b.options.URL != "" {
		driver, source = "pgx", b.options.URL
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func list(t testing.TB, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return names
}

// columns are a table's columns with their types, in the words of the migrations.
func columns(t testing.TB, db *sql.DB, table string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table+" WHERE 1 = 0")
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil || rows.Err() != nil {
		t.Fatal(err, rows.Err())
	}
	var list []string
	for _, c := range types {
		name := strings.Replace(c.DatabaseTypeName(), "INT8", "BIGINT", 1)
		list = append(list, c.Name()+" "+name)
	}
	return list
}

// TestSameSchema: both databases have the same tables, columns and indexes.
func TestSameSchema(t *testing.T) {
	lite, pg := open(t, "SQLite").raw(t), open(t, "PostgreSQL").raw(t)
	tables := list(t, lite, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	if other := list(t, pg, `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`); !slices.Equal(tables, other) {
		t.Errorf("tables of SQLite %v, of PostgreSQL %v", tables, other)
	}
	if len(tables) < 10 {
		t.Fatalf("only the tables %v were found", tables)
	}
	for _, table := range tables {
		a, b := columns(t, lite, table), columns(t, pg, table)
		if !slices.Equal(a, b) {
			t.Errorf("%s: columns of SQLite %v, of PostgreSQL %v", table, a, b)
		}
		for _, c := range a {
			if kind := strings.Fields(c)[1]; kind != "TEXT" && kind != "BIGINT" && kind != "BYTEA" {
				t.Errorf("%s.%s: use TEXT, BIGINT or BYTEA", table, c)
			}
		}
		notNull := fmt.Sprintf(`SELECT name FROM pragma_table_info('%s') WHERE "notnull" = 0 AND pk = 0 ORDER BY name`, table)
		nullable := fmt.Sprintf(`SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '%s' AND is_nullable = 'YES' ORDER BY column_name COLLATE "C"`, table)
		if a, b := list(t, lite, notNull), list(t, pg, nullable); !slices.Equal(a, b) {
			t.Errorf("%s: columns that may be null: %v in SQLite, %v in PostgreSQL", table, a, b)
		}
	}
	indexes := list(t, lite, `SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`)
	if other := list(t, pg, `SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%\_pkey' AND indexname NOT LIKE '%\_key' ORDER BY indexname COLLATE "C"`); !slices.Equal(indexes, other) {
		t.Errorf("indexes of SQLite %v, of PostgreSQL %v", indexes, other)
	}
}

// TestCollation: text is compared by bytes everywhere, so pages have one order.
func TestCollation(t *testing.T) {
	other := list(t, open(t, "PostgreSQL").raw(t), `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`)
	if len(other) > 0 {
		t.Errorf("PostgreSQL sorts these by a locale: %v", other)
	}
	names := []string{"_", "a", "B", "ä", "Z", "z", "É", "1", "-", "日"}
	want := slices.Sorted(slices.Values(names))
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		for _, name := range names {
			if err := b.change(t.Context(), org, name, "collation"); err != nil {
				t.Fatal(err)
			}
		}
		got, err := store.All(b.Reader(t.Context()), `SELECT name FROM setting WHERE value = 'collation' ORDER BY name`,
			func(s store.Scan) (n string, err error) { return n, s(&n) })
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("sorted %v, %v; want %v", got, err, want)
		}
	})
}
