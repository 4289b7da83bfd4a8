package authz

import (
	"maps"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/id"
)

// Place is where rights hold: the whole organization, or one project or cluster of it.
type Place struct {
	Kind Kind
	ID   id.Object // empty for the organization
}

// Effective are rights written out: by place, each permission, with the modes in
// brackets where it does not hold in all of them. A project or a cluster has only what
// goes beyond the organization.
func (r Rights) Effective() map[Place][]string {
	all := map[Place][]string{}
	places := map[Place]bool{{Kind: KindOrganization}: true}
	for _, role := range r.roles {
		for project := range role.CustomGrants().Projects {
			places[Place{KindProject, project}] = true
		}
		for cluster := range role.CustomGrants().Clusters {
			places[Place{KindCluster, cluster}] = true
		}
	}
	permissions := Permissions()
	for place := range places {
		for _, p := range permissions {
			var here []string
			more := false
			for _, mode := range Modes {
				s := place.scope(mode)
				if !r.holds(p, s) {
					continue
				}
				here = append(here, string(mode))
				more = more || place.Kind == KindOrganization || !r.holds(p, Scope{Mode: mode})
			}
			switch {
			case !more:
			case len(here) == len(Modes) || (len(here) == len(Modes)-1 && here[0] != ""): // NoMode is no environment's
				all[place] = append(all[place], string(p))
			default:
				all[place] = append(all[place], string(p)+"["+strings.TrimSpace(strings.Join(here, " "))+"]")
			}
		}
	}
	return all
}

func (p Place) scope(mode Mode) Scope {
	switch p.Kind {
	case KindProject:
		return Scope{Project: p.ID, Mode: mode}
	case KindCluster:
		return Scope{Cluster: p.ID, Mode: mode}
	}
	return Scope{Mode: mode}
}

// Places are the places of rights written out, the organization first.
func Places(effective map[Place][]string) []Place {
	return slices.SortedFunc(maps.Keys(effective), func(a, b Place) int {
		if a.ID == "" || b.ID == "" {
			return len(a.ID) - len(b.ID)
		}
		return strings.Compare(string(a.Kind+a.Kind)+string(a.ID), string(b.Kind+b.Kind)+string(b.ID))
	})
}
