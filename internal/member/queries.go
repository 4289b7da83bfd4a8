package member

import (
	"errors"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Letters go to the address that was proved, not to the one that somebody typed.
const members = `SELECT m.user_id, a.email, CASE WHEN a.verified_at > 0 THEN a.email ELSE '' END, a.first_name, a.last_name, a.nickname, a.picture_url, m.role, COALESCE(r.name, m.role), m.joined_at, a.last_seen_at
	FROM member m JOIN account a ON a.id = m.user_id LEFT JOIN role r ON r.id = m.role AND r.organization_id = m.organization_id
	WHERE m.organization_id = $1`

func scan(s store.Scan) (m Member, err error) {
	return m, s(&m.User, &m.Email, &m.Reach, &m.FirstName, &m.LastName, &m.Nickname, &m.PictureURL, &m.Role, &m.RoleName, &m.JoinedAt, &m.LastSeenAt)
}

func list(q store.Querier, organization id.Organization) ([]Member, error) {
	return store.All(q, members+` ORDER BY m.joined_at, m.user_id`, scan, organization)
}

func load(q store.Querier, organization id.Organization, user id.User) (Member, error) {
	m, err := store.One(q, members+` AND m.user_id = $2`, scan, organization, user)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "There is no such member in this organization.")
	}
	return m, err
}

func isMember(q store.Querier, organization id.Organization, user id.User) (bool, error) {
	n, err := store.Value[int64](q, `SELECT COUNT(*) FROM member WHERE organization_id = $1 AND user_id = $2`, organization, user)
	return n > 0, err
}

// isInvited tells whether an invitation waits for a person's address.
func isInvited(q store.Querier, organization id.Organization, user id.User) (bool, error) {
	n, err := store.Value[int64](q, `SELECT COUNT(*) FROM invitation i JOIN account a ON a.email_key = i.email_key
		WHERE i.organization_id = $1 AND a.id = $2`, organization, user)
	return n > 0, err
}

func organizationsOf(q store.Querier, user id.User) ([]id.Organization, error) {
	return store.All(q, `SELECT organization_id FROM member WHERE user_id = $1 ORDER BY organization_id`,
		func(s store.Scan) (o id.Organization, err error) { return o, s(&o) }, user)
}

func organizationName(q store.Querier, organization id.Organization) (string, error) {
	return store.Value[string](q, `SELECT name FROM organization WHERE id = $1`, organization)
}

func insert(tx *store.Tx, organization id.Organization, user id.User, role authz.RoleName, joined clock.Time) error {
	return tx.Send(`INSERT INTO member (organization_id, user_id, role, joined_at) VALUES ($1, $2, $3, $4)`, organization, user, role, joined)
}

func setRole(tx *store.Tx, organization id.Organization, user id.User, role authz.RoleName) error {
	return tx.Send(`UPDATE member SET role = $3 WHERE organization_id = $1 AND user_id = $2`, organization, user, role)
}

func remove(tx *store.Tx, organization id.Organization, user id.User) error {
	return tx.Send(`DELETE FROM member WHERE organization_id = $1 AND user_id = $2`, organization, user)
}

func removeAll(tx *store.Tx, organization id.Organization) error {
	_, err := tx.Exec(`DELETE FROM member WHERE organization_id = $1`, organization)
	return err
}

// tokensOf counts the API tokens that a person made in an organization.
func tokensOf(q store.Querier, organization id.Organization, user id.User) (int64, error) {
	return store.Value[int64](q, `SELECT COUNT(*) FROM api_token WHERE organization_id = $1 AND created_by = $2`, organization, user)
}
