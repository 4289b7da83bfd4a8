package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// maxChanged bounds how many people and API tokens a report of changes names.
const maxChanged = 10_000

// Shift is what somebody gained or lost in one place between two moments.
type Shift struct {
	Kind        string      `json:"kind" enum:"member,api_token" doc:"Who it is about."`
	ID          string      `json:"id" doc:"The user's or the token's id."`
	Name        string      `json:"name" doc:"The e-mail address, or the token's name; of who is not there any more, the last one that the record knows."`
	Change      string      `json:"change" enum:"gained,lost" doc:"Which of the two it is."`
	Everything  bool        `json:"everything" doc:"Whether they had no rights before, or have none now."`
	RolesBefore []string    `json:"roles_before" doc:"The roles that decided together, as they were called then; empty for no rights."`
	RolesAfter  []string    `json:"roles_after" doc:"The roles that decide together now; empty for no rights."`
	Scope       authz.Kind  `json:"scope" enum:"organization,project,cluster" doc:"The kind of place; organization means everywhere in it."`
	ScopeID     string      `json:"scope_id" doc:"The place's id."`
	ScopeName   string      `json:"scope_name" doc:"The place's name."`
	Except      []id.Object `json:"except" doc:"Projects or clusters in which it is not so: there nothing changed, or they have rows of their own."`
	Permissions []string    `json:"permissions" doc:"What they gained or lost there; where it is for some types of environment only, these are in brackets."`
}

// Shifts are what changed since a moment.
type Shifts struct {
	Since, Until   clock.Time
	People, Tokens int // who gained or lost something
	LeftOut        int // how many of these have no rows
	rows           []shifted
}

// shifted is somebody with what became of everybody who held the same.
type shifted struct {
	kind, id, name string
	moved          *moved
}

type moved struct{ rows []Shift }

