// Package authn finds out who calls: it turns a credential into an Actor, hashes
// passwords, signs and checks access tokens and API tokens. What the actor may do
// is for package authz.
package authn

import (
	"net/netip"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// Kind is the sort of an actor.
type Kind string

// The sorts of actors.
const (
	Anonymous Kind = ""
	Person    Kind = "user"
	APIToken  Kind = "api_token"
	System    Kind = "system"
)

// Actor is who calls: a person, an API token, or the system itself.
type Actor struct {
	Kind Kind
	// User is the person, or the creator of the API token.
	User id.User
	// Token, Organization and TokenRole are set for an API token only.
	Token        id.Token
	Organization id.Organization
	TokenRole    string
	// Name is how the actor appears in events: a person's e-mail address, a token's name.
	Name string
	// ExpiresAt is when the credential ends; zero for never.
	ExpiresAt clock.Time
	// Generation is the generation of the account's rights at which it was read.
	Generation int64
	// Credentials is when a person's credentials last changed, as the access token or the session says.
	Credentials clock.Time
	// Session is the person's sign-in; empty for an access token that the operator made.
	Session id.Session
	// Identity is who the person is at the provider outside whose token they sent.
	Identity id.Identity
	Client   Client
}

// Client is where a request came from.
type Client struct {
	Address   string `json:"address,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Origin    string `json:"origin,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// Network is the part of the address that one party has to itself: a whole IPv4
// address, the first 64 bits of an IPv6 one, whose rest its holder chooses freely.
func (c Client) Network() string {
	a, err := netip.ParseAddr(c.Address)
	if err != nil || a.Is4() || a.Is4In6() {
		return c.Address
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return c.Address
	}
	return p.String()
}

// ID is the actor's own id: the token's for an API token, else the person's.
func (a Actor) ID() string {
	if a.Kind == APIToken {
		return string(a.Token)
	}
	return string(a.User)
}
