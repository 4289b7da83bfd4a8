package httpd_test

import (
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// The model is a second reading of who may do what: it knows the six roles by their
// words and custom roles by their levels, and shares no code with the decision.

// atom is one right: a permission in one place.
type atom struct {
	permission string
	kind       authz.Kind
	project    int // -1: none
	mode       authz.Mode
	cluster    bool // on the one cluster
}

const modelProjects = 2

// universe is every right that the games look at.
var universe = func() (all []atom) {
	for _, p := range strings.Fields(`organization.view organization.read organization.edit organization.delete organization.transfer
		billing.manage member.read member.invite member.manage role.view role.read role.manage api_token.read api_token.create api_token.delete
		setup.manage event.read project.create`) {
		all = append(all, atom{permission: p, kind: authz.KindOrganization, project: -1})
	}
	for _, p := range strings.Fields("cluster.view cluster.edit cluster.connect") {
		all = append(all, atom{permission: p, kind: authz.KindCluster, project: -1, cluster: true})
	}
	for project := range modelProjects {
		for _, p := range strings.Fields("project.read project.edit project.delete") {
			all = append(all, atom{permission: p, kind: authz.KindProject, project: project})
		}
		for _, mode := range authz.Modes[1:] {
			for _, p := range strings.Fields(`environment.read environment.edit environment.deploy environment.stop environment.delete
				application.read application.edit application.delete application.connect database.read database.edit database.delete`) {
				what, _, _ := strings.Cut(p, ".")
				a := atom{permission: p, kind: authz.Kind(what), project: project, mode: mode}
				all = append(all, a)
				if p == "environment.edit" || p == "environment.deploy" {
					a.cluster = true
					all = append(all, a)
				}
			}
		}
	}
	return all
}()

// held is which rights of the universe somebody has.
type held []bool

func nothing() held { return make(held, len(universe)) }

func (h held) within(other held) bool {
	for i := range h {
		if h[i] && !other[i] {
			return false
		}
	}
	return true
}

func (h held) and(other held) held {
	out := slices.Clone(h)
	for i := range out {
		out[i] = out[i] && other[i]
	}
	return out
}

func (h held) has(permission string) bool {
	for i, a := range universe {
		if a.permission == permission && h[i] {
			return true
		}
	}
	return false
}

// beyond are the rights that h has and other has not.
func (h held) beyond(other held) (list []atom) {
	for i := range h {
		if h[i] && !other[i] {
			list = append(list, universe[i])
		}
	}
	return list
}

// role is a role of the game: built-in by its name, or custom with its levels.
type role struct {
	name   authz.RoleName // empty for a custom role
	id     id.Role
	gone   bool
	levels [modelProjects][4]int // 0 NO_ACCESS, 1 VIEWER, 2 DEPLOYER, 3 MANAGER
	admin  [modelProjects]bool
	place  int // on the cluster: 0 VIEWER, 1 ENV_CREATOR, 2 ADMIN
}

func (r *role) held() held {
	out := nothing()
	if r.gone {
		return out
	}
	for i, a := range universe {
		out[i] = r.custom(a)
		if r.name != "" {
			out[i] = builtIn(r.name, a.permission, a.mode)
		}
	}
	return out
}

func builtIn(name authz.RoleName, permission string, mode authz.Mode) bool {
	object, verb, _ := strings.Cut(permission, ".")
	inProject := slices.Contains([]string{"environment", "application", "database"}, object)
	if verb == "view" {
		return true
	}
	switch name {
	case authz.Owner:
		return true
	case authz.Admin:
		return permission != "organization.delete" && permission != "organization.transfer"
	case authz.DevOps:
		return inProject || object == "cluster" || object == "api_token" || object == "setup" ||
			(object == "project" && verb != "delete") || (verb == "read" && object != "event")
	case authz.Developer:
		if inProject {
			return verb == "read" || (verb != "connect" && mode != authz.Production)
		}
		return object == "project" && (verb == "read" || verb == "edit")
	case authz.Billing:
		return permission == "organization.read" || permission == "billing.manage" || permission == "member.read"
	case authz.Viewer:
		return permission == "project.read" || permission == "environment.read" || permission == "application.read"
	}
	return false
}

func (r *role) custom(a atom) bool {
	object, verb, _ := strings.Cut(a.permission, ".")
	switch object {
	case "organization":
		return verb == "view" || verb == "read"
	case "role":
		return verb == "view"
	case "cluster":
		return verb == "view" || r.place == 2
	case "project":
		if verb == "create" {
			return false
		}
		return r.admin[a.project] || (verb == "read" && slices.Max(r.levels[a.project][:]) > 0)
	case "environment", "application", "database":
		admin := r.admin[a.project]
		level := r.levels[a.project][slices.Index(authz.Modes[1:], a.mode)]
		if admin {
			level = 3
		}
		roomy := !a.cluster || r.place > 0
		switch {
		case verb == "read":
			return level >= 1
		case a.permission == "environment.deploy":
			return level >= 2 && roomy
		case verb == "stop", verb == "connect":
			return level >= 2
		case a.permission == "environment.delete":
			return admin
		}
		return level >= 3 && roomy
	}
	return false
}

// token and invitation are as the model keeps them.
type token struct {
	caller  *apptest.Caller
	creator int
	role    *role
	gone    bool
}

type invitation struct {
	id      string
	person  int
	inviter int
	role    *role
	gone    bool
}

// principal is somebody who acts: a person, or an API token.
type principal struct {
	person int // the token's creator for a token
	token  *token
}

// may is what the model says somebody has.
func (g *game) may(p principal) held {
	person := p.person
	if p.token != nil {
		person = p.token.creator
	}
	if g.member[person] == nil || (p.token != nil && p.token.gone) {
		return nothing()
	}
	h := g.member[person].held()
	if p.token != nil {
		h = h.and(p.token.role.held())
	}
	return h
}
