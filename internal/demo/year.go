package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// story is a company as far as its year has come.
type story struct {
	world    *world
	company  *company
	id       string
	roles    map[string]string // ids by name
	members  map[string]string // the ids of who is in it, by address
	projects map[string]string // ids by name
	tokens   map[string]string // secrets by name
	tokenIDs map[string]string
	chance   *rand.Rand
}

// now is the employee's role at the end of the year.
func (e employee) now() string {
	if e.promoted != 0 {
		return e.then
	}
	return e.role
}

func (s *story) founder() employee { return s.company.people[0] }

func (s *story) boss() *person { return s.world.people[s.founder().email] }

func (s *story) path(rest string) string { return "/organization/" + s.id + rest }

// live is a day: who comes, what is made, who goes, and the work between.
func (s *story) live(ctx context.Context, day int) error {
	first := s.founder().from
	if day < first {
		return nil
	}
	if day == first {
		if err := s.found(ctx); err != nil {
			return err
		}
	}
	for address := range s.members {
		if err := s.world.people[address].comeIn(ctx); err != nil {
			return err
		}
	}
	for _, part := range []func(context.Context, int) error{s.defineRoles, s.hire, s.beginProjects, s.renewTokens, s.inviteGuests, s.promote, s.work, s.end} {
		if err := part(ctx, day); err != nil {
			return err
		}
		s.world.clock.Advance(7 * time.Minute)
	}
	return nil
}

func (s *story) found(ctx context.Context) (err error) {
	s.chance = rand.New(rand.NewPCG(1, uint64(len(s.company.name)))) //nolint:gosec // the same story each time, no secret
	s.tokenIDs = map[string]string{}
	e := s.founder()
	boss, err := s.account(ctx, e)
	if err != nil {
		return err
	}
	if s.id, err = boss.create(ctx, "/organization", object{
		"name": s.company.name, "plan": s.company.plan, "description": s.company.description, "website_url": s.company.website, "admin_emails": []string{e.email},
	}); err != nil {
		return err
	}
	var me struct {
		ID string `json:"id"`
	}
	if err := boss.do(ctx, http.MethodGet, "/account", nil, &me); err != nil {
		return err
	}
	s.members[e.email] = me.ID
	return s.learnRoles(ctx)
}

// account gives the person of an employee, who may work elsewhere already.
func (s *story) account(ctx context.Context, e employee) (*person, error) {
	if p := s.world.people[e.email]; p != nil {
		return p, p.comeIn(ctx)
	}
	return s.world.person(ctx, e.email, e.first, e.last)
}

func (s *story) learnRoles(ctx context.Context) error {
	var list struct {
		Results []struct{ ID, Name string } `json:"results"`
	}
	if err := s.boss().do(ctx, http.MethodGet, s.path("/availableRole"), nil, &list); err != nil {
		return err
	}
	s.roles = map[string]string{}
	for _, r := range list.Results {
		s.roles[r.Name] = r.ID
	}
	return nil
}

