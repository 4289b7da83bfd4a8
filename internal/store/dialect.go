package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"regexp"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// dialect holds everything that differs between the two databases. Nothing
// outside this package asks which one is open.
type dialect struct {
	name     string
	snapshot sql.IsolationLevel
	// lockHead takes the head's row for the rest of the transaction. SQLite has one
	// writer at a time, so that reading is enough there.
	lockHead string
	// saveHead ends the Write; "changed" lets other nodes ask for what changed since.
	saveHead   string
	insertHead string
	ddl        func(string) string
	// What Examine asks; empty where there is nothing to ask.
	version, damage, settings, moment string
	// tables lists the tables of the database that are not the engine's own.
	tables string
}

var sqliteDialect = dialect{
	name:     "SQLite",
	snapshot: sql.LevelDefault,
	lockHead: `SELECT kind, seq, rights_seq, hash FROM organization_head WHERE organization_id = $1`,
	saveHead: `UPDATE organization_head SET seq = $2, rights_seq = $3, hash = $4, mac = $5 WHERE organization_id = $1`,
	insertHead: `INSERT INTO organization_head (organization_id, seq, rights_seq, hash, mac, kind, changed)
		VALUES ($1, $2, $3, $4, $5, $6, 0)`,
	ddl:     func(s string) string { return s },
	version: `SELECT sqlite_version()`,
	damage:  `SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok' LIMIT 10`,
	tables:  `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
}

var textColumn = regexp.MustCompile(`\bTEXT\b`)

var postgresDialect = dialect{
	name:     "PostgreSQL",
	snapshot: sql.LevelRepeatableRead,
	lockHead: `SELECT kind, seq, rights_seq, hash FROM organization_head WHERE organization_id = $1 FOR UPDATE`,
	saveHead: `UPDATE organization_head SET seq = $2, rights_seq = $3, hash = $4, mac = $5,
		changed = pg_current_xact_id()::text::bigint WHERE organization_id = $1`,
	insertHead: `INSERT INTO organization_head (organization_id, seq, rights_seq, hash, mac, kind, changed)
		VALUES ($1, $2, $3, $4, $5, $6, pg_current_xact_id()::text::bigint)`,
	// Text compares by bytes on both databases, whatever the cluster's locale.
	ddl:     func(s string) string { return textColumn.ReplaceAllString(s, `TEXT COLLATE "C"`) },
	version: `SELECT current_setting('server_version')`,
	settings: `SELECT name, setting FROM pg_settings
		WHERE name IN ('server_version_num', 'server_encoding', 'fsync', 'full_page_writes', 'synchronous_commit', 'max_connections')`,
	moment: `SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint`,
	tables: `SELECT tablename::text FROM pg_catalog.pg_tables
		WHERE schemaname <> 'information_schema' AND schemaname NOT LIKE 'pg@_%' ESCAPE '@' ORDER BY tablename`,
}

// changedHeads asks PostgreSQL for the heads written by transactions that were
// not yet over when the previous answer was made ($1), and for the mark to ask
// with next time. Transaction numbers, not times: no clock, no gap.
const changedHeads = `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, h.organization_id, h.seq, h.rights_seq
	FROM (SELECT 1) AS one LEFT JOIN organization_head h ON h.changed >= $1`

// translate gives the failures of a database the words a caller can act upon.
func (db *DB) translate(err error) error {
	var known *fault.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.New(fault.Timeout, "").Because(err)
	case lostConnection(err), wantsRetry(err), sqliteBusy(err), errors.Is(err, sql.ErrConnDone), errors.Is(err, errClosed):
		return fault.New(fault.Unavailable, "The database cannot be reached right now; try again.").Because(err)
	}
	return err
}

func lostConnection(err error) bool {
	if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return len(pg.Code) == 5 && (pg.Code[:2] == "08" || pg.Code[:3] == "57P")
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.Is(err, driver.ErrBadConn) || errors.As(err, &network) || errors.As(err, &connect) ||
		pgconn.SafeToRetry(err) || errors.Is(err, net.ErrClosed) || unexpectedEOF(err)
}

// serialization failures and deadlocks: PostgreSQL asks to run the transaction again.
func wantsRetry(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

func sqliteBusy(err error) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	switch lite.Code() & 0xff {
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED, sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR:
		return true
	}
	return false
}

// Duplicate tells whether a statement failed because a unique value is there already.
func Duplicate(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) &&
		(lite.Code() == sqlitelib.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY)
}
