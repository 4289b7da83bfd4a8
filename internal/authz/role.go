package authz

import (
	"fmt"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/id"
)

// RoleName is the stored name of a role: one of the built-in names.
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
role.manage               yes   yes   no     no        no      no
api_token.read            yes   yes   yes    no        no      no
api_token.create          yes   yes   yes    no        no      no
api_token.delete          yes   yes   yes    no        no      no
setup.manage              yes   yes   yes    no        no      no
event.read                yes   yes   no     no        no      no
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

// Role is a named set of permissions.
type Role struct {
	Name   RoleName
	grants grants
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

// LookupRole finds a role by its stored name.
func LookupRole(name RoleName) (*Role, bool) {
	r, ok := roles[name]
	return r, ok
}

// ID is the role's id in an organization; each organization has its own.
func (r *Role) ID(organization id.Organization) id.Role {
	return id.Derived[id.Role](string(organization), "role "+string(r.Name))
}

// FindRole finds the role that has an id in an organization.
func FindRole(organization id.Organization, role id.Role) (*Role, bool) {
	for _, name := range RoleNames {
		if r := roles[name]; r.ID(organization) == role {
			return r, true
		}
	}
	return nil, false
}
