package cli

import (
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/mail"
)

type mailCommands struct {
	Test mailTestCommand `cmd:"" help:"Send a letter now and print what the SMTP server said: through the running server and its settings, or without one with --smtp-url and --mail-from."`
}

type mailTestCommand struct {
	operated
	Address string `arg:"" help:"Where the letter goes."`
}

// Run sends a test letter.
func (c mailTestCommand) Run(o output) error {
	var tried mail.Tried
	return c.do(o, app.CommandMailTest, app.MailTestRequest{Address: c.Address}, &tried, func() string {
		how := "without TLS"
		if tried.Encrypted {
			how = "over TLS"
		}
		return fmt.Sprintf("The mail server %s took the letter from %s to %s (%s). It said: %s", tried.Server, tried.From, tried.To, how, tried.Answer)
	})
}
