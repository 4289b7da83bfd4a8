package mail

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

var sender = netmail.Address{Name: "Guildhall", Address: "guildhall@sender.example"}

func yes() error { return nil }

// wire is a relay to a test's server under a name of its own, as if it were far away.
func wire(t *testing.T, box *mailtest.Server, address string, roots *x509.CertPool) *relay {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(Settings{Server: u, From: sender, Roots: roots})
	r.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, box.Address())
	}
	return r
}

func written(t *testing.T, to string, l Letter) message {
	t.Helper()
	m, err := compose("0190-letter", clock.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), sender, to, l, "https://guildhall.example.com")
	if err != nil {
		t.Fatalf("%q to %q: %v", l.Subject, to, err)
	}
	return m
}

// TestEncryption: TLS wherever it is offered, and never a password without it but on
// this machine.
func TestEncryption(t *testing.T) {
	ours, roots := mailtest.Certificate(t, "mail.test")
	other, _ := mailtest.Certificate(t, "mail.test")
	login := mailtest.Options{User: "guild", Password: "p/a ss@word"}
	with := func(o mailtest.Options, change func(*mailtest.Options)) mailtest.Options {
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		server    mailtest.Options
		url       string
		encrypted bool
		want      string // part of the error; empty where the letter goes
	}{
		"none":                     {mailtest.Options{}, "smtp://mail.test", false, ""},
		"STARTTLS":                 {mailtest.Options{TLS: ours}, "smtp://mail.test:25", true, ""},
		"TLS":                      {mailtest.Options{TLS: ours, Implicit: true}, "smtps://mail.test", true, ""},
		"STARTTLS, password":       {with(login, func(o *mailtest.Options) { o.TLS = ours }), "smtp://guild:p%2Fa%20ss%40word@mail.test", true, ""},
		"TLS, password":            {with(login, func(o *mailtest.Options) { o.TLS, o.Implicit = ours, true }), "smtps://guild:p%2Fa%20ss%40word@mail.test", true, ""},
		"password on this machine": {login, "smtp://guild:p%2Fa%20ss%40word@127.0.0.1:25", false, ""},
		"password in the clear":    {login, "smtp://guild:p%2Fa%20ss%40word@mail.test", false, "offers no STARTTLS"},
		"wrong password":           {with(login, func(o *mailtest.Options) { o.TLS = ours }), "smtp://guild:other@mail.test", false, "535"},
		"no password":              {with(login, func(o *mailtest.Options) { o.TLS = ours }), "smtp://mail.test", false, "502"},
		"password not wanted":      {mailtest.Options{TLS: ours}, "smtp://guild:x@mail.test", false, "offers no way"},
		"an impostor":              {mailtest.Options{TLS: other}, "smtp://mail.test", false, "certificate"},
		"an impostor, TLS":         {mailtest.Options{TLS: other, Implicit: true}, "smtps://mail.test", false, "certificate"},
		"another name":             {mailtest.Options{TLS: ours}, "smtp://mail.example.com", false, "certificate"},
		"this machine's snakeoil":  {mailtest.Options{TLS: other}, "smtp://localhost", false, ""},
		"TLS expected":             {mailtest.Options{}, "smtps://mail.test", false, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			box := mailtest.StartWith(t, c.server)
			r := wire(t, box, c.url, roots)
			got, err := r.send(t.Context(), written(t, "jane@example.com", Letter{Subject: "x"}), yes)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "ss@word") {
					t.Errorf("%v, want %q", err, c.want)
				}
				box.Nothing(t)
				return
			}
			if err != nil || got.encrypted != c.encrypted {
				t.Fatalf("encrypted %t, %v", got.encrypted, err)
			}
			if m := box.To(t, "jane@example.com"); m.Encrypted != c.encrypted {
				t.Errorf("the server saw TLS %t", m.Encrypted)
			}
		})
	}
}

