package app

import (
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/history"
)

// history builds what tells of versions and deletions: a line for each kind of things.
func (a *App) history() *history.Service {
	near := history.Neighbours{
		Authorizer: a.Authorizer, Find: a.resolver.Find, Retention: a.Organizations.Retention, Grace: a.Settings.DeletionGrace,
	}
	return history.NewService(a.DB, near,
		history.Kind{Name: "organization", Edit: authz.OrganizationEdit, Reverter: a.Organizations, Derived: []string{"owner", "organization_plan"}},
		history.Kind{Name: "project", Edit: authz.ProjectEdit, Delete: authz.ProjectDelete, Reverter: a.Projects, Restorer: a.Projects, InProject: true, Derived: []string{"associated_environments_count"}},
		history.Kind{Name: "role", Edit: authz.RoleManage, Delete: authz.RoleManage, Reverter: a.Roles, Restorer: a.Roles},
		history.Kind{Name: "member", Edit: authz.MemberManage, Delete: authz.MemberManage, Reverter: a.Members, Restorer: a.Members},
		history.Kind{
			Name: "api_token", Delete: authz.TokenDelete, Restorer: a.Tokens, Derived: []string{"active", "last_used_at"},
			Fixed: "An API token does not change: its name, role and expiry are those it was made with, and who answers for it takes it over in person.",
		},
		history.Kind{
			Name: "invitation", Delete: authz.MemberInvite, Restorer: a.Invitations,
			Fixed: "An invitation does not change: it is sent again, or taken back.",
		},
	)
}
