package invitation

import (
	"context"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// kind is what the history calls an invitation.
const kind = "invitation"

// CheckSeat refuses where the plan has no place for one more member.
func (s *Service) CheckSeat(tx *store.Tx, organization id.Organization) error {
	return s.checkSeats(tx, organization, true)
}

// keep remembers an invitation that is about to be taken back.
func keep(tx *store.Tx, i Invitation) error {
	as := object.Kept{Organization: i.Organization, Kind: kind, ID: i.reference().ID, Name: i.Email}
	return object.Keep(tx, as, i)
}

// Restore makes an invitation that was taken back valid again, under the same id and
// link and for the rest of its time. As with a new one, nobody gives by it what they
// may not do themselves.
func (s *Service) Restore(ctx context.Context, pass authz.Pass, target, _ string) error {
	if err := pass.For(authz.MemberInvite); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		i, err := object.Take[Invitation](tx, object.Kept{Organization: pass.Organization(), Kind: kind, ID: target})
		if err != nil {
			return err
		}
		if _, err := authz.LoadRole(tx, pass.Organization(), i.Role); errors.Is(err, store.ErrNone) {
			return fault.New(fault.NotRestorable, "The role of this invitation was deleted; restore the role first.")
		} else if err != nil {
			return err
		}
		if _, err := grantable(tx, pass, authz.RoleID(pass.Organization(), i.Role)); err != nil {
			return err
		}
		if err := dropExpired(tx, pass.Organization(), i.Email, tx.Now()); err != nil {
			return err
		}
		known, err := memberOrInvited(tx, pass.Organization(), i.Email)
		if err != nil {
			return err
		}
		if known {
			return fault.New(fault.AlreadyInvited, "User already invited")
		}
		if i.ExpiresAt > tx.Now() { // else it holds no seat
			if err := s.CheckSeat(tx, pass.Organization()); err != nil {
				return err
			}
		}
		if err := insert(tx, i); err != nil {
			return err
		}
		if i, err = load(tx, i.ID); err != nil { // its role may have another name now
			return err
		}
		return i.record(tx, pass, audit.InvitationRestore, nil, i.brief())
	})
}
