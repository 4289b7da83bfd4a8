package apitoken

import (
	"errors"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// tokens reads the tokens of an organization ($1) as they are at a moment ($2): active
// are those that authn lets in.
const tokens = columns + `WHERE t.organization_id = $1`

const columns = `SELECT t.id, t.organization_id, t.name, t.description, t.role, COALESCE(r.name, t.role), t.hint, t.created_by, a.email, a.first_name, a.last_name,
	t.created_at, t.updated_at, t.expires_at, t.last_used_at,
	CASE WHEN m.user_id IS NOT NULL AND a.disabled_at = 0 AND (t.expires_at = 0 OR t.expires_at > $2) THEN 1 ELSE 0 END
	FROM api_token t JOIN account a ON a.id = t.created_by
	LEFT JOIN member m ON m.organization_id = t.organization_id AND m.user_id = t.created_by
	LEFT JOIN role r ON r.id = t.role AND r.organization_id = t.organization_id `

func scan(s store.Scan) (t APIToken, err error) {
	var first, last string
	err = s(&t.ID, &t.Organization, &t.Name, &t.Description, &t.Role, &t.RoleName, &t.Hint, &t.CreatedBy, &t.CreatorEmail, &first, &last,
		&t.CreatedAt, &t.UpdatedAt, &t.ExpiresAt, &t.LastUsedAt, &t.Active)
	t.CreatorName = strings.TrimSpace(first + " " + last)
	return t, err
}

func list(q store.Querier, organization id.Organization, now clock.Time) ([]APIToken, error) {
	return store.All(q, tokens+` ORDER BY t.id`, scan, organization, now)
}

// listOf reads the tokens that a person made, in every organization.
func listOf(q store.Querier, user id.User, now clock.Time) ([]APIToken, error) {
	return store.All(q, columns+`WHERE t.created_by = $1 ORDER BY t.organization_id, t.id`, scan, user, now)
}

func organizationsOf(q store.Querier, user id.User) ([]id.Organization, error) {
	return store.All(q, `SELECT DISTINCT organization_id FROM api_token WHERE created_by = $1 ORDER BY organization_id`,
		func(s store.Scan) (o id.Organization, err error) { return o, s(&o) }, user)
}

func load(q store.Querier, organization id.Organization, token id.Token, now clock.Time) (APIToken, error) {
	t, err := store.One(q, tokens+` AND t.id = $3`, scan, organization, now, token)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "")
	}
	return t, err
}

func count(tx *store.Tx, organization id.Organization) (int64, error) {
	return store.Value[int64](tx, `SELECT COUNT(*) FROM api_token WHERE organization_id = $1`, organization)
}

// insert reports false where the name is taken.
func insert(tx *store.Tx, t APIToken, hash []byte) (bool, error) {
	n, err := tx.Exec(`INSERT INTO api_token (id, organization_id, name, name_key, description, role, token_hash, hint, created_by, created_at, updated_at, expires_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, 0) ON CONFLICT (organization_id, name_key) DO NOTHING`,
		t.ID, t.Organization, t.Name, authn.Key(t.Name), t.Description, t.Role, hash, t.Hint, t.CreatedBy, t.CreatedAt, t.ExpiresAt)
	return n == 1, err
}

func setCreator(tx *store.Tx, organization id.Organization, token id.Token, creator id.User) error {
	_, err := tx.Exec(`UPDATE api_token SET created_by = $3, updated_at = $4 WHERE organization_id = $1 AND id = $2`, organization, token, creator, tx.Now())
	return err
}

func remove(tx *store.Tx, organization id.Organization, token id.Token) error {
	_, err := tx.Exec(`DELETE FROM api_token WHERE organization_id = $1 AND id = $2`, organization, token)
	return err
}

func removeAll(tx *store.Tx, organization id.Organization) error {
	_, err := tx.Exec(`DELETE FROM api_token WHERE organization_id = $1`, organization)
	return err
}
