package seal

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const fingerprintSetting = "master_key_fingerprint"

// storeOwner stands in place of an organization for the data key from which the
// store's own keys are derived. They hang on it and not on the master key, so that
// a rotation of that one has nothing to sign or seal anew.
const storeOwner = "store"

// Bind ties the database to the master key at the first start, and refuses any
// other key afterwards: a wrong key would seal new secrets that nobody can open
// together with the old ones.
func Bind(tx *store.Tx, m *Master) error {
	tx.Unaudited("the server makes its own keys")
	known, err := lockBound(tx)
	if err != nil {
		return err
	}
	if known != "" && known != m.Fingerprint() {
		return mismatch(known, m)
	}
	if known == "" {
		if err := store.SetSetting(tx, fingerprintSetting, m.Fingerprint()); err != nil {
			return err
		}
	}
	_, err = store.Value[string](tx, `SELECT id FROM data_key WHERE organization_id = $1`, storeOwner)
	if !errors.Is(err, store.ErrNone) {
		return err
	}
	key, _, err := newDataKey(tx, m.wrapper(), m.Fingerprint(), storeOwner)
	if err != nil || known == "" {
		return err
	}
	// A database from before there was such a key: what the master key itself has
	// signed and sealed is done anew, or a later rotation could not replace it.
	if _, err := tx.Exec(`UPDATE data_key SET master = $1 WHERE master = ''`, known); err != nil {
		return err
	}
	return store.Rekey(tx, directKeys(m), storeKeys(key))
}

// directKeys are the store's keys as databases had them before there was such a key.
func directKeys(m *Master) store.Keys {
	return store.Keys{HeadMAC: m.Derive("event heads"), Answers: NewBox(m.Derive("kept answers"))}
}

func storeKeys(root []byte) store.Keys {
	return store.Keys{HeadMAC: derive(root, "event heads"), Answers: NewBox(derive(root, "kept answers"))}
}

// StoreKeys are the keys that the store itself needs, of a database that is bound.
func StoreKeys(q store.Querier, r *Ring) (store.Keys, error) {
	root, err := storeRoot(q, r)
	if err != nil {
		return store.Keys{}, err
	}
	return storeKeys(root), nil
}

// HeadKey is the private key with which heads of chains are signed for who notes them
// elsewhere. It is derived like the store's own keys, so it stays the same when the
// master key is rotated or a backup brought back.
func HeadKey(q store.Querier, r *Ring) (ed25519.PrivateKey, error) {
	root, err := storeRoot(q, r)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(derive(root, "noted heads")), nil
}

func storeRoot(q store.Querier, r *Ring) ([]byte, error) {
	found, err := store.One(q, `SELECT id, organization_id, wrapped, master FROM data_key WHERE organization_id = $1 ORDER BY id LIMIT 1`, scanSealedKey, storeOwner)
	if err != nil {
		return nil, fmt.Errorf("the store's own key: %w", err)
	}
	return r.unwrap(storeOwner, found.id, found.master, found.wrapped)
}

// newDataKey makes a data key of an organization.
func newDataKey(tx *store.Tx, wrapper *Box, master, organization string) (key []byte, keyID string, err error) {
	key = make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, "", err
	}
	keyID = id.New[string]()
	_, err = tx.Exec(`INSERT INTO data_key (id, organization_id, wrapped, created_at, master) VALUES ($1, $2, $3, $4, $5)`,
		keyID, organization, wrapper.Seal(key, additional(organization, keyID, "data key")), tx.Now(), master)
	return key, keyID, err
}

// derive gives a key for one purpose; keys of different purposes say nothing of each other.
func derive(root []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, root, nil, "guildhall "+purpose, keySize)
	if err != nil {
		panic(err) // only a length out of range fails, and ours is fixed
	}
	return key
}

// Bound is the fingerprint of the key that the database is tied to; empty for none.
func Bound(q store.Querier) (string, error) {
	return store.Setting(q, fingerprintSetting)
}

// Check is Bind for who only reads: a database that is tied to no key yet takes any.
func Check(q store.Querier, m *Master) error {
	known, err := Bound(q)
	if err != nil || known == "" || known == m.Fingerprint() {
		return err
	}
	return mismatch(known, m)
}

func mismatch(known string, m *Master) error {
	return fault.New(fault.MasterKeyMismatch,
		"The master key has the fingerprint %s, but this database was sealed with %s: give the right file with --master-key-file.", m.Fingerprint(), known)
}
