package seal

import (
	"sync"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// NextSuffix stands behind the name of the master key's file for the key to come,
// while a rotation is under way.
const NextSuffix = ".next"

// Ring holds the master keys that this process knows. A rotation may change the
// key while the process runs, on another node even: a key that is not known yet is
// looked for where the rotation puts it.
type Ring struct {
	file  string // where the master key is; empty for nowhere
	mu    sync.RWMutex
	known map[string]*Box // fingerprint -> what wraps data keys
	first string
}

// NewRing makes a ring with one key; file is where further ones appear.
func NewRing(m *Master, file string) *Ring {
	r := &Ring{file: file, known: map[string]*Box{}, first: m.Fingerprint()}
	r.Add(m)
	return r
}

// Add makes a key known.
func (r *Ring) Add(m *Master) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[m.Fingerprint()] = m.wrapper()
}

// Has tells whether a key is at hand, and looks for it.
func (r *Ring) Has(fingerprint string) error {
	_, err := r.box(fingerprint)
	return err
}

func (m *Master) wrapper() *Box { return NewBox(m.Derive("data keys")) }

func (r *Ring) box(fingerprint string) (*Box, error) {
	if fingerprint == "" {
		fingerprint = r.first
	}
	r.mu.RLock()
	box := r.known[fingerprint]
	r.mu.RUnlock()
	if box != nil {
		return box, nil
	}
	if r.file != "" {
		if m, err := Find(r.file, fingerprint); err == nil {
			r.Add(m)
			return m.wrapper(), nil
		}
	}
	return nil, fault.New(fault.MasterKeyMismatch, "").
		Because(errNoKey{fingerprint, r.file})
}

// errNoKey is for the log; who asked learns only that the key is the wrong one.
type errNoKey struct{ fingerprint, file string }

func (e errNoKey) Error() string {
	return "the database needs the master key with the fingerprint " + e.fingerprint + ", which is neither in " + e.file + " nor in " + e.file + NextSuffix +
		": the key was rotated elsewhere, bring the new file to this node"
}

// Find reads the key with a fingerprint from the master key's file, or from the one
// beside it that a rotation has not put into its place yet.
func Find(file, fingerprint string) (*Master, error) {
	m, err := LoadMaster(file + NextSuffix) // first, because it may move while we look
	if err == nil && m.Fingerprint() == fingerprint {
		return m, nil
	}
	if m, err = LoadMaster(file); err != nil {
		return nil, err
	}
	if fingerprint != "" && m.Fingerprint() != fingerprint {
		return nil, mismatch(fingerprint, m)
	}
	return m, nil
}
