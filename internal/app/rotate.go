package app

import (
	"context"
	"log/slog"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// CommandKeysRotate replaces the master key, as it travels over the control socket.
const CommandKeysRotate = "keys-rotate"

// RotateAnswer says which key is in force, and where the one before is kept.
type RotateAnswer struct {
	Fingerprint string `json:"fingerprint"`
	Before      string `json:"before,omitempty"`
	KeyFile     string `json:"key_file"`
	OldKeyFile  string `json:"old_key_file,omitempty"`
	DataKeys    int    `json:"data_keys"`
}

type keyName struct {
	Fingerprint string `json:"fingerprint"`
}

// rotateKeys makes a new master key and lets it wrap every data key, while requests
// are served. It can be cut off at any point and called again:
//
//  1. the new key's file is made beside the old one (or found there);
//  2. every data key is wrapped by the new key too, in Writes of a few each;
//  3. one Write ties the database to the new key and drops what the old one wrapped;
//  4. the new file takes the old one's place, which is kept aside.
//
// Until 3 the old key is in force, after it only the new one; a start between 3 and
// 4 finds the new key where 1 put it, and does 4.
func (a *App) rotateKeys(ctx context.Context, _ struct{}) (RotateAnswer, error) {
	a.rotating.Lock()
	defer a.rotating.Unlock()
	file := a.Storage.MasterKeyFile
	bound, err := seal.Bound(a.DB.Reader(ctx))
	if err != nil {
		return RotateAnswer{}, err
	}
	if seal.Interrupted(file, bound) { // the command was cut off after step 3
		aside, err := seal.SettleFiles(file, bound)
		return RotateAnswer{Fingerprint: bound, KeyFile: file, OldKeyFile: aside}, err
	}
	before, err := seal.Find(file, bound)
	if err != nil {
		return RotateAnswer{}, err
	}
	next, _, err := seal.NextKey(file)
	if err != nil {
		return RotateAnswer{}, err
	}
	total, err := seal.CountKeys(a.DB.Reader(ctx))
	if err != nil {
		return RotateAnswer{}, err
	}
	done := 0
	// No longer than that: somebody who rotates to another key at the same time undoes
	// it, and step 3 does what is left. Who comes there second is refused.
	for done <= 2*total {
		n, err := store.Write(ctx, a.DB, operator(), func(tx *store.Tx) (int, error) { return seal.PrepareRotation(tx, a.ring, next) })
		if err != nil {
			return RotateAnswer{}, err
		}
		if n == 0 {
			break
		}
		done += n
	}
	a.ring.Add(next)
	err = store.Do(ctx, a.DB, operator(), func(tx *store.Tx) error {
		if err := seal.Rotate(tx, a.ring, before, next); err != nil {
			return err
		}
		return audit.Record(tx, store.Server, operator(), audit.Entry{
			Action: audit.MasterKeyRotate, Target: audit.Reference{Name: "master key"},
			Before: keyName{before.Fingerprint()}, After: keyName{next.Fingerprint()},
		})
	})
	if err != nil {
		return RotateAnswer{}, err
	}
	a.Log.Info("the master key was rotated", slog.String("before", before.Fingerprint()), slog.String("after", next.Fingerprint()))
	aside, err := seal.SettleFiles(file, next.Fingerprint())
	return RotateAnswer{Fingerprint: next.Fingerprint(), Before: before.Fingerprint(), KeyFile: file, OldKeyFile: aside, DataKeys: done}, err
}
