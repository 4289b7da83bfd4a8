package apitoken

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// TakeOver makes the pass's holder the creator of a token, so that it lives on when
// who made it has left. Its secret and its role stay; from the next request on it is
// bounded by the new creator's rights. It is for who manages members and may make
// tokens, in person: behind a token stands a person.
func (s *Service) TakeOver(ctx context.Context, pass authz.Pass, token id.Token) (APIToken, error) {
	if err := pass.For(authz.MemberManage); err != nil {
		return APIToken{}, err
	}
	if pass.Actor().Kind == authn.APIToken {
		return APIToken{}, fault.New(fault.PersonRequired, "")
	}
	if err := pass.Need(authz.TokenCreate); err != nil {
		return APIToken{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (APIToken, error) {
		t, err := load(tx, pass.Organization(), token, tx.Now())
		if err != nil {
			return APIToken{}, err
		}
		role, err := authz.LoadRole(tx, pass.Organization(), t.Role)
		if err != nil {
			return APIToken{}, err
		}
		if !pass.CanGrant(role) {
			return APIToken{}, fault.New(fault.CannotGrant, "You cannot take over a token with the role %s: it may do more than you may.", role.Name)
		}
		if t.CreatedBy == pass.Actor().User {
			tx.Unaudited("the token is the caller's already")
			return t, nil
		}
		before := shown(t)
		if err := setCreator(tx, pass.Organization(), token, pass.Actor().User); err != nil {
			return APIToken{}, err
		}
		if t, err = load(tx, pass.Organization(), token, tx.Now()); err != nil { // with its new creator's name
			return APIToken{}, err
		}
		return t, audit.Record(tx, string(pass.Organization()), pass, audit.Entry{
			Action: audit.APITokenTakeOver, Target: t.reference(), Before: before, After: shown(t),
		})
	})
}
