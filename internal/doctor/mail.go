package doctor

import (
	"context"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/mail"
)

// remedies are what to do where the mail server does not serve us.
var remedies = map[mail.Step]string{
	mail.Connecting: "Is the host and port of --smtp-url right, the mail server running, the way to it open? 587 (smtp://) and 465 (smtps://) are usual; many networks block 25.",
	mail.Encrypting: "Use smtps:// where the server speaks TLS from the first byte (465), smtp:// where it takes up STARTTLS (587), the name that stands in its certificate, and a certificate that this machine trusts.",
	mail.Greeting:   "Is there a mail server behind --smtp-url, and does it let this machine in? A port that speaks TLS from the first byte needs smtps://.",
	mail.SigningIn:  "Correct user and password in --smtp-url; special characters of a password are written as %XX.",
}

// checkMail talks to the mail server as far as a letter would begin; none is sent.
func (p *Patient) checkMail(ctx context.Context) Finding {
	if !p.settings.Mail.Enabled() {
		return ok("Mail is off: links are passed on by hand.")
	}
	if p.settings.Mail.Check() != nil {
		return warning("See the check of the settings.", "Not looked at: the settings of mail are not possible.")
	}
	var s mail.Settings
	s.Server, _ = p.settings.Mail.Server() // checked
	s.From, _ = p.settings.From()
	probed, err := mail.Probe(ctx, s)
	if err != nil {
		remedy := remedies[mail.Greeting]
		var trouble *mail.Trouble
		if errors.As(err, &trouble) {
			remedy = remedies[trouble.Step]
		}
		return problem(remedy, "The mail server %s takes no letters from here: %s.", probed.Server, sentence(err))
	}
	if !probed.Encrypted && !probed.Local {
		return warning("Use a mail server that offers STARTTLS, or smtps://.", "The mail server %s would take letters, and they go there in the clear.", probed.Server)
	}
	return ok("The mail server %s would take letters; guildhall admin mail test ADDRESS sends one.", probed.Server)
}
