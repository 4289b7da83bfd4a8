package account

import (
	"context"
	"errors"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// SessionKind says how somebody signed in.
type SessionKind string

// The kinds of sessions.
const (
	BrowserSession SessionKind = "browser"
	APISession     SessionKind = "api"    // lasts as long as its access token
	DeviceSession  SessionKind = "device" // a program's, approved in a browser; goes on with each refresh
)

// maxSessions bounds the sessions of one account; the ones that were unused for
// longest make room.
const maxSessions = 200

// Session is a sign-in that has not ended.
type Session struct {
	ID         id.Session
	User       id.User
	Kind       SessionKind
	Address    string
	UserAgent  string
	CreatedAt  clock.Time
	LastSeenAt clock.Time
	ExpiresAt  clock.Time
}

// Opened is a new session with its secret, which a browser's cookie holds.
type Opened struct {
	Session
	Secret string
}

// Life is how long the session lasts from its beginning.
func (s Session) Life() time.Duration { return s.ExpiresAt.Std().Sub(s.CreatedAt.Std()) }

// life is how long a session of a kind lasts.
func (s *Service) life(kind SessionKind) time.Duration {
	if kind == APISession {
		return s.signer.Life()
	}
	return s.sessionLife
}

// open starts a session inside a Write that stands on the account's head.
func (s *Service) open(tx *store.Tx, a Account, kind SessionKind, client authn.Client, secret string) (Opened, error) {
	dropped, err := dropSessions(tx, a.ID, tx.Now(), maxSessions-1)
	if err == nil && dropped > 0 {
		err = tx.Touch(string(a.ID), true) // for who remembers them
	}
	if err != nil {
		return Opened{}, err
	}
	session := Session{
		ID: id.New[id.Session](), User: a.ID, Kind: kind, Address: client.Address, UserAgent: client.UserAgent,
		CreatedAt: tx.Now(), LastSeenAt: tx.Now(), ExpiresAt: tx.Now().Add(s.life(kind)),
	}
	return Opened{session, secret}, insertSession(tx, session, authn.HashAPIToken(secret), a.CredentialsChangedAt)
}

// OpenBrowserSession signs somebody in who has proved in another way who they are:
// by a link that only they have.
func (s *Service) OpenBrowserSession(ctx context.Context, client authn.Client, a Account) (Opened, error) {
	return s.start(ctx, client, a, BrowserSession)
}

// start opens a session unless the account's credentials have changed since a was read.
func (s *Service) start(ctx context.Context, client authn.Client, a Account, kind SessionKind) (Opened, error) {
	secret := authn.NewSessionSecret()
	return store.Write(ctx, s.db, authz.System("sign in").As(a.Identity()), func(tx *store.Tx) (Opened, error) {
		return s.enter(tx, a, kind, client, secret)
	})
}

// enter is start as a part of a Write on the account's head.
func (s *Service) enter(tx *store.Tx, a Account, kind SessionKind, client authn.Client, secret string) (Opened, error) {
	now, err := load(tx, a.ID)
	if err != nil {
		return Opened{}, err
	}
	if now.DisabledAt != 0 || now.CredentialsChangedAt != a.CredentialsChangedAt {
		return Opened{}, fault.New(fault.BadCredentials, "")
	}
	opened, err := s.open(tx, a, kind, client, secret)
	if err != nil {
		return opened, err
	}
	by := holder{authn.Actor{Kind: authn.Person, User: a.ID, Name: a.Email, Client: client}}
	return opened, record(tx, by, audit.AccountSignIn, a, nil, nil)
}

// Sessions lists the caller's sessions, the ones used last first.
func (s *Service) Sessions(ctx context.Context, pass authz.Pass) ([]Session, error) {
	if err := pass.For(authz.AccountRead); err != nil {
		return nil, err
	}
	return listSessions(s.db.Reader(ctx), pass.Actor().User, s.db.Now())
}

// EndSession ends one of the caller's sessions, with its access tokens, at once.
func (s *Service) EndSession(ctx context.Context, pass authz.Pass, session id.Session) error {
	if err := pass.For(authz.AccountEdit); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		gone, err := removeSession(tx, pass.Actor().User, session)
		if err != nil {
			return err
		}
		if !gone {
			return fault.New(fault.NotFound, "There is no such session; it has ended.")
		}
		return s.ended(tx, pass)
	})
}

// EndOtherSessions ends every session of the caller's but the one they use.
func (s *Service) EndOtherSessions(ctx context.Context, pass authz.Pass) error {
	if err := pass.For(authz.AccountEdit); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		if err := removeSessions(tx, pass.Actor().User, pass.Actor().Session); err != nil {
			return err
		}
		return s.ended(tx, pass)
	})
}

// SignOut ends the caller's own session; an access token without one lives out its time.
func (s *Service) SignOut(ctx context.Context, pass authz.Pass) error {
	if err := pass.For(authz.AccountEdit); err != nil || pass.Actor().Session == "" {
		return err
	}
	err := s.EndSession(ctx, pass, pass.Actor().Session)
	if fault.Has(err, fault.NotFound) || fault.Has(err, fault.Unauthenticated) {
		return nil // it has ended, which is what was asked for
	}
	return err
}

// ended makes the end of sessions known to everything that remembers them.
func (s *Service) ended(tx *store.Tx, pass authz.Pass) error {
	if err := tx.Touch(string(pass.Actor().User), true); err != nil {
		return err
	}
	a, err := load(tx, pass.Actor().User)
	if err != nil {
		return err
	}
	return record(tx, pass, audit.AccountSignOut, a, nil, nil)
}

// DropExpired removes the sessions and the links that are over.
func (s *Service) DropExpired(tx *store.Tx) error {
	return errors.Join(dropExpiredSessions(tx, tx.Now()), dropExpiredProofs(tx, tx.Now()))
}

// checkPassword finds the account of an address and a password, in the same time
// whether or not there is one.
func (s *Service) checkPassword(ctx context.Context, client authn.Client, email, password, browser string) (Account, error) {
	key, err := s.tryPassword(ctx, client, email, browser)
	if err != nil {
		return Account{}, err
	}
	a, hash, err := findByEmail(s.db.Reader(ctx), email)
	if err != nil && !errors.Is(err, store.ErrNone) {
		return Account{}, err
	}
	if !s.hasher.Matches(hash, password) || a.DisabledAt != 0 {
		return Account{}, fault.New(fault.BadCredentials, "")
	}
	s.limits.pair.Forget(key)
	return a, nil
}
