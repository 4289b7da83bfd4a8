package app

import (
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/credential"
	"github.com/guildhall-dev/guildhall/internal/history"
	"github.com/guildhall-dev/guildhall/internal/kind"
)

// undoer is what every service of package kind can do.
type undoer interface {
	history.Reverter
	history.Restorer
}

// setting is the line of a kind that package kind serves.
func setting(name string, edit authz.Permission, s undoer) history.Kind {
	return history.Kind{Name: name, Edit: edit, Delete: edit, Reverter: s, Restorer: s, Object: true, Derived: kind.Derived}
}

// history builds what tells of versions and deletions: a line for each kind of things.
func (a *App) history() *history.Service {
	near := history.Neighbours{
		Authorizer: a.Authorizer, Find: a.resolver.Find, Retention: a.Organizations.Retention, Grace: a.Settings.DeletionGrace,
	}
	return history.NewService(a.DB, near,
		history.Kind{Name: "organization", Edit: authz.OrganizationEdit, Reverter: a.Organizations, Derived: []string{"owner", "organization_plan"}},
		history.Kind{Name: "project", Edit: authz.ProjectEdit, Delete: authz.ProjectDelete, Reverter: a.Projects, Restorer: a.Projects, Object: true, Derived: []string{"associated_environments_count"}},
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
		history.Kind{Name: "credential", Edit: authz.CredentialEdit, Delete: authz.CredentialEdit, Reverter: a.Credentials, Restorer: a.Credentials, Object: true, Objects: credential.Kinds},
		setting("container_registry", authz.SettingEdit, a.Registries.Containers),
		setting("helm_repository", authz.SettingEdit, a.Registries.Helm),
		setting("git_token", authz.SetupManage, a.GitTokens),
		setting("labels_group", authz.SettingEdit, a.Groups.Labels),
		setting("annotations_group", authz.SettingEdit, a.Groups.Annotations),
	)
}
