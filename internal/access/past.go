package access

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Past is what this package asks of others about earlier times.
type Past struct {
	// Retention is how far back an organization's plan lets its record be read.
	Retention func(ctx context.Context, organization id.Organization) (time.Duration, error)
	// Role reads a custom role as an event showed it.
	Role func(state json.RawMessage) (*authz.Role, error)
}

// maxUndone bounds how many changes of access are undone for one answer.
const maxUndone = 100_000

// decisive are the actions that change who holds what.
var decisive = []audit.Action{
	audit.OrganizationDelete, audit.OrganizationRestore, audit.MemberAdd, audit.MemberRole, audit.MemberRemove, audit.MemberLeave, audit.MemberRestore,
	audit.OwnershipTransfer, audit.InvitationAccept, audit.RoleCreate, audit.RoleUpdate, audit.RoleDelete, audit.RoleRestore,
	audit.APITokenCreate, audit.APITokenTakeOver, audit.APITokenDelete, audit.APITokenRestore,
}

// standing is who held which roles at a moment, and what the roles granted. Tokens are
// all that were there: whether one worked is seen when it is asked about.
type standing struct {
	at      clock.Time
	there   bool // the organization was not deleted
	members map[string]authz.RoleName
	tokens  map[string]bearer
	roles   map[authz.RoleName]*authz.Role // the custom ones
}

// bearer is an API token as far as its rights go.
type bearer struct {
	creator string
	role    authz.RoleName
	expires clock.Time
}

// held are the roles that decide together for somebody; none where they hold nothing.
func (x *standing) held(who string, token bool) (key [2]authz.RoleName) {
	if !x.there {
		return key
	}
	if !token {
		key[0] = x.members[who]
		return key
	}
	b, known := x.tokens[who]
	creators, awake := x.members[b.creator]
	if !known || !awake || (b.expires != 0 && b.expires <= x.at) {
		return key
	}
	return [2]authz.RoleName{creators, b.role}
}

// rights combines roles; one that is gone leaves nothing, as for a request.
func (x *standing) rights(held [2]authz.RoleName) (authz.Rights, []string) {
	names := []string{}
	var list []*authz.Role
	for _, ref := range held {
		if ref == "" {
			continue
		}
		role, ok := authz.LookupRole(ref)
		if !ok {
			role, ok = x.roles[ref]
		}
		if !ok {
			return authz.Rights{}, names
		}
		list, names = append(list, role), append(names, string(role.Name))
	}
	return authz.NewRights(list...), names
}

// present reads who holds what now, and what they are called.
func present(q store.Querier, organization id.Organization, now clock.Time) (*standing, map[string]string, error) {
	x := &standing{now, true, map[string]authz.RoleName{}, map[string]bearer{}, map[authz.RoleName]*authz.Role{}}
	names := map[string]string{}
	roles, err := authz.RolesOf(q, organization)
	if err != nil {
		return x, names, err
	}
	for _, role := range roles.List() {
		if role.Custom() {
			x.roles[role.Ref()] = role
		}
	}
	if err := store.Each(q, members, func(s store.Scan) error {
		m, err := scanMember(s)
		x.members[m.Actor.ID()], names[m.Actor.ID()] = m.held[0], m.Actor.Name
		return err
	}, organization); err != nil {
		return x, names, err
	}
	return x, names, store.Each(q, `SELECT id, name, created_by, role, expires_at FROM api_token WHERE organization_id = $1`, func(s store.Scan) error {
		var token, name string
		var b bearer
		err := s(&token, &name, &b.creator, &b.role, &b.expires)
		x.tokens[token], names[token] = b, name
		return err
	}, organization)
}

// document is what events show of members and tokens, as far as it decides.
type document struct {
	Role    authz.RoleName `json:"role_name"`
	RoleID  id.Role        `json:"role_id"`
	Expires *time.Time     `json:"expires_at"`
}

// forgotten refuses where the record does not say what it must.
func forgotten(e audit.Event) error {
	checks := &fault.Checks{}
	checks.Add("since", "lies before %s: what was changed then is older than the history of roles, which does not say what was held before", e.At.Format())
	return checks.Err()
}

// undo goes back from a standing to an earlier moment: what an event since then changed
// was what the first of these events found. It gives names to those who are not there now.
func (s *Service) undo(q store.Querier, organization id.Organization, now *standing, at clock.Time, names map[string]string) (*standing, error) {
	x := &standing{at, now.there, maps.Clone(now.members), maps.Clone(now.tokens), maps.Clone(now.roles)}
	type found struct {
		before json.RawMessage
		by     audit.Event // without its documents
	}
	things, undone := map[string]map[string]found{"member": {}, "api_token": {}, "role": {}}, 0
	err := audit.Since(q, string(organization), at, decisive, maxUndone+1, func(e audit.Event) error {
		if undone++; undone > maxUndone {
			return fault.New(fault.LimitReached, "More than %d changes of access lie between then and now; ask for a later moment.", maxUndone)
		}
		told := 0
		for _, effect := range e.Effects() {
			if of, ok := things[effect.Kind]; ok {
				told++
				of[effect.Target.ID] = found{effect.Before, audit.Event{Seq: e.Seq, Payload: audit.Payload{At: e.At}}}
				if names[effect.Target.ID] == "" {
					names[effect.Target.ID] = effect.Target.Name
				}
			}
		}
		switch e.Action {
		case audit.OrganizationDelete:
			x.there = true
		case audit.OrganizationRestore:
			x.there = false
		default:
			if told == 0 {
				return forgotten(e)
			}
		}
		return nil
	})
	if err != nil {
		return x, err
	}
	for role, f := range things["role"] {
		delete(x.roles, authz.RoleName(role))
		if f.before == nil {
			continue
		}
		if x.roles[authz.RoleName(role)], err = s.past.Role(f.before); err != nil {
			return x, err
		}
	}
	for who, f := range things["member"] {
		delete(x.members, who)
		if f.before == nil {
			continue
		}
		if x.members[who], _, err = read(organization, f.before, f.by); err != nil {
			return x, err
		}
	}
	for token, f := range things["api_token"] {
		delete(x.tokens, token)
		if f.before == nil {
			continue
		}
		b := bearer{}
		if b.role, b.expires, err = read(organization, f.before, f.by); err != nil {
			return x, err
		}
		// The document names its creator by the address, which may be another's by now.
		made, err := audit.Latest(q, string(organization), token, at, audit.APITokenCreate, audit.APITokenTakeOver)
		if errors.Is(err, store.ErrNone) {
			return x, forgotten(f.by)
		}
		if err != nil {
			return x, err
		}
		b.creator = string(made.Actor.User)
		x.tokens[token] = b
	}
	return x, nil
}

// read tells which role a document names, as members and tokens keep it.
func read(organization id.Organization, text json.RawMessage, e audit.Event) (authz.RoleName, clock.Time, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return "", 0, err
	}
	var expires clock.Time
	if d.Expires != nil {
		expires = clock.At(*d.Expires)
	}
	i := slices.IndexFunc(authz.RoleNames, func(name authz.RoleName) bool {
		return authz.RoleID(organization, name) == d.RoleID || (d.RoleID == "" && name == d.Role)
	})
	switch {
	case i >= 0:
		return authz.RoleNames[i], expires, nil
	case d.RoleID == "":
		return "", 0, forgotten(e)
	}
	return authz.RoleName(d.RoleID), expires, nil
}
