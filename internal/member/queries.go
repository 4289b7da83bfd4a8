package member

import (
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

type row struct {
	role  authz.RoleName
	email string
}

func load(q store.Querier, organization id.Organization, user id.User) (row, error) {
	return store.One(q, `SELECT m.role, a.email FROM member m JOIN account a ON a.id = m.user_id WHERE m.organization_id = $1 AND m.user_id = $2`,
		func(s store.Scan) (r row, err error) { return r, s(&r.role, &r.email) }, organization, user)
}

func insert(tx *store.Tx, organization id.Organization, user id.User, role authz.RoleName) error {
	_, err := tx.Exec(`INSERT INTO member (organization_id, user_id, role, joined_at) VALUES ($1, $2, $3, $4)`, organization, user, role, tx.Now())
	return err
}

func update(tx *store.Tx, organization id.Organization, user id.User, role authz.RoleName) error {
	_, err := tx.Exec(`UPDATE member SET role = $3 WHERE organization_id = $1 AND user_id = $2`, organization, user, role)
	return err
}
