package oidc

import (
	"errors"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const identities = `SELECT id, user_id, issuer, subject, email, created_at FROM identity `

func scan(s store.Scan) (i Identity, err error) {
	return i, s(&i.ID, &i.User, &i.Issuer, &i.Subject, &i.Email, &i.CreatedAt)
}

func find(q store.Querier, who authn.Outsider) (Identity, error) {
	return store.One(q, identities+`WHERE issuer = $1 AND subject = $2`, scan, who.Issuer, who.Subject)
}

func load(q store.Querier, user id.User, identity id.Identity) (Identity, error) {
	i, err := store.One(q, identities+`WHERE id = $1 AND user_id = $2`, scan, identity, user)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "You have no such identity.")
	}
	return i, err
}

func list(q store.Querier, user id.User) ([]Identity, error) {
	return store.All(q, identities+`WHERE user_id = $1 ORDER BY created_at, id`, scan, user)
}

// count counts the identities of an account, at one issuer where it is named.
func count(q store.Querier, user id.User, issuer string) (int64, error) {
	return store.Value[int64](q, `SELECT COUNT(*) FROM identity WHERE user_id = $1 AND ($2 = '' OR issuer = $2)`, user, issuer)
}

// others counts the further identities of an account at an issuer.
func others(q store.Querier, i Identity, issuer string) (int64, error) {
	return store.Value[int64](q, `SELECT COUNT(*) FROM identity WHERE user_id = $1 AND id <> $2 AND issuer = $3`, i.User, i.ID, issuer)
}

// insert reports false where the subject is somebody's already.
func insert(tx *store.Tx, i Identity) (bool, error) {
	n, err := tx.Exec(`INSERT INTO identity (id, user_id, issuer, subject, email, created_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (issuer, subject) DO NOTHING`, i.ID, i.User, i.Issuer, i.Subject, i.Email, i.CreatedAt)
	return n == 1, err
}

func remove(tx *store.Tx, i Identity) error {
	_, err := tx.Exec(`DELETE FROM identity WHERE id = $1`, i.ID)
	return err
}

// invited tells whether an invitation waits for an address.
func invited(q store.Querier, email string, now clock.Time) (bool, error) {
	n, err := store.Value[int64](q, `SELECT COUNT(*) FROM invitation i JOIN organization o ON o.id = i.organization_id
		WHERE i.email_key = $1 AND i.expires_at > $2 AND o.deleted_at = 0`, authn.Key(email), now)
	return n > 0, err
}

// Places are none: an identity is no organization's.
func (*Service) Places(store.Querier, id.User) ([]id.Organization, error) { return nil, nil }

// Leave removes the identities of an account whose owner ends it; the event is theirs.
func (*Service) Leave(tx *store.Tx, _ audit.Holder, user id.User) error {
	_, err := tx.Exec(`DELETE FROM identity WHERE user_id = $1`, user)
	return err
}
