// Package mailtest is a real SMTP server for tests: it keeps what it takes, and can
// refuse, hang, hang up and be away.
package mailtest

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/guildhall-dev/guildhall/internal/config"
)

// From is who writes, as Settings has it.
const From = "Guildhall <guildhall@sender.example>"

// Stage is a place in the conversation where the server may answer otherwise.
type Stage string

// The stages: the sender, the recipient, and the end of the message.
const (
	Sender    Stage = "sender"
	Recipient Stage = "recipient"
	End       Stage = "end"
)

// ErrHangUp is the answer that ends the connection without a word. At the End the message
// was taken, and the sender cannot know it.
var ErrHangUp = errors.New("hang up")

// Refuse is an answer with a code, such as 451 (for now) or 550 (for good).
func Refuse(code int, words string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 7, 1}, Message: words}
}

// Options change what the server offers.
type Options struct {
	TLS            *tls.Config // offers STARTTLS
	Implicit       bool        // TLS from the first byte
	User, Password string      // asks for them
	ASCIIOnly      bool        // no SMTPUTF8
}

// Server is a running SMTP server.
type Server struct {
	address string
	options Options

	mu      sync.Mutex
	running *smtp.Server
	answer  func(stage Stage, address string) error
	taken   []*Message
	read    int // by Next
	news    chan struct{}
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith runs a server with options.
func StartWith(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Run(o)
	if err != nil {
		t.Fatalf("listen for mail: %v", err)
	}
	t.Cleanup(s.Down)
	return s
}

// Run runs a server until Down, for who has no testing.TB.
func Run(o Options) (*Server, error) {
	s := &Server{address: "127.0.0.1:0", options: o, news: make(chan struct{}, 1)}
	return s, s.up()
}

// Address is where it listens.
func (s *Server) Address() string { return s.address }

// URL is the server's address as a setting, with the password if it wants one.
func (s *Server) URL() string {
	u := url.URL{Scheme: "smtp", Host: s.address}
	if s.options.Implicit {
		u.Scheme = "smtps"
	}
	if s.options.User != "" {
		u.User = url.UserPassword(s.options.User, s.options.Password)
	}
	return u.String()
}

// Settings make an application send through this server.
func (s *Server) Settings(c *config.Server) {
	c.Mail = config.Mail{SMTPURL: config.Secret(s.URL()), MailFrom: From}
}

// Answer says how the server answers from now on; nil takes everything. It may block,
// which is a server that hangs.
func (s *Server) Answer(answer func(stage Stage, address string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *Server) ask(stage Stage, address string) error {
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(stage, address)
}

// Up listens again after Down, under the same address.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	if err := s.up(); err != nil {
		t.Fatalf("listen for mail: %v", err)
	}
}

func (s *Server) up() error {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.address = l.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	server.Domain, server.AllowInsecureAuth, server.EnableSMTPUTF8 = "mail.test", true, !s.options.ASCIIOnly
	server.ErrorLog = silent{}
	if s.options.Implicit {
		l = tls.NewListener(l, s.options.TLS)
	} else {
		server.TLSConfig = s.options.TLS
	}
	s.mu.Lock()
	s.running = server
	s.mu.Unlock()
	go func() { _ = server.Serve(l) }() // ends with Close
	return nil
}

// Down stops listening and cuts every connection.
func (s *Server) Down() {
	s.mu.Lock()
	server := s.running
	s.mu.Unlock()
	_ = server.Close() // twice is fine
}

// Messages are those taken so far, oldest first.
func (s *Server) Messages() []*Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Message(nil), s.taken...)
}

// Next waits for a message that it has not given yet.
func (s *Server) Next(t testing.TB) *Message {
	t.Helper()
	m := s.Wait(20 * time.Second)
	if m == nil {
		t.Fatal("no letter came")
	}
	m.t = t
	return m
}

// To is Next, and fails the test unless the message goes to the address.
func (s *Server) To(t testing.TB, address string) *Message {
	t.Helper()
	m := s.Next(t)
	if m.To != address {
		t.Fatalf("the letter %q went to %s, want %s", m.Subject, m.To, address)
	}
	return m
}

// Nothing fails the test if a message has come that Next has not given. It does not
// wait: whoever asks has made sure that nothing is under way.
func (s *Server) Nothing(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.taken[s.read:] {
		t.Errorf("the letter %q came to %s", m.Subject, m.To)
	}
}

// Wait is Next with a limit of its own; nil where nothing came.
func (s *Server) Wait(wait time.Duration) *Message {
	limit := time.NewTimer(wait)
	defer limit.Stop()
	for {
		s.mu.Lock()
		if s.read < len(s.taken) {
			m := s.taken[s.read]
			s.read++
			s.mu.Unlock()
			return m
		}
		s.mu.Unlock()
		select {
		case <-s.news:
		case <-limit.C:
			return nil
		}
	}
}

func (s *Server) keep(m *Message) {
	s.mu.Lock()
	s.taken = append(s.taken, m)
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}

type session struct {
	server   *Server
	conn     *smtp.Conn
	from, to string
	utf8     bool
	signedIn bool
}

func (s *session) answer(stage Stage, address string) error {
	err := s.server.ask(stage, address)
	if errors.Is(err, ErrHangUp) {
		_ = s.conn.Conn().Close() // without a word
	}
	return err
}

// AuthMechanisms are the ways to sign in.
func (s *session) AuthMechanisms() []string {
	if s.server.options.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth signs in.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.options.User || password != s.server.options.Password {
			return smtp.ErrAuthFailed
		}
		s.signedIn = true
		return nil
	}), nil
}

// Reset forgets the envelope.
func (s *session) Reset() { s.from, s.to, s.utf8 = "", "", false }

// Logout has nothing to free.
func (*session) Logout() error { return nil }

// Mail takes the sender.
func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if s.server.options.User != "" && !s.signedIn {
		return smtp.ErrAuthRequired
	}
	s.from, s.utf8 = from, o.UTF8
	return s.answer(Sender, from)
}

// Rcpt takes the recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.answer(Recipient, to)
}

// Data takes the message.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := parse(raw)
	if err != nil {
		return Refuse(554, "this is no message: "+err.Error())
	}
	m.Sender, m.To, m.UTF8 = s.from, s.to, s.utf8
	_, m.Encrypted = s.conn.TLSConnectionState()
	err = s.answer(End, s.to)
	if err == nil || errors.Is(err, ErrHangUp) {
		s.server.keep(m)
	}
	return err
}

type silent struct{}

// Printf says nothing.
func (silent) Printf(string, ...any) {}

// Println says nothing.
func (silent) Println(...any) {}
