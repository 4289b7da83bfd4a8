package access

import (
	"context"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Bounds of what a foresight names; its numbers count everything.
const (
	maxActors     = 100
	maxReferences = 100
	maxChanges    = 500 // of one actor
)

// Foresee runs fn with Writes that are taken back, and tells what they would have
// done: the events, who would gain and lose which access, and what refers to the
// things in question. Names are for the actor: whom they may not see is counted only.
func (s *Service) Foresee(ctx context.Context, actor authn.Actor, fn func(ctx context.Context) error) (route.Foresight, error) {
	o := &outlook{actor: actor, now: s.db.Now(), foresight: route.Foresight{
		Changes: []route.ForeseenChange{}, References: route.ForeseenReferences{Results: []route.ForeseenReference{}},
		Access: route.ForeseenAccess{Gains: []route.ActorAccess{}, Losses: []route.ActorAccess{}},
	}}
	dry := &store.DryRun{Compare: o.compare}
	err := fn(store.WithDryRun(ctx, dry))
	for _, note := range dry.Notes() {
		if p, ok := note.(audit.Payload); ok {
			o.foresight.Changes = append(o.foresight.Changes, foreseen(p))
		}
	}
	return o.foresight, err
}

func foreseen(p audit.Payload) route.ForeseenChange {
	c := route.ForeseenChange{
		Organization: id.Organization(p.Stream), Action: string(p.Action), TargetID: p.Target.ID, TargetName: p.Target.Name,
		Before: p.Before, After: p.After, Changed: p.Changed,
	}
	if p.Stream == store.Server {
		c.Organization = ""
	}
	if c.Changed == nil {
		c.Changed = []string{}
	}
	return c
}

// outlook gathers a foresight. A Write may run again, from its start: what it adds
// is kept only when both states were looked at.
type outlook struct {
	actor     authn.Actor
	now       clock.Time
	foresight route.Foresight
}

// compare looks at the organizations in which the events change who may do what.
func (o *outlook) compare(changed store.Querier, notes []any) (func(store.Querier) error, error) {
	moved := []string{}
	after := map[string]*holdings{}
	for _, note := range notes {
		p, ok := note.(audit.Payload)
		if !ok || after[p.Stream] != nil || p.Stream == store.Server {
			continue
		}
		// A new token takes nothing away that is remembered, so it starts no generation.
		if !audit.Wires()[p.Action].Rights && p.Action != audit.APITokenCreate {
			continue
		}
		h, err := o.look(changed, id.Organization(p.Stream))
		if err != nil {
			return nil, err
		}
		moved, after[p.Stream] = append(moved, p.Stream), h
	}
	return func(original store.Querier) error {
		found, err := o.references(original, notes)
		if err != nil {
			return err
		}
		sum := o.foresight.Access // a copy, until all went well
		for _, head := range moved {
			before, err := o.look(original, id.Organization(head))
			if err != nil {
				return err
			}
			before.differ(after[head], o.actor, &sum)
		}
		o.foresight.Access, o.foresight.References = sum, found
		return nil
	}, nil
}

// holdings are what everybody holds in an organization, at one moment.
type holdings struct {
	organization id.Organization
	subjects     map[string]Subject // by the actor's id
	order        []string
	rights       map[holding]authz.Rights
	granted      []granted // the projects and clusters that custom roles speak of
	caller       authz.Rights
}

// holding is the same for all whose rights are decided by the same roles in the same way.
type holding struct {
	kind  authn.Kind
	roles [2]authz.RoleName
}

func (x Subject) holding() holding { return holding{x.Actor.Kind, x.key()} }

type granted struct {
	kind authz.Kind
	id   id.Object
}

func (o *outlook) look(q store.Querier, organization id.Organization) (*holdings, error) {
	h := &holdings{organization: organization, subjects: map[string]Subject{}, rights: map[holding]authz.Rights{}}
	there, err := store.Value[int64](q, `SELECT COUNT(*) FROM organization WHERE id = $1 AND deleted_at = 0`, organization)
	if err != nil || there == 0 {
		return h, err // nobody holds anything
	}
	if h.caller, err = authz.RightsIn(q, o.actor, organization); err != nil {
		return h, err
	}
	subjects, err := everybody(q, organization, o.now)
	if err != nil {
		return h, err
	}
	for _, s := range subjects {
		h.subjects[s.Actor.ID()] = s
		h.order = append(h.order, s.Actor.ID())
		if _, known := h.rights[s.holding()]; known {
			continue
		}
		rights, err := authz.RightsOf(q, s.Actor, organization, s.held[0])
		if err != nil {
			return h, err
		}
		h.rights[s.holding()] = rights
	}
	h.granted, err = store.All(q, `SELECT DISTINCT target_kind, target_id FROM role_grant WHERE organization_id = $1 ORDER BY target_kind, target_id`,
		func(s store.Scan) (g granted, err error) { return g, s(&g.kind, &g.id) }, organization)
	return h, err
}

// transition is what becomes of everybody who has the same roles before and after.
type transition struct {
	gains, losses []route.AccessChange
	all, fresh    bool // nothing is left, or nothing was there
}

// differ adds who gains and loses what from these holdings to others.
func (h *holdings) differ(after *holdings, caller authn.Actor, sum *route.ForeseenAccess) {
	things := slices.Clone(h.granted)
	for _, g := range after.granted {
		if !slices.Contains(things, g) {
			things = append(things, g)
		}
	}
	all := slices.Clone(h.order)
	for _, who := range after.order {
		if _, known := h.subjects[who]; !known {
			all = append(all, who)
		}
	}
	known := map[[2]holding]transition{}
	for _, who := range all {
		was, then := h.subjects[who], after.subjects[who]
		key := [2]holding{was.holding(), then.holding()}
		t, ok := known[key]
		if !ok {
			t = between(h.organization, h.rights[key[0]], after.rights[key[1]], things)
			known[key] = t
		}
		subject := then
		if was.Actor.Kind != "" {
			subject = was
		}
		seen := h.shows(subject.Actor, caller) || after.shows(subject.Actor, caller)
		if len(t.gains) > 0 {
			count(subject.Actor, false, &sum.PeopleGaining, &sum.TokensGaining, nil, nil)
			sum.Gains = h.name(sum.Gains, seen, subject, t.gains, t.fresh)
		}
		if len(t.losses) > 0 {
			count(subject.Actor, t.all, &sum.PeopleLosing, &sum.TokensLosing, &sum.PeopleOut, &sum.TokensStopped)
			sum.Losses = h.name(sum.Losses, seen, subject, t.losses, t.all)
		}
	}
}

func count(a authn.Actor, all bool, people, tokens, peopleAll, tokensAll *int) {
	if a.Kind == authn.APIToken {
		people, peopleAll = tokens, tokensAll
	}
	*people++
	if all {
		*peopleAll++
	}
}

// shows tells whether the caller may see somebody: with the right to, or themselves
// and what is theirs.
func (h *holdings) shows(a, caller authn.Actor) bool {
	if a.ID() == caller.ID() || (caller.Kind == authn.Person && a.User == caller.User) {
		return true
	}
	if a.Kind == authn.APIToken {
		return h.caller.Allow(authz.TokenRead)
	}
	return h.caller.Allow(authz.MemberRead)
}

func (h *holdings) name(list []route.ActorAccess, seen bool, s Subject, changes []route.AccessChange, everything bool) []route.ActorAccess {
	if !seen || len(list) == maxActors {
		return list
	}
	n := min(len(changes), maxChanges)
	return append(list, route.ActorAccess{
		Organization: h.organization, ActorType: s.Actor.Kind, ActorID: s.Actor.ID(), ActorName: s.Actor.Name,
		Everything: everything, Access: changes[:n], More: len(changes) - n,
	})
}
