package apitoken

import (
	"errors"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const tokens = columns + `WHERE t.organization_id = $1`

const columns = `SELECT t.id, t.organization_id, t.name, t.description, t.role, COALESCE(r.name, t.role), t.hint, t.created_by, a.email, a.first_name, a.last_name,
	t.created_at, t.updated_at, t.expires_at, t.last_used_at FROM api_token t JOIN account a ON a.id = t.created_by
	LEFT JOIN role r ON r.id = t.role AND r.organization_id = t.organization_id `

func scan(s store.Scan) (t APIToken, err error) {
	var first, last string
	err = s(&t.ID, &t.Organization, &t.Name, &t.Description, &t.Role, &t.RoleName, &t.Hint, &t.CreatedBy, &t.CreatorEmail, &first, &last,
		&t.CreatedAt, &t.UpdatedAt, &t.ExpiresAt, &t.LastUsedAt)
	t.CreatorName = strings.TrimSpace(first + " " + last)
	return t, err
}

func list(q store.Querier, organization id.Organization) ([]APIToken, error) {
	return store.All(q, tokens+` ORDER BY t.id`, scan, organization)
}

// listOf reads the tokens that a person made, in every organization.
func listOf(q store.Querier, user id.User) ([]APIToken, error) {
	return store.All(q, columns+`WHERE t.created_by = $1 ORDER BY t.organization_id, t.id`, scan, user)
}

func organizationsOf(q store.Querier, user id.User) ([]id.Organization, error) {
	return store.All(q, `SELECT DISTINCT organization_id FROM api_token WHERE created_by = $1 ORDER BY organization_id`,
		func(s store.Scan) (o id.Organization, err error) { return o, s(&o) }, user)
}

func load(q store.Querier, organization id.Organization, token id.Token) (APIToken, error) {
	t, err := store.One(q, tokens+` AND t.id = $2`, scan, organization, token)
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

func remove(tx *store.Tx, organization id.Organization, token id.Token) error {
	_, err := tx.Exec(`DELETE FROM api_token WHERE organization_id = $1 AND id = $2`, organization, token)
	return err
}

func removeAll(tx *store.Tx, organization id.Organization) error {
	_, err := tx.Exec(`DELETE FROM api_token WHERE organization_id = $1`, organization)
	return err
}
