package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/backup"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/report"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// sealedFields lists everything that is sealed, for who checks that all of it opens.
// A feature that seals something adds its list; a verification finds what is missing.
var sealedFields = []seal.Fields{authn.SealedKeys, mail.Sealed, object.Sealed, report.Sealed, sealedDemo}

func source(s config.Storage) backup.Source {
	if s.Embedded() {
		return backup.Source{Path: s.DatabaseFile()}
	}
	return backup.Source{URL: string(s.DatabaseURL)}
}

// BackupRequest says what a backup is to be.
type BackupRequest struct {
	File       string
	WithKey    bool
	Passphrase config.Secret
	Force      bool
	Program    string
}

// MakeBackup copies the database, which a server may be using, into a file. It reads
// the database itself and needs no answer of the server: both databases let readers
// see one moment while writes go on.
func MakeBackup(ctx context.Context, storage config.Storage, r BackupRequest) (backup.Manifest, error) {
	storage, err := storage.Complete()
	if err != nil {
		return backup.Manifest{}, err
	}
	o := backup.Options{Program: r.Program, At: time.Now(), Force: r.Force}
	if r.WithKey {
		o.KeyFile, o.Passphrase = storage.MasterKeyFile, string(r.Passphrase)
	}
	return backup.Make(ctx, source(storage), r.File, o)
}

// RestoreBackup brings a backup back into an empty place.
func RestoreBackup(ctx context.Context, storage config.Storage, file string, passphrase config.Secret) (m backup.Manifest, s config.Storage, err error) {
	if s, err = storage.Complete(); err != nil {
		return m, s, err
	}
	a, err := backup.Open(file)
	if err != nil {
		return m, s, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	to := backup.Target{URL: string(s.DatabaseURL), KeyFile: s.MasterKeyFile}
	if s.Embedded() && a.Database == backup.SQLite {
		lock, err := emptyDirectory(s.Data)
		if err != nil {
			return m, s, err
		}
		defer func() { err = errors.Join(err, lock.Close()) }()
		to.Path = s.DatabaseFile()
	}
	return a.Manifest, s, backup.Restore(ctx, a, to, string(passphrase))
}

// emptyDirectory makes or finds an empty data directory and locks it.
func emptyDirectory(dir string) (*os.File, error) {
	_, statErr := os.Stat(filepath.Join(dir, "lock"))
	if empty, err := backup.Empty(dir); err != nil || !empty {
		if statErr == nil { // a running server says so first
			lock, lockErr := lockDirectory(dir)
			if lockErr != nil {
				return nil, lockErr
			}
			err = errors.Join(err, lock.Close())
		}
		return nil, errors.Join(err, fmt.Errorf("the directory %s is not empty: name another one with --data, or move what is there away", dir))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	return lockDirectory(dir)
}

// VerifyBackup proves that a backup can be brought back and that all of it opens.
func VerifyBackup(ctx context.Context, storage config.Storage, file string, passphrase config.Secret) (v backup.Verified, err error) {
	storage, err = storage.Complete()
	if err != nil {
		return v, err
	}
	a, err := backup.Open(file)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	key, err := a.MasterKey(storage.MasterKeyFile, string(passphrase))
	if err != nil {
		return v, err
	}
	return backup.Verify(ctx, a, key, string(storage.DatabaseURL), sealedFields...)
}

// schedule is the server's own backups.
func (a *App) schedule(program string) *backup.Schedule {
	return &backup.Schedule{
		DB: a.DB, Permit: authz.System("backup"), From: source(a.Storage), Dir: a.Storage.BackupDirectory(a.Settings.Backup),
		Every: a.Settings.BackupEvery, Keep: a.Settings.BackupKeep, Program: program, Log: a.Log,
	}
}

// migrate brings the schema to this build's version; what is there is copied first.
func (a *App) migrate(ctx context.Context, o Options) error {
	schema, pending, err := a.DB.Pending(ctx)
	if err != nil {
		return err
	}
	if schema > 0 && len(pending) > 0 {
		if o.AsItIs {
			return a.DB.CheckSchema(ctx)
		}
		if err := a.beforeMigration(ctx, schema, o); err != nil {
			return err
		}
	}
	return a.DB.Migrate(ctx)
}

func (a *App) beforeMigration(ctx context.Context, schema int64, o Options) error {
	if !a.Settings.BackupBeforeMigration {
		return nil
	}
	dir := a.Storage.BackupDirectory(a.Settings.Backup)
	now := o.Clock.Now().UTC()
	a.BackupMade = filepath.Join(dir, fmt.Sprintf("before-schema-%d-%s.backup", store.SchemaVersion(), now.Format("20060102T150405.000Z")))
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		_, err = backup.Make(ctx, source(a.Storage), a.BackupMade, backup.Options{Program: o.Program, At: now})
	}
	if err != nil {
		return fmt.Errorf("the schema is to be migrated from %d to %d, and the backup before it failed; make one yourself and go on with --no-backup-before-migration, or mend this: %w",
			schema, store.SchemaVersion(), err)
	}
	a.Log.Info("a backup was made before the schema is migrated", slog.String("file", a.BackupMade), slog.Int64("schema", schema))
	return nil
}

// Migration is what guildhall migrate did, or would do.
type Migration struct {
	Schema  int64    `json:"schema"`
	Target  int64    `json:"target"`
	Pending []string `json:"pending"`
	Backup  string   `json:"backup,omitempty"`
	Done    bool     `json:"done"`
}

// Migrate brings the schema of a database to this build's version, without a server;
// with look it tells what would happen and changes nothing.
func Migrate(ctx context.Context, storage config.Storage, settings config.Backup, o Options, look bool) (m Migration, err error) {
	storage, err = storage.Complete()
	if err != nil {
		return m, err
	}
	a := &App{Storage: storage, Settings: config.Server{Backup: settings}, Log: o.Log}
	defer func() { err = errors.Join(err, a.Close()) }()
	if look {
		s := store.Options{URL: string(storage.DatabaseURL), Path: storage.DatabaseFile(), ReadOnly: true}
		if _, err := os.Stat(s.Path); storage.Embedded() && err != nil {
			return m, fmt.Errorf("there is no database in %s yet; the first start makes it: %w", storage.Data, err)
		}
		if a.DB, err = store.Open(ctx, s); err != nil {
			a.DB = nil
		}
	} else {
		err = a.openDatabase(ctx, o.Clock)
	}
	if err != nil {
		return m, err
	}
	m.Target = store.SchemaVersion()
	if m.Schema, m.Pending, err = a.DB.Pending(ctx); err != nil || look {
		return m, err
	}
	err = a.migrate(ctx, o)
	m.Backup, m.Done = a.BackupMade, err == nil
	if err != nil {
		return m, err
	}
	bound, err := seal.Bound(a.DB.Reader(ctx))
	if err == nil && bound != "" { // what a start does before it serves
		err = a.bindKey(ctx)
	}
	return m, err
}

// fit tells why this node should get no requests: somebody rotated the master key,
// and nobody brought the new one here.
func (a *App) fit(ctx context.Context) string {
	bound, err := seal.Bound(a.DB.Reader(ctx))
	if err != nil {
		return "the database does not answer"
	}
	if err := a.ring.Has(bound); err != nil {
		a.Log.Error("this node does not have the master key of the database", slog.Any("error", err))
		return string(fault.MasterKeyMismatch)
	}
	return ""
}
