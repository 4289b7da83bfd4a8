package device

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// codes are what a program is told.
type codes struct{ device, user string }

// begin keeps a program's wish, and makes its codes.
func (s *Service) begin(ctx context.Context, client authn.Client, name string) (codes, error) {
	if err := s.address.Try(client.Network()); err != nil {
		return codes{}, err
	}
	if err := s.all.Try(""); err != nil {
		return codes{}, err
	}
	made := codes{rand.Text() + rand.Text(), newUserCode()}
	return made, store.Do(ctx, s.db, authz.System("device code"), func(tx *store.Tx) error {
		tx.Unaudited("a code is a wish; what comes of it has its event")
		if err := dropExpired(tx, tx.Now()); err != nil {
			return err
		}
		return insert(tx, grant{
			id: id.New[string](), client: name, address: client.Address, userAgent: client.UserAgent, state: pending,
			createdAt: tx.Now(), expiresAt: tx.Now().Add(Life),
		}, made)
	})
}

// find reads what a typed code is about, for somebody who may approve it. Who guesses
// is slowed down.
func (s *Service) find(ctx context.Context, pass authz.Pass, typed string) (grant, string, error) {
	if err := s.guesses.Try(string(pass.Actor().User)); err != nil {
		return grant{}, "", err
	}
	code, ok := typedCode(typed)
	if !ok {
		return grant{}, "", errCode()
	}
	g, err := byUserCode(s.db.Reader(ctx), code, s.db.Now())
	return g, code, err
}

// errCode is the answer to a code that is unknown, over or used.
func errCode() error {
	checks := &fault.Checks{}
	checks.Add("user_code", "is not known, or has expired: let the program show a new one")
	return checks.Err()
}

func byUserCode(q store.Querier, code string, now clock.Time) (grant, error) {
	g, err := loadByUser(q, code)
	if errors.Is(err, store.ErrNone) || (err == nil && (g.state != pending || now >= g.expiresAt)) {
		return g, errCode()
	}
	return g, err
}

// wish is a program's wish as events show it.
type wish struct {
	Client    string `json:"client"`
	Address   string `json:"address"`
	UserAgent string `json:"user_agent"`
}

// answer approves or denies a program's wish in the name of whoever is signed in.
func (s *Service) answer(ctx context.Context, pass authz.Pass, typed string, approve bool) error {
	if err := pass.For(authz.AccountEdit); err != nil {
		return err
	}
	if err := s.guesses.Try(string(pass.Actor().User)); err != nil {
		return err
	}
	code, ok := typedCode(typed)
	if !ok {
		return errCode()
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		g, err := byUserCode(tx, code, tx.Now())
		if err != nil {
			return err
		}
		a, _, err := authn.LoadAccount(tx, pass.Actor().User)
		if err != nil {
			return err
		}
		to := denied
		if approve {
			to = approved
		}
		first, err := settle(tx, g, to, a.ID, a.CredentialsChangedAt)
		if err == nil && !first {
			err = errCode()
		}
		if err != nil {
			return err
		}
		if !approve {
			tx.Unaudited("nobody was let in")
			return nil
		}
		return record(tx, pass, audit.DeviceApprove, a, wish{g.client, g.address, g.userAgent})
	})
}

func record(tx *store.Tx, by audit.Holder, action audit.Action, a authn.Account, after any) error {
	if err := tx.Lock(store.Server); err != nil {
		return err
	}
	return audit.Record(tx, store.Server, by, audit.Entry{
		Action: action, Target: audit.Reference{ID: string(a.ID), Name: a.Email}, After: after,
	})
}
