package app

import "github.com/guildhall-dev/guildhall/internal/mail"

// mailSettings are those of the configuration, which Open has checked.
func (a *App) mailSettings() mail.Settings {
	var s mail.Settings
	if a.Settings.Mail.Enabled() {
		s.Server, _ = a.Settings.Mail.Server()
		s.From, _ = a.Settings.Mail.From()
	}
	return s
}
