package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/id"
)

// Scope is what a decision is about: a thing and the chain of things it lies in.
type Scope struct {
	Organization id.Organization
	Project      id.Object
	Environment  id.Object
	Object       id.Object
	// Cluster is where an environment runs, or the cluster itself.
	Cluster id.Object
	// Kind is the thing's kind; it says which permission makes the thing visible.
	Kind Kind
	Mode Mode
}

// Kind is the kind of a thing for visibility.
type Kind string

// The kinds that scopes name.
const (
	KindOrganization Kind = "organization"
	KindProject      Kind = "project"
	KindEnvironment  Kind = "environment"
	KindApplication  Kind = "application"
	KindDatabase     Kind = "database"
	KindCluster      Kind = "cluster"
	KindAPIToken     Kind = "api_token"

	KindAWSCredentials       Kind = "aws_credentials"
	KindAzureCredentials     Kind = "azure_credentials"
	KindGCPCredentials       Kind = "gcp_credentials"
	KindScalewayCredentials  Kind = "scaleway_credentials"
	KindOnPremiseCredentials Kind = "on_premise_credentials"
	KindContainerRegistry    Kind = "container_registry"
	KindHelmRepository       Kind = "helm_repository"
	KindGitToken             Kind = "git_token"
	KindLabelsGroup          Kind = "labels_group"
	KindAnnotationsGroup     Kind = "annotations_group"
)

// seeing says which permission shows a thing of a kind.
var seeing = map[Kind]Permission{
	KindOrganization: OrganizationView,
	KindProject:      ProjectRead,
	KindEnvironment:  EnvironmentRead,
	KindApplication:  ApplicationRead,
	KindDatabase:     DatabaseRead,
	KindCluster:      ClusterView,
	KindAPIToken:     TokenRead,

	// Settings of an organization are refused to its members, not hidden from them: who
	// manages them by a program takes a 404 for a deletion and makes them again.
	KindAWSCredentials:       OrganizationView,
	KindAzureCredentials:     OrganizationView,
	KindGCPCredentials:       OrganizationView,
	KindScalewayCredentials:  OrganizationView,
	KindOnPremiseCredentials: OrganizationView,
	KindContainerRegistry:    OrganizationView,
	KindHelmRepository:       OrganizationView,
	KindGitToken:             OrganizationView,
	KindLabelsGroup:          OrganizationView,
	KindAnnotationsGroup:     OrganizationView,
}

// Rights are what an actor holds in one organization. Every role in the list must
// allow a thing: an API token has its own role and its creator's.
type Rights struct{ roles []*Role }

// NewRights combines roles; with none nothing is allowed or visible.
func NewRights(roles ...*Role) Rights { return Rights{roles: roles} }

// Decision is a yes or no, and what it stands on.
type Decision struct {
	Allowed    bool
	Visible    bool
	Permission Permission
	// Role is the role that decided: the first that refuses, or the last that allows.
	Role RoleName
	Mode Mode
}

// Reason says in words why: for a refusal or an explanation, few others ask.
func (d Decision) Reason() string {
	if d.Role == "" {
		return "not a member of the organization"
	}
	verb := "has not"
	if d.Allowed {
		verb = "has"
	}
	reason := fmt.Sprintf("the role %s %s %s", d.Role, verb, d.Permission)
	if d.Mode != NoMode {
		reason += " in mode " + string(d.Mode)
	}
	return reason
}

// Decide is the decision function. It knows nothing of requests or databases.
func Decide(r Rights, p Permission, s Scope) Decision {
	d := Decision{Permission: p, Mode: s.Mode}
	if len(r.roles) == 0 {
		return d
	}
	see, known := seeing[s.Kind]
	d.Visible = known && r.holds(see, s)
	d.Allowed = d.Visible
	for _, role := range r.roles {
		d.Role = role.Name
		if !role.allows(p, s) {
			d.Allowed = false
			break
		}
	}
	return d
}

func (r Rights) holds(p Permission, s Scope) bool {
	for _, role := range r.roles {
		if !role.allows(p, s) {
			return false
		}
	}
	return len(r.roles) > 0
}

// CanGrant tells whether somebody with these rights may hand out a role: nobody
// gives what they lack.
func (r Rights) CanGrant(role *Role) bool {
	for _, own := range r.roles {
		if !role.within(own) {
			return false
		}
	}
	return len(r.roles) > 0
}

// Permissions lists every permission that a role can hold, in alphabetical order.
func Permissions() []Permission {
	all := slices.Collect(maps.Keys(roles[Owner].grants))
	slices.Sort(all)
	return all
}

// Roles names the roles that decide together.
func (r Rights) Roles() string {
	names := make([]string, len(r.roles))
	for i, role := range r.roles {
		names[i] = string(role.Name)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ∩ ")
}
