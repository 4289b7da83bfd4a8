// Package seal keeps secrets at rest: a master key outside the database wraps a
// data key per organization, which encrypts each field with AES-256-GCM bound to
// its organization, object and field name.
package seal

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const keySize = 32

// Master is the key that everything sealed hangs on. It never enters the database.
type Master struct{ key [keySize]byte }

// LoadMaster reads the master key's file.
func LoadMaster(path string) (*Master, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != keySize {
		return nil, fmt.Errorf("the master key file %s does not hold a key (32 bytes in base64)", path)
	}
	m := &Master{}
	copy(m.key[:], raw)
	return m, nil
}

// CreateMaster makes a new master key in a file that must not be there yet.
func CreateMaster(path string) (*Master, error) {
	m := &Master{}
	if _, err := rand.Read(m.key[:]); err != nil {
		return nil, fmt.Errorf("make a master key: %w", err)
	}
	if err := m.Place(path); err != nil {
		return nil, err
	}
	return m, nil
}

// Place writes the key to a file that must not be there yet.
func (m *Master) Place(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the master key's directory: %w", err)
	}
	// Written beside and linked into place: a crash leaves no half key, and two
	// processes that start at once cannot both believe that theirs is the key.
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(base64.StdEncoding.EncodeToString(m.key[:]) + "\n")
	if err = errors.Join(err, tmp.Chmod(0o600), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	return nil
}

// syncDirectory makes a new name in a directory survive a power cut: a database
// bound to a key that is gone would be lost with it.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// LoadOrCreateMaster reads the key, or makes it where there is none; created says which.
func LoadOrCreateMaster(path string) (m *Master, created bool, err error) {
	m, err = LoadMaster(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, false, err
	}
	m, err = CreateMaster(path)
	if errors.Is(err, fs.ErrExist) { // another process was quicker
		m, err = LoadMaster(path)
		return m, false, err
	}
	return m, err == nil, err
}

// Derive gives a key for one purpose; keys of different purposes say nothing of each other.
func (m *Master) Derive(purpose string) []byte { return derive(m.key[:], purpose) }

// Fingerprint tells keys apart without telling the key.
func (m *Master) Fingerprint() string {
	return hex.EncodeToString(m.Derive("fingerprint")[:8])
}

// String keeps the key out of logs.
func (Master) String() string { return "***" }

// Format keeps the key out of every verb of fmt, of a copy as well.
func (Master) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// Export seals the key itself, for a backup that is to hold it.
func (m *Master) Export(box *Box, place []byte) []byte { return box.Seal(m.key[:], place) }

// Import opens what Export sealed.
func Import(box *Box, sealed, place []byte) (*Master, error) {
	raw, err := box.Open(sealed, place)
	if err != nil || len(raw) != keySize {
		return nil, errShut
	}
	m := &Master{}
	copy(m.key[:], raw)
	return m, nil
}
