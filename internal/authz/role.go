package authz

import (
	"errors"
	"fmt"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// RoleName is how a role is kept and shown: a built-in name; a custom role is kept by its id and shown by its name.
type RoleName string

// The built-in roles. Exactly one member of an organization is its OWNER.
const (
	Owner     RoleName = "OWNER"
	Admin     RoleName = "ADMIN"
	DevOps    RoleName = "DEVOPS"
	Developer RoleName = "DEVELOPER"
	Billing   RoleName = "BILLING"
	Viewer    RoleName = "VIEWER"
)

// RoleNames lists the built-in roles in the order of the matrix below.
var RoleNames = []RoleName{Owner, Admin, DevOps, Developer, Billing, Viewer}

// builtIn is the matrix of the built-in roles, one row a permission, one column a
// role in the order of RoleNames. "yes" in every mode, "dev" in every mode but
// PRODUCTION, "no" in none. The rows that the user's matrix names are held to it
// literally by a test; DEVOPS and BILLING follow decision record 0003.
//
//	OWNER ADMIN DEVOPS DEVELOPER BILLING VIEWER
const builtIn = `
organization.view         yes   yes   yes    yes       yes     yes
organization.read         yes   yes   yes    no        yes     no
organization.edit         yes   yes   no     no        no      no
organization.delete       yes   no    no     no        no      no
organization.transfer     yes   no    no     no        no      no
billing.manage            yes   yes   no     no        yes     no
member.read               yes   yes   yes    no        yes     no
member.invite             yes   yes   no     no        no      no
member.manage             yes   yes   no     no        no      no
role.view                 yes   yes   yes    yes       yes     yes
role.read                 yes   yes   yes    no        no      no
role.manage               yes   yes   no     no        no      no
api_token.read            yes   yes   yes    no        no      no
api_token.create          yes   yes   yes    no        no      no
api_token.delete          yes   yes   yes    no        no      no
setup.manage              yes   yes   yes    no        no      no
event.read                yes   yes   no     no        no      no
credential.read           yes   yes   yes    no        no      no
credential.edit           yes   yes   yes    no        no      no
setting.edit              yes   yes   yes    no        no      no
cluster.view              yes   yes   yes    yes       yes     yes
cluster.edit              yes   yes   yes    no        no      no
cluster.connect           yes   yes   yes    no        no      no
project.read              yes   yes   yes    yes       no      yes
project.create            yes   yes   yes    no        no      no
project.edit              yes   yes   yes    yes       no      no
project.delete            yes   yes   no     no        no      no
environment.read          yes   yes   yes    yes       no      yes
environment.edit          yes   yes   yes    dev       no      no
environment.deploy        yes   yes   yes    dev       no      no
environment.stop          yes   yes   yes    dev       no      no
environment.delete        yes   yes   yes    dev       no      no
application.read          yes   yes   yes    yes       no      yes
application.edit          yes   yes   yes    dev       no      no
application.delete        yes   yes   yes    dev       no      no
application.connect       yes   yes   yes    no        no      no
database.read             yes   yes   yes    yes       no      no
database.edit             yes   yes   yes    dev       no      no
database.delete           yes   yes   yes    dev       no      no
`

// Role is a named set of permissions: a built-in one holds them everywhere in the
// organization, a custom one mostly project by project (see custom.go).
type Role struct {
	Name   RoleName
	grants grants
	custom *custom // nil for a built-in role
}

// Custom tells whether the organization made the role itself.
func (r *Role) Custom() bool { return r.custom != nil }

// Ref is how members and tokens keep their role: a built-in name, or a custom role's id.
func (r *Role) Ref() RoleName {
	if r.custom != nil {
		return RoleName(r.custom.id)
	}
	return r.Name
}

// allows tells whether the role alone would allow a thing.
func (r *Role) allows(p Permission, s Scope) bool {
	return r.grants[p].has(s.Mode) || (r.custom != nil && r.custom.allows(p, s))
}

// same tells whether two roles are one, unchanged.
func (r *Role) same(other *Role) bool {
	if r.custom == nil || other.custom == nil {
		return r == other
	}
	return r.custom.id == other.custom.id && r.custom.version == other.custom.version
}

var roles = parseMatrix(builtIn)

func parseMatrix(text string) map[RoleName]*Role {
	cells := map[string]modeSet{"yes": everywhere, "no": nowhere, "dev": everywhere &^ bit(Production) &^ bit(NoMode)}
	parsed := map[RoleName]*Role{}
	for _, name := range RoleNames {
		parsed[name] = &Role{Name: name, grants: grants{}}
	}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		fields := strings.Fields(line)
		if len(fields) != len(RoleNames)+1 {
			panic(fmt.Sprintf("role matrix: %q has not %d columns", line, len(RoleNames)))
		}
		for i, name := range RoleNames {
			modes, ok := cells[fields[i+1]]
			if !ok {
				panic(fmt.Sprintf("role matrix: %q is no cell", fields[i+1]))
			}
			if modes != nowhere {
				parsed[name].grants[Permission(fields[0])] = modes
			}
		}
	}
	return parsed
}

// LookupRole finds a built-in role by its name.
func LookupRole(name RoleName) (*Role, bool) {
	r, ok := roles[name]
	return r, ok
}

// RolesWith names the built-in roles that have a permission, everywhere or in some modes.
func RolesWith(p Permission) []RoleName {
	var with []RoleName
	for _, name := range RoleNames {
		if roles[name].grants[p] != nowhere {
			with = append(with, name)
		}
	}
	return with
}

// ID is the role's id in an organization; each organization has its own.
func (r *Role) ID(organization id.Organization) id.Role {
	if r.custom != nil {
		return r.custom.id
	}
	return id.Derived[id.Role](string(organization), "role "+string(r.Name))
}

// RoleID is the id, in an organization, of the role that a member or token refers to.
func RoleID(organization id.Organization, ref RoleName) id.Role {
	if r, ok := roles[ref]; ok {
		return r.ID(organization)
	}
	return id.Role(ref)
}

// FindRole finds the role, built-in or custom, that has an id in an organization;
// a refusal of the field where there is none.
func FindRole(q store.Querier, organization id.Organization, field string, role id.Role) (*Role, error) {
	for _, name := range RoleNames {
		if r := roles[name]; r.ID(organization) == role {
			return r, nil
		}
	}
	r, err := loadCustom(q, organization, role)
	if errors.Is(err, store.ErrNone) {
		checks := &fault.Checks{}
		checks.Add(field, "is not the id of a role of this organization; listOrganizationAvailableRoles gives them")
		return nil, checks.Err()
	}
	return r, err
}

// LoadRole finds the role that a member or a token refers to.
func LoadRole(q store.Querier, organization id.Organization, ref RoleName) (*Role, error) {
	if r, ok := roles[ref]; ok {
		return r, nil
	}
	return loadCustom(q, organization, id.Role(ref))
}

// OldName is the nearest of the four role names that old clients know: they refuse
// any other. Every place that has it also has the role's true name beside it.
func OldName(ref RoleName) string {
	switch ref {
	case Owner, Admin, Developer, Viewer:
		return string(ref)
	case DevOps:
		return string(Developer)
	}
	return string(Viewer)
}
