package role

import (
	"slices"

	"github.com/guildhall-dev/guildhall/internal/authz"
)

// subject is a line of the matrix: permissions that the built-in roles hold alike, in
// words that somebody reads who does not know them.
type subject struct {
	words       string
	permissions []authz.Permission
}

// matter is a part of the matrix.
type matter struct {
	name     string
	subjects []subject
}

// matrix says in words what there is to be allowed. A test holds it to the roles: each
// permission is in one line, and the permissions of a line do not differ in any role.
var matrix = []matter{
	{"Organization", []subject{
		{"See its name, plan, clusters and roles", []authz.Permission{authz.OrganizationView, authz.ClusterView, authz.RoleView}},
		{"See its details and members", []authz.Permission{authz.OrganizationRead, authz.MemberRead}},
		{"Change its details", []authz.Permission{authz.OrganizationEdit}},
		{"Invite, change and remove people", []authz.Permission{authz.MemberInvite, authz.MemberManage}},
		{"Make and change custom roles", []authz.Permission{authz.RoleManage}},
		{"See all of the activity", []authz.Permission{authz.EventRead}},
		{"Manage plan and billing", []authz.Permission{authz.BillingManage}},
		{"Delete it, or hand it on", []authz.Permission{authz.OrganizationDelete, authz.OrganizationTransfer}},
	}},
	{"Access and connections", []subject{
		{"See API tokens and what roles allow", []authz.Permission{authz.TokenRead, authz.RoleRead}},
		{"Make and delete API tokens", []authz.Permission{authz.TokenCreate, authz.TokenDelete}},
		{"See and change cloud credentials", []authz.Permission{authz.CredentialRead, authz.CredentialEdit}},
		{"Change registries, Helm repositories, labels", []authz.Permission{authz.SettingEdit}},
		{"Change webhooks, git access, sign-on", []authz.Permission{authz.SetupManage}},
		{"Change clusters and connect to them", []authz.Permission{authz.ClusterEdit, authz.ClusterConnect}},
	}},
	{"Projects", []subject{
		{"See projects, environments, applications", []authz.Permission{authz.ProjectRead, authz.EnvironmentRead, authz.ApplicationRead}},
		{"Create projects", []authz.Permission{authz.ProjectCreate}},
		{"Change projects", []authz.Permission{authz.ProjectEdit}},
		{"Delete projects", []authz.Permission{authz.ProjectDelete}},
	}},
	{"Environments and what runs in them", []subject{
		{"See databases", []authz.Permission{authz.DatabaseRead}},
		{"Create and change environments", []authz.Permission{authz.EnvironmentEdit}},
		{"Deploy and stop", []authz.Permission{authz.EnvironmentDeploy, authz.EnvironmentStop}},
		{"Delete environments", []authz.Permission{authz.EnvironmentDelete}},
		{"Change and delete applications", []authz.Permission{authz.ApplicationEdit, authz.ApplicationDelete}},
		{"Change and delete databases", []authz.Permission{authz.DatabaseEdit, authz.DatabaseDelete}},
		{"Open a shell in an application", []authz.Permission{authz.ApplicationConnect}},
	}},
}

// Cells of the matrix.
const (
	yes           = "yes"
	notProduction = "not in production"
	no            = "no"
)

// cell says where a built-in role allows a thing: everywhere, outside production, or nowhere.
func cell(name authz.RoleName, p authz.Permission) string {
	built, ok := authz.LookupRole(name)
	if !ok {
		return no
	}
	in := func(m authz.Mode) bool {
		return authz.Decide(authz.NewRights(built), p, authz.Scope{Kind: authz.KindOrganization, Mode: m}).Allowed
	}
	switch {
	case in(authz.Production):
		return yes
	case in(authz.Development):
		return notProduction
	}
	return no
}

// wordsOf says in words what a permission allows.
func wordsOf(p authz.Permission) string {
	for _, m := range matrix {
		for _, s := range m.subjects {
			if slices.Contains(s.permissions, p) {
				return s.words
			}
		}
	}
	return string(p)
}
