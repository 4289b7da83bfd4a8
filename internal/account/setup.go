package account

import (
	"context"
	"crypto/rand"
	"math"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// SetupLife is how long a setup link works.
const SetupLife = time.Hour

// SetupToken makes the one-time secret of a setup link while there is no account;
// an empty one where there is.
func (s *Service) SetupToken(ctx context.Context, pass authz.Pass) (string, error) {
	if exists, err := anyAccount(s.db.Reader(ctx)); err != nil || exists {
		return "", err
	}
	token := rand.Text()
	return token, store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		tx.Unaudited("a setup link is an offer; the account made with it has its event")
		if err := dropSetupLinks(tx, tx.Now()); err != nil {
			return err
		}
		return saveSetupLink(tx, authn.HashAPIToken(token), tx.Now().Add(SetupLife))
	})
}

// SetupOpen tells whether a setup link can still be used.
func (s *Service) SetupOpen(ctx context.Context, token string) error {
	return s.setupOpen(s.db.Reader(ctx), token)
}

func (s *Service) setupOpen(q store.Querier, token string) error {
	exists, err := anyAccount(q)
	if err != nil {
		return err
	}
	if exists {
		return fault.New(fault.SetupClosed, "This server is set up already: sign in instead.")
	}
	valid, err := setupLinkValid(q, authn.HashAPIToken(token), s.db.Now())
	if err == nil && !valid {
		err = fault.New(fault.SetupClosed, "This setup link is unknown or has expired. Restart the server: it prints a new one.")
	}
	return err
}

// Setup makes the first account and signs its owner in. The server's head is locked,
// so of two people with the link only one gets through.
func (s *Service) Setup(ctx context.Context, pass authz.Pass, token, email, password string) (Account, Opened, error) {
	if err := s.SetupOpen(ctx, token); err != nil {
		return Account{}, Opened{}, err
	}
	n, err := s.Prepare(email, password)
	if err != nil {
		return Account{}, Opened{}, err
	}
	a, err := store.Write(ctx, s.db, pass, func(tx *store.Tx) (Account, error) {
		if err := s.setupOpen(tx, token); err != nil {
			return Account{}, err
		}
		if err := dropSetupLinks(tx, clock.Time(math.MaxInt64)); err != nil {
			return Account{}, err
		}
		return s.CreateIn(tx, pass, n)
	})
	if err != nil {
		return a, Opened{}, err
	}
	opened, err := s.OpenBrowserSession(ctx, pass.Actor().Client, a)
	return a, opened, err
}
