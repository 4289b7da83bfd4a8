package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Source is the database to copy: the file of the embedded one, or PostgreSQL's URL.
type Source struct{ Path, URL string }

func (s Source) kind() string {
	if s.URL != "" {
		return PostgreSQL
	}
	return SQLite
}

func (s Source) open(ctx context.Context) (*store.DB, error) {
	if s.URL == "" {
		if _, err := os.Stat(s.Path); err != nil {
			return nil, fmt.Errorf("there is no database: %w", err)
		}
	}
	return store.Open(ctx, store.Options{Path: s.Path, URL: s.URL, ReadOnly: true})
}

// Options are what a backup is to be besides a copy.
type Options struct {
	Program    string    // the version that makes it
	At         time.Time // the present moment
	KeyFile    string    // where set, the master key goes into the backup,
	Passphrase string    // wrapped by this
	Force      bool      // replaces a file that is there
}

// temporary is how the files begin that a backup is made of.
const temporary = ".guildhall-backup-"

// Make copies a database into a file while it is used. The file is whole, or not
// there.
func Make(ctx context.Context, from Source, file string, o Options) (m Manifest, err error) {
	file, err = filepath.Abs(file)
	if err != nil {
		return m, err
	}
	if _, err := os.Lstat(file); err == nil && !o.Force {
		return m, taken(file)
	}
	if o.KeyFile != "" {
		if err := CheckPassphrase(o.Passphrase); err != nil {
			return m, err
		}
	}
	m = Manifest{Format: format, Database: from.kind(), CreatedAt: o.At.UTC().Truncate(time.Second), Program: o.Program}
	removeDead(filepath.Dir(file), o.At)
	work, err := os.MkdirTemp(filepath.Dir(file), temporary)
	if err != nil {
		return m, fmt.Errorf("write the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	data := filepath.Join(work, content[m.Database])
	if err := copyData(ctx, from, data, &m); err != nil {
		return m, fmt.Errorf("copy the database: %w", err)
	}
	if o.KeyFile != "" {
		key, err := seal.Find(o.KeyFile, m.KeyFingerprint)
		if err != nil {
			return m, err
		}
		if m.Key, err = wrapKey(key, o.Passphrase); err != nil {
			return m, err
		}
	}
	whole := filepath.Join(work, "whole")
	if err := pack(whole, data, &m); err != nil {
		return m, fmt.Errorf("write the backup: %w", err)
	}
	return m, place(whole, file, o.Force)
}

func taken(file string) error {
	return fmt.Errorf("the file %s is there already; choose another name, or replace it with --force", file)
}

// place gives the finished file its name.
func place(whole, file string, force bool) error {
	var err error
	if force {
		err = os.Rename(whole, file)
	} else if err = os.Link(whole, file); errors.Is(err, fs.ErrExist) {
		return taken(file)
	}
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return syncDirectory(filepath.Dir(file))
}

func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// removeDead clears what backups that were cut off a day ago have left.
func removeDead(dir string, now time.Time) {
	old, _ := filepath.Glob(filepath.Join(dir, temporary+"*"))
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && now.Sub(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(path) // the next one tries again
		}
	}
}

// copyData makes the consistent copy and reads from it what the manifest says.
func copyData(ctx context.Context, from Source, data string, m *Manifest) error {
	db, err := from.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(copyFrom(ctx, from, db, data, m), db.Close())
}

func copyFrom(ctx context.Context, from Source, db *store.DB, data string, m *Manifest) error {
	if err := facts(ctx, db, m); err != nil {
		return err
	}
	if from.URL == "" {
		if err := os.WriteFile(data, nil, 0o600); err != nil {
			return err
		}
		if err := db.CopyTo(ctx, data); err != nil {
			return err
		}
		made, err := Source{Path: data}.open(ctx)
		if err != nil {
			return err
		}
		return errors.Join(facts(ctx, made, m), made.Close())
	}
	// The dump has a snapshot of its own. Schema and key only ever go forward, so
	// that what is the same before and after is the same inside.
	for range 3 {
		before := *m
		if err := dump(ctx, from.URL, data); err != nil {
			return err
		}
		if err := facts(ctx, db, m); err != nil {
			return err
		}
		if before.Schema == m.Schema && before.KeyFingerprint == m.KeyFingerprint {
			return nil
		}
	}
	return errors.New("the schema or the master key changes all the time")
}

func facts(ctx context.Context, db *store.DB, m *Manifest) error {
	tables, err := db.Tables(ctx)
	if err != nil {
		return err
	}
	if len(tables) == 0 {
		return errors.New("the database is empty")
	}
	if m.Schema, err = db.Schema(ctx); err != nil {
		return err
	}
	m.KeyFingerprint, err = seal.Bound(db.Reader(ctx))
	return err
}

// pack writes the manifest and the data into one tar file, and to the disk.
func pack(whole, data string, m *Manifest) error {
	in, err := os.Open(data)
	if err != nil {
		return err
	}
	defer in.Close()
	sum := sha256.New()
	if m.Size, err = io.Copy(sum, in); err != nil {
		return err
	}
	m.SHA256 = hex.EncodeToString(sum.Sum(nil))
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out, err := os.OpenFile(whole, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	err = errors.Join(
		add(w, manifestName, int64(len(text)), m.CreatedAt, bytes.NewReader(text)),
		add(w, content[m.Database], m.Size, m.CreatedAt, in),
		w.Close(), out.Sync())
	return errors.Join(err, out.Close())
}

func add(w *tar.Writer, name string, size int64, at time.Time, r io.Reader) error {
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: at, Format: tar.FormatPAX})
	if err == nil {
		_, err = io.Copy(w, r)
	}
	return err
}
