// Package outbound makes requests to addresses that members of organizations choose. They
// must not reach what only this machine can: itself, its network, the cloud's metadata.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Policy says which addresses may be connected to.
type Policy struct {
	allowed  []netip.Prefix
	resolver *net.Resolver
}

// NewPolicy allows public addresses, and those of the given networks.
func NewPolicy(allowed []netip.Prefix) *Policy { return &Policy{allowed: allowed} }

// Refused is the error for an address that may not be connected to. Its text leaves the
// address out: who chose the name must not learn what it stands for in here.
type Refused struct {
	Address netip.Addr
	// Why says what the address is.
	Why string
}

// Error says it without the address.
func (r *Refused) Error() string {
	return "the target is " + r.Why + ", which this server does not connect to"
}

// ErrTooLarge ends the reading of an answer that is longer than its limit.
var ErrTooLarge = errors.New("the answer is too long")

// Limits bound a request and its answer; zero values stand for the usual ones.
type Limits struct {
	// Time is for everything, the reading of the body too. Usually 10 seconds.
	Time time.Duration
	// Body is the longest body that is read. Usually 1 MiB.
	Body int64
	// Redirects is how many are followed. Usually none: the redirect is the answer.
	Redirects int
}

const (
	usualTime    = 10 * time.Second
	usualBody    = 1 << 20
	maxHeader    = 64 << 10
	maxURL       = 2048
	maxIdle      = 64
	idleTime     = 30 * time.Second
	maxRedirects = 10
)

// Client makes a client that keeps to the policy at every connection: what counts is the
// address that is connected to, at that moment, however its name was looked up. It takes
// no proxy from the environment and keeps no cookies.
func (p *Policy) Client(l Limits) *http.Client {
	if l.Time <= 0 {
		l.Time = usualTime
	}
	if l.Body <= 0 {
		l.Body = usualBody
	}
	l.Redirects = min(l.Redirects, maxRedirects)
	dialer := &net.Dialer{Timeout: l.Time, Resolver: p.resolver, Control: p.control}
	return &http.Client{
		Timeout: l.Time,
		Transport: &bounded{limit: l.Body, next: &http.Transport{
			Proxy: nil, DialContext: quiet(dialer), TLSHandshakeTimeout: l.Time, ResponseHeaderTimeout: l.Time,
			MaxResponseHeaderBytes: maxHeader, DisableCompression: true, ForceAttemptHTTP2: true,
			MaxIdleConns: maxIdle, IdleConnTimeout: idleTime,
		}},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if l.Redirects == 0 {
				return http.ErrUseLastResponse
			}
			if len(via) > l.Redirects {
				return fmt.Errorf("more than %d redirects", l.Redirects)
			}
			if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
				return errors.New("a redirect away from https")
			}
			return p.CheckURL(req.URL.String())
		},
	}
}

// quiet leaves the address out of a refusal, which the dialer puts around it.
func quiet(d *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		var refused *Refused
		if errors.As(err, &refused) {
			return nil, refused
		}
		return conn, err
	}
}

// control is asked before each connection, with the address that it goes to.
func (p *Policy) control(network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return &Refused{Why: "not reached by TCP"}
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Refused{Why: "no address"}
	}
	return p.Check(to.Addr())
}

// CheckURL tells early whether an address can be one to send requests to. A name is not
// looked up: what it stands for is asked at each connection.
func (p *Policy) CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxURL:
		return fmt.Errorf("must have at most %d characters", maxURL)
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.Opaque != "":
		return errors.New("must be an address that starts with http:// or https://")
	case u.User != nil:
		return errors.New("must not hold a user or a password")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return p.Check(a)
	}
	if name := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return p.Check(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	return nil
}

// bounded ends bodies at their limit.
type bounded struct {
	limit int64
	next  http.RoundTripper
}

// RoundTrip sends a request.
func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err == nil {
		resp.Body = &body{ReadCloser: resp.Body, left: b.limit}
	}
	return resp, err
}

// CloseIdleConnections closes what is kept open for the next request.
func (b *bounded) CloseIdleConnections() {
	if t, ok := b.next.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

type body struct {
	io.ReadCloser
	left int64
}

// Read reads up to the limit; behind it there must be the end.
func (b *body) Read(to []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(to)) > b.left+1 {
		to = to[:b.left+1]
	}
	n, err := b.ReadCloser.Read(to)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}
