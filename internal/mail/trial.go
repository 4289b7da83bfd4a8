package mail

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// Tried is what became of a test letter.
type Tried struct {
	To        string `json:"to"`
	From      string `json:"from"`
	Server    string `json:"server"`
	Encrypted bool   `json:"encrypted"`
	Answer    string `json:"answer"` // the server's last word
}

// Test sends a letter at once, past the queue, and gives the server's word.
func (o *Outbox) Test(ctx context.Context, to string) (Tried, error) {
	if !o.Enabled() {
		return Tried{}, fault.New(fault.Invalid, "Mail is not set up: give --smtp-url and --mail-from (or GUILDHALL_SMTP_URL and GUILDHALL_MAIL_FROM), to the server as well if one is running.")
	}
	m, err := compose(id.New[string](), o.db.Now(), o.settings.From, to, Letter{
		Subject: "A test of Guildhall's mail", Heading: "Mail works",
		Paragraphs: []string{"The operator of this server asked it to send you this letter. There is nothing to do."},
	}, *o.publicURL.Load())
	if err != nil {
		return Tried{}, fault.New(fault.Invalid, "%q is no address that a letter can go to.", to).Because(err)
	}
	r, err := o.relay.send(ctx, m, func() error { return nil })
	if err != nil {
		return Tried{}, fault.New(fault.Unavailable, "The test letter was not sent: %s.", err)
	}
	return Tried{to, o.settings.From.String(), o.relay.address, r.encrypted, r.answer}, nil
}
