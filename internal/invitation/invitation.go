// Package invitation lets people into an organization: invited by e-mail address,
// accepted by the person who has that address, for as long as it lasts.
package invitation

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Invitation is an invitation as it is kept. Its id is a secret: who has it may see
// the invitation.
type Invitation struct {
	ID           string
	Organization id.Organization
	Email        string
	Role         authz.RoleName // as kept: a built-in name or a custom role's id
	RoleName     string
	Inviter      string // the e-mail address of InviterID
	InviterID    id.User
	CreatedAt    clock.Time
	UpdatedAt    clock.Time // when it was last sent
	ExpiresAt    clock.Time
}

// Shown is an invitation with what others show of its organization.
type Shown struct {
	Invitation
	OrganizationName string
	LogoURL          string
	Expired          bool
	Link             string
}

// Organizations is what this package needs of organizations.
type Organizations interface {
	// CheckLimit refuses where a person belongs to as many organizations as they may.
	CheckLimit(tx *store.Tx, user id.User) error
	// Invite reads what an invitation shows of an organization, and how many members
	// its plan allows (0 for any number).
	Invite(q store.Querier, organization id.Organization) (name, logo, plan string, seats int, err error)
}

// Members is what this package needs of memberships.
type Members interface {
	Add(tx *store.Tx, organization id.Organization, user id.User, role authz.RoleName) error
	// Joined is how the event says that somebody became a member.
	Joined(organization id.Organization, user id.User, email string, role authz.RoleName, roleName string) audit.Effect
}

// Service changes invitations.
type Service struct {
	db            *store.DB
	organizations Organizations
	members       Members
	outbox        Outbox
	letters       *authn.Limiter // letters that one organization has sent to one address
	life          time.Duration
}

// NewService makes the service; an invitation lasts for the given time.
func NewService(db *store.DB, c clock.Clock, organizations Organizations, members Members, outbox Outbox, life time.Duration) *Service {
	return &Service{db, organizations, members, outbox, authn.NewLimiter(c, lettersAtOnce, lettersEvery), life}
}

// Outcome is what became of one of many addresses: an invitation, or a refusal.
type Outcome struct {
	Email      string
	Invitation *Invitation
	Code       fault.Code
	Detail     string
}

// Create invites a person, whether or not they have an account yet.
func (s *Service) Create(ctx context.Context, pass authz.Pass, email string, role id.Role) (Invitation, error) {
	if err := pass.For(authz.MemberInvite); err != nil {
		return Invitation{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Invitation, error) {
		granted, err := grantable(tx, pass, role)
		if err != nil {
			return Invitation{}, err
		}
		return s.create(tx, pass, email, granted)
	})
}

// CreateMany invites people in one Write; an address that cannot be invited does not
// stop the others.
func (s *Service) CreateMany(ctx context.Context, pass authz.Pass, emails []string, role id.Role) ([]Outcome, error) {
	if err := pass.For(authz.MemberInvite); err != nil {
		return nil, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) ([]Outcome, error) {
		tx.Unaudited("where every address is refused, only expired invitations are cleared")
		granted, err := grantable(tx, pass, role)
		if err != nil {
			return nil, err
		}
		outcomes := make([]Outcome, 0, len(emails))
		for _, email := range emails {
			i, err := s.create(tx, pass, email, granted)
			var refused *fault.Error
			switch {
			case err == nil:
				outcomes = append(outcomes, Outcome{Email: email, Invitation: &i})
			case errors.As(err, &refused) && refused.Status() < 500:
				outcomes = append(outcomes, Outcome{Email: email, Code: refused.Code, Detail: refused.Detail})
			default:
				return nil, err
			}
		}
		return outcomes, nil
	})
}

// grantable finds the role of an invitation: one that the inviter may give.
func grantable(tx *store.Tx, pass authz.Pass, role id.Role) (*authz.Role, error) {
	granted, err := authz.FindRole(tx, pass.Organization(), "role_id", role)
	if err != nil {
		return nil, err
	}
	if granted.Name == authz.Owner {
		return nil, fault.New(fault.CannotGrant, "There is exactly one owner: invite with another role and transfer the ownership later.")
	}
	if !pass.CanGrant(granted) {
		return nil, fault.New(fault.CannotGrant, "")
	}
	return granted, nil
}

func (s *Service) create(tx *store.Tx, pass authz.Pass, email string, role *authz.Role) (Invitation, error) {
	checks := &fault.Checks{}
	email = authn.CheckEmail(checks, "email", email)
	if err := checks.Err(); err != nil {
		return Invitation{}, err
	}
	if err := dropExpired(tx, pass.Organization(), email, tx.Now()); err != nil {
		return Invitation{}, err
	}
	known, err := memberOrInvited(tx, pass.Organization(), email)
	if err != nil {
		return Invitation{}, err
	}
	if known {
		return Invitation{}, fault.New(fault.AlreadyInvited, "User already invited")
	}
	if err := s.checkSeats(tx, pass.Organization(), true); err != nil {
		return Invitation{}, err
	}
	if err := s.mayTell(pass.Organization(), email); err != nil {
		return Invitation{}, err
	}
	i := Invitation{
		// Random, not time-ordered: the id is the secret of the link.
		ID: uuid.NewString(), Organization: pass.Organization(), Email: email, Role: role.Ref(), RoleName: string(role.Name),
		InviterID: pass.Actor().User, CreatedAt: tx.Now(), UpdatedAt: tx.Now(), ExpiresAt: tx.Now().Add(s.life),
	}
	if err := insert(tx, i); err != nil {
		return i, err
	}
	i, err = load(tx, i.ID)
	if err != nil {
		return i, err
	}
	if err := s.tell(tx, i); err != nil {
		return i, err
	}
	return i, i.record(tx, pass, audit.InvitationCreate, nil, i.brief())
}

