package device

import (
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Outbox is what this package needs of mail.
type Outbox interface {
	Enabled() bool
	Send(tx *store.Tx, to string, l mail.Letter) error
}

// tellReuse tells the owner of a session why it ended.
func (s *Service) tellReuse(tx *store.Tx, a authn.Account, client authn.Client, f family) error {
	if !s.outbox.Enabled() {
		return nil
	}
	return s.outbox.Send(tx, a.Email, mail.Letter{
		Subject: "A program was signed out of your account",
		Heading: "A program was signed out of your account",
		Paragraphs: []string{
			"A refresh token of the program " + f.client + " was shown a second time, from the network address " + client.Address + ". Somebody may have copied it, so the session ended with everything that belongs to it.",
			"It can also be harmless: a program that lost an answer on the way. Sign it in again.",
		},
		Action: &mail.Action{Label: "See where you are signed in", URL: "/console/account/sessions"},
	})
}
