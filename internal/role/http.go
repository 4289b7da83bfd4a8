// Package role shows the roles that an organization has.
package role

import (
	"context"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

type organizationAvailableRole struct {
	ID   id.Role        `json:"id" format:"uuid" doc:"The role's id in this organization."`
	Name authz.RoleName `json:"name" doc:"The role's name."`
}

type organizationAvailableRoleList struct {
	Results []organizationAvailableRole `json:"results" doc:"The roles, ADMIN first: existing clients offer the first one as their default."`
}

// order is that of the list; clients preselect the first.
var order = []authz.RoleName{authz.Admin, authz.Developer, authz.DevOps, authz.Billing, authz.Viewer, authz.Owner}

// Register adds the operations of roles.
func Register(r *route.Router) {
	route.Register(r, route.Operation{
		ID: "listOrganizationAvailableRoles", Method: http.MethodGet, Path: "/organization/{organizationId}/availableRole",
		Tag: "Organization Main Calls", Summary: "List organization available roles",
		Description: "The roles that members and API tokens of the organization can have.",
		Permission:  authz.RoleView, Scope: route.InOrganization,
	}, list)
}

func list(_ context.Context, pass authz.Pass, _ *route.OrganizationPath) (organizationAvailableRoleList, error) {
	answer := organizationAvailableRoleList{Results: make([]organizationAvailableRole, 0, len(order))}
	for _, name := range order {
		if role, ok := authz.LookupRole(name); ok {
			answer.Results = append(answer.Results, organizationAvailableRole{role.ID(pass.Organization()), name})
		}
	}
	return answer, nil
}
