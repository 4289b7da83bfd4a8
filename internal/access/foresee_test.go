package access_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/access"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// place is a question about access: may somebody do this, here.
type place struct {
	permission authz.Permission
	scope      string // a project's id; empty for the organization
	mode       authz.Mode
}

// held says who may do what, as "place|actor".
type held map[string]bool

// realm is an organization at random, whose access is read by the endpoint that tells
// who has it.
type realm struct {
	s         *apptest.Server
	r         *rand.Rand
	jane      *apptest.Caller // owns or administers it the whole time
	people    []*apptest.Caller
	acme      id.Organization
	projects  []string
	questions []place
	made      int
}

func newRealm(t *testing.T, s *apptest.Server, seed uint64) *realm {
	t.Helper()
	g := &realm{s: s, r: rand.New(rand.NewPCG(seed, 1)), jane: s.Person(t, fmt.Sprintf("jane%d@example.com", seed))}
	g.acme = g.jane.Organization(t, fmt.Sprint("Acme ", seed))
	for i := range 4 {
		g.people = append(g.people, s.Member(t, g.acme, fmt.Sprintf("p%d.%d@example.com", i, seed), authz.RoleNames[1+g.r.IntN(5)]))
	}
	for i := range 2 {
		g.projects = append(g.projects, string(g.jane.Project(t, g.acme, fmt.Sprint("project ", i))))
	}
	for _, p := range []authz.Permission{"organization.view", "organization.edit", "organization.delete", "member.read", "role.manage", "api_token.create"} {
		g.questions = append(g.questions, place{p, "", authz.NoMode})
	}
	for _, scope := range append(g.projects, "") {
		for _, p := range []authz.Permission{"project.read", "project.edit"} {
			g.questions = append(g.questions, place{p, scope, authz.NoMode})
		}
		for _, mode := range []authz.Mode{authz.Staging, authz.Production} {
			g.questions = append(g.questions, place{"environment.edit", scope, mode}, place{"environment.deploy", scope, mode})
		}
	}
	return g
}

func (g *realm) path(rest string) string { return "/organization/" + string(g.acme) + rest }

// access asks who has what.
func (g *realm) access(t *testing.T) held {
	t.Helper()
	all := held{}
	for _, q := range g.questions {
		path := g.path("/access/who?permission=" + string(q.permission))
		if q.scope != "" {
			path += "&scope=" + q.scope
		}
		if q.mode != "" {
			path += "&mode=" + string(q.mode)
		}
		r := g.jane.Get(t, path)
		if r.Status == 404 {
			return held{} // the organization is deleted
		}
		for i := range r.Must(t, 200).List("results") {
			all[fmt.Sprint(q, "|", r.Text(fmt.Sprintf("results.%d.actor_id", i)))] = true
		}
	}
	return all
}

func among(changes []route.AccessChange, q place) bool {
	return slices.ContainsFunc(changes, func(c route.AccessChange) bool {
		if c.Permission != q.permission || (len(c.Modes) > 0 && !slices.Contains(c.Modes, q.mode)) {
			return false
		}
		if c.Scope == authz.KindOrganization {
			return !slices.Contains(c.Except, id.Object(q.scope))
		}
		return c.ScopeID == q.scope
	})
}

