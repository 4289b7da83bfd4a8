package authz

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// permissions are those of an organization, from the matrix.
var permissions = func() []Permission {
	var list []Permission
	for line := range strings.Lines(strings.TrimSpace(builtIn)) {
		list = append(list, Permission(strings.Fields(line)[0]))
	}
	return list
}()

var kinds = []Kind{KindOrganization, KindProject, KindEnvironment, KindApplication, KindDatabase, KindCluster, KindAPIToken}

// randomRole holds some permissions in some modes, most of them in none.
func randomRole(r *rand.Rand) *Role {
	role := &Role{Name: "RANDOM", grants: grants{}}
	for _, p := range permissions {
		if modes := modeSet(r.UintN(1 << 5)); r.IntN(3) == 0 && modes != nowhere {
			role.grants[p] = modes
		}
	}
	return role
}

// eachQuestion asks everything that can be asked of rights.
func eachQuestion(ask func(Permission, Scope)) {
	for _, p := range permissions {
		for _, k := range append(kinds, "", "nonsense") {
			for _, m := range append(Modes, "NONSENSE") {
				ask(p, Scope{Kind: k, Mode: m})
			}
		}
	}
}

// TestIntersection: with several roles nothing is allowed or visible that not each
// of them alone allows or shows, and everything that all of them do.
func TestIntersection(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 60 {
		a, b, c := randomRole(r), randomRole(r), randomRole(r)
		eachQuestion(func(p Permission, s Scope) {
			da, db, dc := Decide(NewRights(a), p, s), Decide(NewRights(b), p, s), Decide(NewRights(c), p, s)
			all := Decide(NewRights(a, b, c), p, s)
			if want := da.Visible && db.Visible && dc.Visible; all.Visible != want {
				t.Fatalf("%s on %+v: visible %t, want %t", p, s, all.Visible, want)
			}
			if want := da.Allowed && db.Allowed && dc.Allowed; all.Allowed != want {
				t.Fatalf("%s on %+v: allowed %t, want %t", p, s, all.Allowed, want)
			}
			if turned := Decide(NewRights(c, a, b), p, s); turned.Allowed != all.Allowed || turned.Visible != all.Visible {
				t.Fatalf("%s on %+v: the order of the roles decides", p, s)
			}
			if once, twice := da, Decide(NewRights(a, a), p, s); once.Allowed != twice.Allowed || once.Visible != twice.Visible {
				t.Fatalf("%s on %+v: a role twice is not the role", p, s)
			}
		})
	}
}

// TestDecision holds each decision to its own words, and to the refusal made of it.
func TestDecision(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var allowed, forbidden, hidden int
	for range 40 {
		role := randomRole(r)
		eachQuestion(func(p Permission, s Scope) {
			d := Decide(NewRights(role), p, s)
			shows, known := seeing[s.Kind]
			if want := known && role.grants[shows].has(s.Mode); d.Visible != want {
				t.Fatalf("%s on %+v: visible %t, want %t", p, s, d.Visible, want)
			}
			if want := d.Visible && role.grants[p].has(s.Mode); d.Allowed != want {
				t.Fatalf("%s on %+v: allowed %t, want %t", p, s, d.Allowed, want)
			}
			err := refusal(d, s)
			switch {
			case d.Allowed:
				allowed++
				if err != nil {
					t.Fatalf("%s on %+v: allowed and refused: %v", p, s, err)
				}
			case d.Visible:
				forbidden++
				f := fault.From(err)
				if f.Code != fault.Forbidden || f.Permission != string(p) || !strings.Contains(f.Detail, string(p)) || !strings.Contains(f.Detail, string(role.Name)) {
					t.Fatalf("%s on %+v: the refusal does not name permission and role: %v", p, s, err)
				}
				if s.Mode != NoMode && !strings.Contains(f.Detail, string(s.Mode)) {
					t.Fatalf("%s on %+v: the refusal does not name the mode: %v", p, s, err)
				}
			default:
				hidden++
				if !fault.Has(err, fault.NotFound) || strings.Contains(err.Error(), string(p)) {
					t.Fatalf("%s on %+v: what is not visible must not be found, and no more: %v", p, s, err)
				}
			}
		})
	}
	if allowed == 0 || forbidden == 0 || hidden == 0 {
		t.Fatalf("not every answer came: %d allowed, %d forbidden, %d hidden", allowed, forbidden, hidden)
	}
}

