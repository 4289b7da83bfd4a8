// Package oidc lets people sign in with a provider of identities (OpenID Connect), takes
// the provider's tokens for calls of the API, and keeps who is who.
package oidc

import (
	"context"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Settings say which provider is trusted, and what for.
type Settings struct {
	// Issuer is the provider's address; empty for none.
	Issuer string
	// Audience is what access tokens for our API are made for; empty where none are taken.
	Audience string
	// ClientID and ClientSecret are ours at the provider; without an id nobody signs in
	// in the browser, without a secret we are a public client.
	ClientID, ClientSecret string
	// Name is how people call the provider.
	Name string
	// Anybody lets everybody in whom the provider vouches for; otherwise an account is
	// made only where an invitation waits for the address.
	Anybody bool
}

// Accounts is what identities need of accounts.
type Accounts interface {
	// FindIn reads the account of an address; store.ErrNone where there is none.
	FindIn(q store.Querier, email string) (authn.Account, error)
	// Welcome makes a verified account without a password; fault.EmailTaken where the address has one.
	Welcome(tx *store.Tx, client authn.Client, email, firstName, lastName string) (authn.Account, error)
	// HasPassword tells whether an account can be signed in to without a provider.
	HasPassword(q store.Querier, user id.User) (bool, error)
	// Enter opens a browser's session for somebody who has proved who they are.
	Enter(ctx context.Context, client authn.Client, a authn.Account) (secret string, life time.Duration, err error)
}

// Service signs people in through the provider and keeps their identities.
type Service struct {
	db       *store.DB
	accounts Accounts
	outbox   Outbox
	settings Settings
	log      *slog.Logger
	provider *provider
	checked  *lru.Cache[string, authn.Outsider]
	begun    *authn.Limiter // sign-ins that one network brings back
}

// NewService makes the service. Nothing is asked of the provider before it is needed,
// so that one that is down does not stop our start.
func NewService(db *store.DB, c clock.Clock, log *slog.Logger, accounts Accounts, outbox Outbox, settings Settings) *Service {
	checked, err := lru.New[string, authn.Outsider](8192)
	if err != nil {
		panic(err) // only a size below one fails
	}
	s := &Service{db: db, accounts: accounts, outbox: outbox, settings: settings, log: log, checked: checked, begun: authn.NewLimiter(c, 100, time.Second)}
	s.provider = newProvider(c, log, settings.Issuer, settings.Name, checked.Purge)
	return s
}

// SignsIn tells whether people can sign in through the provider in the browser.
func (s *Service) SignsIn() bool { return s.settings.Issuer != "" && s.settings.ClientID != "" }

// TakesTokens tells whether the provider's tokens are taken for calls of the API.
func (s *Service) TakesTokens() bool { return s.settings.Issuer != "" && s.settings.Audience != "" }

// Name is how people call the provider.
func (s *Service) Name() string { return s.settings.Name }