// astray says what came otherwise than it was foreseen.
func (g *realm) astray(dry route.DryRun, was, became held) (wrong []string) {
	foreseen := func(list []route.ActorAccess) held {
		all := held{}
		for _, actor := range list {
			for _, q := range g.questions {
				if among(actor.Access, q) {
					all[fmt.Sprint(q, "|", actor.ActorID)] = true
				}
			}
		}
		return all
	}
	differ := func(what string, said, came held) {
		for _, key := range slices.Sorted(maps.Keys(came)) {
			if !said[key] {
				wrong = append(wrong, what+", not foreseen: "+key)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(said)) {
			if !came[key] {
				wrong = append(wrong, what+", foreseen and not so: "+key)
			}
		}
	}
	minus := func(a, b held) held {
		rest := maps.Clone(a)
		maps.DeleteFunc(rest, func(key string, _ bool) bool { return b[key] })
		return rest
	}
	differ("gained", foreseen(dry.Access.Gains), minus(became, was))
	differ("lost", foreseen(dry.Access.Losses), minus(was, became))
	return wrong
}

// change is a request at random; several of them are refused.
func (g *realm) change(t *testing.T) (by *apptest.Caller, method, path string, body any) {
	t.Helper()
	g.made++
	name := fmt.Sprint("thing ", g.made)
	somebody := g.people[g.r.IntN(len(g.people))]
	roles := g.ids(t, "/customRole")
	role := string(authz.RoleID(g.acme, authz.RoleNames[1+g.r.IntN(5)]))
	if len(roles) > 0 && g.r.IntN(2) == 0 {
		role = roles[g.r.IntN(len(roles))]
	}
	tokens := g.ids(t, "/apiToken")
	switch g.r.IntN(12) {
	case 0, 1, 2:
		return g.jane, "PUT", g.path("/member"), map[string]any{"user_id": somebody.ID, "role_id": role}
	case 3:
		return somebody, "DELETE", g.path("/member"), map[string]any{"user_id": somebody.ID}
	case 4:
		email := somebody.Email
		for _, invited := range g.jane.Get(t, g.path("/inviteMember")).List("results") {
			if i := invited.(map[string]any); i["email"] == email {
				return somebody, "POST", g.path("/inviteMember/" + i["id"].(string)), nil
			}
		}
		return g.jane, "POST", g.path("/inviteMember"), map[string]any{"email": email, "role_id": role}
	case 5:
		return g.jane, "POST", g.path("/customRole"), map[string]any{"name": name}
	case 6, 7:
		if len(roles) > 0 {
			return g.jane, "PUT", g.path("/customRole/" + roles[g.r.IntN(len(roles))]), map[string]any{
				"name": name, "cluster_permissions": []any{}, "project_permissions": []any{g.levels(g.projects[0]), g.levels(g.projects[1])},
			}
		}
	case 8:
		by := g.jane
		if g.r.IntN(2) == 0 {
			by = somebody
		}
		return by, "POST", g.path("/apiToken"), map[string]any{"name": name, "role_id": role}
	case 9:
		if len(tokens) > 0 {
			return g.jane, "DELETE", g.path("/apiToken/" + tokens[g.r.IntN(len(tokens))]), nil
		}
	case 10:
		if len(tokens) > 0 {
			return g.jane, "POST", g.path("/apiToken/" + tokens[g.r.IntN(len(tokens))] + "/takeOver"), nil
		}
	case 11:
		if len(roles) > 0 {
			return g.jane, "DELETE", g.path("/customRole/" + roles[g.r.IntN(len(roles))]), nil
		}
	}
	if g.r.IntN(2) == 0 {
		return g.jane, "POST", g.path("/project"), map[string]any{"name": name}
	}
	return g.jane, "PUT", "/project/" + g.projects[0], map[string]any{"name": name}
}

func (g *realm) levels(project string) map[string]any {
	if g.r.IntN(3) == 0 {
		return map[string]any{"project_id": project, "is_admin": true, "permissions": []any{}}
	}
	var levels []any
	for _, mode := range authz.Modes[1:] {
		level := []string{"NO_ACCESS", "VIEWER", "DEPLOYER", "MANAGER"}[g.r.IntN(4)]
		levels = append(levels, map[string]any{"environment_type": mode, "permission": level})
	}
	return map[string]any{"project_id": project, "permissions": levels}
}

func (g *realm) ids(t *testing.T, list string) (ids []string) {
	t.Helper()
	for _, x := range g.jane.Get(t, g.path(list)).Must(t, 200).List("results") {
		ids = append(ids, x.(map[string]any)["id"].(string))
	}
	return ids
}

// step foresees a change, does it, and compares. It tells what was foreseen, and the
// access before and after.
func (g *realm) step(t *testing.T, was held, by *apptest.Caller, method, path string, body any) (dry route.DryRun, became held) {
	t.Helper()
	digest := g.s.Digest(t)
	foreseen := by.Do(t, method, path+"?dry_run=true", body)
	if g.s.Digest(t) != digest {
		t.Fatalf("the dry run of %s changed the database", foreseen.Request)
	}
	really := by.Do(t, method, path, body)
	if foreseen.Status >= 400 || really.Status >= 400 {
		if foreseen.Status != really.Status || foreseen.Text("code") != really.Text("code") || foreseen.Text("detail") != really.Text("detail") {
			t.Errorf("%s: foreseen %d %s, and really %d %s", really.Request, foreseen.Status, foreseen.Body, really.Status, really.Body)
		}
		return dry, was
	}
	if err := json.Unmarshal(foreseen.Body, &dry); err != nil || dry.Status != really.Status {
		t.Errorf("%s: foreseen %s, and really %d (%v)", really.Request, foreseen.Body, really.Status, err)
	}
	// Every one of them is seen by an administrator; somebody who leaves or joins sees less.
	became = g.access(t)
	if method == "POST" && strings.HasSuffix(path, "/apiToken") { // the token that came has another id
		for i := range dry.Access.Gains {
			dry.Access.Gains[i].ActorID = really.Text("id")
		}
	}
	if by == g.jane || !strings.HasSuffix(path, "/member") {
		for _, wrong := range g.astray(dry, was, became) {
			t.Errorf("%s %v: %s", really.Request, body, wrong)
		}
	}
	return dry, became
}

// TestForeseenAccess: whatever is changed, those gain and lose access of whom it was
// said, and nobody else. FORESEE_STEPS makes it longer.
func TestForeseenAccess(t *testing.T) {
	steps, _ := strconv.Atoi(cmp.Or(os.Getenv("FORESEE_STEPS"), "15"))
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		g := newRealm(t, s, 7)
		was := g.access(t)
		gains, losses := 0, 0
		for range steps {
			by, method, path, body := g.change(t)
			var dry route.DryRun
			dry, was = g.step(t, was, by, method, path, body)
			gains, losses = gains+len(dry.Access.Gains), losses+len(dry.Access.Losses)
		}
		if gains == 0 || losses == 0 {
			t.Errorf("%d gains and %d losses: too few to say anything", gains, losses)
		}
		heir := g.people[0]
		g.jane.Do(t, "POST", g.path("/inviteMember"), map[string]any{"email": heir.Email})
		for _, i := range g.jane.Get(t, g.path("/inviteMember")).List("results") {
			if i := i.(map[string]any); i["email"] == heir.Email {
				heir.Post(t, g.path("/inviteMember/"+i["id"].(string)), nil).Must(t, 201)
			}
		}
		was = g.access(t)
		dry, became := g.step(t, was, g.jane, "POST", g.path("/transferOwnership"), map[string]any{"user_id": heir.ID})
		// A foresight that is wrong in one thing is found.
		bent := dry
		bent.Access.Losses = nil
		if len(g.astray(dry, was, became)) != 0 || len(g.astray(bent, was, became)) == 0 {
			t.Error("a loss that was not foreseen is not found")
		}
		bent = dry
		bent.Access.Gains = append(slices.Clone(dry.Access.Gains), dry.Access.Losses...)
		if len(g.astray(bent, was, became)) == 0 {
			t.Error("a gain that did not come is not found")
		}
		g.jane, g.people[0] = heir, g.jane
		members := len(g.jane.Get(t, g.path("/member")).List("results"))
		dry, became = g.step(t, became, g.jane, "DELETE", g.path(""), nil)
		if len(became) != 0 || dry.Access.PeopleOut != members || dry.Access.TokensStopped != dry.Access.TokensLosing || dry.References.Total == 0 {
			t.Errorf("the end of the organization with %d members: %+v", members, dry)
		}
		s.Verify(t)
	})
}