// Each hands out the rows: people by their address, then tokens by name.
func (x Shifts) Each(fn func(Shift) error) error {
	for _, who := range x.rows {
		for _, row := range who.moved.rows {
			row.Kind, row.ID, row.Name = who.kind, who.id, who.name
			if err := fn(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// Changes compares everybody's rights at a moment, at the earliest for none, with those of
// now. It is for those who
// may review access, and recorded like a review. What happens to accounts and things
// themselves is no change of access: a right in what is not there is none.
func (s *Service) Changes(ctx context.Context, pass authz.Pass, since time.Time) (Shifts, error) {
	if err := pass.For(authz.MemberManage); err != nil {
		return Shifts{}, err
	}
	if err := pass.Need(authz.RoleRead); err != nil {
		return Shifts{}, err
	}
	organization, now := pass.Organization(), s.db.Now()
	x := Shifts{Until: now}
	retention, err := s.past.Retention(ctx, organization)
	if err != nil {
		return x, err
	}
	if err := s.db.Snapshot(ctx, func(q store.Querier) error {
		made, err := store.Value[clock.Time](q, `SELECT created_at FROM organization WHERE id = $1`, organization)
		if err != nil {
			return err
		}
		if x.Since, err = within(since, now, made, now.Add(-retention)); err != nil {
			return err
		}
		return s.compare(q, organization, &x)
	}); err != nil {
		return x, err
	}
	return x, store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		name, err := store.Value[string](tx, `SELECT name FROM organization WHERE id = $1`, organization)
		if err != nil {
			return err
		}
		return audit.Record(tx, string(organization), pass, audit.Entry{
			Action: audit.AccessReview, Target: audit.Reference{ID: string(organization), Name: name},
			After: map[string]time.Time{"changes_since": x.Since.Std()},
		})
	})
}

// within is the moment that is asked about; one of which nothing can be said is refused.
func within(since time.Time, now, made, oldest clock.Time) (clock.Time, error) {
	at := clock.At(since)
	if since.IsZero() {
		at = max(made, oldest)
	}
	checks := &fault.Checks{}
	switch {
	case at > now:
		checks.Add("since", "lies in the future: now it is %s", now.Format())
	case at < made:
		checks.Add("since", "lies before %s, when the organization was made", made.Format())
	case at < oldest:
		checks.Add("since", "lies before %s: the plan shows no more", oldest.Format())
	}
	return at, checks.Err()
}

func (s *Service) compare(q store.Querier, organization id.Organization, x *Shifts) error {
	after, names, err := present(q, organization, x.Until)
	if err != nil {
		return err
	}
	before, err := s.undo(q, organization, after, x.Since, names)
	if err != nil {
		return err
	}
	places, err := livePlaces(q, organization)
	if err != nil {
		return err
	}
	people, tokens := union(before.members, after.members, names), union(before.tokens, after.tokens, names)
	known, rows := map[[2][2]authz.RoleName]*moved{}, 0
	for i, who := range append(people, tokens...) {
		kind, of := "member", &x.People
		if i >= len(people) {
			kind, of = "api_token", &x.Tokens
		}
		key := [2][2]authz.RoleName{before.held(who, kind == "api_token"), after.held(who, kind == "api_token")}
		m, ok := known[key]
		if !ok {
			m = move(organization, before, after, key, places)
			known[key] = m
		}
		if len(m.rows) == 0 {
			continue
		}
		*of++
		if len(x.rows) == maxChanged {
			x.LeftOut++
			continue
		}
		if rows += len(m.rows); rows > maxRows {
			return fault.New(fault.LimitReached, "The report would have more than %d rows; ask for a later moment.", maxRows)
		}
		x.rows = append(x.rows, shifted{kind, who, names[who], m})
	}
	return nil
}

// union are those of either moment by name.
func union[T any](before, after map[string]T, names map[string]string) []string {
	all := make([]string, 0, len(after))
	for who := range after {
		all = append(all, who)
	}
	for who := range before {
		if _, too := after[who]; !too {
			all = append(all, who)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(strings.Compare(names[a], names[b]), strings.Compare(a, b)) })
	return all
}

// livePlaces are the names of the projects and clusters that are not deleted, and of the
// organization under no id.
func livePlaces(q store.Querier, organization id.Organization) (map[granted]string, error) {
	names := map[granted]string{}
	return names, store.Each(q, `SELECT 'organization', '', name FROM organization WHERE id = $1 UNION ALL
		SELECT kind, id, name FROM object WHERE organization_id = $1 AND kind IN ('project', 'cluster') AND deleted_at = 0`, func(s store.Scan) error {
		var g granted
		var name string
		err := s(&g.kind, &g.id, &name)
		names[g] = name
		return err
	}, organization)
}

// move tells what became of everybody who held some roles before and others after.
func move(organization id.Organization, before, after *standing, key [2][2]authz.RoleName, places map[granted]string) *moved {
	was, rolesBefore := before.rights(key[0])
	then, rolesAfter := after.rights(key[1])
	// Where no role of theirs grants something of its own, it is as everywhere.
	spoken := map[granted]bool{}
	for i, x := range []*standing{before, after} {
		for _, ref := range key[i] {
			if role := x.roles[ref]; role != nil {
				for project := range role.CustomGrants().Projects {
					spoken[granted{authz.KindProject, project}] = true
				}
				for cluster := range role.CustomGrants().Clusters {
					spoken[granted{authz.KindCluster, cluster}] = true
				}
			}
		}
	}
	var things []granted
	for g := range spoken {
		if _, there := places[g]; there {
			things = append(things, g)
		}
	}
	slices.SortFunc(things, func(a, b granted) int {
		return cmp.Or(strings.Compare(places[a], places[b]), strings.Compare(string(a.id), string(b.id)))
	})
	t, m := between(organization, was, then, things), &moved{}
	for _, side := range []struct {
		change     string
		everything bool
		list       []route.AccessChange
	}{{"gained", t.fresh, t.gains}, {"lost", t.all, t.losses}} {
		row := Shift{Change: side.change, Everything: side.everything, RolesBefore: rolesBefore, RolesAfter: rolesAfter}
		m.rows = append(m.rows, gather(row, side.list, places)...)
	}
	return m
}

// gather makes a row of all permissions that changed in the same places.
func gather(row Shift, list []route.AccessChange, places map[granted]string) (rows []Shift) {
	at := map[string]int{}
	for _, c := range list {
		key := fmt.Sprint(c.Scope, c.ScopeID, c.Except)
		i, ok := at[key]
		if !ok {
			i, at[key] = len(rows), len(rows)
			row.Scope, row.ScopeID, row.Except, row.Permissions = c.Scope, c.ScopeID, c.Except, nil
			if c.Scope == authz.KindOrganization {
				row.ScopeName = places[granted{kind: c.Scope}]
			} else {
				row.ScopeName = places[granted{c.Scope, id.Object(c.ScopeID)}]
			}
			rows = append(rows, row)
		}
		permission := string(c.Permission)
		if len(c.Modes) > 0 {
			text := make([]string, len(c.Modes))
			for n, mode := range c.Modes {
				text[n] = string(mode)
			}
			permission += "[" + strings.Join(text, " ") + "]"
		}
		rows[i].Permissions = append(rows[i].Permissions, permission)
	}
	return rows
}
