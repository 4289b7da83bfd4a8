package store_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

func TestNumbering(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		fine  bool
	}{
		"one":            {[]string{"0001_a.sql"}, true},
		"two":            {[]string{"0001_a.sql", "0002_b.sql"}, true},
		"from zero":      {[]string{"0000_a.sql"}, false},
		"a gap":          {[]string{"0001_a.sql", "0003_b.sql"}, false},
		"twice":          {[]string{"0001_a.sql", "0001_b.sql"}, false},
		"short":          {[]string{"1_a.sql"}, false},
		"shorter than 4": {[]string{"a.sql"}, false},
		"no number":      {[]string{"first_a.sql"}, false},
		"no name":        {[]string{"0001.sql"}, true},
		"other files":    {[]string{"0001_a.sql", "notes.md"}, true},
	} {
		tree := fstest.MapFS{}
		for _, f := range c.files {
			tree["migrations/"+f] = &fstest.MapFile{Data: []byte("SELECT 1;\n")}
		}
		if _, err := store.MigrationNames(tree); (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBuiltInMigrations: the files of the folder are the ones in the program, and
// none may be taken for something else.
func TestBuiltInMigrations(t *testing.T) {
	files, err := fs.Glob(os.DirFS("."), "migrations/*")
	if err != nil {
		t.Fatal(err)
	}
	names, err := store.MigrationNames(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(files) || store.SchemaVersion() != int64(len(files)) {
		t.Errorf("%d files, %d migrations, schema %d", len(files), len(names), store.SchemaVersion())
	}
	each(t, func(t *testing.T, b *base) {
		applied, err := store.All(b.Reader(t.Context()), `SELECT name FROM schema_migration ORDER BY number`,
			func(s store.Scan) (n string, err error) { return n, s(&n) })
		if err != nil || !slices.Equal(applied, names) {
			t.Errorf("applied %v, %v; want %v", applied, err, names)
		}
	})
}

// TestMigrateTwice: the second start changes nothing and keeps what is there.
func TestMigrateTwice(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		if err := b.change(t.Context(), org, "row", "x"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := b.Migrate(t.Context()); err != nil {
				t.Fatalf("again: %v", err)
			}
		}
		if b.value(t, "row") != "x" || b.row(t, org).seq != 2 {
			t.Error("migrating again changed the data")
		}
		applied, err := store.Value[int64](b.Reader(t.Context()), `SELECT COUNT(*) FROM schema_migration`)
		if err != nil || applied != store.SchemaVersion() {
			t.Errorf("%d migrations are noted, %v", applied, err)
		}
	})
}

// tamper changes the history of the schema.
func (b *base) tamper(t testing.TB, statement string) {
	t.Helper()
	if err := store.Do(t.Context(), b.DB, permit(store.Server), func(tx *store.Tx) error {
		tx.Unaudited("a test")
		_, err := tx.Exec(statement)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedSchemas(t *testing.T) {
	for name, c := range map[string]struct {
		tamper string
		newer  bool
		want   string
		// open tells that looking at the schema is enough to refuse it.
		open bool
	}{
		"an altered migration": {`UPDATE schema_migration SET checksum = 'other' WHERE number = 1`, false, "0001_spine", false},
		"a newer schema":       {`INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (9999, 'future', 'x', 1)`, true, "9999", true},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *base) {
				b.tamper(t, c.tamper)
				err := b.Migrate(t.Context())
				if err == nil || fault.Has(err, fault.SchemaTooNew) != c.newer || !strings.Contains(err.Error(), c.want) {
					t.Errorf("migrate: %v", err)
				}
				if err := b.CheckSchema(t.Context()); (err != nil) != c.open || fault.Has(err, fault.SchemaTooNew) != c.newer {
					t.Errorf("check: %v", err)
				}
			})
		})
	}
	each(t, func(t *testing.T, b *base) {
		b.tamper(t, `DELETE FROM schema_migration`)
		if err := b.CheckSchema(t.Context()); err == nil || fault.Has(err, fault.SchemaTooNew) {
			t.Errorf("an older schema: %v", err)
		}
	})
}

// TestUnmigrated: a database without a schema is no database of ours yet.
func TestUnmigrated(t *testing.T) {
	for name, o := range map[string]store.Options{
		"SQLite":     {Path: t.TempDir() + "/empty.db"},
		"PostgreSQL": {URL: storetest.Shared(t).Empty(t)},
	} {
		t.Run(name, func(t *testing.T) {
			b := openWith(t, o)
			if err := b.CheckSchema(t.Context()); err == nil {
				t.Error("an empty database has the right schema")
			}
			if err := b.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
			b.works(t, store.Server)
		})
	}
}

// TestMigrationFailsWhole: a step that fails half-way leaves nothing, and works
// when it is right.
func TestMigrationFailsWhole(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		next := store.SchemaVersion() + 1
		wrong := "CREATE TABLE half (id TEXT PRIMARY KEY);\nINSERT INTO half (id) VALUES ('a;b');\nINSERT INTO nowhere (id) VALUES (1);\n"
		if err := b.Apply(t.Context(), next, "wrong", wrong); err == nil {
			t.Fatal("a wrong statement was applied")
		}
		if _, err := store.Value[int64](b.Reader(t.Context()), `SELECT COUNT(*) FROM half`); err == nil {
			t.Error("half of a migration stayed")
		}
		if err := b.CheckSchema(t.Context()); err != nil {
			t.Errorf("a migration that failed was noted: %v", err)
		}
		right := "-- With a comment; in two parts.\nCREATE TABLE half (id TEXT PRIMARY KEY);\n\nINSERT INTO half (id) VALUES ('a;b')"
		for range 2 {
			if err := b.Apply(t.Context(), next, "right", right); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := store.Value[string](b.Reader(t.Context()), `SELECT id FROM half`); got != "a;b" || err != nil {
			t.Errorf("the right migration left %q, %v", got, err)
		}
		if err := b.CheckSchema(t.Context()); !fault.Has(err, fault.SchemaTooNew) {
			t.Errorf("with a further migration: %v", err)
		}
	})
}

// TestMigrateAtOnce: several nodes that start together on an empty PostgreSQL.
func TestMigrateAtOnce(t *testing.T) {
	url := storetest.Shared(t).Empty(t)
	var all sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		b := openWith(t, store.Options{URL: url})
		all.Go(func() { errs[i] = b.Migrate(t.Context()) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}
