package httpd_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// ending are the operations after which the caller's credential is dead.
var ending = map[string]bool{"changePassword": true, "deleteAccount": true}

// caller is who asks an operation: the owner or, where it ends whoever asks, somebody new.
func (w *world) caller(t *testing.T, op route.Operation) *apptest.Caller {
	t.Helper()
	if !ending[op.ID] {
		return w.owner
	}
	w.made++
	return w.s.Person(t, fmt.Sprintf("passing%d@%s.example", w.made, w.mark))
}

// withMail lets letters be asked for. Nothing listens there: they wait.
func withMail(c *config.Server) {
	c.Registration = "open"
	c.Mail = config.Mail{SMTPURL: "smtp://127.0.0.1:1", MailFrom: "guildhall@example.com"}
}

// signUpLink is the secret of a link that makes an account, as a letter would have it.
func (w *world) signUpLink(t *testing.T) string {
	t.Helper()
	secret, email := w.fresh("secret"), w.guest()
	if err := store.Do(t.Context(), w.s.DB, authz.System("test"), func(tx *store.Tx) error {
		tx.Unaudited("test")
		_, err := tx.Exec(`INSERT INTO proof (secret_hash, purpose, subject, email, credentials, expires_at) VALUES ($1, 'sign_up', $2, $3, 0, $4)`,
			authn.HashAPIToken(secret), authn.Key(email), email, tx.Now().Add(time.Hour))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return secret
}

// resetLink is the secret of a link to choose a new password.
func (w *world) resetLink(t *testing.T) string {
	t.Helper()
	w.made++
	_, secret, err := w.s.Accounts.ResetLink(t.Context(), authz.System("test"), w.s.Person(t, fmt.Sprintf("lost%d@%s.example", w.made, w.mark)).Email)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}
