package oidc

import (
	"context"
	"errors"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Identity says that a subject of a provider is one of our accounts.
type Identity struct {
	ID      id.Identity
	User    id.User
	Issuer  string
	Subject string
	// Email is the proved address at the time when the two were linked; later ones move nothing here.
	Email     string
	CreatedAt clock.Time
}

// maxIdentities bounds the identities of one account.
const maxIdentities = 20

// arrival is somebody who was let in.
type arrival struct {
	account authn.Account
	// linked is true where they met an account that was there before, for the first time.
	linked bool
}

// Admit gives somebody who comes with a token of the provider, for the first time,
// their account, or refuses them.
func (s *Service) Admit(ctx context.Context, who authn.Outsider) error {
	if who.Email == "" {
		return fault.New(fault.Unauthenticated, "No account here is known for this token of %s: sign in with it once in the browser.", s.settings.Name)
	}
	_, err := s.admit(ctx, route.RequestInfo(ctx).Client(), who)
	return err
}

// admit finds the account of somebody the provider vouches for: the one that was linked
// to the subject, else that of the address, where both sides have proved it, else a new one.
func (s *Service) admit(ctx context.Context, client authn.Client, who authn.Outsider) (arrival, error) {
	for range 3 { // another request of theirs may do the same at this moment
		a, err := s.try(ctx, client, who)
		if !errors.Is(err, errAgain) {
			return a, err
		}
	}
	return arrival{}, fault.New(fault.Unavailable, "")
}

var errAgain = errors.New("somebody else was quicker")

func (s *Service) try(ctx context.Context, client authn.Client, who authn.Outsider) (arrival, error) {
	q := s.db.Reader(ctx)
	known, err := find(q, who)
	if err == nil {
		a, _, err := authn.LoadAccount(q, known.User)
		return arrival{account: a}, err
	}
	if !errors.Is(err, store.ErrNone) {
		return arrival{}, err
	}
	if who.Email == "" {
		return arrival{}, fault.New(fault.SignInRefused, "%s has not proved your e-mail address to us. Prove it there and come back, or sign in with your password and link %s to your account.", s.settings.Name, s.settings.Name)
	}
	a, err := s.accounts.FindIn(q, who.Email)
	if errors.Is(err, store.ErrNone) {
		return s.welcome(ctx, client, who)
	}
	if err != nil {
		return arrival{}, err
	}
	if err := s.same(a, who); err != nil {
		return arrival{}, err
	}
	err = store.Do(ctx, s.db, authz.System("first sign-in by the provider").As(a), func(tx *store.Tx) error {
		return s.recognise(tx, client, a.ID, who)
	})
	return arrival{a, true}, err
}

// recognise links somebody to the account of their address, as a part of a Write on its head.
func (s *Service) recognise(tx *store.Tx, client authn.Client, user id.User, who authn.Outsider) error {
	if _, err := find(tx, who); err == nil {
		return errAgain
	} else if !errors.Is(err, store.ErrNone) {
		return err
	}
	a, _, err := authn.LoadAccount(tx, user)
	if err != nil {
		return err
	}
	if err := s.same(a, who); err != nil {
		return err
	}
	// Addresses change hands at a provider; who has come as another subject must say that this is also them.
	n, err := count(tx, a.ID, who.Issuer)
	if err == nil && n > 0 {
		err = fault.New(fault.SignInRefused, "The account of %s belongs to somebody else at %s. If that is also you, sign in as before and link the two.", who.Email, s.settings.Name)
	}
	if err != nil {
		return err
	}
	i, err := s.link(tx, person(a, client), a, who)
	if err != nil {
		return err
	}
	return s.tellLinked(tx, a, i)
}

// same holds an account of an address to what the provider says: an address that was
// never proved here may be a trap that somebody has set for its owner, and one that is
// only alike may be another person's.
func (s *Service) same(a authn.Account, who authn.Outsider) error {
	switch {
	case a.DisabledAt != 0:
		return fault.New(fault.SignInRefused, "Your account is disabled; ask the operator of the server.")
	case a.VerifiedAt == 0:
		return fault.New(fault.SignInRefused, "There is an account with the address %s here, but nobody has proved that the address is theirs. Prove it, then sign in with %s.", who.Email, s.settings.Name)
	case lower(a.Email) != lower(who.Email):
		return fault.New(fault.SignInRefused, "There is an account here whose address differs from %s only in how it is written. Sign in with its password and link %s to it.", who.Email, s.settings.Name)
	}
	return nil
}

// lower folds the letters in which addresses are commonly written, and no others.
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}