// TestForesightNames: what refers to a thing is told, to whom they may be told.
func TestForesightNames(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		org := "/organization/" + string(acme)
		bob := s.Member(t, acme, "bob@example.com", authz.DevOps)
		for _, name := range []string{"ci", "cd"} {
			bob.Token(t, acme, name, authz.Viewer)
		}
		role := jane.Post(t, org+"/customRole", map[string]any{"name": "shopkeeper"}).Must(t, 201).Text("id")
		jane.Post(t, org+"/inviteMember", map[string]any{"email": "eve@example.com", "role_id": role}).Must(t, 201)
		jane.Token(t, acme, "shop", authz.RoleName(role))
		told := func(dry route.DryRun) string {
			lines := []string{fmt.Sprint(dry.References.Total)}
			for _, r := range dry.References.Results {
				lines = append(lines, r.Type+" "+r.Relation+" "+r.Name)
			}
			for _, a := range dry.Access.Losses {
				lines = append(lines, fmt.Sprintf("%s loses %t", a.ActorName, a.Everything))
			}
			return strings.Join(lines, ", ") + fmt.Sprint(" ", dry.Access.PeopleOut, dry.Access.TokensStopped)
		}
		ask := func(by *apptest.Caller, method, path string, body any) string {
			var dry route.DryRun
			if err := json.Unmarshal(by.Do(t, method, path+"?dry_run=true", body).Must(t, 200).Body, &dry); err != nil {
				t.Fatal(err)
			}
			return told(dry)
		}
		edit := map[string]any{"name": "keeper", "cluster_permissions": []any{}, "project_permissions": []any{}}
		if got := ask(jane, "PUT", org+"/customRole/"+role, edit); got != "2, api_token holds shop, invitation holds eve@example.com 0 0" {
			t.Errorf("a role that is changed: %s", got)
		}
		gone := map[string]any{"user_id": bob.ID}
		const bobs = "2, api_token made_by cd, api_token made_by ci, bob@example.com loses true, cd loses true, ci loses true 1 2"
		if got := ask(jane, "DELETE", org+"/member", gone); got != bobs {
			t.Errorf("a member who is removed: %s", got)
		}
		// As a DEVELOPER he could not list tokens; his own he is told of.
		jane.Put(t, org+"/member", map[string]any{"user_id": bob.ID, "role_id": authz.RoleID(acme, authz.Developer)}).Must(t, 200)
		if got := ask(bob, "DELETE", org+"/member", gone); got != bobs {
			t.Errorf("a member who leaves: %s", got)
		}
		if got := ask(jane, "DELETE", org, nil); !strings.Contains(got, "role in shopkeeper") || !strings.HasSuffix(got, "2 3") {
			t.Errorf("an organization that is deleted: %s", got)
		}

		// Pages ask without HTTP.
		actor, err := s.Authenticator.Authenticate(t.Context(), "Bearer "+jane.Credential)
		if err != nil {
			t.Fatal(err)
		}
		pass, err := s.Authorizer.Require(t.Context(), actor, authz.OrganizationDelete, authz.Scope{Organization: acme, Kind: authz.KindOrganization})
		if err != nil {
			t.Fatal(err)
		}
		digest := s.Digest(t)
		foresight, err := access.NewService(s.DB, nil, access.Past{}).Foresee(t.Context(), pass.Actor(), func(ctx context.Context) error { return s.Organizations.Delete(ctx, pass) })
		if err != nil || foresight.Access.PeopleOut != 2 || foresight.Access.TokensStopped != 3 || s.Digest(t) != digest {
			t.Errorf("a page foresees %+v, %v", foresight, err)
		}
	})
}
