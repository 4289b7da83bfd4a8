package device

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// problem is an error of the token endpoint by its name in the standards (RFC 6749,
// 5.2; RFC 8628, 3.5).
type problem string

const (
	invalidRequest       problem = "invalid_request"
	invalidClient        problem = "invalid_client"
	invalidGrant         problem = "invalid_grant"
	unsupportedGrant     problem = "unsupported_grant_type"
	authorizationPending problem = "authorization_pending"
	slowDown             problem = "slow_down"
	accessDenied         problem = "access_denied"
	expiredToken         problem = "expired_token"
)

func (p problem) Error() string { return string(p) }

// tokens are what a program gets.
type tokens struct {
	access  string
	expires clock.Time
	refresh string
}

// A refresh token is a family, which all tokens of one session share, and a secret,
// which changes with each use. A token of a known family with another secret was used
// before: whoever shows it, or whoever used it, is not who should have it.
const (
	refreshPrefix = "qor_"
	familyLength  = 26
	refreshLength = len(refreshPrefix) + 2*familyLength
)

func newRefresh(family string) (token, secret string) {
	secret = rand.Text()
	return refreshPrefix + family + secret, secret
}

func splitRefresh(token string) (family, secret string, ok bool) {
	rest, found := strings.CutPrefix(token, refreshPrefix)
	if !found || len(token) != refreshLength {
		return "", "", false
	}
	return rest[:familyLength], rest[familyLength:], true
}

// trade gives tokens for a device code that was approved.
func (s *Service) trade(ctx context.Context, client authn.Client, name, code string) (tokens, error) {
	g, err := loadByDevice(s.db.Reader(ctx), code)
	if errors.Is(err, store.ErrNone) || (err == nil && g.client != name) {
		return tokens{}, s.wrong(client)
	}
	switch {
	case err != nil:
		return tokens{}, err
	case s.db.Now() >= g.expiresAt:
		return tokens{}, expiredToken
	case g.state == denied:
		return tokens{}, accessDenied
	case g.state == pending && s.polls.tooEarly(g.id):
		return tokens{}, slowDown
	case g.state == pending:
		return tokens{}, authorizationPending
	}
	a := authn.Account{ID: g.user, CredentialsChangedAt: g.credentials}
	family := rand.Text()
	refresh, secret := newRefresh(family)
	session, err := store.Write(ctx, s.db, authz.System("device token").As(a), func(tx *store.Tx) (id.Session, error) {
		taken, err := take(tx, g)
		if err == nil && !taken { // a code is traded once
			err = invalidGrant
		}
		if err != nil {
			return "", err
		}
		now, _, err := authn.LoadAccount(tx, g.user)
		if err != nil {
			return "", err
		}
		a.Email, a.Name = now.Email, now.Name // its credentials stay those of the approval
		session, err := s.accounts.EnterDevice(tx, client, a)
		if err != nil {
			return "", err
		}
		return session, insertFamily(tx, session, name, family, secret)
	})
	if err != nil {
		return tokens{}, lost(err)
	}
	return s.give(a, session, refresh)
}

func (s *Service) give(a authn.Account, session id.Session, refresh string) (tokens, error) {
	access, expires, err := s.accounts.Sign(a, session)
	return tokens{access, expires, refresh}, err
}

// wrong slows down who tries codes and tokens that are nobody's.
func (s *Service) wrong(client authn.Client) error {
	if err := s.tokens.Try(client.Network()); err != nil {
		return err
	}
	return invalidGrant
}

// refresh gives new tokens for a refresh token. There is no time of grace for one that
// was used: a program whose answer was lost signs in again, and so does a thief.
func (s *Service) refresh(ctx context.Context, client authn.Client, name, token string) (tokens, error) {
	family, secret, ok := splitRefresh(token)
	if !ok {
		return tokens{}, s.wrong(client)
	}
	f, err := loadFamily(s.db.Reader(ctx), family)
	if errors.Is(err, store.ErrNone) {
		return tokens{}, s.wrong(client)
	}
	if err != nil {
		return tokens{}, err
	}
	if f.client != name {
		return tokens{}, invalidGrant
	}
	next, nextSecret := newRefresh(family)
	var a authn.Account
	reused, err := store.Write(ctx, s.db, authz.System("refresh").As(authn.Account{ID: f.user}), func(tx *store.Tx) (bool, error) {
		f, err := loadFamily(tx, family)
		if errors.Is(err, store.ErrNone) {
			return false, invalidGrant
		}
		if err != nil {
			return false, err
		}
		if a, _, err = authn.LoadAccount(tx, f.user); err != nil {
			return false, err
		}
		if subtle.ConstantTimeCompare(f.secret, authn.HashAPIToken(secret)) != 1 {
			return true, s.endFamily(tx, client, a, f)
		}
		tx.Unaudited("a program goes on with the session that it has")
		alive, err := s.accounts.Prolong(tx, a, f.session)
		if err == nil && (!alive || a.DisabledAt != 0) {
			err = invalidGrant
		}
		if err != nil {
			return false, err
		}
		return false, setSecret(tx, f, nextSecret)
	})
	switch {
	case err != nil:
		return tokens{}, lost(err)
	case reused:
		return tokens{}, invalidGrant
	}
	return s.give(a, f.session, next)
}

// endFamily ends the session of a refresh token that was shown twice.
func (s *Service) endFamily(tx *store.Tx, client authn.Client, a authn.Account, f family) error {
	if err := s.accounts.Leave(tx, f.user, f.session); err != nil {
		return err
	}
	if err := s.tellReuse(tx, a, client, f); err != nil {
		return err
	}
	by := holder{authn.Actor{Kind: authn.Person, User: a.ID, Name: a.Email, Client: client}}
	return record(tx, by, audit.RefreshReuse, a, nil)
}

// holder lets somebody appear in an event who is known by what they hold.
type holder struct{ actor authn.Actor }

// Actor is who did it.
func (h holder) Actor() authn.Actor { return h.actor }

// lost is an error as the program hears it: an account that is gone, disabled or has
// other credentials by now is no account for it.
func lost(err error) error {
	if fault.Has(err, fault.BadCredentials) || fault.Has(err, fault.Unauthenticated) || fault.Has(err, fault.NotFound) || errors.Is(err, store.ErrNone) {
		return invalidGrant
	}
	return err
}
