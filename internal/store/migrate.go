package store

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	number   int64
	name     string
	text     string
	checksum string
}

func migrations() ([]migration, error) { return readMigrations(migrationFiles) }

func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var list []migration
	for i, file := range names { // Glob sorts
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql")
		digits, _, _ := strings.Cut(name, "_")
		number, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || len(digits) != 4 || number != int64(i+1) {
			return nil, fmt.Errorf("migration %s: the numbers must run 0001, 0002, …", name)
		}
		sum := sha256.Sum256(text)
		list = append(list, migration{number, name, string(text), hex.EncodeToString(sum[:])})
	}
	return list, nil
}

// SchemaVersion is the newest migration that this build knows.
func SchemaVersion() int64 {
	list, err := migrations()
	if err != nil {
		panic(err) // the files are embedded and checked by a test
	}
	return int64(len(list))
}

// Pending tells the schema that a database has (0: none) and which migrations this
// build would run. It refuses a schema that is newer.
func (db *DB) Pending(ctx context.Context) (schema int64, names []string, err error) {
	list, err := migrations()
	if err != nil {
		return 0, nil, err
	}
	tables, err := db.Tables(ctx)
	if err != nil {
		return 0, nil, err
	}
	if slices.Contains(tables, "schema_migration") {
		if schema, err = db.Schema(ctx); err != nil {
			return 0, nil, err
		}
	}
	if schema > SchemaVersion() {
		return schema, nil, tooNew(schema)
	}
	for _, m := range list[schema:] {
		names = append(names, m.name)
	}
	return schema, names, nil
}

// Schema is the newest migration that was applied.
func (db *DB) Schema(ctx context.Context) (int64, error) {
	newest, err := Value[int64](db.Reader(ctx), `SELECT COALESCE(MAX(number), 0) FROM schema_migration`)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return newest, nil
}

// Tables lists the tables of the database.
func (db *DB) Tables(ctx context.Context) ([]string, error) {
	return All(db.Reader(ctx), db.dialect.tables, func(s Scan) (t string, err error) { return t, s(&t) })
}

func tooNew(schema int64) error {
	return fault.New(fault.SchemaTooNew, "The database has schema %d and this Guildhall knows only up to %d: start the newer version again, or restore the backup from before its upgrade.",
		schema, SchemaVersion())
}

// Migrate brings the schema to this build's version, each step in a transaction of
// its own. It refuses a schema that is newer, or whose history was altered.
func (db *DB) Migrate(ctx context.Context) error {
	list, err := migrations()
	if err != nil {
		return err
	}
	err = db.migrateStep(ctx, func(tx *Tx) error {
		_, err := tx.exec(db.dialect.ddl(`CREATE TABLE IF NOT EXISTS schema_migration (
			number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`))
		return err
	})
	if err != nil {
		return fmt.Errorf("prepare the schema: %w", err)
	}
	for _, m := range list {
		if err := db.migrateStep(ctx, func(tx *Tx) error { return applyMigration(tx, m) }); err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
	}
	return db.CheckSchema(ctx)
}

// CheckSchema tells whether the schema is the one this build was made for.
func (db *DB) CheckSchema(ctx context.Context) error {
	newest, err := db.Schema(ctx)
	if err != nil {
		return err
	}
	if newest > SchemaVersion() {
		return tooNew(newest)
	}
	if newest < SchemaVersion() {
		return fmt.Errorf("the database has schema %d and this Guildhall needs %d: run guildhall migrate, or start the server, which does the same", newest, SchemaVersion())
	}
	return nil
}

func applyMigration(tx *Tx, m migration) error {
	known, err := One(tx, `SELECT checksum FROM schema_migration WHERE number = $1`,
		func(s Scan) (c string, err error) { return c, s(&c) }, m.number)
	switch {
	case err == nil && known == m.checksum:
		return nil
	case err == nil:
		return errors.New("its text is not the one that was applied; migrations never change once released")
	case !errors.Is(err, ErrNone):
		return err
	}
	for statement := range strings.SplitSeq(m.text, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := tx.exec(tx.db.dialect.ddl(statement)); err != nil {
			return err
		}
	}
	_, err = tx.exec(`INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)`,
		m.number, m.name, m.checksum, tx.now)
	return err
}

// migrationLock keeps two nodes from migrating at once; the number is arbitrary.
const migrationLock = `SELECT pg_advisory_xact_lock(7155114001)`

func (db *DB) migrateStep(ctx context.Context, step func(*Tx) error) error {
	if db.queue != nil {
		return db.queue.submit(ctx, step, false)
	}
	return db.writePostgres(ctx, func(tx *Tx) error {
		if err := Each(tx, migrationLock, func(Scan) error { return nil }); err != nil {
			return err
		}
		return step(tx)
	})
}
