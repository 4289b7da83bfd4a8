package app

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/mail"
)

// MailTestRequest says where a test letter goes.
type MailTestRequest struct {
	Address string `json:"address"`
}

// mailSettings are those of the configuration, which Open has checked.
func (a *App) mailSettings() mail.Settings {
	var s mail.Settings
	if a.Settings.Mail.Enabled() {
		s.Server, _ = a.Settings.Mail.Server()
		s.From, _ = a.Settings.Mail.From()
	}
	return s
}

func (a *App) testMail(ctx context.Context, in MailTestRequest) (mail.Tried, error) {
	return a.Mail.Test(ctx, in.Address)
}
