package authz

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/id"
)

// evaluator is a second, slow reading of the rules: it scans the matrix as text and
// spells the levels of custom roles out. It shares nothing with Decide but the words.
type evaluator struct{}

func (evaluator) role(r *Role, p Permission, s Scope) bool {
	if r.custom == nil {
		return evaluator{}.cell(r.Name, p, s.Mode)
	}
	switch p {
	case OrganizationView, OrganizationRead, RoleView, ClusterView:
		return true
	}
	level := ""
	admin := false
	some := false
	for project, levels := range r.custom.Projects {
		if project != s.Project {
			continue
		}
		for mode, l := range levels {
			some = true
			if l == "ADMIN" {
				admin = true
			} else if mode == s.Mode {
				level = string(l)
			}
		}
	}
	onCluster := string(r.custom.Clusters[s.Cluster])
	places := s.Cluster == "" || onCluster == "ENV_CREATOR" || onCluster == "ADMIN"
	name := string(p)
	switch {
	case name == "cluster.edit" || name == "cluster.connect":
		return s.Cluster != "" && onCluster == "ADMIN"
	case name == "project.read":
		return s.Project != "" && some
	case name == "project.edit" || name == "project.delete" || name == "environment.delete":
		return admin
	case strings.HasSuffix(name, ".read") && (strings.HasPrefix(name, "environment") || strings.HasPrefix(name, "application") || strings.HasPrefix(name, "database")):
		return admin || level == "VIEWER" || level == "DEPLOYER" || level == "MANAGER"
	case name == "environment.stop" || name == "application.connect":
		return admin || level == "DEPLOYER" || level == "MANAGER"
	case name == "environment.deploy":
		return (admin || level == "DEPLOYER" || level == "MANAGER") && places
	case name == "environment.edit":
		return (admin || level == "MANAGER") && places
	case name == "application.edit" || name == "application.delete" || name == "database.edit" || name == "database.delete":
		return admin || level == "MANAGER"
	}
	return false
}

func (evaluator) cell(role RoleName, p Permission, m Mode) bool {
	column := 0
	for i, name := range []RoleName{"OWNER", "ADMIN", "DEVOPS", "DEVELOPER", "BILLING", "VIEWER"} {
		if name == role {
			column = i + 1
		}
	}
	for line := range strings.Lines(builtIn) {
		if f := strings.Fields(line); len(f) > 0 && f[0] == string(p) {
			return f[column] == "yes" || (f[column] == "dev" && m != Production && m != NoMode)
		}
	}
	return false
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func randomHeld(r *rand.Rand, projects, clusters []id.Object) *Role {
	if r.IntN(2) == 0 {
		return roles[pick(r, RoleNames)]
	}
	g := Grants{Projects: map[id.Object]map[Mode]ProjectLevel{}, Clusters: map[id.Object]ClusterLevel{}}
	for _, project := range projects {
		switch r.IntN(4) {
		case 0:
			g.Projects[project] = map[Mode]ProjectLevel{NoMode: ProjectAdmin}
		case 1:
			g.Projects[project] = map[Mode]ProjectLevel{}
			for _, mode := range Modes[1:] {
				if r.IntN(2) == 0 {
					g.Projects[project][mode] = pick(r, []ProjectLevel{ProjectViewer, Deployer, Manager})
				}
			}
		}
	}
	for _, cluster := range clusters {
		if r.IntN(2) == 0 {
			g.Clusters[cluster] = pick(r, []ClusterLevel{EnvCreator, ClusterAdmin})
		}
	}
	return NewCustomRole(id.New[id.Role](), "Custom", 1, g)
}

// TestDecideAgainstEvaluator compares a million random decisions.
func TestDecideAgainstEvaluator(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	projects, clusters := []id.Object{"p1", "p2"}, []id.Object{"c1", "c2"}
	var list []*Role
	for range 500 {
		list = append(list, randomHeld(r, projects, clusters))
	}
	for range n {
		s := Scope{Organization: "o", Kind: pick(r, kinds), Mode: pick(r, Modes), Project: pick(r, append(projects, "")), Cluster: pick(r, append(clusters, ""))}
		p := pick(r, permissions)
		held := []*Role{pick(r, list)}
		if r.IntN(3) == 0 {
			held = append(held, pick(r, list)) // an API token
		}
		want, visible := true, true
		for _, role := range held {
			want = want && evaluator{}.role(role, p, s)
			visible = visible && evaluator{}.role(role, seeing[s.Kind], s)
		}
		d := Decide(NewRights(held...), p, s)
		if d.Visible != visible || d.Allowed != (want && visible) {
			t.Fatalf("seed %d: %s in %+v by %s: allowed %t visible %t, the evaluator says %t %t",
				seed, p, s, describe(held), d.Allowed, d.Visible, want && visible, visible)
		}
	}
}

// TestGrantIsWithin: whatever role somebody may hand out allows nothing, in any
// scope, that they are not allowed themselves.
func TestGrantIsWithin(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	projects, clusters := []id.Object{"p1", "p2"}, []id.Object{"c1", "c2"}
	grantable := 0
	for range 3000 {
		giver, given := NewRights(randomHeld(r, projects, clusters)), randomHeld(r, projects, clusters)
		if r.IntN(4) == 0 {
			giver = NewRights(append(giver.roles, randomHeld(r, projects, clusters))...)
		}
		if !giver.CanGrant(given) {
			continue
		}
		grantable++
		for _, p := range Permissions() {
			for _, mode := range Modes {
				for _, project := range append(projects, "") {
					for _, cluster := range append(clusters, "") {
						s := Scope{Project: project, Cluster: cluster, Mode: mode}
						if given.allows(p, s) && !giver.holds(p, s) {
							t.Fatalf("seed %d: %s may give %s, which allows %s in %+v", seed, describe(giver.roles), describe([]*Role{given}), p, s)
						}
					}
				}
			}
		}
	}
	if grantable < 100 {
		t.Errorf("only %d of the pairs could be granted; the test says little", grantable)
	}
}

func describe(list []*Role) string {
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintf(&b, "%s %+v; ", r.Name, r.CustomGrants())
	}
	return b.String()
}
