package invitation

import (
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Waiting tells whether an invitation waits for an address, whoever asks: a server may
// let only the invited make an account.
func (s *Service) Waiting(q store.Querier, email string) (bool, error) {
	found, err := waiting(q, email, s.db.Now())
	if err != nil {
		return false, err
	}
	for _, i := range found {
		if !authn.SameMailbox(email, i.Email) {
			continue
		}
		if err := stands(q, i); !fault.Has(err, fault.InvitationExpired) {
			return err == nil, err
		}
	}
	return false, nil
}

// Addressee is the address that an invitation's link is for; 404 where the invitation
// is gone, a refusal where it has expired or its inviter may not give it any more.
func (s *Service) Addressee(q store.Querier, organization id.Organization, invitation string) (string, error) {
	i, err := loadIn(q, organization, invitation)
	if err != nil {
		return "", err
	}
	if i.ExpiresAt <= s.db.Now() {
		return "", fault.New(fault.InvitationExpired, "")
	}
	if _, _, _, _, err := s.organizations.Invite(q, organization); err != nil {
		return "", err // 404 where it is deleted
	}
	return i.Email, stands(q, i)
}
