package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/guildhall-dev/guildhall/internal/seal"
)

// Archive is a backup that is read.
type Archive struct {
	Manifest
	file *os.File
	tar  *tar.Reader
}

// Open reads what a backup says about itself.
func Open(path string) (*Archive, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	a := &Archive{file: file, tar: tar.NewReader(file)}
	if err := a.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return a, nil
}

func (a *Archive) begin() error {
	head, err := a.tar.Next()
	if err != nil || head.Name != manifestName || head.Typeflag != tar.TypeReg || head.Size > maxManifest {
		return errNoBackup
	}
	text, err := io.ReadAll(a.tar)
	if err != nil {
		return errNoBackup
	}
	a.Manifest, err = parseManifest(text)
	return err
}

// Close closes the file.
func (a *Archive) Close() error { return a.file.Close() }

// Extract writes the database's part to a file, and holds it against its digest.
func (a *Archive) Extract(path string) (err error) {
	head, err := a.tar.Next()
	if err != nil || head.Name != content[a.Database] || head.Size != a.Size {
		return errNoBackup
	}
	// A part with holes may call itself of any size, and would fill the disk: we write none.
	if info, err := a.file.Stat(); err != nil || head.Typeflag != tar.TypeReg || head.Size > info.Size() {
		return errors.Join(errNoBackup, err)
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, sum), a.tar); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errNoBackup
		}
		return errors.Join(err, out.Close())
	}
	if hex.EncodeToString(sum.Sum(nil)) != a.SHA256 {
		return errors.Join(errors.New("the backup is damaged: its content does not have the digest that it names"), out.Close())
	}
	return errors.Join(out.Sync(), out.Close())
}

// MasterKey gives the key that opens the backup: the one inside, where there is one
// and a passphrase was given, else the one in the file.
func (a *Archive) MasterKey(file, passphrase string) (*seal.Master, error) {
	switch {
	case a.Key != nil && passphrase != "":
		return a.Key.unwrap(passphrase, a.KeyFingerprint)
	case passphrase != "":
		return nil, errors.New("a passphrase was given, but the master key is not in this backup (it was made without --with-key)")
	}
	m, err := seal.LoadMaster(file)
	switch {
	case errors.Is(err, os.ErrNotExist) && a.Key != nil:
		return nil, fmt.Errorf("there is no master key in %s; it is in this backup: give its passphrase with --passphrase-file or GUILDHALL_BACKUP_PASSPHRASE", file)
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no master key in %s, and none in this backup: put the key with the fingerprint %s there, or name it with --master-key-file", file, a.KeyFingerprint)
	case err != nil:
		return nil, err
	case a.KeyFingerprint != "" && m.Fingerprint() != a.KeyFingerprint:
		return nil, fmt.Errorf("the master key in %s has the fingerprint %s, and this backup was sealed with %s: give the right file with --master-key-file", file, m.Fingerprint(), a.KeyFingerprint)
	}
	return m, nil
}
