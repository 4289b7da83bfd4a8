package seal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// prefix names the format of a sealed text: gh1.<data key id>.<base64 of nonce and cipher text>.
const prefix = "gh1"

// Keeper seals and opens fields with the data key of their organization.
type Keeper struct {
	ring  *Ring
	boxes *lru.Cache[string, *Box] // by data key id
}

// NewKeeper makes a keeper that knows one master key.
func NewKeeper(m *Master) *Keeper { return NewRing(m, "").Keeper() }

// Keeper makes a keeper that follows the rotations of the master key.
func (r *Ring) Keeper() *Keeper {
	boxes, err := lru.New[string, *Box](4096)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Keeper{ring: r, boxes: boxes}
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
		found, err := store.One(q, `SELECT id, organization_id, wrapped, master FROM data_key WHERE id = $1 AND organization_id = $2`,
			scanSealedKey, parts[1], organization)
		if err != nil {
			return "", fmt.Errorf("data key %s: %w", parts[1], err)
		}
		if box, err = k.unwrap(found); err != nil {
			return "", err
		}
	}
	plain, err := box.Open(raw, additional(organization, object, field))
	return string(plain), err
}

func (k *Keeper) unwrap(found sealedKey) (*Box, error) {
	key, err := k.ring.unwrap(found.organization, found.id, found.master, found.wrapped)
	if err != nil {
		return nil, err
	}
	box := NewBox(key)
	k.boxes.Add(found.id, box)
	return box, nil
}

func (k *Keeper) current(tx *store.Tx, organization string) (string, *Box, error) {
	found, err := store.One(tx, `SELECT id, organization_id, wrapped, master FROM data_key WHERE organization_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1`,
		scanSealedKey, organization)
	switch {
	case err == nil:
		if box, ok := k.boxes.Get(found.id); ok {
			return found.id, box, nil
		}
		box, err := k.unwrap(found)
		return found.id, box, err
	case !errors.Is(err, store.ErrNone):
		return "", nil, err
	}
	// Wrapped by the key that the database is tied to at this moment, whichever this
	// process was started with: no rotation may pass between here and the commit.
	bound, err := lockBound(tx)
	if err != nil {
		return "", nil, err
	}
	wrapper, err := k.ring.box(bound)
	if err != nil {
		return "", nil, err
	}
	key, keyID, err := newDataKey(tx, wrapper, bound, organization)
	return keyID, NewBox(key), err
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