func (s *story) defineRoles(ctx context.Context, day int) error {
	for _, r := range s.company.roles {
		if r.day != day {
			continue
		}
		made, err := s.boss().create(ctx, s.path("/customRole"), object{"name": r.name, "description": r.description})
		if err != nil {
			return err
		}
		projects := []object{}
		for name, levels := range r.levels {
			permissions := []object{}
			for _, mode := range []string{"DEVELOPMENT", "PREVIEW", "STAGING", "PRODUCTION"} {
				level := levels[0]
				if mode == "PRODUCTION" {
					level = levels[1]
				}
				permissions = append(permissions, object{"environment_type": mode, "permission": level})
			}
			projects = append(projects, object{"project_id": s.projects[name], "is_admin": false, "permissions": permissions})
		}
		if err := s.boss().do(ctx, http.MethodPut, s.path("/customRole/"+made), object{
			"name": r.name, "description": r.description, "project_permissions": projects, "cluster_permissions": []object{},
		}, nil); err != nil {
			return err
		}
		if err := s.learnRoles(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hire invites who begins today; they accept.
func (s *story) hire(ctx context.Context, day int) error {
	for _, e := range s.company.people[1:] {
		if e.from != day {
			continue
		}
		p, err := s.account(ctx, e)
		if err != nil {
			return err
		}
		invitation, err := s.boss().create(ctx, s.path("/inviteMember"), object{"email": e.email, "role_id": s.roles[e.role]})
		if err != nil {
			return err
		}
		s.world.clock.Advance(11 * time.Minute)
		if err := p.do(ctx, http.MethodPost, s.path("/inviteMember/"+invitation), nil, nil); err != nil {
			return err
		}
		var me struct {
			ID string `json:"id"`
		}
		if err := p.do(ctx, http.MethodGet, "/account", nil, &me); err != nil {
			return err
		}
		s.members[e.email] = me.ID
		if err := p.signIn(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) beginProjects(ctx context.Context, day int) error {
	for _, u := range s.company.projects {
		if u.from != day {
			continue
		}
		made, err := s.boss().create(ctx, s.path("/project"), object{"name": u.name, "description": u.description})
		if err != nil {
			return err
		}
		s.projects[u.name] = made
	}
	return nil
}

func (s *story) renewTokens(ctx context.Context, day int) error {
	for _, m := range s.company.tokens {
		age := day - m.from
		if age != 0 && (age < 0 || m.days == 0 || age%m.days != 0) {
			continue
		}
		owner := s.world.people[m.owner]
		if old := s.tokenIDs[m.name]; old != "" {
			if err := s.boss().do(ctx, http.MethodDelete, s.path("/apiToken/"+old), nil, nil); err != nil {
				return err
			}
		}
		var made struct{ ID, Token string }
		if err := owner.do(ctx, http.MethodPost, s.path("/apiToken"), object{"name": m.name, "description": m.description, "role_id": s.roles[m.role]}, &made); err != nil {
			return err
		}
		s.tokenIDs[m.name], s.tokens[m.name] = made.ID, made.Token
	}
	return nil
}

func (s *story) inviteGuests(ctx context.Context, day int) error {
	for _, g := range s.company.guests {
		if g.day != day {
			continue
		}
		invitation, err := s.boss().create(ctx, s.path("/inviteMember"), object{"email": g.email, "role_id": s.roles[g.role]})
		if err != nil {
			return err
		}
		if !g.declined {
			continue
		}
		if err := s.boss().do(ctx, http.MethodDelete, s.path("/inviteMember/"+invitation), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) promote(ctx context.Context, day int) error {
	for _, e := range s.company.people {
		if e.promoted == 0 || e.promoted != day {
			continue
		}
		if err := s.boss().do(ctx, http.MethodPut, s.path("/member"), object{"user_id": s.members[e.email], "role_id": s.roles[e.then]}, nil); err != nil {
			return err
		}
	}
	return nil
}

// work is what people do to projects on a working day; some of it by the CI's token.
func (s *story) work(ctx context.Context, day int) error {
	if day%7 >= 5 || len(s.projects) == 0 {
		return nil
	}
	var hands []*person
	for _, e := range s.company.people {
		if _, here := s.members[e.email]; here && slices.Contains([]string{"OWNER", "ADMIN", "DEVOPS", "DEVELOPER"}, e.role) {
			hands = append(hands, s.world.people[e.email])
		}
	}
	if secret := s.tokens["ci"]; secret != "" {
		ci := *s.boss()
		ci.credential, ci.agent = secret, "CLI/1.4.0"
		hands = append(hands, &ci)
	}
	var g errgroup.Group // those who work at the same moment share a commit
	for range s.company.edits {
		u := s.company.projects[s.chance.IntN(len(s.company.projects))]
		project, there := s.projects[u.name]
		by, what := hands[s.chance.IntN(len(hands))], work[s.chance.IntN(len(work))]
		if !there {
			continue
		}
		g.Go(func() error {
			return by.do(ctx, http.MethodPut, "/project/"+project, object{"name": u.name, "description": fmt.Sprintf("%s Day %d: %s", u.description, day, what)}, nil)
		})
	}
	if day%14 == 0 {
		g.Go(func() error { return hands[0].signIn(ctx) })
	}
	return g.Wait()
}

// end is who leaves and what is closed.
func (s *story) end(ctx context.Context, day int) error {
	for _, u := range s.company.projects {
		if u.until != day || u.until == 0 {
			continue
		}
		if err := s.boss().do(ctx, http.MethodDelete, "/project/"+s.projects[u.name], nil, nil); err != nil {
			return err
		}
		delete(s.projects, u.name)
	}
	for _, e := range s.company.people {
		if e.until != day || e.until == 0 {
			continue
		}
		by := s.world.people[e.email] // they leave by themselves, or are removed
		if strings.HasPrefix(e.role, "Contractors") {
			by = s.boss()
		}
		if err := by.do(ctx, http.MethodDelete, s.path("/member"), object{"user_id": s.members[e.email]}, nil); err != nil {
			return err
		}
		delete(s.members, e.email)
	}
	return nil
}
