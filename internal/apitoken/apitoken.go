// Package apitoken keeps the API tokens of organizations: for machines, with a
// role, bounded by what their creator may do at the moment of each request.
package apitoken

import (
	"context"
	"fmt"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// maxTokens bounds the tokens of one organization.
const maxTokens = 1000

// APIToken is a token as it is kept: never its secret.
type APIToken struct {
	ID           id.Token
	Organization id.Organization
	Name         string
	Description  string
	Role         authz.RoleName // as kept: a built-in name or a custom role's id
	RoleName     string
	Hint         string // the last characters of the secret, to recognise it
	CreatedBy    id.User
	CreatorEmail string
	CreatorName  string
	CreatedAt    clock.Time
	UpdatedAt    clock.Time
	ExpiresAt    clock.Time
	LastUsedAt   clock.Time
	// Active tells whether a request with it is let in: it sleeps while its creator is
	// no member, and ends when it expires.
	Active bool
}

// Created is a new token with its secret, which is shown this once.
type Created struct {
	APIToken
	Secret string
}

// Service changes API tokens.
type Service struct{ db *store.DB }

// NewService makes the service.
func NewService(db *store.DB) *Service { return &Service{db} }

// Request is what a new token should be. Without a role it is an ADMIN.
type Request struct {
	Name        string
	Description string
	Role        id.Role
	ExpiresAt   clock.Time
}

// New is a checked request for a token, with its secret made already.
type New struct {
	Secret  string
	request Request
	role    *authz.Role
}

// Prepare checks what a new token should be.
func (s *Service) Prepare(r Request, role *authz.Role) (New, error) {
	checks := &fault.Checks{}
	r.Name = route.CheckName(checks, "name", r.Name)
	route.CheckText(checks, "description", &r.Description, route.MaxDescription)
	if r.ExpiresAt != 0 && r.ExpiresAt <= s.db.Now() {
		checks.Add("expires_at", "must lie in the future")
	}
	if role.Name == authz.Owner {
		checks.Add("role_id", "cannot be OWNER: exactly one person is the owner; a token can be ADMIN at most")
	}
	return New{authn.NewAPIToken(), r, role}, checks.Err()
}

// Create makes a token. Nobody makes one that may do more than they may themselves.
func (s *Service) Create(ctx context.Context, pass authz.Pass, r Request) (Created, error) {
	if err := pass.For(authz.TokenCreate); err != nil {
		return Created{}, err
	}
	role, _ := authz.LookupRole(authz.Admin)
	if r.Role != "" {
		var err error
		if role, err = authz.FindRole(s.db.Reader(ctx), pass.Organization(), "role_id", r.Role); err != nil {
			return Created{}, err
		}
	}
	n, err := s.Prepare(r, role)
	if err != nil {
		return Created{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Created, error) { return s.CreateIn(tx, pass, n) })
}

// CreateIn makes the token as a part of a Write.
func (s *Service) CreateIn(tx *store.Tx, pass authz.Pass, n New) (Created, error) {
	r, secret := n.request, n.Secret
	// Read again: the role may have changed or gone since the request was checked.
	role, err := authz.FindRole(tx, pass.Organization(), "role_id", n.role.ID(pass.Organization()))
	if err != nil {
		return Created{}, err
	}
	if !pass.CanGrant(role) {
		return Created{}, fault.New(fault.CannotGrant, "You cannot make a token with the role %s: it may do more than you may.", role.Name)
	}
	if err := checkLimit(tx, pass.Organization()); err != nil {
		return Created{}, err
	}
	t := APIToken{
		ID: id.New[id.Token](), Organization: pass.Organization(), Name: r.Name, Description: r.Description, Role: role.Ref(), RoleName: string(role.Name),
		Hint: secret[len(secret)-4:], CreatedBy: pass.Actor().User,
		CreatedAt: tx.Now(), UpdatedAt: tx.Now(), ExpiresAt: r.ExpiresAt,
	}
	free, err := insert(tx, t, authn.HashAPIToken(secret))
	if err != nil {
		return Created{}, err
	}
	if !free {
		return Created{}, taken()
	}
	if t, err = load(tx, t.Organization, t.ID, tx.Now()); err != nil { // with its creator's name
		return Created{}, err
	}
	return Created{t, secret}, audit.Record(tx, string(t.Organization), pass, audit.Entry{
		Action: audit.APITokenCreate, Target: t.reference(), After: shown(t),
	})
}

func checkLimit(tx *store.Tx, organization id.Organization) error {
	count, err := count(tx, organization)
	if err == nil && count >= maxTokens {
		err = fault.New(fault.LimitReached, "An organization can have at most %d API tokens; delete some that are not used any more.", maxTokens)
	}
	return err
}

func taken() error { return fault.New(fault.NameTaken, "Organization Api Token name is already taken") }

func (t APIToken) reference() audit.Reference {
	return audit.Reference{ID: string(t.ID), Name: t.Name}
}

// List reads an organization's tokens, narrowed by parts of the token's and of the
// creator's name, whatever their case.
func (s *Service) List(ctx context.Context, pass authz.Pass, name, creator string) ([]APIToken, error) {
	if err := pass.For(authz.TokenRead); err != nil {
		return nil, err
	}
	all, err := list(s.db.Reader(ctx), pass.Organization(), s.db.Now())
	if err != nil {
		return nil, err
	}
	name, creator = authn.Key(name), authn.Key(creator)
	found := []APIToken{}
	for _, t := range all {
		if strings.Contains(authn.Key(t.Name), name) && strings.Contains(authn.Key(t.CreatorName+"\n"+t.CreatorEmail), creator) {
			found = append(found, t)
		}
	}
	return found, nil
}

// Delete revokes a token; its next request is refused.
func (s *Service) Delete(ctx context.Context, pass authz.Pass, token id.Token) error {
	if err := pass.For(authz.TokenDelete); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		t, err := load(tx, pass.Organization(), token, tx.Now())
		if err != nil {
			return err
		}
		if err := keep(tx, t); err != nil {
			return err
		}
		if err := remove(tx, pass.Organization(), token); err != nil {
			return err
		}
		return audit.Record(tx, string(pass.Organization()), pass, audit.Entry{
			Action: audit.APITokenDelete, Target: t.reference(), Before: shown(t),
		})
	})
}

// Places are the organizations in which a person has made tokens.
func (*Service) Places(q store.Querier, user id.User) ([]id.Organization, error) {
	return organizationsOf(q, user)
}

// Leave deletes the tokens of somebody who goes for good: without their creator they
// would sleep for ever.
func (*Service) Leave(tx *store.Tx, by audit.Holder, user id.User) error {
	all, err := listOf(tx, user, tx.Now())
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := remove(tx, t.Organization, t.ID); err != nil {
			return err
		}
		if err := audit.Record(tx, string(t.Organization), by, audit.Entry{
			Action: audit.APITokenDelete, Target: t.reference(), Before: shown(t),
		}); err != nil {
			return err
		}
	}
	return nil
}

// Purge removes every token of an organization for good.
func (*Service) Purge(tx *store.Tx, organization id.Organization) error {
	return removeAll(tx, organization)
}

// String keeps the secret out of logs.
func (c Created) String() string { return fmt.Sprintf("API token %s (***%s)", c.ID, c.Hint) }
