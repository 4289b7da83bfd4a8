package organization

import (
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Outbox is what this package needs of mail.
type Outbox interface {
	Enabled() bool
	Send(tx *store.Tx, to string, l mail.Letter) error
}

// tell sends a letter to the owner and the admins of an organization.
func (s *Service) tell(tx *store.Tx, o Organization, l mail.Letter) error {
	if !s.outbox.Enabled() {
		return nil
	}
	addresses, err := stewards(tx, o.ID)
	if err != nil {
		return err
	}
	for _, to := range addresses {
		if err := s.outbox.Send(tx, to, l); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) tellDeleted(tx *store.Tx, pass authz.Pass, o Organization, until clock.Time) error {
	helper := "the operator of this server"
	if s.settings.SupportEmail != "" {
		helper += " (" + s.settings.SupportEmail + ")"
	}
	restore := fmt.Sprintf("Until %s, its owner or %s can bring it back with everything in it. After that it is gone for good.", mail.Day(until), helper)
	if s.settings.Grace == 0 {
		restore = "It cannot be brought back."
	}
	return s.tell(tx, o, mail.Letter{
		Subject: o.Name + " was deleted",
		Heading: o.Name + " was deleted",
		Paragraphs: []string{
			fmt.Sprintf("%s deleted the organization %s. Nobody can reach it or anything in it any more, and its API tokens have stopped working.", mail.By(pass.Actor()), o.Name),
			restore,
		},
		Notes: []string{"You get this letter because you are the owner or an admin of the organization."},
	})
}

func (s *Service) tellRestored(tx *store.Tx, pass authz.Pass, o Organization) error {
	return s.tell(tx, o, mail.Letter{
		Subject: o.Name + " is back",
		Heading: o.Name + " is back",
		Paragraphs: []string{
			fmt.Sprintf("%s restored the organization %s. Its members, its API tokens and everything in it are as they were when it was deleted.", mail.By(pass.Actor()), o.Name),
		},
		Notes: []string{"You get this letter because you are the owner or an admin of the organization."},
	})
}
