package takeout

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// place is where an event stands.
type place struct {
	stream string
	seq    int64
}

// gathering finds the events of a person by the indexes there are: by what somebody
// was called when they did something, and by whom something was done to.
type gathering struct {
	q    store.Querier
	user id.User
	seen map[place]bool
	list []Event
}

const byActor = `SELECT e.organization_id, e.seq, e.at, e.action, e.payload FROM organization_head h
	JOIN event e ON e.organization_id = h.organization_id AND e.triggered_by = $1
	WHERE h.kind <> 'account' AND e.actor_id = $2 AND e.payload IS NOT NULL ORDER BY e.at DESC LIMIT $3`

const byTarget = `SELECT e.organization_id, e.seq, e.at, e.action, e.payload FROM organization_head h
	JOIN event e ON e.organization_id = h.organization_id AND e.target_type = $1 AND e.target_id = $2
	WHERE h.kind <> 'account' AND e.payload IS NOT NULL ORDER BY e.at DESC LIMIT $3`

// invitations name the address only, as whoever invites has typed it.
const invitations = `SELECT e.organization_id, e.seq, e.target_name FROM organization_head h
	JOIN event e ON e.organization_id = h.organization_id AND e.target_type = $1 AND e.action LIKE 'invitation.%'
	WHERE h.kind <> 'account' AND e.payload IS NOT NULL`

const byPlace = `SELECT organization_id, seq, at, action, payload FROM event WHERE organization_id = $1 AND seq = $2 ORDER BY seq LIMIT $3`

// events are those that the person caused, by themselves or with an API token, and
// those about them; leftOut where they are too many.
func events(q store.Querier, user id.User, email string) (list []Event, leftOut bool, err error) {
	g := &gathering{q: q, user: user, seen: map[place]bool{}, list: []Event{}}
	people := audit.Wires()[audit.AccountCreate].TargetType
	addresses, _, err := audit.Former(q, string(user))
	if err != nil {
		return nil, false, err
	}
	addresses = append(addresses, email)
	slices.Sort(addresses)
	if err := g.add(byTarget, people, user); err != nil {
		return nil, false, err
	}
	for _, address := range slices.Compact(addresses) {
		if err := g.add(byActor, address, user); err != nil {
			return nil, false, err
		}
	}
	if err := g.invited(people, email); err != nil {
		return nil, false, err
	}
	tokens, err := g.tokens()
	if err != nil {
		return nil, false, err
	}
	for _, t := range tokens {
		if err := g.add(byActor, t.Name, t.ID); err != nil {
			return nil, false, err
		}
	}
	slices.SortFunc(g.list, func(a, b Event) int {
		if order := b.At.Compare(a.At); order != 0 {
			return order
		}
		return int(b.Seq - a.Seq)
	})
	return g.list[:min(len(g.list), maxEvents)], len(g.list) > maxEvents, nil
}

func (g *gathering) add(query string, args ...any) error {
	return store.Each(g.q, query, func(s store.Scan) error {
		var e Event
		var at clock.Time
		var payload []byte
		if err := s(&e.Stream, &e.Seq, &at, &e.Action, &payload); err != nil {
			return err
		}
		if g.seen[place{e.Stream, e.Seq}] {
			return nil
		}
		g.seen[place{e.Stream, e.Seq}] = true
		var p audit.Payload
		if err := json.Unmarshal(payload, &p); err != nil {
			return fmt.Errorf("event %d of %s: %w", e.Seq, e.Stream, err)
		}
		e.At, e.Own = at.Std(), p.Actor.User == g.user
		if e.Own {
			e.Content = payload
		}
		g.list = append(g.list, e)
		return nil
	}, append(args, maxEvents+1)...)
}

// invited finds the invitations for an address.
func (g *gathering) invited(people, email string) error {
	var places []place
	if err := store.Each(g.q, invitations, func(s store.Scan) error {
		var p place
		var name string
		err := s(&p.stream, &p.seq, &name)
		if authn.Key(name) == authn.Key(email) && len(places) < maxEvents {
			places = append(places, p)
		}
		return err
	}, people); err != nil {
		return err
	}
	for _, p := range places {
		if err := g.add(byPlace, p.stream, p.seq); err != nil {
			return err
		}
	}
	return nil
}

// tokens are the API tokens that the person made, as the record knows them: also those
// that are no more.
func (g *gathering) tokens() ([]audit.Reference, error) {
	list, err := store.All(g.q, `SELECT id, name FROM api_token WHERE created_by = $1`,
		func(s store.Scan) (r audit.Reference, err error) { return r, s(&r.ID, &r.Name) }, g.user)
	for _, e := range g.list {
		if e.Action != string(audit.APITokenCreate) && e.Action != string(audit.APITokenTakeOver) {
			continue
		}
		var p audit.Payload
		if json.Unmarshal(e.Content, &p) == nil && !slices.Contains(list, p.Target) {
			list = append(list, p.Target)
		}
	}
	return list, err
}
