package config_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/config"
)

func TestMailCheck(t *testing.T) {
	for name, c := range map[string]struct {
		url, from, want string // want is a part of the complaint; empty where there is none
	}{
		"none":               {"", "", ""},
		"a sender alone":     {"", "x", ""},
		"plain":              {"smtp://mail.example.com", "g@example.com", ""},
		"port and slash":     {"smtp://mail.example.com:25/", "g@example.com", ""},
		"TLS, password":      {"smtps://me:p%40ss@mail.example.com:465", "Acme <g@example.com>", ""},
		"IPv6":               {"smtp://[::1]:25", "g@example.com", ""},
		"no sender":          {"smtp://mail.example.com", "", "--mail-from as well"},
		"no such sender":     {"smtp://mail.example.com", "me", `--mail-from "me"`},
		"sender with header": {"smtp://mail.example.com", "g@example.com\r\nBcc: x@example.com", "--mail-from"},
		"no scheme":          {"me:hunter2@mail.example.com:25", "g@example.com", "must look like smtp://"},
		"other scheme":       {"https://me:hunter2@mail.example.com", "g@example.com", "must look like smtp://"},
		"no host":            {"smtp://", "g@example.com", "must look like smtp://"},
		"no number":          {"smtp://me:hunter2@mail.example.com:mail", "g@example.com", "must look like smtp://"},
		"a path":             {"smtp://mail.example.com/inbox", "g@example.com", "must look like smtp://"},
		"a bare percent":     {"smtp://me:hunter2%@mail.example.com", "g@example.com", "must look like smtp://"},
	} {
		s := config.Defaults()
		s.Mail = config.Mail{SMTPURL: config.Secret(c.url), MailFrom: c.from}
		err := s.Check()
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	from, err := config.Mail{MailFrom: "g@example.com"}.From()
	if err != nil || from.Name != "Guildhall" {
		t.Errorf("the sender is %v (%v)", from, err)
	}
}

func TestReports(t *testing.T) {
	for name, c := range map[string]struct {
		given []string
		want  string // "wrong" where it is refused
	}{
		"by itself": {config.Defaults().UsageReports, "weekly monthly"},
		"one":       {[]string{"monthly"}, "monthly"},
		"spaces":    {[]string{" weekly", " monthly "}, "weekly monthly"},
		"twice":     {[]string{"weekly", "weekly"}, "weekly"},
		"off":       {[]string{"off"}, ""},
		"none":      {nil, ""},
		"off and":   {[]string{"weekly", "off"}, "wrong"},
		"other":     {[]string{"daily"}, "wrong"},
		"empty":     {[]string{""}, "wrong"},
	} {
		s := config.Defaults()
		s.UsageReports = c.given
		kinds, err := s.Reports()
		got := strings.Join(kinds, " ")
		if err != nil {
			got = "wrong"
		}
		if got != c.want || (s.Check() == nil) != (err == nil) {
			t.Errorf("%s: %q (%v), want %q", name, got, err, c.want)
		}
	}
}
