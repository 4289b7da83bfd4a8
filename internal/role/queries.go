package role

import (
	"errors"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const roles = `SELECT id, organization_id, name, description, version, created_at, updated_at FROM role WHERE organization_id = $1`

func scan(s store.Scan) (r Role, err error) {
	return r, s(&r.ID, &r.Organization, &r.Name, &r.Description, &r.Version, &r.CreatedAt, &r.UpdatedAt)
}

func load(q store.Querier, organization id.Organization, role id.Role) (Role, error) {
	r, err := store.One(q, roles+` AND id = $2`, scan, organization, role)
	if errors.Is(err, store.ErrNone) {
		return r, fault.New(fault.NotFound, "")
	}
	if err != nil {
		return r, err
	}
	granted, err := authz.LoadRole(q, organization, authz.RoleName(role))
	if err == nil {
		r.Grants = granted.CustomGrants()
	}
	return r, err
}

func list(q store.Querier, organization id.Organization) ([]Role, error) {
	found, err := store.All(q, roles+` ORDER BY id`, scan, organization)
	for i := 0; err == nil && i < len(found); i++ {
		found[i], err = load(q, organization, found[i].ID)
	}
	return found, err
}

// available reads the names of the custom roles.
func available(q store.Querier, organization id.Organization) ([]organizationAvailableRole, error) {
	return store.All(q, `SELECT id, name FROM role WHERE organization_id = $1 ORDER BY name_key`,
		func(s store.Scan) (r organizationAvailableRole, err error) { return r, s(&r.ID, &r.Name) }, organization)
}

func count(tx *store.Tx, organization id.Organization) (int64, error) {
	return store.Value[int64](tx, `SELECT COUNT(*) FROM role WHERE organization_id = $1`, organization)
}

// insert reports false where the name is taken.
func insert(tx *store.Tx, r Role) (bool, error) {
	n, err := tx.Exec(`INSERT INTO role (id, organization_id, name, name_key, description, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (organization_id, name_key) DO NOTHING`,
		r.ID, r.Organization, r.Name, authn.Key(r.Name), r.Description, r.Version, r.CreatedAt, r.UpdatedAt)
	return n == 1, err
}

// update reports false where the name is taken. The head of the organization is
// locked, so nobody else takes it meanwhile.
func update(tx *store.Tx, r Role) (bool, error) {
	n, err := tx.Exec(`UPDATE role SET name = $3, name_key = $4, description = $5, version = $6, updated_at = $7
		WHERE id = $1 AND organization_id = $2
		AND NOT EXISTS (SELECT 1 FROM role other WHERE other.organization_id = $2 AND other.name_key = $4 AND other.id <> $1)`,
		r.ID, r.Organization, r.Name, authn.Key(r.Name), r.Description, r.Version, r.UpdatedAt)
	if err != nil || n == 0 {
		return false, err
	}
	if _, err := tx.Exec(`DELETE FROM role_grant WHERE role_id = $1 AND organization_id = $2`, r.ID, r.Organization); err != nil {
		return false, err
	}
	return true, grantAll(tx, r)
}

func grantAll(tx *store.Tx, r Role) error {
	for project, levels := range r.Grants.Projects {
		for mode, level := range levels {
			if err := grant(tx, r, authz.KindProject, project, mode, string(level)); err != nil {
				return err
			}
		}
	}
	for cluster, level := range r.Grants.Clusters {
		if err := grant(tx, r, authz.KindCluster, cluster, authz.NoMode, string(level)); err != nil {
			return err
		}
	}
	return nil
}

func grant(tx *store.Tx, r Role, kind authz.Kind, target id.Object, mode authz.Mode, level string) error {
	_, err := tx.Exec(`INSERT INTO role_grant (role_id, organization_id, target_kind, target_id, mode, level) VALUES ($1, $2, $3, $4, $5, $6)`,
		r.ID, r.Organization, kind, target, mode, level)
	return err
}

func targets(q store.Querier, organization id.Organization) (t Targets, err error) {
	const named = `SELECT id, name FROM object WHERE organization_id = $1 AND kind = $2 AND deleted_at = 0 ORDER BY id`
	scan := func(s store.Scan) (t Target, err error) { return t, s(&t.ID, &t.Name) }
	if t.Projects, err = store.All(q, named, scan, organization, authz.KindProject); err != nil {
		return t, err
	}
	t.Clusters, err = store.All(q, named, scan, organization, authz.KindCluster)
	return t, err
}

// holders names who has a role: members, invitations and tokens.
func holders(q store.Querier, organization id.Organization, role id.Role) ([]string, error) {
	text := func(s store.Scan) (t string, err error) { return t, s(&t) }
	return store.All(q, `SELECT a.email FROM member m JOIN account a ON a.id = m.user_id WHERE m.organization_id = $1 AND m.role = $2
		UNION ALL SELECT 'the invitation of ' || email FROM invitation WHERE organization_id = $1 AND role = $2
		UNION ALL SELECT 'the API token ' || name FROM api_token WHERE organization_id = $1 AND role = $2`, text, organization, role)
}

func remove(tx *store.Tx, organization id.Organization, role id.Role) error {
	if _, err := tx.Exec(`DELETE FROM role_grant WHERE organization_id = $1 AND role_id = $2`, organization, role); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM role WHERE organization_id = $1 AND id = $2`, organization, role)
	return err
}

func removeAll(tx *store.Tx, organization id.Organization) error {
	if _, err := tx.Exec(`DELETE FROM role_grant WHERE organization_id = $1`, organization); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM role WHERE organization_id = $1`, organization)
	return err
}

// held counts who has a role.
type held struct{ Members, Invitations, Tokens int64 }

func (h held) all() int64 { return h.Members + h.Invitations + h.Tokens }

// counts reads how many have each role of an organization.
func counts(q store.Querier, organization id.Organization) (map[authz.RoleName]held, error) {
	found := map[authz.RoleName]held{}
	err := store.Each(q, `SELECT role, 0, COUNT(*) FROM member WHERE organization_id = $1 GROUP BY role
		UNION ALL SELECT role, 1, COUNT(*) FROM invitation WHERE organization_id = $1 GROUP BY role
		UNION ALL SELECT role, 2, COUNT(*) FROM api_token WHERE organization_id = $1 GROUP BY role`,
		func(s store.Scan) error {
			var ref authz.RoleName
			var kind, n int64
			if err := s(&ref, &kind, &n); err != nil {
				return err
			}
			h := found[ref]
			*[]*int64{&h.Members, &h.Invitations, &h.Tokens}[kind] = n
			found[ref] = h
			return nil
		}, organization)
	return found, err
}
