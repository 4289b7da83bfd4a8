package account

import (
	"context"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// closedName stands where something still names a person who deleted their account.
const closedName = "deleted account"

// Close deletes the caller's account for good. It is proved by the password or, where
// the account has none, by typing the address. The owner of an organization cannot go:
// there is always one.
//
// A row stays, so that what points at the account finds something: it is disabled and
// says nothing of the person. The address is free again. The record keeps its events,
// unless the person asks to be erased: then a job takes them out of it.
func (s *Service) Close(ctx context.Context, pass authz.Pass, password, email string, erase bool) error {
	if err := pass.For(authz.AccountEdit); err != nil {
		return err
	}
	r, err := findMine(s.db.Reader(ctx), pass)
	if err != nil {
		return err
	}
	if r.hash != "" {
		err = s.samePassword(r, "password", password)
	} else if authn.Key(email) != authn.Key(r.Email) {
		checks := &fault.Checks{}
		checks.Add("email", "is not the address of this account")
		err = checks.Err()
	}
	if err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		if erase {
			_, err := s.leaveWithoutTrace(tx, pass, r.ID)
			return err
		}
		return s.leave(tx, pass, r.ID)
	})
}

// CloseFor is Close for the operator of the server, who gives the address again.
func (s *Service) CloseFor(ctx context.Context, pass authz.Pass, who, confirmed string) (id.User, error) {
	if err := pass.Operator(); err != nil {
		return "", err
	}
	a, err := find(s.db.Reader(ctx), who)
	if err != nil {
		return "", err
	}
	if confirmed != a.Email {
		return "", fault.New(fault.Invalid, "This deletes the account of %s (%s) with the API tokens that the person made, and nothing brings it back. To do it, add --yes %s.", a.Email, a.ID, a.Email)
	}
	as := pass.As(authn.Account{ID: a.ID, Email: a.Email})
	return a.ID, store.Do(ctx, s.db, as, func(tx *store.Tx) error { return s.leave(tx, as, a.ID) })
}

// leave takes the person out of every organization and empties the account, whose
// head is locked.
func (s *Service) leave(tx *store.Tx, pass authz.Pass, user id.User) error {
	a, err := load(tx, user)
	if err != nil {
		return err
	}
	if err := s.lockPlaces(tx, a.ID); err != nil {
		return err
	}
	owned, err := s.near.Organizations.Owned(tx, a.ID)
	if err != nil {
		return err
	}
	if len(owned) > 0 {
		return fault.New(fault.LimitReached, "%s owns %s. Every organization has an owner: transfer the ownership first, or delete the organization and wait until it is gone for good.",
			a.Email, strings.Join(owned, ", "))
	}
	for _, leaver := range s.near.Leavers {
		if err := leaver.Leave(tx, pass, a.ID); err != nil {
			return err
		}
	}
	return s.close(tx, pass, a)
}

// lockPlaces locks the organizations that the person leaves. What might add one stands
// on the account's head, which is locked; should one come all the same, nothing is done.
func (s *Service) lockPlaces(tx *store.Tx, user id.User) error {
	places, err := s.places(tx, user)
	if err != nil {
		return err
	}
	if err := tx.Lock(places...); err != nil {
		return err
	}
	now, err := s.places(tx, user)
	if err != nil {
		return err
	}
	for _, place := range now {
		if !slices.Contains(places, place) {
			return fault.New(fault.RightsChanged, "")
		}
	}
	return nil
}

func (s *Service) places(tx *store.Tx, user id.User) ([]string, error) {
	var all []string
	for _, leaver := range s.near.Leavers {
		places, err := leaver.Places(tx, user)
		if err != nil {
			return nil, err
		}
		for _, place := range places {
			if !slices.Contains(all, string(place)) {
				all = append(all, string(place))
			}
		}
	}
	return all, nil
}

// close empties the account's row.
func (s *Service) close(tx *store.Tx, by audit.Holder, a Account) error {
	// Before the address is free: who makes an account waits for it with the server's head.
	if err := tx.Lock(store.Server); err != nil {
		return err
	}
	closed := Account{ID: a.ID, Email: closedName, CommunicationEmail: closedName, CredentialsChangedAt: a.CredentialsChangedAt}
	if err := renewCredentials(tx, &closed, ""); err != nil {
		return err
	}
	if err := empty(tx, closed); err != nil {
		return err
	}
	if err := record(tx, by, audit.AccountDelete, a, shown(a), nil); err != nil {
		return err
	}
	return s.near.Mail.Send(tx, a.Email, accountClosed(a.Email))
}