// welcome makes an account for somebody who has none.
func (s *Service) welcome(ctx context.Context, client authn.Client, who authn.Outsider) (arrival, error) {
	a, err := store.Write(ctx, s.db, authz.System("first sign-in by the provider"), func(tx *store.Tx) (authn.Account, error) {
		if err := s.mayCome(tx, who.Email); err != nil {
			return authn.Account{}, err
		}
		a, err := s.accounts.Welcome(tx, client, who.Email, who.FirstName, who.LastName)
		if err != nil {
			return a, err
		}
		_, err = s.link(tx, person(a, client), a, who)
		return a, err
	})
	if fault.Has(err, fault.EmailTaken) {
		err = errAgain
	}
	return arrival{account: a}, err
}

// mayCome tells whether an account may be made for an address.
func (s *Service) mayCome(q store.Querier, email string) error {
	if s.settings.Anybody {
		return nil
	}
	waiting, err := invited(q, email, s.db.Now())
	if err == nil && !waiting {
		err = fault.New(fault.SignInRefused, "There is no account for %s here, and no invitation waits for it. Ask for one.", email)
	}
	return err
}

// attach links somebody at the provider to the account that they are signed in with.
func (s *Service) attach(ctx context.Context, pass authz.Pass, who authn.Outsider) error {
	known, err := find(s.db.Reader(ctx), who)
	switch {
	case err == nil && known.User == pass.Actor().User:
		return nil
	case err == nil:
		return fault.New(fault.IdentityTaken, "You signed in at %s as somebody whose account here is another one.", s.settings.Name)
	case !errors.Is(err, store.ErrNone):
		return err
	}
	err = store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		a, _, err := authn.LoadAccount(tx, pass.Actor().User)
		if err != nil {
			return err
		}
		i, err := s.link(tx, pass, a, who)
		if err != nil {
			return err
		}
		return s.tellLinked(tx, a, i)
	})
	if errors.Is(err, errAgain) {
		return s.attach(ctx, pass, who)
	}
	return err
}

// link keeps that a subject is an account, as a part of a Write on the account's head.
func (s *Service) link(tx *store.Tx, by audit.Holder, a authn.Account, who authn.Outsider) (Identity, error) {
	i := Identity{ID: id.New[id.Identity](), User: a.ID, Issuer: who.Issuer, Subject: who.Subject, Email: who.Email, CreatedAt: tx.Now()}
	n, err := count(tx, a.ID, "")
	if err == nil && n >= maxIdentities {
		err = fault.New(fault.LimitReached, "An account has at most %d identities; remove one first.", maxIdentities)
	}
	if err != nil {
		return i, err
	}
	free, err := insert(tx, i)
	if err == nil && !free {
		err = errAgain
	}
	if err != nil {
		return i, err
	}
	return i, record(tx, by, audit.IdentityLink, a, nil, shown(i))
}

// Identities lists how the caller is known outside.
func (s *Service) Identities(ctx context.Context, pass authz.Pass) ([]Identity, error) {
	if err := pass.For(authz.AccountRead); err != nil {
		return nil, err
	}
	return list(s.db.Reader(ctx), pass.Actor().User)
}

// Unlink takes an identity from the caller's account, unless nobody could sign in to it
// any more.
func (s *Service) Unlink(ctx context.Context, pass authz.Pass, identity id.Identity) error {
	if err := pass.For(authz.AccountEdit); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		a, _, err := authn.LoadAccount(tx, pass.Actor().User)
		if err != nil {
			return err
		}
		i, err := load(tx, a.ID, identity)
		if err != nil {
			return err
		}
		if err := s.otherWay(tx, a.ID, i); err != nil {
			return err
		}
		if err := remove(tx, i); err != nil {
			return err
		}
		if err := tx.Touch(string(a.ID), true); err != nil {
			return err
		}
		return record(tx, pass, audit.IdentityUnlink, a, shown(i), nil)
	})
}

// otherWay refuses where an identity is the only way into an account: there is no
// password, and no further identity of the provider that is trusted now.
func (s *Service) otherWay(q store.Querier, user id.User, i Identity) error {
	password, err := s.accounts.HasPassword(q, user)
	if err != nil || password {
		return err
	}
	n, err := others(q, i, s.settings.Issuer)
	if err == nil && (n == 0 || !s.SignsIn()) {
		err = fault.New(fault.LastWayIn, "This is your only way to sign in: choose a password or link another identity first.")
	}
	return err
}

// holder lets somebody who has just proved who they are appear in an event.
type holder struct{ actor authn.Actor }

// Actor is who did it.
func (h holder) Actor() authn.Actor { return h.actor }

func person(a authn.Account, client authn.Client) holder {
	return holder{authn.Actor{Kind: authn.Person, User: a.ID, Name: a.Email, Client: client}}
}

func record(tx *store.Tx, by audit.Holder, action audit.Action, a authn.Account, before, after any) error {
	if err := tx.Lock(store.Server); err != nil {
		return err
	}
	return audit.Record(tx, store.Server, by, audit.Entry{
		Action: action, Target: audit.Reference{ID: string(a.ID), Name: a.Email}, Before: before, After: after,
	})
}
