package authz_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/authz"
)

// seed is the user's matrix, row by row in its own words and order; its lost header
// is Owner, Admin, Developer, Viewer. What stands behind is our permission, the kind
// of thing it is asked about, and the modes that the row's words mean: production is
// PRODUCTION, development every other mode, "-" that a mode does not matter.
const seed = `
Read organization                   | yes yes no  no  | organization.read   organization -
Edit organization                   | yes yes no  no  | organization.edit   organization -
Delete organization                 | yes no  no  no  | organization.delete organization -
Manage billing                      | yes yes no  no  | billing.manage      organization -
Invite members                      | yes yes no  no  | member.invite       organization -
Connect to Kubernetes cluster       | yes yes no  no  | cluster.connect     cluster      -
Read project                        | yes yes yes yes | project.read        project      -
Edit project                        | yes yes yes no  | project.edit        project      -
Delete project                      | yes yes no  no  | project.delete      project      -
Read environment                    | yes yes yes yes | environment.read    environment  all
Edit production environment         | yes yes no  no  | environment.edit    environment  production
Edit development environment        | yes yes yes no  | environment.edit    environment  development
Stop production environment         | yes yes no  no  | environment.stop    environment  production
Stop development environment        | yes yes yes no  | environment.stop    environment  development
Delete production environment       | yes yes no  no  | environment.delete  environment  production
Delete development environment      | yes yes yes no  | environment.delete  environment  development
Read application                    | yes yes yes yes | application.read    application  all
Edit production application         | yes yes no  no  | application.edit    application  production
Edit development application        | yes yes yes no  | application.edit    application  development
Delete production application       | yes yes no  no  | application.delete  application  production
Delete development application      | yes yes yes no  | application.delete  application  development
Connect via SSH to an application   | yes yes no  no  | application.connect application  all
Read database                       | yes yes yes no  | database.read       database     all
Edit production database            | yes yes no  no  | database.edit       database     production
Edit development database           | yes yes yes no  | database.edit       database     development
Delete production database          | yes yes no  no  | database.delete     database     production
Delete development database         | yes yes yes no  | database.delete     database     development
`

var seedModes = map[string][]authz.Mode{
	"-":           {authz.NoMode},
	"production":  {authz.Production},
	"development": {authz.Development, authz.Preview, authz.Staging},
	"all":         {authz.Development, authz.Preview, authz.Staging, authz.Production},
}

func TestSeedMatrix(t *testing.T) {
	columns := []authz.RoleName{authz.Owner, authz.Admin, authz.Developer, authz.Viewer}
	rows := strings.Split(strings.TrimSpace(seed), "\n")
	if len(rows) != 27 {
		t.Fatalf("%d rows, the seed has 27", len(rows))
	}
	for _, row := range rows {
		part := strings.Split(row, "|")
		action, cells, ours := strings.TrimSpace(part[0]), strings.Fields(part[1]), strings.Fields(part[2])
		permission, kind, modes := authz.Permission(ours[0]), authz.Kind(ours[1]), seedModes[ours[2]]
		if len(cells) != len(columns) || len(modes) == 0 {
			t.Fatalf("%q cannot be read", row)
		}
		for i, name := range columns {
			want := cells[i] == "yes"
			if !want && cells[i] != "no" {
				t.Fatalf("%q is no cell", cells[i])
			}
			for _, mode := range modes {
				for _, scope := range []authz.Scope{{Kind: kind, Mode: mode}, parent(kind, permission, mode)} {
					if d := authz.Decide(authz.NewRights(role(t, name)), permission, scope); d.Allowed != want {
						t.Errorf("%s (%s, kind %s, mode %q): %s gets %t, the seed says %s: %s", action, permission, scope.Kind, mode, name, d.Allowed, cells[i], d.Reason())
					}
				}
			}
		}
	}
}

// parent is where a thing's creation is asked about: "edit" includes create, and
// before it is there the question is about the thing that will hold it, in the mode
// that the new one will have. For other permissions it is the thing itself.
func parent(kind authz.Kind, permission authz.Permission, mode authz.Mode) authz.Scope {
	if strings.HasSuffix(string(permission), ".edit") && mode != authz.NoMode {
		if kind == authz.KindEnvironment {
			return authz.Scope{Kind: authz.KindProject, Mode: mode}
		}
		return authz.Scope{Kind: authz.KindEnvironment, Mode: mode}
	}
	return authz.Scope{Kind: kind, Mode: mode}
}

// What the seed leaves out, as the design decides it.
func TestBesideTheSeed(t *testing.T) {
	all := seedModes["all"]
	for _, c := range []struct {
		permission authz.Permission
		kind       authz.Kind
		modes      []authz.Mode
		holders    []authz.RoleName
	}{
		{authz.OrganizationView, authz.KindOrganization, nil, authz.RoleNames},
		{authz.RoleView, authz.KindOrganization, nil, authz.RoleNames},
		{authz.ClusterView, authz.KindCluster, nil, authz.RoleNames},
		{authz.OrganizationTransfer, authz.KindOrganization, nil, []authz.RoleName{authz.Owner}},
		{authz.MemberManage, authz.KindOrganization, nil, []authz.RoleName{authz.Owner, authz.Admin}},
		{authz.RoleManage, authz.KindOrganization, nil, []authz.RoleName{authz.Owner, authz.Admin}},
		{authz.BillingManage, authz.KindOrganization, nil, []authz.RoleName{authz.Owner, authz.Admin, authz.Billing}},
		{authz.TokenCreate, authz.KindOrganization, nil, []authz.RoleName{authz.Owner, authz.Admin, authz.DevOps}},
		{authz.SetupManage, authz.KindOrganization, nil, []authz.RoleName{authz.Owner, authz.Admin, authz.DevOps}},
		{authz.EventRead, authz.KindOrganization, nil, []authz.RoleName{authz.Owner, authz.Admin}},
		{authz.ProjectCreate, authz.KindOrganization, nil, []authz.RoleName{authz.Owner, authz.Admin, authz.DevOps}},
		{authz.EnvironmentDeploy, authz.KindEnvironment, seedModes["production"], []authz.RoleName{authz.Owner, authz.Admin, authz.DevOps}},
		{authz.EnvironmentDeploy, authz.KindEnvironment, seedModes["development"], []authz.RoleName{authz.Owner, authz.Admin, authz.DevOps, authz.Developer}},
		{authz.EnvironmentRead, authz.KindEnvironment, all, []authz.RoleName{authz.Owner, authz.Admin, authz.DevOps, authz.Developer, authz.Viewer}},
		{authz.DatabaseRead, authz.KindDatabase, all, []authz.RoleName{authz.Owner, authz.Admin, authz.DevOps, authz.Developer}},
	} {
		modes := c.modes
		if modes == nil {
			modes = seedModes["-"]
		}
		for _, name := range authz.RoleNames {
			for _, mode := range modes {
				d := authz.Decide(authz.NewRights(role(t, name)), c.permission, authz.Scope{Kind: c.kind, Mode: mode})
				if want := slices.Contains(c.holders, name); d.Allowed != want {
					t.Errorf("%s in mode %q: %s gets %t, want %t", c.permission, mode, name, d.Allowed, want)
				}
			}
		}
	}
}

func role(t testing.TB, name authz.RoleName) *authz.Role {
	t.Helper()
	r, ok := authz.LookupRole(name)
	if !ok {
		t.Fatalf("there is no role %s", name)
	}
	return r
}
