package mail

import (
	"context"
	"net/mail"
	"time"
)

// Step is a place in the conversation with a mail server before any letter.
type Step string

// The steps, in their order.
const (
	Connecting Step = "connect"
	Encrypting Step = "TLS"
	Greeting   Step = "greeting"
	SigningIn  Step = "sign in"
)

// Trouble is what keeps a mail server from serving us, and the step at which it shows.
type Trouble struct {
	Step Step
	err  error
}

func (t *Trouble) Error() string { return string(t.Step) + ": " + t.err.Error() }

// Unwrap gives the trouble itself.
func (t *Trouble) Unwrap() error { return t.err }

// probeTime bounds a probe.
const probeTime = 20 * time.Second

// Probed is a mail server that would take letters.
type Probed struct {
	Server    string
	Encrypted bool
	Local     bool // on this machine
}

// Probe talks to the mail server up to the point where a letter would begin, and takes
// its leave. An error is a *Trouble.
func Probe(ctx context.Context, s Settings) (Probed, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	r := newRelay(s)
	p := Probed{Server: r.address, Local: r.loopback}
	conn, err := r.connect(ctx)
	if err != nil {
		return p, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(probeTime)); err != nil {
		return p, &Trouble{Connecting, err}
	}
	from := mail.Address{Address: wireAddress(s.From.Address)}
	client, err := r.greet(conn, message{from: from.String()})
	if err != nil {
		return p, err
	}
	_, p.Encrypted = client.TLSConnectionState()
	_ = conn.SetDeadline(time.Now().Add(partingTime))
	_ = client.Quit() // whatever it says to this
	return p, nil
}
