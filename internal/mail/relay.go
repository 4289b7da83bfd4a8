package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// A conversation is bounded, and shorter than a job's lease in all.
const (
	reachTime  = 10 * time.Second // to connect
	talkTime   = 40 * time.Second // until the message is over there
	answerTime = 40 * time.Second // for the last word

	partingTime = 2 * time.Second
)

// relay is the SMTP server that takes our letters.
type relay struct {
	host, address string
	implicitTLS   bool
	loopback      bool
	user          *url.Userinfo
	roots         *x509.CertPool // nil for the system's
	dial          func(ctx context.Context, network, address string) (net.Conn, error)
}

func newRelay(s Settings) *relay {
	r := &relay{host: s.Server.Hostname(), implicitTLS: s.Server.Scheme == "smtps", user: s.Server.User, roots: s.Roots, dial: (&net.Dialer{Timeout: reachTime}).DialContext}
	port := s.Server.Port()
	switch {
	case port != "":
	case r.implicitTLS:
		port = "465"
	default:
		port = "587"
	}
	r.address = net.JoinHostPort(r.host, port)
	ip := net.ParseIP(r.host)
	r.loopback = r.host == "localhost" || ip != nil && ip.IsLoopback()
	return r
}

// refusal is the server's word that it does not take the letter.
type refusal struct {
	words string
	final bool // it would say the same again
}

func (r *refusal) Error() string { return r.words }

// errOutcomeUnknown: the letter was handed over, and the server's word did not come.
var errOutcomeUnknown = errors.New("the mail server did not answer after the letter was handed over")

// receipt is what is known of a letter that was taken.
type receipt struct {
	encrypted bool
	answer    string
}

// send hands a message over. Everything up to the very last line is said first; only
// then handOver is asked, and if it says yes the line that makes the server accept the
// message is sent. An error before that means: the server has not got it.
func (r *relay) send(ctx context.Context, m message, handOver func() error) (receipt, error) {
	conn, err := r.connect(ctx)
	if err != nil {
		return receipt{}, fmt.Errorf("the mail server %s cannot be reached: %w", r.address, err)
	}
	defer conn.Close()
	holdTheLine := context.AfterFunc(ctx, func() { conn.Close() })
	defer holdTheLine()
	if err := conn.SetDeadline(time.Now().Add(talkTime)); err != nil {
		return receipt{}, err
	}
	client, err := r.greet(conn, m)
	if err != nil {
		return receipt{}, fmt.Errorf("the mail server %s: %w", r.address, err)
	}
	_, encrypted := client.TLSConnectionState()
	last, err := offer(client, m)
	if err != nil {
		return receipt{}, err
	}
	if err := handOver(); err != nil {
		return receipt{}, err
	}
	// From here on who stops the server waits for the answer.
	if !holdTheLine() {
		return receipt{}, fmt.Errorf("stopped before the letter was handed over: %w", context.Cause(ctx))
	}
	if err := conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return receipt{}, err
	}
	if err := last.Close(); err != nil {
		var said *textproto.Error
		if errors.As(err, &said) {
			return receipt{}, &refusal{fmt.Sprintf("the mail server refused the letter: %d %s", said.Code, withoutLinks(said.Msg)), said.Code >= 500}
		}
		return receipt{}, fmt.Errorf("%w: %w", errOutcomeUnknown, err)
	}
	_ = conn.SetDeadline(time.Now().Add(partingTime))
	_ = client.Quit() // the letter is theirs, whatever they say to this
	return receipt{encrypted, "250 " + last.ServerResponse()}, nil
}

func (r *relay) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	conn, err := r.dial(ctx, "tcp", r.address)
	if err != nil {
		return nil, &Trouble{Connecting, err}
	}
	if !r.implicitTLS {
		return conn, nil
	}
	secure := tls.Client(conn, r.tls())
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, &Trouble{Encrypting, errors.Join(err, conn.Close())}
	}
	return secure, nil
}

func (r *relay) tls() *tls.Config {
	return &tls.Config{ServerName: r.host, RootCAs: r.roots, MinVersion: tls.VersionTLS12}
}

// greet says hello, takes up TLS and signs in. A password goes over TLS, or stays on
// this machine.
func (r *relay) greet(conn net.Conn, m message) (*smtp.Client, error) {
	client, err := smtp.NewClient(conn, r.host)
	if err != nil {
		return nil, &Trouble{Greeting, err}
	}
	if err := client.Hello(domain(strings.Trim(m.from, "<>"))); err != nil {
		return nil, &Trouble{Greeting, err}
	}
	if !r.implicitTLS && !r.loopback {
		if offered, _ := client.Extension("STARTTLS"); offered {
			if err := client.StartTLS(r.tls()); err != nil {
				return nil, &Trouble{Encrypting, fmt.Errorf("STARTTLS: %w", err)}
			}
		} else if r.user != nil {
			return nil, &Trouble{Encrypting, errors.New("it offers no STARTTLS, and the password is not sent in the clear: use an smtps:// address, or one without a password")}
		}
	}
	if r.user != nil {
		if err := r.signIn(client); err != nil {
			return nil, &Trouble{SigningIn, err}
		}
	}
	client.SkipSMTPUTF8(!m.international)
	if takes, _ := client.Extension("SMTPUTF8"); m.international && !takes {
		return nil, &refusal{"it takes no address with letters outside ASCII (SMTPUTF8)", true}
	}
	return client, nil
}

func (r *relay) signIn(client *smtp.Client) error {
	name := r.user.Username()
	password, _ := r.user.Password()
	_, offered := client.Extension("AUTH")
	ways := strings.Fields(offered)
	for _, way := range []struct {
		name string
		auth smtp.Auth
	}{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(name, password)},
		{"PLAIN", smtp.PlainAuth("", name, password, r.host, r.loopback)},
		{"LOGIN", smtp.LoginAuth(name, password, r.host, r.loopback)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(name, password)},
	} {
		if slices.Contains(ways, way.name) {
			return client.Auth(way.auth)
		}
	}
	return fmt.Errorf("it offers no way that we know (%q)", offered)
}

// offer says everything but the last line of a message.
func offer(client *smtp.Client, m message) (*smtp.DataCloser, error) {
	// A refused sender is the operator's to mend: the letter waits for it.
	if err := client.Mail(m.from); err != nil {
		return nil, fmt.Errorf("the mail server does not take letters from %s: %w", m.from, err)
	}
	if err := client.Rcpt(m.to); err != nil {
		var said *textproto.Error
		if errors.As(err, &said) {
			return nil, &refusal{fmt.Sprintf("the mail server does not take letters to this address: %d %s", said.Code, said.Msg), said.Code >= 500}
		}
		return nil, err
	}
	w, err := client.Data()
	if err != nil {
		return nil, fmt.Errorf("the mail server does not take the letter: %w", err)
	}
	if _, err := w.Write(m.text); err != nil {
		return nil, err
	}
	last, ok := w.(*smtp.DataCloser)
	if !ok {
		return nil, errors.New("the SMTP library answers DATA in a way that we do not know")
	}
	return last, client.Text.W.Flush()
}

// withoutLinks takes out what may come from the letter: filters like to quote it.
func withoutLinks(words string) string {
	fields := strings.Fields(words)
	for i, f := range fields {
		if strings.ContainsAny(f, "/?=&") {
			fields[i] = "…"
		}
	}
	return strings.Join(fields, " ")
}
