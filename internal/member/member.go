// Package member keeps who belongs to which organization, and in which role.
package member

import (
	"context"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Service changes memberships.
type Service struct{ db *store.DB }

// NewService makes the service.
func NewService(db *store.DB) *Service { return &Service{db} }

// Add makes somebody a member, in the Write of the change that says so. Its event
// is that change's, or the caller records one.
func (*Service) Add(tx *store.Tx, organization id.Organization, user id.User, role authz.RoleName) error {
	return insert(tx, organization, user, role)
}

// SetRole gives a member another role. The owner's role changes by transfer only.
func (s *Service) SetRole(ctx context.Context, pass authz.Pass, user id.User, role authz.RoleName) error {
	if err := pass.For(authz.MemberManage); err != nil {
		return err
	}
	granted, ok := authz.LookupRole(role)
	if !ok || role == authz.Owner {
		return fault.New(fault.Invalid, "A member can be given any role but OWNER; ownership is transferred.")
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		m, err := load(tx, pass.Organization(), user)
		if errors.Is(err, store.ErrNone) {
			return fault.New(fault.NotFound, "")
		}
		if err != nil {
			return err
		}
		if m.role == authz.Owner {
			return fault.New(fault.LimitReached, "The owner's role cannot be changed: transfer the ownership first.")
		}
		if !pass.CanGrant(granted) {
			return fault.New(fault.CannotGrant, "")
		}
		if err := update(tx, pass.Organization(), user, role); err != nil {
			return err
		}
		type shown struct {
			Email string         `json:"email"`
			Role  authz.RoleName `json:"role_name"`
		}
		return audit.Record(tx, string(pass.Organization()), pass, audit.Entry{
			Action: audit.MemberRole, Target: audit.Reference{ID: string(user), Name: m.email},
			Before: shown{m.email, m.role}, After: shown{m.email, role},
		})
	})
}

// Purge removes every membership of an organization for good.
func (*Service) Purge(tx *store.Tx, organization id.Organization) error {
	_, err := tx.Exec(`DELETE FROM member WHERE organization_id = $1`, organization)
	return err
}
