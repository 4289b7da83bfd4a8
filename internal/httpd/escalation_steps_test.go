package httpd_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// move is one thing that somebody tries.
type move struct {
	what         string
	method, path string
	body         any
	may          bool                      // what the model says of it
	done         func(r *apptest.Response) // what it changes in the model
	given        held                      // what may be gained by it at most; nil: what the actor has
}

// moves are the things that can be tried, by name.
var moves = []struct {
	name string
	make func(g *game, by principal) move
}{
	{"set role", (*game).setRole}, {"remove", (*game).remove}, {"leave", (*game).leave}, {"transfer", (*game).transfer},
	{"invite", (*game).invite}, {"invite", (*game).invite}, {"accept", (*game).accept}, {"accept", (*game).accept}, {"revoke", (*game).revoke}, {"resend", (*game).resend},
	{"create token", (*game).createToken}, {"create token", (*game).createToken}, {"delete token", (*game).deleteToken}, {"take over", (*game).takeOver}, {"take over", (*game).takeOver},
	{"create role", (*game).createRole}, {"edit role", (*game).editRole}, {"edit role", (*game).editRole}, {"delete role", (*game).deleteRole},
}

func one[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// mostly picks one that is good, where there is one, and any now and then.
func mostly[T any](r *rand.Rand, list []T, good func(T) bool) T {
	picked := one(r, list)
	for range 8 {
		if good(picked) || r.IntN(8) == 0 {
			break
		}
		picked = one(r, list)
	}
	return picked
}

func (g *game) anyone() int { return g.r.IntN(len(g.people)) }

func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func (g *game) path(rest string) string { return "/organization/" + string(g.organization) + rest }

func (g *game) setRole(by principal) move {
	who, to := g.anyone(), one(g.r, g.roles)
	has := g.may(by)
	was := g.member[who]
	return move{
		what: fmt.Sprintf("person %d becomes %s", who, to), method: "PUT", path: g.path("/member"), body: map[string]any{"user_id": g.people[who].ID, "role_id": to.id},
		may: has.has("member.manage") && was != nil && was.name != authz.Owner && !to.gone && to.name != authz.Owner &&
			was.held().within(has) && to.held().within(has),
		done: func(*apptest.Response) { g.member[who] = to },
	}
}

func (g *game) remove(by principal) move { return g.out(by, g.anyone()) }

func (g *game) leave(by principal) move { return g.out(by, by.person) }

func (g *game) out(by principal, who int) move {
	has, was := g.may(by), g.member[who]
	self := by.token == nil && by.person == who
	return move{
		what: fmt.Sprintf("person %d is removed", who), method: "DELETE", path: g.path("/member"), body: map[string]any{"user_id": g.people[who].ID},
		may:  was != nil && was.name != authz.Owner && (self || (has.has("member.manage") && was.held().within(has))),
		done: func(*apptest.Response) { g.member[who] = nil },
	}
}

func (g *game) transfer(by principal) move {
	who := g.anyone()
	return move{
		what: fmt.Sprintf("person %d becomes the owner", who), method: "POST", path: g.path("/transferOwnership"), body: map[string]any{"user_id": g.people[who].ID},
		may: by.token == nil && g.may(by).has("organization.transfer") && g.member[who] != nil && who != by.person,
		done: func(*apptest.Response) {
			g.member[by.person], g.member[who] = g.builtIn(authz.Admin), g.builtIn(authz.Owner)
		},
	}
}

func (g *game) builtIn(name authz.RoleName) *role {
	for _, r := range g.roles {
		if r.name == name {
			return r
		}
	}
	return nil
}

func (g *game) invite(by principal) move {
	who := mostly(g.r, numbers(len(g.people)), func(i int) bool { return g.member[i] == nil })
	to := one(g.r, g.roles)
	has := g.may(by)
	known := g.member[who] != nil
	for _, i := range g.invitations {
		known = known || (i.person == who && !i.gone)
	}
	return move{
		what: fmt.Sprintf("person %d is invited as %s", who, to), method: "POST", path: g.path("/inviteMember"), body: map[string]any{"email": g.people[who].Email, "role_id": to.id},
		may: has.has("member.invite") && !known && !to.gone && to.name != authz.Owner && to.held().within(has),
		done: func(r *apptest.Response) {
			g.invitations = append(g.invitations, &invitation{id: r.Text("id"), person: who, inviter: by.person, role: to})
		},
	}
}

// pending picks an invitation, or one that is not there.
func (g *game) pending() *invitation {
	if len(g.invitations) == 0 {
		return &invitation{id: id.New[string](), gone: true}
	}
	return mostly(g.r, g.invitations, func(i *invitation) bool { return !i.gone })
}

func (g *game) accept(by principal) move {
	i := g.pending()
	if len(g.invitations) > 0 {
		i = mostly(g.r, g.invitations, func(i *invitation) bool { return !i.gone && i.person == by.person })
	}
	m := move{
		what: fmt.Sprintf("the invitation of person %d as %s by person %d is accepted", i.person, i.role, i.inviter), method: "POST", path: g.path("/inviteMember/" + i.id),
		done:  func(*apptest.Response) { i.gone, g.member[i.person] = true, i.role },
		given: g.before[i.inviter], // what the inviter has now
	}
	if by.token == nil && !i.gone && i.person == by.person {
		has := g.may(principal{person: i.inviter})
		m.may = has.has("member.invite") && i.role.held().within(has)
	}
	return m
}

func (g *game) revoke(by principal) move {
	i := g.pending()
	return move{
		what: "an invitation is taken back", method: "DELETE", path: g.path("/inviteMember/" + i.id),
		may: !i.gone && g.may(by).has("member.invite"), done: func(*apptest.Response) { i.gone = true },
	}
}

func (g *game) resend(by principal) move {
	i, has := g.pending(), g.may(by)
	return move{
		what: "an invitation is sent again", method: "POST", path: g.path("/inviteMember/" + i.id + "/resend"),
		may:  !i.gone && has.has("member.invite") && i.role.held().within(has),
		done: func(*apptest.Response) { i.inviter = by.person },
	}
}

func (g *game) createToken(by principal) move {
	to, has := one(g.r, g.roles), g.may(by)
	creator := by.person
	if by.token != nil {
		creator = by.token.creator
	}
	g.made++
	return move{
		what: fmt.Sprintf("token %d is made as %s", len(g.tokens), to), method: "POST", path: g.path("/apiToken"), body: map[string]any{"name": fmt.Sprint("token ", g.made), "role_id": to.id},
		may: has.has("api_token.create") && !to.gone && to.name != authz.Owner && to.held().within(has),
		done: func(r *apptest.Response) {
			c := *g.people[creator]
			c.Credential, c.Scheme, c.TokenID = r.Text("token"), "Token", id.Token(r.Text("id"))
			g.tokens = append(g.tokens, &token{caller: &c, creator: creator, role: to})
		},
	}
}

func (g *game) anyToken() (*token, string) {
	if len(g.tokens) == 0 {
		return &token{gone: true, role: g.roles[0]}, id.New[string]()
	}
	t := mostly(g.r, g.tokens, func(t *token) bool { return !t.gone })
	return t, string(t.caller.TokenID)
}

func (g *game) deleteToken(by principal) move {
	t, name := g.anyToken()
	return move{
		what: "a token is deleted", method: "DELETE", path: g.path("/apiToken/" + name),
		may: !t.gone && g.may(by).has("api_token.delete"), done: func(*apptest.Response) { t.gone = true },
	}
}

func (g *game) takeOver(by principal) move {
	t, name := g.anyToken()
	has := g.may(by)
	return move{
		what: fmt.Sprintf("a token of person %d as %s is taken over", t.creator, t.role), method: "POST", path: g.path("/apiToken/" + name + "/takeOver"),
		may:  by.token == nil && !t.gone && has.has("member.manage") && has.has("api_token.create") && t.role.held().within(has),
		done: func(*apptest.Response) { t.creator = by.person },
	}
}

func (g *game) createRole(by principal) move {
	g.made++
	return move{
		what: "a role is made", method: "POST", path: g.path("/customRole"), body: map[string]any{"name": fmt.Sprint("role ", g.made)},
		may: g.may(by).has("role.manage"),
		done: func(r *apptest.Response) {
			g.roles = append(g.roles, &role{id: id.Role(r.Text("id"))})
		},
	}
}

// anyRole picks a custom role, or one that is not there.
func (g *game) anyRole() *role {
	if len(g.roles) == len(authz.RoleNames) {
		return &role{id: id.New[id.Role](), gone: true}
	}
	return mostly(g.r, g.roles[len(authz.RoleNames):], func(r *role) bool { return !r.gone })
}

func (g *game) editRole(by principal) move {
	r := g.anyRole()
	next := role{id: r.id, place: g.r.IntN(3)}
	var projects []any
	for p := range modelProjects {
		next.admin[p] = g.r.IntN(4) == 0
		var levels []any
		for m, mode := range authz.Modes[1:] {
			next.levels[p][m] = max(0, g.r.IntN(6)-2)
			levels = append(levels, map[string]any{"environment_type": mode, "permission": []string{"NO_ACCESS", "VIEWER", "DEPLOYER", "MANAGER"}[next.levels[p][m]]})
		}
		projects = append(projects, map[string]any{"project_id": g.projects[p], "is_admin": next.admin[p], "permissions": levels})
	}
	has := g.may(by)
	g.made++
	return move{
		what: "a role is edited", method: "PUT", path: g.path("/customRole/" + string(r.id)), body: map[string]any{
			"name": fmt.Sprint("role ", g.made), "project_permissions": projects,
			"cluster_permissions": []any{map[string]any{"cluster_id": g.cluster, "permission": []string{"VIEWER", "ENV_CREATOR", "ADMIN"}[next.place]}},
		},
		may:  has.has("role.manage") && !r.gone && next.held().within(has),
		done: func(*apptest.Response) { *r = next },
	}
}

func (g *game) deleteRole(by principal) move {
	r := g.anyRole()
	used := false
	for _, m := range g.member {
		used = used || m == r
	}
	for _, i := range g.invitations {
		used = used || (!i.gone && i.role == r)
	}
	for _, t := range g.tokens {
		used = used || (!t.gone && t.role == r)
	}
	return move{
		what: "a role is deleted", method: "DELETE", path: g.path("/customRole/" + string(r.id)),
		may: g.may(by).has("role.manage") && !r.gone && !used, done: func(*apptest.Response) { r.gone = true },
	}
}
