package authz

import (
	"errors"

	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// ProjectLevel is what a custom role allows in the environments of one mode of a project.
type ProjectLevel string

// The levels in a project, from the lowest.
const (
	NoAccess      ProjectLevel = "NO_ACCESS"
	ProjectViewer ProjectLevel = "VIEWER"
	Deployer      ProjectLevel = "DEPLOYER"
	Manager       ProjectLevel = "MANAGER"
	// ProjectAdmin is kept for all modes together (NoMode) and is above every level.
	ProjectAdmin ProjectLevel = "ADMIN"
)

// ClusterLevel is what a custom role allows on a cluster.
type ClusterLevel string

// The levels on a cluster, from the lowest.
const (
	ClusterViewer ClusterLevel = "VIEWER"
	EnvCreator    ClusterLevel = "ENV_CREATOR"
	ClusterAdmin  ClusterLevel = "ADMIN"
)

var projectRank = map[ProjectLevel]int{NoAccess: 0, ProjectViewer: 1, Deployer: 2, Manager: 3, ProjectAdmin: 4}

var clusterRank = map[ClusterLevel]int{ClusterViewer: 0, EnvCreator: 1, ClusterAdmin: 2}

// inProject says from which level on a custom role has a permission in a project.
var inProject = map[Permission]ProjectLevel{
	EnvironmentRead: ProjectViewer, ApplicationRead: ProjectViewer, DatabaseRead: ProjectViewer,
	EnvironmentDeploy: Deployer, EnvironmentStop: Deployer, ApplicationConnect: Deployer,
	EnvironmentEdit: Manager, ApplicationEdit: Manager, ApplicationDelete: Manager, DatabaseEdit: Manager, DatabaseDelete: Manager,
	ProjectEdit: ProjectAdmin, ProjectDelete: ProjectAdmin, EnvironmentDelete: ProjectAdmin,
}

// onCluster says from which level on a custom role has a permission on a cluster.
var onCluster = map[Permission]ClusterLevel{ClusterEdit: ClusterAdmin, ClusterConnect: ClusterAdmin}

// needsCluster are the permissions that use up a cluster's resources: they need
// ENV_CREATOR there as well.
var needsCluster = map[Permission]bool{EnvironmentEdit: true, EnvironmentDeploy: true}

// everyCustom is what each custom role has in the whole organization.
var everyCustom = grants{OrganizationView: everywhere, OrganizationRead: everywhere, RoleView: everywhere, ClusterView: everywhere}

// Grants are the levels of a custom role above the lowest, by the id of the project
// or cluster.
type Grants struct {
	Projects map[id.Object]map[Mode]ProjectLevel
	Clusters map[id.Object]ClusterLevel
}

type custom struct {
	id      id.Role
	version int64
	Grants
}

// NewCustomRole makes a custom role of its grants.
func NewCustomRole(role id.Role, name RoleName, version int64, g Grants) *Role {
	return &Role{Name: name, grants: everyCustom, custom: &custom{role, version, g}}
}

// Level is a custom role's level in a project for a mode.
func (g Grants) Level(project id.Object, m Mode) ProjectLevel {
	levels := g.Projects[project]
	if levels[NoMode] == ProjectAdmin {
		return ProjectAdmin
	}
	if level, ok := levels[m]; ok {
		return level
	}
	return NoAccess
}

// OnCluster is a custom role's level on a cluster.
func (g Grants) OnCluster(cluster id.Object) ClusterLevel {
	if level, ok := g.Clusters[cluster]; ok {
		return level
	}
	return ClusterViewer
}

func (c *custom) allows(p Permission, s Scope) bool {
	if from, ok := onCluster[p]; ok {
		return s.Cluster != "" && clusterRank[c.OnCluster(s.Cluster)] >= clusterRank[from]
	}
	if s.Project == "" {
		return false
	}
	if p == ProjectRead {
		return len(c.Projects[s.Project]) > 0
	}
	from, ok := inProject[p]
	if !ok || projectRank[c.Level(s.Project, s.Mode)] < projectRank[from] {
		return false
	}
	return !needsCluster[p] || s.Cluster == "" || clusterRank[c.OnCluster(s.Cluster)] >= clusterRank[EnvCreator]
}

// within tells whether everything that r allows, other allows too.
func (r *Role) within(other *Role) bool {
	for p, modes := range r.grants {
		if modes&^other.grants[p] != 0 {
			return false
		}
	}
	if r.custom == nil {
		return true
	}
	for project := range r.custom.Projects {
		for _, mode := range Modes {
			s := Scope{Project: project, Mode: mode}
			for p := range inProject {
				if r.allows(p, s) && !other.allows(p, s) {
					return false
				}
			}
			if r.allows(ProjectRead, s) && !other.allows(ProjectRead, Scope{Project: project}) {
				return false
			}
		}
	}
	for cluster := range r.custom.Clusters {
		if other.custom != nil && clusterRank[r.custom.OnCluster(cluster)] > clusterRank[other.custom.OnCluster(cluster)] {
			return false
		}
		for p := range onCluster {
			if s := (Scope{Cluster: cluster}); r.allows(p, s) && !other.allows(p, s) {
				return false
			}
		}
	}
	return true
}

// loadCustom reads a custom role of an organization; store.ErrNone where there is none.
func loadCustom(q store.Querier, organization id.Organization, role id.Role) (*Role, error) {
	r := &Role{grants: everyCustom, custom: &custom{id: role, Grants: Grants{map[id.Object]map[Mode]ProjectLevel{}, map[id.Object]ClusterLevel{}}}}
	_, err := store.One(q, `SELECT name, version FROM role WHERE id = $1 AND organization_id = $2`,
		func(s store.Scan) (*Role, error) { return r, s(&r.Name, &r.custom.version) }, role, organization)
	if err != nil {
		return nil, err
	}
	return r, store.Each(q, `SELECT target_kind, target_id, mode, level FROM role_grant WHERE role_id = $1 AND organization_id = $2`,
		func(s store.Scan) error {
			var kind Kind
			var target id.Object
			var mode Mode
			var level string
			if err := s(&kind, &target, &mode, &level); err != nil {
				return err
			}
			if kind == KindCluster {
				r.custom.Clusters[target] = ClusterLevel(level)
				return nil
			}
			if r.custom.Projects[target] == nil {
				r.custom.Projects[target] = map[Mode]ProjectLevel{}
			}
			r.custom.Projects[target][mode] = ProjectLevel(level)
			return nil
		}, role, organization)
}

// CustomGrants gives the grants of a custom role.
func (r *Role) CustomGrants() Grants {
	if r.custom == nil {
		return Grants{}
	}
	return r.custom.Grants
}

// RolesOf lists the roles of an organization: the built-in ones from the most to the
// least, then the custom ones by name.
func RolesOf(q store.Querier, organization id.Organization) ([]*Role, error) {
	var list []*Role
	for _, name := range RoleNames {
		list = append(list, roles[name])
	}
	custom, err := store.All(q, `SELECT id FROM role WHERE organization_id = $1 ORDER BY name, id`,
		func(s store.Scan) (r id.Role, err error) { return r, s(&r) }, organization)
	for _, role := range custom {
		var r *Role
		if err == nil {
			if r, err = loadCustom(q, organization, role); errors.Is(err, store.ErrNone) {
				err = nil // it has gone in between
				continue
			}
			list = append(list, r)
		}
	}
	return list, err
}
