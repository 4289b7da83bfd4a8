package config_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/config"
)

// FuzzSettings: settings are refused with the flag's name, or good for what is made of them; no refusal shows a password.
func FuzzSettings(f *testing.F) {
	f.Add("https://guildhall.example.com/", "10.0.0.0/8,::1", "smtp://u:hunter22@mail.example.com:587", "Acme <a@example.com>")
	f.Add("HTTPS://x", "0.0.0.0/0", "smtps://u:hunter22@[::1", "x")
	f.Add("http://a@b", "::ffff:10.0.0.0/104", "smtp://%zz:hunter22@", "")
	f.Fuzz(func(t *testing.T, public, networks, smtp, from string) {
		s := config.Defaults()
		s.PublicURL, s.TrustedProxies, s.AllowPrivateTargets = public, strings.Split(networks, ","), strings.Split(networks, ",")
		s.Mail = config.Mail{SMTPURL: config.Secret(smtp), MailFrom: from}
		if err := s.Check(); err != nil {
			if strings.Contains(err.Error(), "hunter22") && !strings.Contains(public+networks+from, "hunter22") {
				t.Errorf("the refusal shows a password: %v", err)
			}
			if !strings.Contains(err.Error(), "--") {
				t.Errorf("the refusal names no flag: %v", err)
			}
			return
		}
		u, err := url.Parse(s.BaseURL("127.0.0.1:8080"))
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.HasSuffix(u.Path, "/") {
			t.Errorf("%q makes links to %v (%v)", public, u, err)
		}
		for _, list := range []func() ([]string, error){s.Reports} {
			if _, err := list(); err != nil {
				t.Error(err)
			}
		}
		proxies, err := s.Proxies()
		if err != nil {
			t.Error(err)
		}
		for _, p := range proxies {
			if !p.IsValid() || p.Bits() == 0 || p.Addr().Is4In6() || p != p.Masked() {
				t.Errorf("%q is the network %v", networks, p)
			}
		}
	})
}
