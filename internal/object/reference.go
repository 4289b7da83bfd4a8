package object

import (
	"errors"
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Reference is what a thing says of another: the credentials of a cluster, a label
// group of a service.
type Reference struct {
	To   id.Object
	Kind authz.Kind
	Role string
	// Field is blamed where there is no such thing in the organization.
	Field string
}

// refer replaces what a thing refers to.
func (k Kind[B]) refer(tx *store.Tx, o Object[B]) error {
	if k.Refers == nil {
		return nil
	}
	if _, err := tx.Exec(`DELETE FROM object_reference WHERE organization_id = $1 AND from_id = $2`, o.Organization, o.ID); err != nil {
		return err
	}
	checks := &fault.Checks{}
	for _, r := range k.Refers(o) {
		_, err := store.Value[string](tx, `SELECT name FROM object WHERE organization_id = $1 AND id = $2 AND kind = $3 AND deleted_at = 0`, o.Organization, r.To, r.Kind)
		if errors.Is(err, store.ErrNone) {
			checks.Add(r.Field, "is not the id of such a thing in this organization")
			continue
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO object_reference (organization_id, from_id, to_id, role) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			o.Organization, o.ID, r.To, r.Role); err != nil {
			return err
		}
	}
	return checks.Err()
}

// User is a thing that refers to another.
type User struct {
	To, ID                       id.Object
	Kind                         authz.Kind
	Name                         string
	Project, Environment         id.Object
	ProjectName, EnvironmentName string
}

const users = `SELECT DISTINCT r.to_id, o.id, o.kind, o.name, o.project_id, COALESCE(p.name, ''), o.environment_id, COALESCE(e.name, '')
	FROM object t JOIN object_reference r ON r.to_id = t.id JOIN object o ON o.id = r.from_id AND o.organization_id = t.organization_id AND o.deleted_at = 0
	LEFT JOIN object p ON p.id = o.project_id LEFT JOIN object e ON e.id = o.environment_id`

func scanUser(s store.Scan) (u User, err error) {
	return u, s(&u.To, &u.ID, &u.Kind, &u.Name, &u.Project, &u.ProjectName, &u.Environment, &u.EnvironmentName)
}

// Users lists what refers to the pass's thing, oldest first: what lies in a project
// only for who sees that project.
func Users(q store.Querier, pass authz.Pass) ([]User, error) {
	v := pass.Projects()
	return store.All(q, users+` WHERE t.organization_id = $1 AND t.id = $2
		AND (o.project_id = '' OR $3 = '' OR EXISTS (SELECT 1 FROM role_grant g WHERE g.role_id = $3 AND g.target_id = o.project_id))
		AND (o.project_id = '' OR $4 = '' OR EXISTS (SELECT 1 FROM role_grant g WHERE g.role_id = $4 AND g.target_id = o.project_id))
		ORDER BY o.id`, scanUser, pass.Organization(), pass.Scope().Object, v[0], v[1])
}

// UsersOf lists what refers to each thing of a kind, for who may see all of it.
func UsersOf(q store.Querier, organization id.Organization, kind authz.Kind) (map[id.Object][]User, error) {
	all := map[id.Object][]User{}
	err := store.Each(q, users+` WHERE t.organization_id = $1 AND t.kind = $2 AND t.deleted_at = 0 ORDER BY o.id`, func(s store.Scan) error {
		u, err := scanUser(s)
		all[u.To] = append(all[u.To], u)
		return err
	}, organization, kind)
	return all, err
}

// CountUsers counts what refers to each thing of a kind; one query for all of them.
func CountUsers(q store.Querier, organization id.Organization, kind authz.Kind) (map[id.Object]int64, error) {
	counts := map[id.Object]int64{}
	err := store.Each(q, `SELECT t.id, COUNT(DISTINCT o.id) FROM object t JOIN object_reference r ON r.to_id = t.id
		JOIN object o ON o.id = r.from_id AND o.organization_id = t.organization_id AND o.deleted_at = 0
		WHERE t.organization_id = $1 AND t.kind = $2 AND t.deleted_at = 0 GROUP BY t.id`, func(s store.Scan) error {
		var object id.Object
		var n int64
		err := s(&object, &n)
		counts[object] = n
		return err
	}, organization, kind)
	return counts, err
}

// CountUsersOf counts what refers to one thing.
func CountUsersOf(q store.Querier, organization id.Organization, object id.Object) (int64, error) {
	return store.Value[int64](q, `SELECT COUNT(DISTINCT o.id) FROM object_reference r JOIN object o ON o.id = r.from_id AND o.deleted_at = 0
		WHERE r.organization_id = $1 AND r.to_id = $2`, organization, object)
}

// unused refuses, with the names of the users, while something refers to a thing.
func (k Kind[B]) unused(tx *store.Tx, o Object[B]) error {
	used, err := store.All(tx, users+` WHERE t.organization_id = $1 AND t.id = $2 ORDER BY o.id LIMIT 11`, scanUser, o.Organization, o.ID)
	if err != nil || len(used) == 0 {
		return err
	}
	names := ""
	for i, u := range used {
		if i == 10 {
			names += " and others"
			break
		}
		if i > 0 {
			names += ", "
		}
		names += fmt.Sprintf("%s %q", u.Kind, u.Name)
	}
	return fault.New(fault.InUse, "%s %q cannot be deleted while it is in use by: %s.", k.Label, o.Name, names)
}
