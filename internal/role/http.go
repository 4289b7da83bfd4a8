package role

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

type organizationAvailableRole struct {
	ID   id.Role `json:"id" format:"uuid" doc:"The role's id in this organization."`
	Name string  `json:"name" doc:"The role's name."`
}

type organizationAvailableRoleList struct {
	Results []organizationAvailableRole `json:"results" doc:"The roles, ADMIN first: existing clients offer the first one as their default. Custom roles follow the built-in ones."`
}

type clusterPermission struct {
	ClusterID   id.Object          `json:"cluster_id" required:"false" format:"uuid" doc:"The cluster."`
	ClusterName string             `json:"cluster_name,omitempty" readOnly:"true" doc:"Its name; ignored in a request."`
	Permission  authz.ClusterLevel `json:"permission" required:"false" enum:"VIEWER,ENV_CREATOR,ADMIN" doc:"The level: VIEWER (the lowest), ENV_CREATOR may also put environments there, ADMIN may also change it."`
}

type modePermission struct {
	Mode       authz.Mode         `json:"environment_type" required:"false" enum:"DEVELOPMENT,PREVIEW,STAGING,PRODUCTION" doc:"The type of environments."`
	Permission authz.ProjectLevel `json:"permission" required:"false" enum:"NO_ACCESS,VIEWER,DEPLOYER,MANAGER" doc:"The level in them, from the lowest: NO_ACCESS, VIEWER, DEPLOYER, MANAGER."`
}

type projectPermission struct {
	ProjectID   id.Object        `json:"project_id" required:"false" format:"uuid" doc:"The project."`
	ProjectName string           `json:"project_name,omitempty" readOnly:"true" doc:"Its name; ignored in a request."`
	Admin       bool             `json:"is_admin" required:"false" default:"false" doc:"Full access: MANAGER in every type, deployment rules, and deleting environments and the project. The permissions are ignored then."`
	Permissions []modePermission `json:"permissions" required:"false" nullable:"true" doc:"One for each type of environment; a type that is left out has the lowest level."`
}

// organizationCustomRole is a custom role on the wire: every cluster and project is in it.
type organizationCustomRole struct {
	ID          id.Role             `json:"id" format:"uuid" doc:"The role's id."`
	Name        string              `json:"name" doc:"The name."`
	Description string              `json:"description" doc:"What it is for."`
	Clusters    []clusterPermission `json:"cluster_permissions" doc:"A level for every cluster of the organization."`
	Projects    []projectPermission `json:"project_permissions" doc:"A level for every project of the organization."`
}

type organizationCustomRoleList struct {
	Results []organizationCustomRole `json:"results" doc:"The custom roles, oldest first."`
}

type createRequest struct {
	Name        string  `json:"name" doc:"Unique in the organization, whatever its case; the names of the built-in roles are reserved. 1 to 128 characters."`
	Description *string `json:"description,omitempty" nullable:"true" doc:"At most 2000 characters."`
}

type updateRequest struct {
	Name        string              `json:"name" doc:"Unique in the organization, whatever its case; the names of the built-in roles are reserved. 1 to 128 characters."`
	Description *string             `json:"description,omitempty" nullable:"true" doc:"At most 2000 characters; left out, it stays."`
	Clusters    []clusterPermission `json:"cluster_permissions" nullable:"true" maxItems:"10000" doc:"Levels on clusters; a cluster that is left out falls to the lowest."`
	Projects    []projectPermission `json:"project_permissions" nullable:"true" maxItems:"10000" doc:"Levels in projects; a project that is left out falls to the lowest."`
}

// grants reads a request's levels; only those above the lowest are kept.
func (r updateRequest) grants() (authz.Grants, error) {
	checks := &fault.Checks{}
	g := authz.Grants{Projects: map[id.Object]map[authz.Mode]authz.ProjectLevel{}, Clusters: map[id.Object]authz.ClusterLevel{}}
	seen := map[id.Object]bool{}
	for _, c := range r.Clusters {
		cluster, ok := id.Parse[id.Object](string(c.ClusterID))
		if !ok || seen[cluster] {
			checks.Add("cluster_permissions", "must name each cluster once, by its id")
			continue
		}
		seen[cluster] = true
		if c.Permission != authz.ClusterViewer && c.Permission != "" {
			g.Clusters[cluster] = c.Permission
		}
	}
	for _, p := range r.Projects {
		project, ok := id.Parse[id.Object](string(p.ProjectID))
		if !ok || seen[project] {
			checks.Add("project_permissions", "must name each project once, by its id")
			continue
		}
		seen[project] = true
		if levels := p.levels(checks); len(levels) > 0 {
			g.Projects[project] = levels
		}
	}
	return g, checks.Err()
}

