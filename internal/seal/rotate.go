package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// rewrapBatch bounds how long a Write of the preparation takes.
const rewrapBatch = 200

// sealedKey is a data key as it lies in the database.
type sealedKey struct {
	id, organization, master string
	wrapped                  []byte
}

func scanSealedKey(s store.Scan) (k sealedKey, err error) {
	return k, s(&k.id, &k.organization, &k.wrapped, &k.master)
}

// CountKeys tells how many data keys there are.
func CountKeys(q store.Querier) (int, error) {
	return store.Value[int](q, `SELECT COUNT(*) FROM data_key`)
}

// PrepareRotation wraps some data keys by the next master key as well, and tells how
// many; none are left to do at 0. Nobody reads what it writes before Rotate.
func PrepareRotation(tx *store.Tx, r *Ring, next *Master) (int, error) {
	tx.Unaudited("the keys are the same; the rotation itself has its event")
	return rewrap(tx, r, next, rewrapBatch)
}

func rewrap(tx *store.Tx, r *Ring, next *Master, limit int) (int, error) {
	list, err := store.All(tx, `SELECT id, organization_id, wrapped, master FROM data_key WHERE next_master <> $1 ORDER BY id LIMIT $2`,
		scanSealedKey, next.Fingerprint(), limit)
	if err != nil {
		return 0, err
	}
	wrapper := next.wrapper()
	for _, k := range list {
		key, err := r.unwrap(k.organization, k.id, k.master, k.wrapped)
		if err != nil {
			return 0, err
		}
		if _, err := tx.Exec(`UPDATE data_key SET next_wrapped = $2, next_master = $3 WHERE id = $1`,
			k.id, wrapper.Seal(key, additional(k.organization, k.id, "data key")), next.Fingerprint()); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// Rotate ties the database to the next master key. From its commit on the key
// before opens nothing, and every data key is wrapped by the next one.
func Rotate(tx *store.Tx, r *Ring, before, next *Master) error {
	bound, err := lockBound(tx)
	if err != nil {
		return err
	}
	if bound != before.Fingerprint() {
		return mismatch(bound, before)
	}
	// Whoever makes a data key holds the row that we have just locked: what was made
	// since the preparation is seen now, and nothing more comes.
	for {
		n, err := rewrap(tx, r, next, rewrapBatch)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	if _, err := tx.Exec(`UPDATE data_key SET wrapped = next_wrapped, master = next_master, next_wrapped = NULL, next_master = ''`); err != nil {
		return err
	}
	return store.SetSetting(tx, fingerprintSetting, next.Fingerprint())
}

// lockBound reads the fingerprint and keeps it as it is until the Write is over.
func lockBound(tx *store.Tx) (string, error) {
	bound, err := store.Value[string](tx, `UPDATE setting SET value = value WHERE name = $1 RETURNING value`, fingerprintSetting)
	if errors.Is(err, store.ErrNone) {
		return "", nil
	}
	return bound, err
}

// NextKey gives the key to come: a new one, or that of a rotation that was cut off,
// or one that was brought from another node.
func NextKey(file string) (m *Master, created bool, err error) {
	return LoadOrCreateMaster(file + NextSuffix)
}

// SettleFiles puts the key to come into the place of the one before, which is kept
// aside; it may be called again after it was cut off. aside is where the old key is.
func SettleFiles(file string, bound string) (aside string, err error) {
	next, err := LoadMaster(file + NextSuffix)
	if err != nil {
		if now, loadErr := LoadMaster(file); loadErr == nil && now.Fingerprint() == bound && errors.Is(err, fs.ErrNotExist) {
			return "", nil // it was done already
		}
		return "", err
	}
	if next.Fingerprint() != bound {
		return "", mismatch(bound, next)
	}
	if before, err := LoadMaster(file); err == nil && before.Fingerprint() != bound {
		aside = file + "." + before.Fingerprint() + ".old"
		// The new name first: at no moment is the old key nowhere.
		if err := os.Link(file, aside); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("keep the old master key: %w", err)
		}
	}
	if err := os.Rename(file+NextSuffix, file); err != nil {
		return "", fmt.Errorf("put the new master key into its place: %w", err)
	}
	return aside, syncDirectory(filepath.Dir(file))
}

// Interrupted tells whether the file of the key to come holds the key that the
// database is tied to: the rotation was cut off between the database and the files.
func Interrupted(file, bound string) bool {
	next, err := LoadMaster(file + NextSuffix)
	return err == nil && bound != "" && next.Fingerprint() == bound
}

func (r *Ring) unwrap(organization, keyID, master string, wrapped []byte) ([]byte, error) {
	box, err := r.box(master)
	if err != nil {
		return nil, err
	}
	key, err := box.Open(wrapped, additional(organization, keyID, "data key"))
	if err != nil {
		return nil, fmt.Errorf("data key %s: %w", keyID, err)
	}
	if len(key) != keySize {
		return nil, fault.New(fault.Internal, "")
	}
	return key, nil
}
