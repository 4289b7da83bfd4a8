package access

import (
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// modes is a set of places in authz.Modes.
type modes uint8

// kindOf says in what kind of things a permission matters, and in which modes: what
// lies in an environment always has one, everything else none.
func kindOf(p authz.Permission) (authz.Kind, []authz.Mode) {
	group, _, _ := strings.Cut(string(p), ".")
	switch group {
	case "project":
		return authz.KindProject, authz.Modes[:1]
	case "environment", "application", "database":
		return authz.KindProject, authz.Modes[1:]
	case "cluster":
		return authz.KindCluster, authz.Modes[:1]
	}
	return authz.KindOrganization, authz.Modes[:1]
}

// held are the modes in which a permission is held somewhere.
func held(r authz.Rights, p authz.Permission, where authz.Scope, in []authz.Mode) (m modes) {
	for i, mode := range in {
		where.Mode = mode
		if authz.Decide(r, p, where).Allowed {
			m |= 1 << i
		}
	}
	return m
}

func (m modes) names(of []authz.Mode) []authz.Mode {
	names := []authz.Mode{}
	if m == 1<<len(of)-1 {
		return names // whatever the mode
	}
	for i, mode := range of {
		if m&(1<<i) != 0 {
			names = append(names, mode)
		}
	}
	return names
}

// between tells what rights gain and lose on their way to others: everywhere in the
// organization, and otherwise in the things that custom roles speak of.
func between(organization id.Organization, was, then authz.Rights, things []granted) transition {
	t := transition{all: then.Roles() == "", fresh: was.Roles() == ""}
	for _, p := range authz.Permissions() {
		kind, in := kindOf(p)
		everywhere := authz.Scope{Organization: organization, Kind: authz.KindOrganization}
		before, after := held(was, p, everywhere, in), held(then, p, everywhere, in)
		gain := route.AccessChange{Permission: p, Scope: authz.KindOrganization, ScopeID: string(organization), Modes: (after &^ before).names(in), Except: []id.Object{}}
		loss := gain
		loss.Modes = (before &^ after).names(in)
		var gains, losses []route.AccessChange
		for _, thing := range things {
			if thing.kind != kind {
				continue
			}
			where := authz.Scope{Organization: organization, Kind: kind, Object: thing.id}
			if kind == authz.KindCluster {
				where.Cluster = thing.id
			} else {
				where.Project = thing.id
			}
			b, a := held(was, p, where, in), held(then, p, where, in)
			gain.Except, gains = apart(gain, gains, thing, after&^before, a&^b, in)
			loss.Except, losses = apart(loss, losses, thing, before&^after, b&^a, in)
		}
		if after&^before != 0 {
			t.gains = append(t.gains, gain)
		}
		if before&^after != 0 {
			t.losses = append(t.losses, loss)
		}
		t.gains, t.losses = append(t.gains, gains...), append(t.losses, losses...)
	}
	return t
}

// apart keeps a row of its own for a thing in which it is not as everywhere.
func apart(general route.AccessChange, rows []route.AccessChange, thing granted, everywhere, here modes, in []authz.Mode) ([]id.Object, []route.AccessChange) {
	if here == everywhere {
		return general.Except, rows
	}
	if here != 0 {
		rows = append(rows, route.AccessChange{
			Permission: general.Permission, Scope: thing.kind, ScopeID: string(thing.id), Modes: here.names(in), Except: []id.Object{},
		})
	}
	if everywhere == 0 {
		return general.Except, rows
	}
	return append(general.Except, thing.id), rows
}
