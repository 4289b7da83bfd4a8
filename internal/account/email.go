package account

import (
	"context"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// RequestEmail asks for another address: a link goes to it, a notice to the old one.
// Nothing changes before the link is used; whether the new address is taken is told
// then, to who can read it.
func (s *Service) RequestEmail(ctx context.Context, pass authz.Pass, email, password string) error {
	if err := pass.For(authz.AccountEdit); err != nil {
		return err
	}
	checks := &fault.Checks{}
	email = authn.CheckEmail(checks, "email", email)
	if err := checks.Err(); err != nil {
		return err
	}
	if err := s.needMail("Ask its operator to change the address."); err != nil {
		return err
	}
	r, err := findMine(s.db.Reader(ctx), pass)
	if err != nil {
		return err
	}
	if email == r.Email {
		checks.Add("email", "is the address of this account already")
		return checks.Err()
	}
	if err := s.samePassword(r, "password", password); err != nil {
		return err
	}
	if err := s.slow(pass.Actor().Client, emailProof, email); err != nil {
		return err
	}
	secret := newSecret()
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		tx.Unaudited("a letter changes nothing; what is done with it has its event")
		a, err := load(tx, pass.Actor().User)
		if err != nil {
			return err
		}
		if err := saveProof(tx, proofOf(tx, a, emailProof, email, ChangeEmailLife), secret); err != nil {
			return err
		}
		return errors.Join(
			s.near.Mail.Send(tx, email, confirmEmail(a.Email, email, verifyPath(secret, "", ""))),
			s.near.Mail.Send(tx, a.Email, emailRequested(a.Email, email)),
		)
	})
}

// setEmail gives an account another address, which its owner has proved. Links that
// were sent to the old one end.
func (s *Service) setEmail(tx *store.Tx, by audit.Holder, a Account, email string) (Account, error) {
	// Before the address changes hands: who makes an account waits for it with the server's head.
	if err := tx.Lock(store.Server); err != nil {
		return a, err
	}
	before, old := shown(a), a.Email
	if a.CommunicationEmail == old {
		a.CommunicationEmail = email
	}
	a.Email, a.VerifiedAt, a.UpdatedAt = email, tx.Now(), tx.Now()
	free, err := updateEmail(tx, a)
	if err != nil {
		return a, err
	}
	if !free {
		return a, emailTaken(email)
	}
	if err := dropProofs(tx, a.ID); err != nil {
		return a, err
	}
	if err := tx.Touch(string(a.ID), true); err != nil { // the address is a part of who somebody is
		return a, err
	}
	if err := record(tx, by, audit.AccountEmail, a, before, shown(a)); err != nil {
		return a, err
	}
	return a, s.near.Mail.Send(tx, old, emailChanged(old, email))
}

func emailTaken(email string) error {
	return fault.New(fault.EmailTaken, "There is an account with the e-mail address %s already.", email)
}

// SetEmail changes an address for the operator of the server, whose word is the proof.
func (s *Service) SetEmail(ctx context.Context, pass authz.Pass, email, newEmail string) (Account, error) {
	if err := pass.Operator(); err != nil {
		return Account{}, err
	}
	checks := &fault.Checks{}
	newEmail = authn.CheckEmail(checks, "new_email", newEmail)
	if err := checks.Err(); err != nil {
		return Account{}, err
	}
	found, err := s.Find(ctx, email)
	if err != nil {
		return Account{}, err
	}
	return store.Write(ctx, s.db, pass.As(found.Identity()), func(tx *store.Tx) (Account, error) {
		a, err := load(tx, found.ID)
		if err != nil {
			return a, err
		}
		return s.setEmail(tx, pass, a, newEmail)
	})
}
