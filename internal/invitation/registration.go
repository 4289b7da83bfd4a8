package invitation

import (
	"slices"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Waiting tells whether an invitation waits for an address, whoever asks: a server may
// let only the invited make an account.
func (s *Service) Waiting(q store.Querier, email string) (bool, error) {
	invited, err := waiting(q, email, s.db.Now())
	return slices.ContainsFunc(invited, func(other string) bool { return authn.SameMailbox(email, other) }), err
}

// Addressee is the address that an invitation's link is for; 404 where the invitation
// is gone, a refusal where it has expired.
func (s *Service) Addressee(q store.Querier, organization id.Organization, invitation string) (string, error) {
	i, err := loadIn(q, organization, invitation)
	if err != nil {
		return "", err
	}
	if i.ExpiresAt <= s.db.Now() {
		return "", fault.New(fault.InvitationExpired, "")
	}
	_, _, _, _, err = s.organizations.Invite(q, organization) // 404 where it is deleted
	return i.Email, err
}
