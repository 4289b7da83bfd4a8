package config

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
)

// Mail is how letters leave. Without it everything works by link.
type Mail struct {
	SMTPURL  Secret `name:"smtp-url" group:"Mail" help:"SMTP server that takes the letters: smtp://user:password@host:587 (STARTTLS where it is offered, always with a password) or smtps://…:465 (TLS). Without one, nothing is sent and invitations go by link." placeholder:"URL"`
	MailFrom string `group:"Mail" help:"Who the letters are from: guildhall@example.com, or \"Acme <guildhall@example.com>\". Needed with --smtp-url." placeholder:"ADDRESS"`
}

// Enabled tells whether letters are sent.
func (m Mail) Enabled() bool { return m.SMTPURL != "" }

// Server is the SMTP server; nil for none.
func (m Mail) Server() (*url.URL, error) {
	if !m.Enabled() {
		return nil, nil //nolint:nilnil // nil is how "none" is written
	}
	// The URL holds a password: neither it nor the parser's words about it are shown.
	wrong := errors.New("--smtp-url must look like smtp://user:password@mail.example.com:587 or smtps://user:password@mail.example.com:465; write special characters of the password as %XX")
	u, err := url.Parse(string(m.SMTPURL))
	if err != nil || (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, wrong
	}
	return u, nil
}

// From is who writes; Guildhall, where the setting gives no name.
func (m Mail) From() (mail.Address, error) {
	if m.MailFrom == "" {
		return mail.Address{}, errors.New("--smtp-url needs --mail-from as well: the address that the letters come from, such as guildhall@example.com")
	}
	from, err := mail.ParseAddress(m.MailFrom)
	if err != nil {
		return mail.Address{}, fmt.Errorf("--mail-from %q must be an address such as guildhall@example.com or Acme <guildhall@example.com>", m.MailFrom)
	}
	if from.Name == "" {
		from.Name = "Guildhall"
	}
	return *from, nil
}

// Check tells what is wrong with the settings of mail.
func (m Mail) Check() error {
	if !m.Enabled() {
		return nil
	}
	_, server := m.Server()
	_, from := m.From()
	return errors.Join(server, from)
}

// Reports are the kinds of usage reports that are sent.
func (s Server) Reports() ([]string, error) {
	var kinds []string
	for _, kind := range s.UsageReports {
		kind = strings.TrimSpace(kind)
		switch {
		case kind == "off" && len(s.UsageReports) == 1:
			return nil, nil
		case kind != "weekly" && kind != "monthly":
			return nil, fmt.Errorf("--usage-reports %q must be weekly, monthly, both with a comma between, or off alone", strings.Join(s.UsageReports, ","))
		case !slices.Contains(kinds, kind):
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}
