package invitation

import (
	"fmt"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Outbox is what this package needs of mail.
type Outbox interface {
	Enabled() bool
	Send(tx *store.Tx, to string, l mail.Letter) error
}

// An invited person has not asked for letters: an organization that invites, revokes
// and invites again, or sends again and again, is slowed down for their address.
const (
	lettersAtOnce = 20
	lettersEvery  = 10 * time.Minute
)

// mayTell refuses one more letter to an address; before anything is changed.
func (s *Service) mayTell(organization id.Organization, email string) error {
	if !s.outbox.Enabled() {
		return nil
	}
	return s.letters.Check(lettersKey(organization, email))
}

func lettersKey(organization id.Organization, email string) string {
	return string(organization) + "|" + authn.Key(email)
}

// tell sends the invitation to the invited address.
func (s *Service) tell(tx *store.Tx, i Invitation) error {
	if !s.outbox.Enabled() {
		return nil
	}
	tx.AfterCommit(func() { s.letters.Take(lettersKey(i.Organization, i.Email)) })
	name, _, _, _, err := s.organizations.Invite(tx, i.Organization)
	if err != nil {
		return err
	}
	return s.outbox.Send(tx, i.Email, mail.Letter{
		Subject: "You are invited to " + name,
		Heading: "You are invited to " + name,
		Paragraphs: []string{
			fmt.Sprintf("%s invites you to join the organization %s with the role %s.", i.Inviter, name, i.RoleName),
			fmt.Sprintf("The invitation is for %s and lasts until %s.", i.Email, mail.Day(i.ExpiresAt)),
		},
		Action: &mail.Action{Label: "Look at the invitation", URL: i.path()},
		Notes:  []string{"If you do not know who wrote this, do nothing: nobody is added without accepting."},
	})
}
