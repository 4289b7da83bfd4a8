package doctor

import (
	"net"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

// TestMail breaks the way to the mail server; what is said names what is wrong, never
// the password, and no letter is sent.
func TestMail(t *testing.T) {
	certificate, _ := mailtest.Certificate(t, "mail.test")
	plain := mailtest.Start(t)
	closed := mailtest.StartWith(t, mailtest.Options{User: "me", Password: "right"})
	secure := mailtest.StartWith(t, mailtest.Options{TLS: certificate, Implicit: true})
	listen := func() net.Listener {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	other, gone := listen(), listen()
	gone.Close()
	go func() {
		for {
			conn, err := other.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("SSH-2.0-x\r\n")) // no mail server
			conn.Close()
		}
	}()
	for name, c := range map[string]struct {
		url    string
		status Status
		says   string
		do     string
	}{
		"off":                {"", OK, "Mail is off: links are passed on by hand.", ""},
		"well":               {plain.URL(), OK, plain.Address() + " would take letters", ""},
		"with a password":    {closed.URL(), OK, closed.Address() + " would take letters", ""},
		"the wrong password": {"smtp://me:s3cret@" + closed.Address(), Problem, closed.Address() + " takes no letters from here: sign in: 535", "Correct user and password"},
		"nobody listens":     {"smtp://" + gone.Addr().String(), Problem, "connection refused", "Is the host and port"},
		"an unknown name":    {"smtp://mail.guildhall.invalid", Problem, "mail.guildhall.invalid:587 takes no letters from here: connect: ", "Is the host and port"},
		"an unknown issuer":  {secure.URL(), Problem, "TLS: tls: failed to verify certificate", "a certificate that this machine trusts"},
		"TLS to who has it not": {
			"smtps://" + plain.Address(), Problem, "first record does not look like a TLS handshake", "smtp:// where it takes up STARTTLS",
		},
		"no mail server": {"smtp://" + other.Addr().String(), Problem, "greeting: ", "Is there a mail server"},
		"no settings":    {"smtp://", Warning, "Not looked at", "settings"},
	} {
		p := &Patient{settings: config.Defaults()}
		p.settings.Mail = config.Mail{SMTPURL: config.Secret(c.url), MailFrom: mailtest.From}
		f := p.checkMail(t.Context())
		if f.Status != c.status || !strings.Contains(f.Says, c.says) || !strings.Contains(f.Do, c.do) || (f.Do == "") != (f.Status == OK) {
			t.Errorf("%s: %+v", name, f)
		}
		if strings.Contains(f.Says+f.Do, "s3cret") || strings.Contains(f.Says, "..") {
			t.Errorf("%s: %s", name, f.Says)
		}
	}
	for _, box := range []*mailtest.Server{plain, closed, secure} {
		box.Nothing(t)
	}
}
