// Package member keeps who belongs to which organization, and in which role.
package member

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Member is a person in an organization.
type Member struct {
	User       id.User
	Email      string
	Reach      string // where letters to the person go
	FirstName  string
	LastName   string
	Nickname   string
	PictureURL string
	Role       authz.RoleName // as kept: a built-in name or a custom role's id
	RoleName   string
	JoinedAt   clock.Time
	LastSeenAt clock.Time
}

// Service changes memberships.
type Service struct {
	db     *store.DB
	outbox Outbox
	limits Limits
	seats  Seats
}

// NewService makes the service; the outbox takes its letters.
func NewService(db *store.DB, outbox Outbox) *Service { return &Service{db: db, outbox: outbox} }

// Add makes somebody a member, in the Write of the change that says so. Its event
// is that change's, or the caller records one.
func (*Service) Add(tx *store.Tx, organization id.Organization, user id.User, role authz.RoleName) error {
	if role != authz.Owner { // who creates an organization was never in it
		if err := object.Forget(tx, organization, string(user)); err != nil { // an earlier membership that could be restored
			return err
		}
	}
	return insert(tx, organization, user, role, tx.Now())
}

// List reads the members, the longest there first.
func (s *Service) List(ctx context.Context, pass authz.Pass) ([]Member, error) {
	if err := pass.For(authz.MemberRead); err != nil {
		return nil, err
	}
	return list(s.db.Reader(ctx), pass.Organization())
}

// brief is a member as events show them.
type brief struct {
	Email  string  `json:"email"`
	Role   string  `json:"role_name"`
	RoleID id.Role `json:"role_id"`
}

func (m Member) brief(organization id.Organization) brief {
	return brief{m.Email, m.RoleName, authz.RoleID(organization, m.Role)}
}

// kind is what the history calls a membership.
const kind = "member"

// Joined is how the event of a change that makes somebody a member says so.
func (*Service) Joined(organization id.Organization, user id.User, email string, role authz.RoleName, roleName string) audit.Effect {
	m := Member{User: user, Email: email, Role: role, RoleName: roleName}
	return audit.Effect{Kind: kind, Target: m.reference(), After: m.brief(organization)}
}

func (m Member) reference() audit.Reference {
	return audit.Reference{ID: string(m.User), Name: m.Email}
}

// ownerStays is the rule of the last owner: there is exactly one, and the ownership
// leaves them by transfer only.
func ownerStays(m Member, sentence string) error {
	if m.Role == authz.Owner {
		return fault.New(fault.LimitReached, "%s", sentence)
	}
	return nil
}

// SetRole gives a member another role. The owner's role changes by transfer only.
func (s *Service) SetRole(ctx context.Context, pass authz.Pass, user id.User, role id.Role) error {
	if err := pass.For(authz.MemberManage); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		granted, err := authz.FindRole(tx, pass.Organization(), "role_id", role)
		if err != nil {
			return err
		}
		m, err := load(tx, pass.Organization(), user)
		if err != nil {
			return err
		}
		if err := ownerStays(m, "The owner's role cannot be changed: transfer the ownership first."); err != nil {
			return err
		}
		if granted.Name == authz.Owner {
			return fault.New(fault.CannotGrant, "There is exactly one owner: transfer the ownership instead.")
		}
		if err := s.mayTouch(tx, pass, m); err != nil {
			return err
		}
		if !pass.CanGrant(granted) {
			return fault.New(fault.CannotGrant, "")
		}
		if m.Role == granted.Ref() {
			tx.Unaudited("the member has the role already")
			return nil
		}
		if err := setRole(tx, pass.Organization(), user, granted.Ref()); err != nil {
			return err
		}
		if err := s.tellRole(tx, pass, m, granted.Name); err != nil {
			return err
		}
		return audit.Record(tx, string(pass.Organization()), pass, audit.Entry{
			Action: audit.MemberRole, Target: m.reference(), Before: m.brief(pass.Organization()),
			After: brief{m.Email, string(granted.Name), role},
		})
	})
}

// mayTouch refuses to change somebody who may do more than the pass's holder.
func (*Service) mayTouch(tx *store.Tx, pass authz.Pass, m Member) error {
	has, err := authz.LoadRole(tx, pass.Organization(), m.Role)
	if err != nil {
		return err
	}
	if !pass.CanGrant(has) {
		return fault.New(fault.CannotGrant, "%s may do more than you; ask somebody who has these rights.", m.Email)
	}
	return nil
}

