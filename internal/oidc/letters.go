package oidc

import (
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Outbox is what this package needs of mail.
type Outbox interface {
	Enabled() bool
	Send(tx *store.Tx, to string, l mail.Letter) error
}

// tellLinked tells the owner of an account who can sign in to it from now on; the
// address is that of the account, whatever the provider says.
func (s *Service) tellLinked(tx *store.Tx, a authn.Account, i Identity) error {
	if !s.outbox.Enabled() {
		return nil
	}
	whom := i.Subject
	if i.Email != "" {
		whom = i.Email
	}
	return s.outbox.Send(tx, a.Email, mail.Letter{
		Subject:    fmt.Sprintf("You can sign in with %s now", s.settings.Name),
		Heading:    fmt.Sprintf("%s was linked to your account", s.settings.Name),
		Paragraphs: []string{fmt.Sprintf("Whoever %s knows as %s can sign in to your account %s from now on.", s.settings.Name, whom, a.Email)},
		Action:     &mail.Action{Label: "See what you sign in with", URL: listPath},
		Notes:      []string{"If that is not you, unlink it there, end all sessions and change your password."},
	})
}
