package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// restoring is how the file begins that a restoration is working on.
const restoring = ".restore-"

// Empty tells whether a data directory has nothing that a restoration would cover.
// Its lock, and what a restoration that was cut off left, are nothing.
func Empty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	for _, e := range entries {
		if e.Name() != "lock" && !strings.HasPrefix(e.Name(), restoring) {
			return false, err
		}
	}
	return true, err
}

// Target is where a backup is to be brought back: the file of the embedded database,
// in a directory that the caller has locked, or an empty database of PostgreSQL.
type Target struct {
	Path, URL string
	KeyFile   string
}

// Restore brings a backup back, whole or not at all. The key is written to its file
// where that is not there yet.
func Restore(ctx context.Context, a *Archive, to Target, passphrase string) error {
	if err := a.Fits(); err != nil {
		return err
	}
	switch {
	case a.Database == SQLite && to.URL != "":
		return errors.New("this is a backup of the embedded database: name a directory with --data, not a PostgreSQL")
	case a.Database == PostgreSQL && to.URL == "":
		return errors.New("this is a backup of PostgreSQL: name an empty database with --database-url")
	}
	key, err := a.MasterKey(to.KeyFile, passphrase)
	if err != nil {
		return err
	}
	if there, err := seal.LoadMaster(to.KeyFile); err == nil && there.Fingerprint() != key.Fingerprint() {
		return fmt.Errorf("there is another master key in %s already: move it away, or name another file with --master-key-file", to.KeyFile)
	}
	if to.URL != "" {
		err = restorePostgres(ctx, a, to.URL, func() error { return keep(key, to.KeyFile) })
	} else {
		err = restoreSQLite(ctx, a, to.Path, func() error { return keep(key, to.KeyFile) })
	}
	return err
}

func keep(key *seal.Master, file string) error {
	if err := key.Place(file); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func restoreSQLite(ctx context.Context, a *Archive, path string, keepKey func() error) (err error) {
	dir := filepath.Dir(path)
	left, _ := filepath.Glob(filepath.Join(dir, restoring+"*"))
	for _, old := range left {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp(dir, restoring)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	data := filepath.Join(work, content[SQLite])
	if err := a.Extract(data); err != nil {
		return err
	}
	if err := a.holds(ctx, Source{Path: data}); err != nil {
		return err
	}
	// The key first: a database without its key is worth nothing.
	if err := keepKey(); err != nil {
		return err
	}
	if err := os.Rename(data, path); err != nil {
		return err
	}
	return syncDirectory(dir)
}

func restorePostgres(ctx context.Context, a *Archive, address string, keepKey func() error) (err error) {
	db, err := Source{URL: address}.open(ctx)
	if err != nil {
		return err
	}
	tables, err := db.Tables(ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if len(tables) > 0 {
		return fmt.Errorf("the database is not empty, it has the table %s: name an empty one", tables[0])
	}
	work, err := os.MkdirTemp("", temporary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	data := filepath.Join(work, content[PostgreSQL])
	if err := a.Extract(data); err != nil {
		return err
	}
	if err := keepKey(); err != nil {
		return err
	}
	if err := load(ctx, address, data); err != nil {
		return err
	}
	return a.holds(ctx, Source{URL: address})
}

// holds tells whether a database is what the manifest of its backup says.
func (a *Archive) holds(ctx context.Context, s Source) error {
	db, err := s.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(a.Manifest.holds(ctx, db), db.Close())
}

func (m Manifest) holds(ctx context.Context, db *store.DB) error {
	var is Manifest
	if err := facts(ctx, db, &is); err != nil {
		return fmt.Errorf("the backup is damaged: %w", err)
	}
	if is.Schema != m.Schema || is.KeyFingerprint != m.KeyFingerprint {
		return fmt.Errorf("the backup is damaged: it says schema %d and key %s, and holds schema %d and key %s", m.Schema, m.KeyFingerprint, is.Schema, is.KeyFingerprint)
	}
	return nil
}

// scratch brings a backup back into a database that is thrown away afterwards.
func (a *Archive) scratch(ctx context.Context, address string, use func(store.Options) error) (err error) {
	work, err := os.MkdirTemp("", temporary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	data := filepath.Join(work, content[a.Database])
	if err := a.Extract(data); err != nil {
		return err
	}
	if a.Database == SQLite {
		return use(store.Options{Path: data})
	}
	if address == "" {
		return errors.New("this is a backup of PostgreSQL: name a server with --database-url, where a scratch database can be made and dropped (its own data is not touched)")
	}
	made, drop, err := store.Scratch(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop(context.WithoutCancel(ctx))) }()
	if err := load(ctx, made, data); err != nil {
		return err
	}
	return use(store.Options{URL: made})
}
