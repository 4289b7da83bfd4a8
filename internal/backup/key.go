package backup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/guildhall-dev/guildhall/internal/seal"
)

// MinPassphrase is the least length of a passphrase, in characters. A backup can be
// tried offline by whoever holds it.
const MinPassphrase = 12

// WrappedKey is a master key under a passphrase: argon2id makes a key of it, which
// seals with AES-256-GCM.
type WrappedKey struct {
	Salt      []byte `json:"salt"`
	Time      uint32 `json:"argon2id_time"`
	MemoryKiB uint32 `json:"argon2id_memory_kib"`
	Threads   uint8  `json:"argon2id_threads"`
	Sealed    []byte `json:"sealed"`
}

// A file from outside must not make us work or store without end.
const (
	maxTime   = 16
	maxMemory = 1 << 20 // KiB: 1 GiB
)

// CheckPassphrase refuses one that is too short.
func CheckPassphrase(p string) error {
	if utf8.RuneCountInString(p) < MinPassphrase {
		return fmt.Errorf("the passphrase must have at least %d characters", MinPassphrase)
	}
	return nil
}

func wrapKey(m *seal.Master, passphrase string) (*WrappedKey, error) {
	if err := CheckPassphrase(passphrase); err != nil {
		return nil, err
	}
	w := &WrappedKey{Salt: make([]byte, 16), Time: 3, MemoryKiB: 64 << 10, Threads: 4}
	if _, err := rand.Read(w.Salt); err != nil {
		return nil, err
	}
	w.Sealed = m.Export(w.box(passphrase), w.place(m.Fingerprint()))
	return w, nil
}

func (w *WrappedKey) box(passphrase string) *seal.Box {
	return seal.NewBox(argon2.IDKey([]byte(passphrase), w.Salt, w.Time, w.MemoryKiB, w.Threads, 32))
}

func (*WrappedKey) place(fingerprint string) []byte {
	return []byte("master key in a backup\x00" + fingerprint)
}

func (w *WrappedKey) unwrap(passphrase, fingerprint string) (*seal.Master, error) {
	if w.Time < 1 || w.Time > maxTime || w.MemoryKiB < 8 || w.MemoryKiB > maxMemory || w.Threads < 1 || len(w.Salt) < 8 {
		return nil, errNoBackup
	}
	m, err := seal.Import(w.box(passphrase), w.Sealed, w.place(fingerprint))
	if err != nil || m.Fingerprint() != fingerprint {
		return nil, errors.New("the passphrase does not open the master key of this backup")
	}
	return m, nil
}
