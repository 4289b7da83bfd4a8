package httpd_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

var seed = flag.Uint64("seed", 0, "repeat the games of TestNoEscalation that had this seed")

// game is an organization in which random people try random things.
type game struct {
	s            *apptest.Server
	r            *rand.Rand
	people       []*apptest.Caller
	organization id.Organization
	projects     [modelProjects]id.Object
	cluster      id.Object
	made         int

	member      []*role // by person; nil: no member
	roles       []*role // the built-in ones first
	tokens      []*token
	invitations []*invitation

	before  []held // what everybody had before the move, as the server says
	history []string
	done    map[string][2]int // accepted and refused, by move
}

// TestNoEscalation plays games of random moves by random people and tokens. After
// each move everybody is asked, through the real decision, for everything they may:
// nobody has gained what the giver did not have at that moment, a refused move has
// changed nothing, the model agrees, and there is exactly one owner.
func TestNoEscalation(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64()
	}
	t.Logf("to repeat: go test ./internal/httpd -run TestNoEscalation -seed %d", first)
	for engine, games := range map[string]int{"sqlite": 30, "postgres": 8} {
		if testing.Short() {
			games = games/12 + 1
		}
		t.Run(engine, func(t *testing.T) {
			s := apptest.Start(t, apptest.Storage(t, engine), roomy)
			var people []*apptest.Caller
			for i := range 6 {
				people = append(people, s.Person(t, fmt.Sprintf("person%d@example.com", i)))
			}
			done := map[string][2]int{}
			for n := range games {
				g := &game{s: s, r: rand.New(rand.NewPCG(first, uint64(n))), people: people, done: done}
				g.start(t, n)
				for range 100 {
					g.play(t)
					if t.Failed() {
						t.Fatalf("seed %d, game %d:\n%s", first, n, strings.Join(g.history, "\n"))
					}
				}
			}
			t.Logf("accepted and refused: %v", done)
			for _, m := range moves {
				if d := done[m.name]; games > 10 && (d[0] == 0 || d[1] == 0) {
					t.Errorf("%s: accepted and refused %v times; the games say nothing of it", m.name, d)
				}
			}
			s.Verify(t)
		})
	}
}

func (g *game) start(t *testing.T, n int) {
	t.Helper()
	owner := g.people[0]
	g.organization = owner.Organization(t, fmt.Sprint("Game ", n))
	for p := range g.projects {
		g.projects[p] = owner.Project(t, g.organization, fmt.Sprint("project ", p))
	}
	g.cluster = putCluster(t, g.s, g.organization, "cluster")
	for _, name := range authz.RoleNames {
		g.roles = append(g.roles, &role{name: name, id: authz.RoleID(g.organization, name)})
	}
	g.member = make([]*role, len(g.people))
	g.member[0] = g.roles[0]
	for i := 1; i < len(g.people); i++ {
		if r := one(g.r, g.roles); r.name != authz.Owner {
			g.member[i] = r
			g.s.Join(t, g.organization, g.people[i], r.name)
		}
	}
	g.before = g.ask(t)
}

