package seal

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// prefix names the format of a sealed text: gh1.<data key id>.<base64 of nonce and cipher text>.
const prefix = "gh1"

// Keeper seals and opens fields with the data key of their organization.
type Keeper struct {
	wrap  *Box
	boxes *lru.Cache[string, *Box] // by data key id
}

// NewKeeper makes a keeper for a master key.
func NewKeeper(m *Master) *Keeper {
	boxes, err := lru.New[string, *Box](4096)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Keeper{wrap: NewBox(m.Derive("data keys")), boxes: boxes}
}

// StoreKeys are the keys that the store itself needs, derived from the master key.
func StoreKeys(m *Master) store.Keys {
	return store.Keys{HeadMAC: m.Derive("event heads"), Answers: NewBox(m.Derive("kept answers"))}
}

func additional(organization, object, field string) []byte {
	return []byte(strings.Join([]string{organization, object, field}, "\x00"))
}

// Seal encrypts a field; the organization's data key is made where there is none.
func (k *Keeper) Seal(tx *store.Tx, organization, object, field, plain string) (string, error) {
	keyID, box, err := k.current(tx, organization)
	if err != nil {
		return "", err
	}
	sealed := box.Seal([]byte(plain), additional(organization, object, field))
	return prefix + "." + keyID + "." + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open decrypts what Seal made for the same organization, object and field.
func (k *Keeper) Open(q store.Querier, organization, object, field, sealed string) (string, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != prefix {
		return "", errShut
	}
	raw, err := base64.RawStdEncoding.DecodeString(parts[2])
	if err != nil {
		return "", errShut
	}
	box, ok := k.boxes.Get(parts[1])
	if !ok {
		wrapped, err := store.Value[[]byte](q, `SELECT wrapped FROM data_key WHERE id = $1 AND organization_id = $2`, parts[1], organization)
		if err != nil {
			return "", fmt.Errorf("data key %s: %w", parts[1], err)
		}
		if box, err = k.unwrap(organization, parts[1], wrapped); err != nil {
			return "", err
		}
	}
	plain, err := box.Open(raw, additional(organization, object, field))
	return string(plain), err
}

func (k *Keeper) unwrap(organization, keyID string, wrapped []byte) (*Box, error) {
	key, err := k.wrap.Open(wrapped, additional(organization, keyID, "data key"))
	if err != nil {
		return nil, fmt.Errorf("data key %s: %w", keyID, err)
	}
	box := NewBox(key)
	k.boxes.Add(keyID, box)
	return box, nil
}

type wrappedKey struct {
	id      string
	wrapped []byte
}

func (k *Keeper) current(tx *store.Tx, organization string) (string, *Box, error) {
	found, err := store.One(tx, `SELECT id, wrapped FROM data_key WHERE organization_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1`,
		func(s store.Scan) (w wrappedKey, err error) { return w, s(&w.id, &w.wrapped) }, organization)
	switch {
	case err == nil:
		if box, ok := k.boxes.Get(found.id); ok {
			return found.id, box, nil
		}
		box, err := k.unwrap(organization, found.id, found.wrapped)
		return found.id, box, err
	case !errors.Is(err, store.ErrNone):
		return "", nil, err
	}
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return "", nil, err
	}
	keyID := id.New[string]()
	wrapped := k.wrap.Seal(key, additional(organization, keyID, "data key"))
	_, err = tx.Exec(`INSERT INTO data_key (id, organization_id, wrapped, created_at) VALUES ($1, $2, $3, $4)`,
		keyID, organization, wrapped, tx.Now())
	return keyID, NewBox(key), err
}

const fingerprintSetting = "master_key_fingerprint"

// Bind ties the database to the master key at the first start, and refuses any
// other key afterwards: a wrong key would seal new secrets that nobody can open
// together with the old ones.
func Bind(tx *store.Tx, m *Master) error {
	known, err := Bound(tx)
	if err != nil {
		return err
	}
	if known == "" {
		return store.SetSetting(tx, fingerprintSetting, m.Fingerprint())
	}
	return mismatch(known, m)
}

// Bound is the fingerprint of the key that the database is tied to; empty for none.
func Bound(q store.Querier) (string, error) {
	return store.Setting(q, fingerprintSetting)
}

// Check is Bind for who only reads: a database that is tied to no key yet takes any.
func Check(q store.Querier, m *Master) error {
	known, err := Bound(q)
	if err != nil || known == "" {
		return err
	}
	return mismatch(known, m)
}

func mismatch(known string, m *Master) error {
	if known != m.Fingerprint() {
		return fault.New(fault.MasterKeyMismatch,
			"The master key has the fingerprint %s, but this database was sealed with %s: give the right file with --master-key-file.", m.Fingerprint(), known)
	}
	return nil
}

// Purge forgets an organization's data keys, also those in memory: what they sealed
// cannot be read again.
func (k *Keeper) Purge(tx *store.Tx, organization id.Organization) error {
	keys, err := store.All(tx, `SELECT id FROM data_key WHERE organization_id = $1`, func(s store.Scan) (key string, err error) { return key, s(&key) }, organization)
	if err != nil {
		return err
	}
	tx.AfterCommit(func() {
		for _, key := range keys {
			k.boxes.Remove(key)
		}
	})
	return tx.Send(`DELETE FROM data_key WHERE organization_id = $1`, organization)
}
