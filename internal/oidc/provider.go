package oidc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	rp "github.com/coreos/go-oidc/v3/oidc"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

const (
	// askTime bounds one question to the provider, with its answer.
	askTime = 10 * time.Second
	// maxAnswer bounds an answer of the provider.
	maxAnswer = 1 << 20
	// pause is how long a provider that failed is left alone, and the least time
	// between two looks at its keys.
	pause = 10 * time.Second
	// keysFresh is the age at which keys are looked at again, keysUsable that at which
	// they are not believed any more, where the provider does not answer.
	keysFresh, keysUsable = 10 * time.Minute, 24 * time.Hour
	// discoveryFresh is the age at which the provider's addresses are looked up again.
	discoveryFresh = 24 * time.Hour
)

// provider knows the provider's addresses and keys. It asks for them when they are
// needed, and never more often than the pauses above allow.
type provider struct {
	clock  clock.Clock
	log    *slog.Logger
	issuer string
	name   string
	client *http.Client
	// renewed is told that other keys are in force.
	renewed func()

	asking  sync.Mutex // held while the provider is asked
	mu      sync.RWMutex
	found   *rp.Provider
	keys    *keys
	foundAt time.Time
	failed  time.Time
}

func newProvider(c clock.Clock, log *slog.Logger, issuer, name string, renewed func()) *provider {
	return &provider{
		clock: c, log: log, issuer: issuer, name: name, renewed: renewed,
		client: &http.Client{Timeout: askTime, Transport: bounded{http.DefaultTransport}},
	}
}

// bound is a context whose questions to the provider are bounded.
func (p *provider) bound(ctx context.Context) context.Context { return rp.ClientContext(ctx, p.client) }

// discover finds the provider's addresses, from memory where it can. One request asks;
// the others go on with what was known, or wait where nothing was.
func (p *provider) discover(ctx context.Context) (*rp.Provider, *keys, error) {
	found, keys, due := p.remembered()
	if !due {
		return found, keys, nil
	}
	if found == nil {
		p.asking.Lock()
	} else if !p.asking.TryLock() {
		return found, keys, nil
	}
	defer p.asking.Unlock()
	err := errPause
	if found, keys, due = p.remembered(); due && p.rested() {
		err = p.ask(ctx)
		found, keys, _ = p.remembered()
	}
	if found == nil {
		return nil, nil, p.unavailable(err)
	}
	return found, keys, nil // addresses of yesterday are better than none
}

func (p *provider) remembered() (found *rp.Provider, k *keys, due bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.found, p.keys, p.found == nil || p.clock.Now().Sub(p.foundAt) >= discoveryFresh
}

func (p *provider) rested() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.clock.Now().Sub(p.failed) >= pause
}

func (p *provider) ask(ctx context.Context) error {
	// One question serves everybody who waits, so the one who asks must not take it back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	found, err := rp.NewProvider(p.bound(ctx), p.issuer)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		err = p.adopt(found)
	}
	if err != nil {
		p.failed = p.clock.Now()
		p.log.Warn("the provider of identities could not be asked for its addresses", slog.String("issuer", p.issuer), slog.String("error", brief(err)))
	}
	return err
}

// brief is an error without the rest of the page that the provider may have answered.
func brief(err error) string {
	text := err.Error()
	return text[:min(len(text), 300)]
}

// adopt keeps what was found; keys stay known while their address is the same.
func (p *provider) adopt(found *rp.Provider) error {
	var document struct {
		Keys string `json:"jwks_uri"`
	}
	if err := found.Claims(&document); err != nil {
		return err
	}
	if p.keys == nil || p.keys.url != document.Keys {
		p.keys = &keys{provider: p, url: document.Keys}
	}
	p.found, p.foundAt = found, p.clock.Now()
	return nil
}

var errPause = errors.New("the provider failed a moment ago")

// unavailable is what everybody hears who needs the provider while it does not answer.
func (p *provider) unavailable(cause error) error {
	e := fault.New(fault.Unavailable, "%s does not answer right now, so what it vouches for cannot be checked; try again.", p.name).Because(cause)
	e.RetryAfter = int(pause.Seconds())
	return e
}

// bounded cuts off answers that are too large.
type bounded struct{ next http.RoundTripper }

// RoundTrip asks, and bounds the answer.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = &short{resp.Body, maxAnswer}
	}
	return resp, err
}

type short struct {
	io.ReadCloser
	left int64
}

// Read fails where the answer goes on after its bound.
func (s *short) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	if s.left -= int64(n); s.left < 0 {
		return 0, errors.New("the provider's answer is too large")
	}
	return n, err
}