// putCluster adds a cluster past the service that will make them.
func putCluster(t *testing.T, s *apptest.Server, organization id.Organization, name string) id.Object {
	t.Helper()
	cluster := id.New[id.Object]()
	if err := store.Do(t.Context(), s.DB, authz.System("test").On(organization), func(tx *store.Tx) error {
		tx.Unaudited("test")
		_, err := tx.Exec(`INSERT INTO object (id, kind, organization_id, project_id, environment_id, mode, name, name_key, version, body, sealed, created_at, updated_at, deleted_at)
			VALUES ($1, $2, $3, '', '', '', $4, $4, 1, '{}', '', 0, 0, 0)`, cluster, authz.KindCluster, organization, name)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return cluster
}

// principals are everybody: the people, then the tokens.
func (g *game) principals() (all []principal) {
	for i := range g.people {
		all = append(all, principal{person: i})
	}
	for _, t := range g.tokens {
		all = append(all, principal{person: t.creator, token: t})
	}
	return all
}

func (g *game) index(p principal) int {
	if p.token != nil {
		return len(g.people) + slices.Index(g.tokens, p.token)
	}
	return p.person
}

func (g *game) caller(p principal) *apptest.Caller {
	if p.token != nil {
		return p.token.caller
	}
	return g.people[p.person]
}

// actor picks who tries something: often somebody who may do a lot, sometimes
// somebody who may do a part of it, whom a missing check would lift.
func (g *game) actor() principal {
	p, kind := one(g.r, g.principals()), g.r.IntN(4)
	for range 8 {
		has := g.may(p)
		all, part := has.has("member.manage"), has.has("api_token.create")
		if kind == 0 || (kind == 1 && part && !all) || (kind > 1 && all) {
			break
		}
		p = one(g.r, g.principals())
	}
	return p
}

func (g *game) play(t *testing.T) {
	t.Helper()
	by, chosen := g.actor(), one(g.r, moves)
	if chosen.name == "accept" && g.r.IntN(4) > 0 { // strangers to an invitation would be tried nearly always
		by = principal{person: g.pending().person}
	}
	m := chosen.make(g, by)
	var body []byte
	if m.body != nil {
		body = text(t, m.body)
	}
	actor := fmt.Sprintf("person %d", by.person)
	if by.token != nil {
		actor = fmt.Sprintf("token %d (%s)", g.index(by)-len(g.people), by.token.role)
	}
	r := inside(g.s, g.caller(by), m.method, m.path, body)
	g.history = append(g.history, fmt.Sprintf("%3d %s, by %s (%s): %d %s", len(g.history)+1, m.what, actor, g.member[by.person], r.Status, r.Text("code")))
	sound(t, m.what, r)
	accepted := r.Status < 300
	if accepted != m.may {
		t.Errorf("%s: %d, the model says %t: %s", m.what, r.Status, m.may, r.Body)
		return
	}
	count := g.done[chosen.name]
	given := m.given
	if given == nil {
		given = g.before[g.index(by)]
	}
	if accepted {
		count[0]++
		m.done(r)
	} else {
		count[1]++
		given = nothing()
	}
	g.done[chosen.name] = count
	g.judge(t, accepted, given)
}

// judge asks everybody and compares with before, and with the model.
func (g *game) judge(t *testing.T, accepted bool, given held) {
	t.Helper()
	after := g.ask(t)
	for i, p := range g.principals() {
		was := nothing()
		if i < len(g.before) {
			was = g.before[i]
		}
		gained := after[i].beyond(was)
		for _, a := range gained {
			if !given[slices.Index(universe, a)] {
				t.Errorf("principal %d gained %+v, which who gave it did not have", i, a)
				return
			}
		}
		if lost := was.beyond(after[i]); !accepted && len(lost) > 0 {
			t.Errorf("principal %d lost %+v by a move that was refused", i, lost)
		}
		if says := g.may(p); !slices.Equal(says, after[i]) {
			t.Errorf("principal %d: beyond the model %+v, short of it %+v", i, after[i].beyond(says), says.beyond(after[i]))
		}
	}
	owners, err := store.All(g.s.DB.Reader(t.Context()), `SELECT user_id FROM member WHERE organization_id = $1 AND role = 'OWNER'`,
		func(s store.Scan) (u id.User, err error) { return u, s(&u) }, g.organization)
	if err != nil {
		t.Fatal(err)
	}
	if len(owners) != 1 || g.people[slices.Index(g.member, g.roles[0])].ID != owners[0] {
		t.Errorf("the owners are %v", owners)
	}
	g.before = after
}

// ask asks the server about everybody and everything.
func (g *game) ask(t *testing.T) []held {
	t.Helper()
	var all []held
	for _, p := range g.principals() {
		h, c := nothing(), g.caller(p)
		all = append(all, h)
		actor, err := g.s.Authenticator.Authenticate(t.Context(), c.Scheme+" "+c.Credential)
		if fault.Has(err, fault.Unauthenticated) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range universe {
			scope := authz.Scope{Organization: g.organization, Kind: a.kind, Mode: a.mode}
			if a.project >= 0 {
				scope.Project = g.projects[a.project]
			}
			if a.cluster {
				scope.Cluster = g.cluster
			}
			_, err := g.s.Authorizer.Require(t.Context(), actor, authz.Permission(a.permission), scope)
			h[i] = err == nil
			if err != nil && !fault.Has(err, fault.Forbidden) && !fault.Has(err, fault.NotFound) {
				t.Fatal(err)
			}
			if err != nil && i == 0 { // no member: each question would read the database
				break
			}
		}
	}
	return all
}

// String is the role as the history shows it.
func (r *role) String() string {
	switch {
	case r == nil:
		return "nobody"
	case r.name != "":
		return string(r.name)
	}
	return fmt.Sprintf("custom %v %v %d", r.levels, r.admin, r.place)
}
