package cli

import (
	"fmt"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
)

type userResetPasswordCommand struct {
	operated
	Email    string `required:"" help:"The person's e-mail address." placeholder:"ADDRESS"`
	Password string `help:"The new password, at least 8 characters; GUILDHALL_PASSWORD keeps it out of the process list. Without one, a link is printed." placeholder:"TEXT"`
}

// Run sets a password or prints a link.
func (c userResetPasswordCommand) Run(o output) error {
	var made app.ResetAnswer
	return c.do(o, app.CommandUserResetPassword, app.Credentials{Email: c.Email, Password: c.Password}, &made, func() string {
		if made.Link == "" {
			return fmt.Sprintf("The password of %s is changed.", c.Email)
		}
		return fmt.Sprintf("%s\nWhoever opens it chooses the password of %s, once, until %s. Hand it over where nobody else reads it.",
			made.Link, c.Email, made.ExpiresAt.Format(time.RFC3339))
	})
}

type userChangeEmailCommand struct {
	operated
	Email    string `required:"" help:"The person's e-mail address." placeholder:"ADDRESS"`
	NewEmail string `required:"" help:"The new one." placeholder:"ADDRESS"`
}

// Run changes an address.
func (c userChangeEmailCommand) Run(o output) error {
	var changed app.ChangeEmailAnswer
	return c.do(o, app.CommandUserChangeEmail, app.ChangeEmailRequest{Email: c.Email, NewEmail: c.NewEmail}, &changed, func() string {
		return fmt.Sprintf("%s signs in as %s from now on.", c.Email, changed.Email)
	})
}
