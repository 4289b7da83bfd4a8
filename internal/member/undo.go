package member

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Limits is what this package needs of organizations.
type Limits interface {
	// CheckLimit refuses where a person belongs to as many organizations as they may.
	CheckLimit(tx *store.Tx, user id.User) error
}

// Seats is what this package needs of invitations.
type Seats interface {
	// CheckSeat refuses where the plan has no place for one more.
	CheckSeat(tx *store.Tx, organization id.Organization) error
}

// Connect names who knows the limits that a restored membership keeps to.
func (s *Service) Connect(limits Limits, seats Seats) { s.limits, s.seats = limits, seats }

// Revert gives a member the role that an event showed.
func (s *Service) Revert(ctx context.Context, pass authz.Pass, target string, state json.RawMessage) error {
	var was brief
	if err := json.Unmarshal(state, &was); err != nil {
		return err
	}
	if was.RoleID == "" {
		return fault.New(fault.Invalid, "This version is older than the history of roles: it does not say which role is meant. Give the role by hand.")
	}
	return s.SetRole(ctx, pass, id.User(target), was.RoleID)
}

// kept is a membership that ended.
type kept struct {
	Role     authz.RoleName `json:"role"`
	JoinedAt clock.Time     `json:"joined_at"`
}

func keptAs(organization id.Organization, user id.User) object.Kept {
	return object.Kept{Organization: organization, Kind: kind, ID: string(user), User: user}
}

// keep remembers a membership that is about to end.
func keep(tx *store.Tx, organization id.Organization, m Member) error {
	as := keptAs(organization, m.User)
	as.Name = m.Email
	return object.Keep(tx, as, kept{m.Role, m.JoinedAt})
}

// beside is a pass whose Write locks a person's account before the organization: the
// limit of organizations is the account's affair, and accounts are locked first.
type beside struct {
	authz.Pass
	user id.User
}

// Head is the account's.
func (b beside) Head() string { return string(b.user) }

// Recheck locks the organization, then decides as ever.
func (b beside) Recheck(tx *store.Tx) error {
	if err := tx.Lock(string(b.Organization())); err != nil {
		return err
	}
	return b.Pass.Recheck(tx)
}

// Restore brings somebody back who was removed or left, with the role they had; their
// API tokens wake. As with an invitation, nobody brings a role back that may do more
// than they may themselves, and the plan and the person must have room.
func (s *Service) Restore(ctx context.Context, pass authz.Pass, target, _ string) error {
	if err := pass.For(authz.MemberManage); err != nil {
		return err
	}
	user := id.User(target)
	return store.Do(ctx, s.db, beside{pass, user}, func(tx *store.Tx) error {
		k, err := object.Take[kept](tx, keptAs(pass.Organization(), user))
		if err != nil {
			return err
		}
		if err := s.mayReturn(tx, pass, user, k); err != nil {
			return err
		}
		if err := insert(tx, pass.Organization(), user, k.Role, k.JoinedAt); err != nil {
			return err
		}
		m, err := load(tx, pass.Organization(), user)
		if err != nil {
			return err
		}
		if err := s.tellRestored(tx, pass, m); err != nil {
			return err
		}
		return audit.Record(tx, string(pass.Organization()), pass, audit.Entry{
			Action: audit.MemberRestore, Target: m.reference(), After: m.brief(pass.Organization()),
		})
	})
}

func (s *Service) mayReturn(tx *store.Tx, pass authz.Pass, user id.User, k kept) error {
	role, err := authz.LoadRole(tx, pass.Organization(), k.Role)
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.NotRestorable, "The role that this person had was deleted; restore the role first.")
	}
	if err != nil {
		return err
	}
	if role.Name == authz.Owner || !pass.CanGrant(role) {
		return fault.New(fault.CannotGrant, "You cannot bring somebody back as %s: that may do more than you may.", role.Name)
	}
	account, _, err := authn.LoadAccount(tx, user)
	if err != nil {
		return err
	}
	if account.DisabledAt != 0 {
		return fault.New(fault.NotRestorable, "The account of this person is closed or disabled.")
	}
	there, err := isMember(tx, pass.Organization(), user)
	if err != nil {
		return err
	}
	invited, err := isInvited(tx, pass.Organization(), user)
	if err != nil {
		return err
	}
	if there || invited {
		return fault.New(fault.AlreadyInvited, "")
	}
	if err := s.seats.CheckSeat(tx, pass.Organization()); err != nil {
		return err
	}
	return s.limits.CheckLimit(tx, user)
}