// TestInjection: no subject, name or address becomes a header or a command.
func TestInjection(t *testing.T) {
	box := mailtest.Start(t)
	r := wire(t, box, box.URL(), nil)
	for _, words := range []string{
		"Hi\r\nBcc: eve@evil.example", "Hi\nBcc: eve@evil.example\n\nA body", "Hi\rBcc: eve@evil.example", "Hi\u2028Bcc: eve@evil.example", "Hi\u0085Bcc: x", "\r\n\r\nbody",
		"Hi\x00there", "\xff\xfe", "=?utf-8?q?=0D=0ABcc:_eve@evil.example?=", ".\r\n.\r\nQUIT", strings.Repeat("Überraschung ", 60), "日本語の件名 🎉", "مرحبا", "e\u0301", "<b>bold</b> & \"quoted\"",
		strings.Repeat("x", 2000),
	} {
		l := Letter{Subject: words, Heading: words, Paragraphs: []string{words}, Action: &Action{Label: words, URL: "https://x.example/a?b=c&d=e"}, Notes: []string{words}, Figures: []Figure{{words, words}}}
		if _, err := r.send(t.Context(), written(t, "jane@example.com", l), yes); err != nil {
			t.Errorf("%q: %v", words, err)
			continue
		}
		m := box.To(t, "jane@example.com")
		if m.Subject != l.subject() || strings.ContainsAny(m.Subject, "\r\n") {
			t.Errorf("the subject %q became %q", words, m.Subject)
		}
		for name := range m.Header {
			if !slices.Contains([]string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Auto-Submitted"}, name) {
				t.Errorf("%q made the header %s", words, name)
			}
		}
		if m.Link() != l.Action.URL {
			t.Errorf("%q: the link became %q", words, m.Link())
		}
		if strings.Contains(m.HTML, "<b>") {
			t.Errorf("%q is HTML in\n%s", words, m.HTML)
		}
		for at := range strings.SplitSeq(string(m.Raw), "\n") {
			if len(at) > 998 || !ascii(at) {
				t.Errorf("%q: the line %q", words, at)
			}
		}
	}
	for _, to := range []string{
		"", "jane", "a@example.com\r\nBcc: eve@evil.example", "a@example.com, eve@evil.example", "<a@example.com>\r\nRCPT TO:<eve@evil.example>", "a@example.com\x00", "\"a\r\n\"@example.com", "a b@example.com",
	} {
		if m, err := compose("id", 0, sender, to, Letter{}, ""); err == nil {
			t.Errorf("%q is a recipient: %s", to, m.to)
		}
	}
}

// TestAddresses: every address that an account can have is written so that its server
// takes it, or the letter is refused for good.
func TestAddresses(t *testing.T) {
	long := strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 3) + "example"
	for to, want := range map[string]string{
		"jane+tag@example.com": "jane+tag@example.com", "O'Neil@example.com": "O'Neil@example.com", `"a b"@example.com`: `"a b"@example.com`,
		"jane@müller.example": "jane@xn--mller-kva.example", "jäne@müller.example": "jäne@xn--mller-kva.example", "用户@例子.测试": "用户@xn--fsqu00a.xn--0zwm56d",
		"JANE@EXAMPLE.COM": "JANE@EXAMPLE.COM", long: long,
	} {
		modern, old := mailtest.Start(t), mailtest.StartWith(t, mailtest.Options{ASCIIOnly: true})
		m := written(t, to, Letter{Subject: "x"})
		if _, err := wire(t, modern, modern.URL(), nil).send(t.Context(), m, yes); err != nil {
			t.Errorf("%s: %v", to, err)
			continue
		}
		got := modern.Next(t)
		if got.UTF8 != !ascii(want) {
			t.Errorf("%s: SMTPUTF8 %t", to, got.UTF8)
		}
		if header, err := got.Header.AddressList("To"); err != nil || len(header) != 1 || (&netmail.Address{Address: header[0].Address}).String() != "<"+want+">" || strings.Trim(got.To, `"`) == "" {
			t.Errorf("%s: To: %s (%v)", to, got.Header.Get("To"), err)
		}
		_, err := wire(t, old, old.URL(), nil).send(t.Context(), m, yes)
		var refused *refusal
		switch {
		case ascii(want) && err != nil:
			t.Errorf("%s to an old server: %v", to, err)
		case !ascii(want) && (!errors.As(err, &refused) || !refused.final):
			t.Errorf("%s to an old server: %v, want a refusal for good", to, err)
		}
	}
}

// TestStopped: who stops before the letter is over there sends nothing, and after that
// waits for the answer.
func TestStopped(t *testing.T) {
	box := mailtest.Start(t)
	r := wire(t, box, box.URL(), nil)
	m := written(t, "jane@example.com", Letter{Subject: "x"})
	ctx, cancel := context.WithCancel(t.Context())
	box.Answer(func(stage mailtest.Stage, _ string) error {
		if stage == mailtest.Recipient {
			cancel()
		}
		return nil
	})
	if _, err := r.send(ctx, m, yes); err == nil || errors.Is(err, errOutcomeUnknown) {
		t.Errorf("stopped early: %v", err)
	}
	box.Nothing(t)
	ctx, cancel = context.WithCancel(t.Context())
	box.Answer(func(stage mailtest.Stage, _ string) error {
		if stage == mailtest.End {
			cancel()
		}
		return nil
	})
	if _, err := r.send(ctx, m, yes); err != nil {
		t.Errorf("stopped at the end: %v", err)
	}
	box.To(t, "jane@example.com")
	box.Answer(nil)
	if _, err := r.send(t.Context(), m, func() error { return errElsewhere }); !errors.Is(err, errElsewhere) {
		t.Errorf("not to be handed over: %v", err)
	}
	box.Nothing(t)
}
