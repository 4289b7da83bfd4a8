package invitation

import (
	"context"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Get reads an invitation for the invited person and for those who may invite; for
// everybody else it does not exist.
func (s *Service) Get(ctx context.Context, pass authz.Pass, organization id.Organization, invitation, publicURL string) (Shown, error) {
	if err := pass.For(authz.InvitationRead); err != nil {
		return Shown{}, err
	}
	q := s.db.Reader(ctx)
	i, err := loadIn(q, organization, invitation)
	if err != nil {
		return Shown{}, err
	}
	invited, err := s.isFor(q, i, pass.Actor())
	if err != nil {
		return Shown{}, err
	}
	if !invited {
		rights, err := authz.RightsIn(q, pass.Actor(), organization)
		if err != nil {
			return Shown{}, err
		}
		if !rights.Allow(authz.MemberInvite) {
			return Shown{}, fault.New(fault.NotFound, "")
		}
	}
	shown, err := s.show(q, publicURL, i)
	if err == nil && len(shown) == 0 {
		err = fault.New(fault.NotFound, "")
	}
	if err != nil {
		return Shown{}, err
	}
	return shown[0], nil
}

// Mine reads the invitations that wait for the caller.
func (s *Service) Mine(ctx context.Context, pass authz.Pass, publicURL string) ([]Shown, error) {
	if err := pass.For(authz.InvitationAnswer); err != nil {
		return nil, err
	}
	q := s.db.Reader(ctx)
	found, err := listFor(q, pass.Actor().User, s.db.Now())
	if err != nil {
		return nil, err
	}
	account, _, err := authn.LoadAccount(q, pass.Actor().User)
	if err != nil {
		return nil, err
	}
	waiting := make([]Invitation, 0, len(found))
	for _, i := range found {
		if !authn.SameMailbox(account.Email, i.Email) {
			continue
		}
		if err := stands(q, i); fault.Has(err, fault.InvitationExpired) {
			continue
		} else if err != nil {
			return nil, err
		}
		waiting = append(waiting, i)
	}
	return s.show(q, publicURL, waiting...)
}

// isFor tells whether an actor is the person whom an invitation means: the account's
// verified address, whatever its case. Where the server sends no mail, nobody can
// verify an address: then an account with the address and the invitation's id, which
// its caller has, are enough for this one invitation.
func (s *Service) isFor(q store.Querier, i Invitation, actor authn.Actor) (bool, error) {
	if actor.Kind != authn.Person {
		return false, nil
	}
	account, _, err := authn.LoadAccount(q, actor.User)
	return err == nil && (account.VerifiedAt != 0 || !s.outbox.Enabled()) && authn.SameMailbox(account.Email, i.Email), err
}

// Accept makes the invited person a member. Whoever signed in with another account
// is told which address is meant, and nothing is used up.
func (s *Service) Accept(ctx context.Context, pass authz.Pass, organization id.Organization, invitation string) (Invitation, error) {
	return s.answer(ctx, pass, organization, invitation, func(tx *store.Tx, i Invitation) error {
		if i.ExpiresAt <= tx.Now() {
			return fault.New(fault.InvitationExpired, "")
		}
		member, err := memberOrInvited(tx, organization, i.Email)
		if err != nil {
			return err
		}
		if member {
			return fault.New(fault.AlreadyInvited, "You are a member of this organization already.")
		}
		if err := s.organizations.CheckLimit(tx, pass.Actor().User); err != nil {
			return err
		}
		if err := s.checkSeats(tx, organization, false); err != nil {
			return err
		}
		if err := stands(tx, i); err != nil {
			return err
		}
		if err := s.members.Add(tx, organization, pass.Actor().User, i.Role); err != nil {
			return err
		}
		return i.record(tx, pass, audit.InvitationAccept, nil, i.brief(),
			audit.Effect{Kind: kind, Target: i.reference(), Before: i.brief()}, // used up
			s.members.Joined(organization, pass.Actor().User, pass.Actor().Name, i.Role, i.RoleName))
	})
}

// stands refuses an invitation whose inviter may not give it any more: it gives at no
// time what the inviter lacks at that time.
func stands(q store.Querier, i Invitation) error {
	role, err := authz.LoadRole(q, i.Organization, i.Role)
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.InvitationExpired, "The role of this invitation is not there any more; ask for a new one.")
	}
	if err != nil {
		return err
	}
	inviter, _, err := authn.LoadAccount(q, i.InviterID)
	if err != nil {
		return err
	}
	rights, err := authz.RightsIn(q, authn.Actor{Kind: authn.Person, User: inviter.ID}, i.Organization)
	if err == nil && (inviter.DisabledAt != 0 || !rights.Allow(authz.MemberInvite) || !rights.CanGrant(role)) {
		err = fault.New(fault.InvitationExpired, "The person who invited you may not give this role any more; ask for a new invitation.")
	}
	return err
}

// Decline ends an invitation without joining.
func (s *Service) Decline(ctx context.Context, pass authz.Pass, organization id.Organization, invitation string) error {
	_, err := s.answer(ctx, pass, organization, invitation, func(tx *store.Tx, i Invitation) error {
		return i.record(tx, pass, audit.InvitationDecline, i.brief(), nil)
	})
	return err
}

// answer runs on the head of the person, then locks that of the organization.
func (s *Service) answer(ctx context.Context, pass authz.Pass, organization id.Organization, invitation string, do func(*store.Tx, Invitation) error) (Invitation, error) {
	if err := pass.For(authz.InvitationAnswer); err != nil {
		return Invitation{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Invitation, error) {
		if err := tx.Lock(string(organization)); err != nil {
			return Invitation{}, err
		}
		i, err := loadIn(tx, organization, invitation)
		if err != nil {
			return i, err
		}
		if _, _, _, _, err := s.organizations.Invite(tx, organization); err != nil {
			return i, err // deleted
		}
		invited, err := s.isFor(tx, i, pass.Actor())
		if err != nil {
			return i, err
		}
		if !invited && authn.SameMailbox(pass.Actor().Name, i.Email) {
			return i, fault.New(fault.WrongAccount, "This invitation is for %s. Prove first that this address is yours: ask for the letter at /console/account, and open its link.", i.Email)
		}
		if !invited {
			return i, fault.New(fault.WrongAccount, "This invitation is for %s, and you are signed in as %s. Sign in with the invited address to accept it.", i.Email, pass.Actor().Name)
		}
		if err := remove(tx, i.ID); err != nil {
			return i, err
		}
		return i, do(tx, i)
	})
}
