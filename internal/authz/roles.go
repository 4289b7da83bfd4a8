package authz

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Roles are the roles of an organization, by how members and tokens keep them. They
// answer for many people without asking the database for each.
type Roles struct {
	organization id.Organization
	custom       map[RoleName]*Role
}

const rolesAndGrants = `SELECT r.id, r.name, r.version, COALESCE(g.target_kind, ''), COALESCE(g.target_id, ''), COALESCE(g.mode, ''), COALESCE(g.level, '')
	FROM role r LEFT JOIN role_grant g ON g.role_id = r.id `

// RolesOf reads the roles of an organization with all that they grant.
func RolesOf(q store.Querier, organization id.Organization) (Roles, error) {
	return readRoles(q, organization, rolesAndGrants+`WHERE r.organization_id = $1`)
}

// RolesAbout reads the roles of an organization with what they grant in one scope: what
// they grant in ten thousand other projects costs nothing, and decides nothing there.
func RolesAbout(q store.Querier, s Scope) (Roles, error) {
	return readRoles(q, s.Organization, rolesAndGrants+`AND (g.target_id = $2 OR g.target_id = $3) WHERE r.organization_id = $1`, s.Project, s.Cluster)
}

func readRoles(q store.Querier, organization id.Organization, query string, targets ...any) (Roles, error) {
	found := Roles{organization, map[RoleName]*Role{}}
	err := store.Each(q, query, func(s store.Scan) error {
		var (
			role    id.Role
			name    RoleName
			version int64
			kind    Kind
			target  id.Object
			mode    Mode
			level   string
		)
		if err := s(&role, &name, &version, &kind, &target, &mode, &level); err != nil {
			return err
		}
		r := found.custom[RoleName(role)]
		if r == nil {
			r = NewCustomRole(role, name, version, Grants{map[id.Object]map[Mode]ProjectLevel{}, map[id.Object]ClusterLevel{}})
			found.custom[RoleName(role)] = r
		}
		r.custom.keep(kind, target, mode, level)
		return nil
	}, append([]any{organization}, targets...)...)
	return found, err
}

// keep puts in a grant as a row has it; an empty row grants nothing.
func (g Grants) keep(kind Kind, target id.Object, mode Mode, level string) {
	switch {
	case target == "":
	case kind == KindCluster:
		g.Clusters[target] = ClusterLevel(level)
	default:
		if g.Projects[target] == nil {
			g.Projects[target] = map[Mode]ProjectLevel{}
		}
		g.Projects[target][mode] = ProjectLevel(level)
	}
}

// Rights combines the roles that somebody holds; a role that is gone leaves nothing.
func (r Roles) Rights(refs ...RoleName) Rights {
	list := make([]*Role, 0, len(refs))
	for _, ref := range refs {
		role, ok := roles[ref]
		if !ok {
			role, ok = r.custom[ref]
		}
		if !ok {
			return Rights{}
		}
		list = append(list, role)
	}
	return NewRights(list...)
}

// Names are the names of roles; one that is gone has none.
func (r Roles) Names(refs ...RoleName) []string {
	names := []string{}
	for _, ref := range refs {
		if role, ok := roles[ref]; ok {
			names = append(names, string(role.Name))
		} else if role, ok := r.custom[ref]; ok {
			names = append(names, string(role.Name))
		}
	}
	return names
}

// List gives the roles: the built-in ones from the most to the least, then the custom
// ones by name.
func (r Roles) List() []*Role {
	var list []*Role
	for _, name := range RoleNames {
		list = append(list, roles[name])
	}
	return append(list, slices.SortedFunc(maps.Values(r.custom), func(a, b *Role) int {
		return cmp.Or(strings.Compare(string(a.Name), string(b.Name)), strings.Compare(string(a.custom.id), string(b.custom.id)))
	})...)
}
