package member

import (
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Outbox is what this package needs of mail.
type Outbox interface {
	Enabled() bool
	Send(tx *store.Tx, to string, l mail.Letter) error
}

// unexpected is the small print of a change that somebody else made.
const unexpected = "If you did not expect this, ask the owner of the organization."

// tell sends a letter about an organization, written with its name.
func (s *Service) tell(tx *store.Tx, organization id.Organization, to Member, write func(name string) mail.Letter) error {
	if !s.outbox.Enabled() || to.Reach == "" {
		return nil
	}
	name, err := organizationName(tx, organization)
	if err != nil {
		return err
	}
	return s.outbox.Send(tx, to.Reach, write(name))
}

// themselves tells whether somebody did it to themselves: that is no news.
func themselves(pass authz.Pass, m Member) bool {
	return pass.Actor().Kind == authn.Person && pass.Actor().User == m.User
}

func (s *Service) tellRole(tx *store.Tx, pass authz.Pass, m Member, role authz.RoleName) error {
	if themselves(pass, m) {
		return nil
	}
	return s.tell(tx, pass.Organization(), m, func(name string) mail.Letter {
		return mail.Letter{
			Subject: fmt.Sprintf("Your role in %s is now %s", name, role),
			Heading: fmt.Sprintf("Your role in %s changed", name),
			Paragraphs: []string{
				fmt.Sprintf("%s changed your role in the organization %s from %s to %s.", mail.By(pass.Actor()), name, m.RoleName, role),
				"The change is in force already.",
			},
			Notes: []string{unexpected},
		}
	})
}

func (s *Service) tellRemoved(tx *store.Tx, pass authz.Pass, m Member) error {
	if themselves(pass, m) {
		return nil
	}
	return s.tell(tx, pass.Organization(), m, func(name string) mail.Letter {
		return mail.Letter{
			Subject: "You were removed from " + name,
			Heading: "You were removed from " + name,
			Paragraphs: []string{
				fmt.Sprintf("%s removed you from the organization %s. You cannot see it any more, and the API tokens that you made in it have stopped working.", mail.By(pass.Actor()), name),
				"If you are invited again and accept, your tokens work again.",
			},
			Notes: []string{unexpected},
		}
	})
}

func (s *Service) tellRestored(tx *store.Tx, pass authz.Pass, m Member) error {
	return s.tell(tx, pass.Organization(), m, func(name string) mail.Letter {
		return mail.Letter{
			Subject: "You are back in " + name,
			Heading: "You are back in " + name,
			Paragraphs: []string{
				fmt.Sprintf("%s restored your membership of the organization %s, with the role %s. The API tokens that you made in it work again.", mail.By(pass.Actor()), name, m.RoleName),
				"If you do not want to be in it, you can leave it any time.",
			},
			Notes: []string{unexpected},
		}
	})
}

func (s *Service) tellTransfer(tx *store.Tx, organization id.Organization, old, heir Member) error {
	err := s.tell(tx, organization, heir, func(name string) mail.Letter {
		return mail.Letter{
			Subject: "You own " + name + " now",
			Heading: "You own " + name + " now",
			Paragraphs: []string{
				fmt.Sprintf("%s made you the owner of the organization %s.", old.Email, name),
				"You can do everything in it now: delete it, for instance, or hand it on.",
			},
		}
	})
	if err != nil {
		return err
	}
	return s.tell(tx, organization, old, func(name string) mail.Letter {
		return mail.Letter{
			Subject: fmt.Sprintf("%s has a new owner", name),
			Heading: fmt.Sprintf("%s has a new owner", name),
			Paragraphs: []string{
				fmt.Sprintf("You made %s the owner of the organization %s. You stay in it as %s.", heir.Email, name, authz.Admin),
			},
			Notes: []string{"If this was not you, ask the new owner to hand the organization back, and change your password."},
		}
	})
}