func (p projectPermission) levels(checks *fault.Checks) map[authz.Mode]authz.ProjectLevel {
	if p.Admin {
		return map[authz.Mode]authz.ProjectLevel{authz.NoMode: authz.ProjectAdmin}
	}
	levels := map[authz.Mode]authz.ProjectLevel{}
	for _, m := range p.Permissions {
		if m.Mode == authz.NoMode {
			checks.Add("project_permissions", "has a permission without environment_type")
		}
		if _, twice := levels[m.Mode]; twice {
			checks.Add("project_permissions", "has the type %s twice in one project", m.Mode)
		}
		levels[m.Mode] = m.Permission
	}
	maps.DeleteFunc(levels, func(_ authz.Mode, l authz.ProjectLevel) bool { return l == authz.NoAccess || l == "" })
	return levels
}

// kept is a role as events show it: its levels above the lowest, in a fixed order.
func kept(r Role) organizationCustomRole {
	t := Targets{}
	for _, project := range slices.Sorted(maps.Keys(r.Grants.Projects)) {
		t.Projects = append(t.Projects, Target{ID: project})
	}
	for _, cluster := range slices.Sorted(maps.Keys(r.Grants.Clusters)) {
		t.Clusters = append(t.Clusters, Target{ID: cluster})
	}
	return shown(r, t)
}

func shown(r Role, t Targets) organizationCustomRole {
	out := organizationCustomRole{
		ID: r.ID, Name: r.Name, Description: r.Description,
		Clusters: make([]clusterPermission, 0, len(t.Clusters)), Projects: make([]projectPermission, 0, len(t.Projects)),
	}
	for _, c := range t.Clusters {
		out.Clusters = append(out.Clusters, clusterPermission{c.ID, c.Name, r.Grants.OnCluster(c.ID)})
	}
	for _, p := range t.Projects {
		permission := projectPermission{ProjectID: p.ID, ProjectName: p.Name, Admin: r.Grants.Level(p.ID, authz.NoMode) == authz.ProjectAdmin}
		for _, mode := range authz.Modes[1:] {
			level := r.Grants.Level(p.ID, mode)
			if level == authz.ProjectAdmin {
				level = authz.Manager
			}
			permission.Permissions = append(permission.Permissions, modePermission{mode, level})
		}
		out.Projects = append(out.Projects, permission)
	}
	return out
}

// order is that of the built-in roles in the list; clients preselect the first.
var order = []authz.RoleName{authz.Admin, authz.Developer, authz.DevOps, authz.Billing, authz.Viewer, authz.Owner}

type handlers struct{ service *Service }

// RolePath is the path of operations on a custom role.
type RolePath struct {
	route.OrganizationPath
	Role string `path:"customRoleId" format:"uuid" doc:"The custom role's id."`
}

