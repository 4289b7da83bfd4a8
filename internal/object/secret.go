package object

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Secrets are plain values by field. They print as nothing, so that no log and no
// event can hold one by mistake.
type Secrets map[string]string

// String shows no secret.
func (Secrets) String() string { return "***" }

// GoString shows no secret.
func (Secrets) GoString() string { return "***" }

// MarshalJSON refuses: a secret is sealed, or it is not written.
func (Secrets) MarshalJSON() ([]byte, error) {
	return nil, errors.New("object: secrets are not written")
}

// Secret is a field that is sealed, named as the request names it.
type Secret struct {
	Field string
	// Needed says that the thing cannot be without it.
	Needed bool
}

// sealed are the sealed texts of a thing by field, as the column holds them.
type sealed map[string]string

func parseSealed(text string) (s sealed, err error) {
	if text != "" {
		err = json.Unmarshal([]byte(text), &s)
	}
	return s, err
}

func (s sealed) String() string {
	if len(s) == 0 {
		return ""
	}
	text, _ := json.Marshal(map[string]string(s)) // of texts, which cannot fail
	return string(text)
}

func (k Kind[B]) bound(o Object[B]) string {
	if k.Bound == nil {
		return ""
	}
	return k.Bound(o)
}

// shut seals what was given and keeps what was left out. It tells which fields are
// new: the same secret again is no change. A secret that was given for something else
// is not kept: who may edit a registry's address must not have its password sent there.
func (k Kind[B]) shut(tx *store.Tx, o *Object[B], bound string) (map[string]bool, error) {
	was, given := o.sealed, o.Secrets
	o.sealed, o.Secrets = sealed{}, nil
	if k.Secret == nil {
		return nil, nil
	}
	checks, renewed := &fault.Checks{}, map[string]bool{}
	for _, secret := range k.Secret(*o) {
		field, value := secret.Field, given[secret.Field]
		old, had := was[field]
		if value == "" {
			switch {
			case had && k.bound(*o) == bound:
				o.sealed[field] = old
			case had:
				checks.Add(field, "must be sent again, because what it belongs to changed")
			case secret.Needed:
				checks.Add(field, "is required")
			}
			continue
		}
		if had {
			plain, err := k.Keeper.Open(tx, string(o.Organization), string(o.ID), field, old)
			if err != nil {
				return nil, fmt.Errorf("the field %s of %s: %w", field, o.ID, err)
			}
			if plain == value {
				o.sealed[field] = old
				continue
			}
		}
		text, err := k.Keeper.Seal(tx, string(o.Organization), string(o.ID), field, value)
		if err != nil {
			return nil, err
		}
		o.sealed[field], renewed[field] = text, true
	}
	return renewed, checks.Err()
}

// Open gives a secret of a thing to who is about to use it; empty where it has none.
func (k Kind[B]) Open(q store.Querier, o Object[B], field string) (string, error) {
	text, ok := o.sealed[field]
	if !ok {
		return "", nil
	}
	return k.Keeper.Open(q, string(o.Organization), string(o.ID), field, text)
}

const (
	mask    = "***"
	renewal = "*** (new)"
)

// masked is a thing as events keep it: as it is shown, with its secrets masked. A new
// secret has another mask, so that the event tells which one changed.
func (k Kind[B]) masked(o Object[B], renewed map[string]bool) (json.RawMessage, error) {
	text, err := json.Marshal(k.Shown(o))
	if err != nil || len(o.sealed) == 0 {
		return text, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	for _, field := range slices.Sorted(maps.Keys(o.sealed)) {
		if _, shown := fields[field]; shown {
			return nil, fmt.Errorf("object: a %s shows its secret %s", k.Name, field)
		}
		fields[field] = json.RawMessage(`"` + mask + `"`)
		if renewed[field] {
			fields[field] = json.RawMessage(`"` + renewal + `"`)
		}
	}
	return json.Marshal(fields)
}

// Sealed lists the secrets of all things, also of those that are deleted and not yet
// purged, for who checks that everything sealed opens.
func Sealed(q store.Querier) ([]seal.Field, error) {
	var all []seal.Field
	err := store.Each(q, `SELECT id, organization_id, sealed FROM object WHERE sealed <> '' ORDER BY id`, func(s store.Scan) error {
		var object, organization, text string
		if err := s(&object, &organization, &text); err != nil {
			return err
		}
		fields, err := parseSealed(text)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			all = append(all, seal.Field{Organization: organization, Object: object, Name: name, Text: fields[name]})
		}
		return err
	})
	return all, err
}
