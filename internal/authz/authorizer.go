package authz

import (
	"context"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Authorizer answers for actors: it knows their rights from memory, and reads them
// where memory is outdated.
type Authorizer struct {
	db     *store.DB
	rights *store.Cache[rightsKey, knownRights]
	beside Beside
}

// Beside is what the statement that reads an actor's rights reads along: the row of
// the organization (o), with what is joined to it. Who asks for an organization that
// nobody has asked for lately needs both, and a question costs more than an answer.
type Beside struct {
	Columns, Join string
	Scan          func(s store.Scan, more ...any) (any, error)
}

type rightsKey struct {
	organization id.Organization
	user         id.User
	tokenRole    string
}

type knownRights struct {
	rights Rights
	at     store.HeadState
}

// New makes an authorizer over the database. Passes whose rights were not in memory
// bring along what it reads beside them.
func New(db *store.DB, beside Beside) *Authorizer {
	return &Authorizer{db: db, rights: store.NewCache[rightsKey, knownRights](db.Heads(), 50_000), beside: beside}
}

// accountLevel are the permissions that need no organization; true where an API
// token has them as well.
var accountLevel = map[Permission]bool{
	AccountRead:        false,
	AccountEdit:        false,
	OrganizationCreate: false,
	OrganizationList:   true,
	InvitationRead:     true,
	InvitationAnswer:   false,
	CatalogueRead:      true,
}

// Require gives the pass for a permission in a scope, or the refusal: 401 without
// a credential, 404 for what the actor cannot see, 403 for the rest.
func (a *Authorizer) Require(ctx context.Context, actor authn.Actor, p Permission, s Scope) (Pass, error) {
	if p == Public {
		return Pass{actor: actor, permission: p, head: store.Server}, nil
	}
	if actor.Kind == authn.Anonymous {
		return Pass{}, fault.New(fault.Unauthenticated, "")
	}
	if forTokens, ok := accountLevel[p]; ok {
		return a.account(actor, p, forTokens)
	}
	known, beside, err := a.in(ctx, actor, s.Organization)
	if err != nil {
		return Pass{}, err
	}
	if err := refusal(Decide(known.rights, p, s), s); err != nil {
		return Pass{}, err
	}
	return Pass{
		actor: actor, permission: p, scope: s, head: string(s.Organization), rights: known.rights, beside: beside,
		seen: a.seen(actor, store.Dependency{Head: string(s.Organization), At: known.at, OnRights: true}),
	}, nil
}

func (a *Authorizer) account(actor authn.Actor, p Permission, forTokens bool) (Pass, error) {
	if actor.Kind == authn.APIToken && !forTokens {
		return Pass{}, fault.New(fault.PersonRequired, "")
	}
	return Pass{actor: actor, permission: p, head: string(actor.User), seen: a.seen(actor)}, nil
}

// seen adds the actor's account to what a pass stands on.
func (a *Authorizer) seen(actor authn.Actor, deps ...store.Dependency) []store.Dependency {
	return append(deps, store.Dependency{Head: string(actor.User), At: store.HeadState{Rights: actor.Generation}, OnRights: true})
}

func (a *Authorizer) in(ctx context.Context, actor authn.Actor, organization id.Organization) (known knownRights, beside any, err error) {
	if actor.Kind == authn.APIToken && actor.Organization != organization {
		return knownRights{}, nil, nil
	}
	key := rightsKey{organization, actor.User, actor.TokenRole}
	known, err = a.rights.Get(key, func() (knownRights, []store.Dependency, error) {
		rights, at, along, err := a.beside.load(a.db.Reader(ctx), actor, organization)
		if len(rights.roles) == 0 {
			return knownRights{}, nil, err // a stranger is asked about anew each time
		}
		beside = along
		return knownRights{rights, at}, []store.Dependency{{Head: string(organization), At: at, OnRights: true}}, err
	})
	return known, beside, err
}

// loadRights reads what an actor holds in an organization: nothing in a deleted or
// unknown one, or where the actor is no member.
func loadRights(q store.Querier, actor authn.Actor, organization id.Organization) (Rights, store.HeadState, error) {
	rights, at, _, err := Beside{}.load(q, actor, organization)
	return rights, at, err
}

func (b Beside) load(q store.Querier, actor authn.Actor, organization id.Organization) (Rights, store.HeadState, any, error) {
	var (
		at    store.HeadState
		along any
	)
	name, err := store.One(q, `SELECT `+b.Columns+`m.role, h.seq, h.rights_seq
		FROM member m JOIN organization o ON o.id = m.organization_id JOIN organization_head h ON h.organization_id = m.organization_id`+b.Join+`
		WHERE m.organization_id = $1 AND m.user_id = $2 AND o.deleted_at = 0`,
		func(s store.Scan) (n RoleName, err error) {
			if b.Scan == nil {
				return n, s(&n, &at.Seq, &at.Rights)
			}
			along, err = b.Scan(s, &n, &at.Seq, &at.Rights)
			return n, err
		}, organization, actor.User)
	if errors.Is(err, store.ErrNone) {
		return Rights{}, at, nil, nil
	}
	if err != nil {
		return Rights{}, at, nil, err
	}
	rights, err := RightsOf(q, actor, organization, name)
	return rights, at, along, err
}

// RightsOf are what an actor holds through a member's role: an API token has at
// most what its own role allows.
func RightsOf(q store.Querier, actor authn.Actor, organization id.Organization, role RoleName) (Rights, error) {
	refs := []RoleName{role}
	if actor.Kind == authn.APIToken {
		refs = append(refs, RoleName(actor.TokenRole))
	}
	var list []*Role
	for _, ref := range refs {
		role, err := LoadRole(q, organization, ref)
		if errors.Is(err, store.ErrNone) {
			return Rights{}, nil // the role is gone: nothing is left of it
		}
		if err != nil {
			return Rights{}, err
		}
		list = append(list, role)
	}
	return NewRights(list...), nil
}

// Visibility says which projects of an organization an actor sees: those in which
// each of these roles has a grant; an empty one asks for nothing. Lists put it into
// their SQL as
//
//	AND ($n = '' OR EXISTS (SELECT 1 FROM role_grant g WHERE g.role_id = $n AND g.target_id = …))
//
// once for each, so that nothing is filtered afterwards and counts are right.
type Visibility [2]RoleName

// Projects says which projects a pass's holder sees.
func (p Pass) Projects() Visibility {
	var v Visibility
	n := 0
	for _, role := range p.rights.roles {
		if !role.grants[ProjectRead].has(NoMode) {
			v[n] = role.Ref() // that of a built-in role has no grant and finds nothing
			n++
		}
	}
	return v
}

// Allow tells whether the rights hold a permission outside every environment.
func (r Rights) Allow(p Permission) bool { return r.holds(p, Scope{}) }

// RightsIn reads what an actor holds in an organization, for a decision about
// somebody else or as a part of another one. In a deleted organization, and where
// the actor is no member, that is nothing.
func RightsIn(q store.Querier, actor authn.Actor, organization id.Organization) (Rights, error) {
	if actor.Kind == authn.APIToken && actor.Organization != organization {
		return Rights{}, nil
	}
	rights, _, err := loadRights(q, actor, organization)
	return rights, err
}