// brief is an invitation as events show it: without its id, which is a secret.
type brief struct {
	Email     string `json:"email"`
	Role      string `json:"role_name"`
	ExpiresAt string `json:"expires_at"`
}

func (i Invitation) brief() brief { return brief{i.Email, i.RoleName, i.ExpiresAt.Format()} }

// reference names an invitation in events and in the list of what is deleted: by an id
// from which its own, the secret of its link, does not follow.
func (i Invitation) reference() audit.Reference {
	return audit.Reference{ID: id.Derived[string](string(i.Organization), "invitation "+i.ID), Name: i.Email}
}

func (i Invitation) record(tx *store.Tx, by audit.Holder, action audit.Action, before, after any, also ...audit.Effect) error {
	return audit.Record(tx, string(i.Organization), by, audit.Entry{
		Action: action, Target: i.reference(), Before: before, After: after, Also: also,
	})
}

// checkSeats refuses where the plan has no place for more members. The head of the
// organization is locked, so two cannot take the last one.
func (s *Service) checkSeats(tx *store.Tx, organization id.Organization, withPending bool) error {
	_, _, plan, seats, err := s.organizations.Invite(tx, organization)
	if err != nil || seats == 0 {
		return err
	}
	members, pending, err := counts(tx, organization, tx.Now())
	if err != nil {
		return err
	}
	if !withPending {
		pending = 0
	}
	if members+pending >= int64(seats) {
		return fault.New(fault.LimitReached, "The plan %s has %d seats: %d members and %d pending invitations. Remove one, or change the plan.", plan, seats, members, pending)
	}
	return nil
}

// List reads the invitations of an organization that were not accepted, oldest first.
func (s *Service) List(ctx context.Context, pass authz.Pass, publicURL string) ([]Shown, error) {
	if err := pass.For(authz.MemberInvite); err != nil {
		return nil, err
	}
	q := s.db.Reader(ctx)
	found, err := list(q, pass.Organization())
	if err != nil {
		return nil, err
	}
	return s.show(q, publicURL, found...)
}

// show adds what belongs to the organizations.
func (s *Service) show(q store.Querier, publicURL string, found ...Invitation) ([]Shown, error) {
	shown := make([]Shown, 0, len(found))
	for _, i := range found {
		name, logo, _, _, err := s.organizations.Invite(q, i.Organization)
		if fault.Has(err, fault.NotFound) {
			continue // deleted: the invitation sleeps with it
		}
		if err != nil {
			return nil, err
		}
		shown = append(shown, Shown{Invitation: i, OrganizationName: name, LogoURL: logo, Expired: i.ExpiresAt <= s.db.Now(), Link: publicURL + i.path()})
	}
	return shown, nil
}

// path is where the invited person looks at the invitation.
func (i Invitation) path() string {
	return "/accept-invitation?" + url.Values{"inviteToken": {i.ID}, "organization": {string(i.Organization)}}.Encode()
}

// Resend renews an invitation's life under the same id and link. Whoever sends it again
// is the one who invites from now on.
func (s *Service) Resend(ctx context.Context, pass authz.Pass, invitation string) (Invitation, error) {
	if err := pass.For(authz.MemberInvite); err != nil {
		return Invitation{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Invitation, error) {
		i, err := loadIn(tx, pass.Organization(), invitation)
		if err != nil {
			return i, err
		}
		if i.ExpiresAt <= tx.Now() { // it holds no seat any more
			if err := s.checkSeats(tx, pass.Organization(), true); err != nil {
				return i, err
			}
		}
		if _, err := grantable(tx, pass, authz.RoleID(pass.Organization(), i.Role)); err != nil {
			return i, err
		}
		if err := s.mayTell(i.Organization, i.Email); err != nil {
			return i, err
		}
		before := i.brief()
		i.InviterID, i.UpdatedAt, i.ExpiresAt = pass.Actor().User, tx.Now(), tx.Now().Add(s.life)
		if err := renew(tx, i); err != nil {
			return i, err
		}
		if i, err = load(tx, i.ID); err != nil {
			return i, err
		}
		if err := s.tell(tx, i); err != nil {
			return i, err
		}
		return i, i.record(tx, pass, audit.InvitationResend, before, i.brief())
	})
}

// Revoke takes an invitation back; its link is dead at once.
func (s *Service) Revoke(ctx context.Context, pass authz.Pass, invitation string) error {
	if err := pass.For(authz.MemberInvite); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		i, err := loadIn(tx, pass.Organization(), invitation)
		if err != nil {
			return err
		}
		if err := keep(tx, i); err != nil {
			return err
		}
		if err := remove(tx, i.ID); err != nil {
			return err
		}
		return i.record(tx, pass, audit.InvitationRevoke, i.brief(), nil)
	})
}