func TestNoRoles(t *testing.T) {
	for name, rights := range map[string]Rights{"zero": {}, "none": NewRights()} {
		eachQuestion(func(p Permission, s Scope) {
			if d := Decide(rights, p, s); d.Allowed || d.Visible || d.Reason() == "" {
				t.Fatalf("%s: %s on %+v gives %+v", name, p, s, d)
			}
			if rights.Allow(p) {
				t.Fatalf("%s: %s is allowed", name, p)
			}
		})
		for _, role := range roles {
			if rights.CanGrant(role) {
				t.Errorf("%s: nobody grants %s", name, role.Name)
			}
		}
	}
}

// rightsOf reads built-in roles, which need no database.
func rightsOf(actor authn.Actor, role RoleName) Rights {
	rights, err := RightsOf(nil, actor, "", role)
	if err != nil {
		panic(err)
	}
	return rights
}

// TestTokenRights: a token has its own role and its creator's role, each bounding the other.
func TestTokenRights(t *testing.T) {
	for _, creator := range RoleNames {
		for _, token := range RoleNames {
			rights := rightsOf(authn.Actor{Kind: authn.APIToken, TokenRole: string(token)}, creator)
			eachQuestion(func(p Permission, s Scope) {
				of := func(name RoleName) Decision { return Decide(rightsOf(authn.Actor{Kind: authn.Person}, name), p, s) }
				d := Decide(rights, p, s)
				if want := of(creator).Allowed && of(token).Allowed; d.Allowed != want {
					t.Fatalf("%s token of a %s: %s on %+v is %t, want %t", token, creator, p, s, d.Allowed, want)
				}
			})
		}
	}
	if got := rightsOf(authn.Actor{Kind: authn.APIToken, TokenRole: "VIEWER"}, Admin).Roles(); got != "ADMIN ∩ VIEWER" {
		t.Errorf("the roles read %q", got)
	}
}

// TestCanGrant: whoever can grant a role holds everything in it, and the other way round.
func TestCanGrant(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	holdsAll := func(rights Rights, role *Role) bool {
		for p := range role.grants {
			for _, m := range Modes {
				if role.grants[p].has(m) && !rights.holds(p, Scope{Mode: m}) {
					return false
				}
			}
		}
		return true
	}
	yes := 0
	for range 4000 {
		mine := []*Role{randomRole(r)}
		if r.IntN(2) == 0 {
			mine = append(mine, randomRole(r))
		}
		given := randomRole(r)
		if r.IntN(2) == 0 { // a part of what I hold, and sometimes one thing more
			given = &Role{Name: "PART", grants: grants{}}
			for p, modes := range mine[0].grants {
				if part := modes & mine[len(mine)-1].grants[p] & modeSet(r.UintN(1<<5)); part != nowhere {
					given.grants[p] = part
				}
			}
			if r.IntN(2) == 0 {
				given.grants[permissions[r.IntN(len(permissions))]] |= 1 << r.UintN(5)
			}
		}
		rights := NewRights(mine...)
		got := rights.CanGrant(given)
		if want := holdsAll(rights, given); got != want {
			t.Fatalf("CanGrant is %t, want %t: %v of %v", got, want, given.grants, mine)
		}
		if got {
			yes++
		}
	}
	if yes == 0 || yes == 4000 {
		t.Fatalf("%d of 4000 could be granted: the cases say nothing", yes)
	}
	for giver, want := range map[RoleName][]RoleName{
		Owner:     RoleNames,
		Admin:     {Admin, DevOps, Developer, Billing, Viewer},
		DevOps:    {DevOps, Developer, Viewer},
		Developer: {Developer, Viewer},
		Billing:   {Billing},
		Viewer:    {Viewer},
	} {
		var got []RoleName
		for _, name := range RoleNames {
			if NewRights(roles[giver]).CanGrant(roles[name]) {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s can grant %v, want %v", giver, got, want)
		}
	}
	if NewRights(roles[Owner], roles[Viewer]).CanGrant(roles[Admin]) {
		t.Error("a VIEWER token of the owner can grant ADMIN")
	}
}