// Register adds the operations of roles.
func Register(r *route.Router, s *Service) {
	h := &handlers{s}
	const tag, path = "Organization Custom Role", "/organization/{organizationId}/customRole"
	route.Register(r, route.Operation{
		ID: "listOrganizationAvailableRoles", Method: http.MethodGet, Path: "/organization/{organizationId}/availableRole",
		Tag: "Organization Main Calls", Summary: "List organization available roles",
		Description: "The roles that members and API tokens of the organization can have.",
		Permission:  authz.RoleView, Scope: route.InOrganization,
	}, h.available)
	route.Register(r, route.Operation{
		ID: "listOrganizationCustomRoles", Method: http.MethodGet, Path: path, Tag: tag, Summary: "List organization custom roles",
		Description: "Each role lists every cluster and project, new ones with the lowest level.", Permission: authz.RoleRead, Scope: route.InOrganization,
	}, h.list)
	route.Register(r, route.Operation{
		ID: "createOrganizationCustomRole", Method: http.MethodPost, Path: path, Tag: tag, Summary: "Create an organization custom role",
		Description: "It begins with the lowest level everywhere; editing it gives more.", Permission: authz.RoleManage, Scope: route.InOrganization,
		Status: http.StatusCreated, Refusals: []fault.Code{fault.NameTaken, fault.LimitReached, fault.IdempotencyReused}, Shows: "getOrganizationCustomRole",
	}, h.create)
	route.Register(r, route.Operation{
		ID: "getOrganizationCustomRole", Method: http.MethodGet, Path: path + "/{customRoleId}", Tag: tag, Summary: "Get an organization custom role",
		Permission: authz.RoleRead, Scope: route.InOrganization,
	}, h.get)
	route.Register(r, route.Operation{
		ID: "editOrganizationCustomRole", Method: http.MethodPut, Path: path + "/{customRoleId}", Tag: tag, Summary: "Edit an organization custom role",
		Description: "Replaces the levels: what is not named falls to the lowest. It is in force for everybody who has the role at once.",
		Permission:  authz.RoleManage, Scope: route.InOrganization, Refusals: []fault.Code{fault.NameTaken, fault.CannotGrant},
	}, h.edit)
	route.Register(r, route.Operation{
		ID: "deleteOrganizationCustomRole", Method: http.MethodDelete, Path: path + "/{customRoleId}", Tag: tag, Summary: "Delete an organization custom role",
		Description: "Refused while a member, an invitation or an API token has the role; the refusal names them.",
		Permission:  authz.RoleManage, Scope: route.InOrganization, Status: http.StatusNoContent, Refusals: []fault.Code{fault.RoleInUse},
	}, h.delete)
}

func (h *handlers) available(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (organizationAvailableRoleList, error) {
	answer := organizationAvailableRoleList{}
	for _, name := range order {
		answer.Results = append(answer.Results, organizationAvailableRole{authz.RoleID(pass.Organization(), name), string(name)})
	}
	custom, err := available(h.service.db.Reader(ctx), pass.Organization())
	answer.Results = append(answer.Results, custom...)
	return answer, err
}

func (h *handlers) list(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (organizationCustomRoleList, error) {
	roles, targets, err := h.service.List(ctx, pass)
	answer := organizationCustomRoleList{Results: make([]organizationCustomRole, 0, len(roles))}
	for _, r := range roles {
		answer.Results = append(answer.Results, shown(r, targets))
	}
	return answer, err
}

type createInput struct {
	route.OrganizationPath
	Body createRequest
}

func (h *handlers) create(ctx context.Context, pass authz.Pass, in *createInput) (organizationCustomRole, error) {
	description := ""
	if in.Body.Description != nil {
		description = *in.Body.Description
	}
	r, err := h.service.Create(ctx, pass, in.Body.Name, description)
	if err != nil {
		return organizationCustomRole{}, err
	}
	targets, err := targets(h.service.db.Reader(ctx), pass.Organization())
	return shown(r, targets), err
}

func (h *handlers) get(ctx context.Context, pass authz.Pass, in *RolePath) (organizationCustomRole, error) {
	role, err := route.PathID[id.Role]("customRoleId", in.Role)
	if err != nil {
		return organizationCustomRole{}, err
	}
	r, targets, err := h.service.Get(ctx, pass, role)
	return shown(r, targets), err
}

type editInput struct {
	RolePath
	Body updateRequest
}

func (h *handlers) edit(ctx context.Context, pass authz.Pass, in *editInput) (organizationCustomRole, error) {
	role, err := route.PathID[id.Role]("customRoleId", in.Role)
	if err != nil {
		return organizationCustomRole{}, err
	}
	grants, err := in.Body.grants()
	if err != nil {
		return organizationCustomRole{}, err
	}
	r, targets, err := h.service.Edit(ctx, pass, role, Change{in.Body.Name, in.Body.Description, grants})
	return shown(r, targets), err
}

func (h *handlers) delete(ctx context.Context, pass authz.Pass, in *RolePath) (route.Empty, error) {
	role, err := route.PathID[id.Role]("customRoleId", in.Role)
	if err != nil {
		return route.Empty{}, err
	}
	return route.Empty{}, h.service.Delete(ctx, pass, role)
}