// Remove takes somebody out of the organization; everybody may take themselves out.
// Their API tokens sleep from now on, and wake if they come back.
func (s *Service) Remove(ctx context.Context, pass authz.Pass, user id.User) error {
	if err := pass.For(authz.OrganizationView); err != nil {
		return err
	}
	leaving := pass.Actor().Kind == authn.Person && pass.Actor().User == user
	if !leaving {
		if err := pass.Need(authz.MemberManage); err != nil {
			return err
		}
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		m, err := load(tx, pass.Organization(), user)
		if err != nil {
			return err
		}
		if err := ownerStays(m, "The owner cannot leave or be removed: transfer the ownership first, or delete the organization."); err != nil {
			return err
		}
		action := audit.MemberLeave
		if !leaving {
			action = audit.MemberRemove
			if err := s.mayTouch(tx, pass, m); err != nil {
				return err
			}
		}
		if err := keep(tx, pass.Organization(), m); err != nil {
			return err
		}
		if err := remove(tx, pass.Organization(), user); err != nil {
			return err
		}
		if err := s.tellRemoved(tx, pass, m); err != nil {
			return err
		}
		return audit.Record(tx, string(pass.Organization()), pass, audit.Entry{Action: action, Target: m.reference(), Before: m.brief(pass.Organization())})
	})
}

// Transfer makes another member the owner; the owner until now becomes ADMIN.
func (s *Service) Transfer(ctx context.Context, pass authz.Pass, user id.User) error {
	if err := pass.For(authz.OrganizationTransfer); err != nil {
		return err
	}
	if pass.Actor().Kind == authn.APIToken {
		return fault.New(fault.PersonRequired, "")
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		old, err := load(tx, pass.Organization(), pass.Actor().User)
		if err != nil {
			return err
		}
		heir, err := load(tx, pass.Organization(), user)
		if err != nil {
			return err
		}
		if heir.User == old.User {
			checks := &fault.Checks{}
			checks.Add("user_id", "is the owner already")
			return checks.Err()
		}
		// In this order: an index allows one owner at a time.
		if err := setRole(tx, pass.Organization(), old.User, authz.Admin); err != nil {
			return err
		}
		if err := setRole(tx, pass.Organization(), heir.User, authz.Owner); err != nil {
			return err
		}
		if err := s.tellTransfer(tx, pass.Organization(), old, heir); err != nil {
			return err
		}
		type shown struct {
			Owner string `json:"owner"`
			Email string `json:"email"`
		}
		return audit.Record(tx, string(pass.Organization()), pass, audit.Entry{
			Action: audit.OwnershipTransfer, Target: heir.reference(),
			Before: shown{string(old.User), old.Email}, After: shown{string(heir.User), heir.Email},
			Also: []audit.Effect{becomes(pass.Organization(), heir, authz.Owner), becomes(pass.Organization(), old, authz.Admin)},
		})
	})
}

func becomes(organization id.Organization, m Member, role authz.RoleName) audit.Effect {
	return audit.Effect{
		Kind: kind, Target: m.reference(), Before: m.brief(organization), After: brief{m.Email, string(role), authz.RoleID(organization, role)},
	}
}

// Places are the organizations that a person belongs to, deleted ones too.
func (*Service) Places(q store.Querier, user id.User) ([]id.Organization, error) {
	return organizationsOf(q, user)
}

// Leave takes somebody who goes for good out of every organization; the owner of one
// must not come here.
func (*Service) Leave(tx *store.Tx, by audit.Holder, user id.User) error {
	if err := object.ForgetOf(tx, user); err != nil {
		return err
	}
	organizations, err := organizationsOf(tx, user)
	if err != nil {
		return err
	}
	for _, organization := range organizations {
		m, err := load(tx, organization, user)
		if err != nil {
			return err
		}
		if err := ownerStays(m, "The owner of an organization cannot leave it."); err != nil {
			return err
		}
		if err := remove(tx, organization, user); err != nil {
			return err
		}
		if err := audit.Record(tx, string(organization), by, audit.Entry{Action: audit.MemberLeave, Target: m.reference(), Before: m.brief(organization)}); err != nil {
			return err
		}
	}
	return nil
}

// Purge removes every membership of an organization for good.
func (*Service) Purge(tx *store.Tx, organization id.Organization) error {
	return removeAll(tx, organization)
}
