package invitation

import (
	"errors"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const invitations = `SELECT i.id, i.organization_id, i.email, i.role, COALESCE(r.name, i.role), a.email, i.inviter_id, i.created_at, i.updated_at, i.expires_at
	FROM invitation i JOIN account a ON a.id = i.inviter_id LEFT JOIN role r ON r.id = i.role AND r.organization_id = i.organization_id `

func scan(s store.Scan) (i Invitation, err error) {
	return i, s(&i.ID, &i.Organization, &i.Email, &i.Role, &i.RoleName, &i.Inviter, &i.InviterID, &i.CreatedAt, &i.UpdatedAt, &i.ExpiresAt)
}

func load(q store.Querier, invitation string) (Invitation, error) {
	i, err := store.One(q, invitations+`WHERE i.id = $1`, scan, invitation)
	return i, notFound(err)
}

func loadIn(q store.Querier, organization id.Organization, invitation string) (Invitation, error) {
	i, err := store.One(q, invitations+`WHERE i.id = $1 AND i.organization_id = $2`, scan, invitation, organization)
	return i, notFound(err)
}

func notFound(err error) error {
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.NotFound, "There is no such invitation: it was accepted, declined or taken back.")
	}
	return err
}

func list(q store.Querier, organization id.Organization) ([]Invitation, error) {
	return store.All(q, invitations+`WHERE i.organization_id = $1 ORDER BY i.created_at, i.id`, scan, organization)
}

// listFor reads the invitations in force for a person's address, where it was verified:
// a list of them hands out their ids.
func listFor(q store.Querier, user id.User, now clock.Time) ([]Invitation, error) {
	return store.All(q, invitations+`JOIN account me ON me.email_key = i.email_key
		WHERE me.id = $1 AND me.verified_at <> 0 AND i.expires_at > $2 ORDER BY i.created_at, i.id`, scan, user, now)
}

// waiting reads the invitations in force for addresses like this one, in organizations
// that are not deleted.
func waiting(q store.Querier, email string, now clock.Time) ([]Invitation, error) {
	return store.All(q, invitations+`JOIN organization o ON o.id = i.organization_id
		WHERE i.email_key = $1 AND i.expires_at > $2 AND o.deleted_at = 0`, scan, authn.Key(email), now)
}

func insert(tx *store.Tx, i Invitation) error {
	_, err := tx.Exec(`INSERT INTO invitation (id, organization_id, email, email_key, role, inviter_id, created_at, updated_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		i.ID, i.Organization, i.Email, authn.Key(i.Email), i.Role, i.InviterID, i.CreatedAt, i.UpdatedAt, i.ExpiresAt)
	return err
}

func renew(tx *store.Tx, i Invitation) error {
	_, err := tx.Exec(`UPDATE invitation SET inviter_id = $2, updated_at = $3, expires_at = $4 WHERE id = $1`,
		i.ID, i.InviterID, i.UpdatedAt, i.ExpiresAt)
	return err
}

func remove(tx *store.Tx, invitation string) error {
	return tx.Send(`DELETE FROM invitation WHERE id = $1`, invitation)
}

// dropExpired makes room for a new invitation of the same address.
func dropExpired(tx *store.Tx, organization id.Organization, email string, now clock.Time) error {
	_, err := tx.Exec(`DELETE FROM invitation WHERE organization_id = $1 AND email_key = $2 AND expires_at <= $3`, organization, authn.Key(email), now)
	return err
}

func memberOrInvited(q store.Querier, organization id.Organization, email string) (bool, error) {
	n, err := store.Value[int64](q, `SELECT (SELECT COUNT(*) FROM invitation WHERE organization_id = $1 AND email_key = $2)
		+ (SELECT COUNT(*) FROM member m JOIN account a ON a.id = m.user_id WHERE m.organization_id = $1 AND a.email_key = $2)`, organization, authn.Key(email))
	return n > 0, err
}

func counts(q store.Querier, organization id.Organization, now clock.Time) (members, pending int64, err error) {
	members, err = store.Value[int64](q, `SELECT COUNT(*) FROM member WHERE organization_id = $1`, organization)
	if err != nil {
		return 0, 0, err
	}
	pending, err = store.Value[int64](q, `SELECT COUNT(*) FROM invitation WHERE organization_id = $1 AND expires_at > $2`, organization, now)
	return members, pending, err
}

// Purge removes every invitation of an organization for good.
func (*Service) Purge(tx *store.Tx, organization id.Organization) error {
	_, err := tx.Exec(`DELETE FROM invitation WHERE organization_id = $1`, organization)
	return err
}
