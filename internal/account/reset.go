package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const resetJob = "account.reset"

// ResetPath is where somebody chooses a new password with a link's secret.
func ResetPath(secret string) string { return "/reset?" + url.Values{"token": {secret}}.Encode() }

// RequestReset asks for a letter with a link to choose a new password. Whether there
// is an account with the address is not to be learned from the answer.
func (s *Service) RequestReset(ctx context.Context, pass authz.Pass, email string) error {
	checks := &fault.Checks{}
	email = authn.CheckEmail(checks, "email", email)
	if err := checks.Err(); err != nil {
		return err
	}
	if err := s.needMail("Ask its operator for a link to choose a new password."); err != nil {
		return err
	}
	if err := s.slow(pass.Actor().Client, resetProof, email); err != nil {
		return err
	}
	return s.ask(ctx, pass, resetJob, asked{Email: email})
}

// answerReset sends the letter where there is an account. It may run twice.
func (s *Service) answerReset(ctx context.Context, text []byte) error {
	var r asked
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	found, _, err := findByEmail(s.db.Reader(ctx), r.Email)
	if errors.Is(err, store.ErrNone) || (err == nil && found.DisabledAt != 0) {
		return nil
	}
	if err != nil {
		return err
	}
	secret := newSecret()
	return store.Do(ctx, s.db, authz.System("answer to a reset").As(found.Identity()), func(tx *store.Tx) error {
		tx.Unaudited("a letter changes nothing; what is done with it has its event")
		if first, err := markAsked(tx, r.Request); err != nil || !first {
			return err
		}
		a, err := load(tx, found.ID)
		if err != nil {
			return err
		}
		if a.DisabledAt != 0 || authn.Key(a.Email) != authn.Key(r.Email) {
			return nil // since it was looked up
		}
		if err := saveProof(tx, proofOf(tx, a, resetProof, a.Email, ResetLife), secret); err != nil {
			return err
		}
		return s.near.Mail.Send(tx, a.Email, resetPassword(a.Email, ResetPath(secret)))
	})
}

// ResetLink makes the secret of a link to choose a new password, for the operator to
// hand over. It proves nothing of the address.
func (s *Service) ResetLink(ctx context.Context, pass authz.Pass, email string) (Account, string, error) {
	if err := pass.Operator(); err != nil {
		return Account{}, "", err
	}
	found, err := s.findEnabled(ctx, email)
	if err != nil {
		return found, "", err
	}
	secret := newSecret()
	return found, secret, store.Do(ctx, s.db, pass.As(found.Identity()), func(tx *store.Tx) error {
		tx.Unaudited("a link changes nothing; what is done with it has its event")
		a, err := load(tx, found.ID)
		if err != nil {
			return err
		}
		return saveProof(tx, proofOf(tx, a, resetProof, "", ResetLife), secret)
	})
}

// findEnabled is Find for what a disabled account must not be given.
func (s *Service) findEnabled(ctx context.Context, email string) (Account, error) {
	found, err := s.Find(ctx, email)
	if err == nil && found.DisabledAt != 0 {
		err = fault.New(fault.NotFound, "The account with the e-mail address %s is disabled.", email)
	}
	return found, err
}

// ResetOpen tells whether a link can still be used, and uses nothing up.
func (s *Service) ResetOpen(ctx context.Context, secret string) (Account, error) {
	_, r, err := s.openProof(s.db.Reader(ctx), secret, resetProof)
	return r.Account, err
}

// Reset gives an account a new password by the link that its owner was sent. Every
// session and access token of the account ends.
func (s *Service) Reset(ctx context.Context, pass authz.Pass, secret, password string) (Account, error) {
	client := pass.Actor().Client
	if err := s.limits.address.Try(client.Network()); err != nil {
		return Account{}, err
	}
	_, r, err := s.openProof(s.db.Reader(ctx), secret, resetProof)
	if err != nil {
		return Account{}, err
	}
	hash, err := s.newHash("password", password, r.Email)
	if err != nil {
		return Account{}, err
	}
	return store.Write(ctx, s.db, authz.System("reset of a password").As(r.Identity()), func(tx *store.Tx) (Account, error) {
		p, r, err := s.openProof(tx, secret, resetProof)
		if err != nil {
			return Account{}, err
		}
		a, by := r.Account, themselves(r.Account, client)
		if a.VerifiedAt == 0 && authn.Key(p.email) == authn.Key(a.Email) {
			if err := markVerified(tx, by, &a); err != nil {
				return a, err
			}
		}
		err = s.setPassword(tx, by, &a, hash)
		return a, err
	})
}

// newHash checks a new password and hashes it, outside every Write.
func (s *Service) newHash(field, password, email string) (string, error) {
	checks := &fault.Checks{}
	s.passwords.Check(checks, field, password, email)
	if err := checks.Err(); err != nil {
		return "", err
	}
	return s.hasher.Hash(password), nil
}

// setPassword changes the credentials of an account: everything that was proved with
// the old ones ends.
func (s *Service) setPassword(tx *store.Tx, by audit.Holder, a *Account, hash string) error {
	if err := renewCredentials(tx, a, hash); err != nil {
		return err
	}
	if err := record(tx, by, audit.AccountPassword, *a, nil, nil); err != nil {
		return err
	}
	return s.near.Mail.Send(tx, a.Email, passwordChanged(a.Email))
}

// renewCredentials gives an account another password's hash, ends its sessions and
// access tokens, and the links that are on their way.
func renewCredentials(tx *store.Tx, a *Account, hash string) error {
	// Two changes in one microsecond are two all the same.
	a.CredentialsChangedAt, a.UpdatedAt = max(tx.Now(), a.CredentialsChangedAt+1), tx.Now()
	if err := setCredentials(tx, *a, hash); err != nil {
		return err
	}
	if err := errors.Join(dropProofs(tx, a.ID), removeSessions(tx, a.ID, "")); err != nil {
		return err
	}
	return tx.Touch(string(a.ID), true)
}

// SetPassword changes a password for the operator of the server.
func (s *Service) SetPassword(ctx context.Context, pass authz.Pass, email, password string) (Account, error) {
	if err := pass.Operator(); err != nil {
		return Account{}, err
	}
	found, err := s.findEnabled(ctx, email)
	if err != nil {
		return Account{}, err
	}
	hash, err := s.newHash("password", password, found.Email)
	if err != nil {
		return Account{}, err
	}
	return store.Write(ctx, s.db, pass.As(found.Identity()), func(tx *store.Tx) (Account, error) {
		a, err := load(tx, found.ID)
		if err != nil {
			return a, err
		}
		err = s.setPassword(tx, pass, &a, hash)
		return a, err
	})
}

// ChangePassword gives the caller's account another password. The caller's own session
// ends with all others.
func (s *Service) ChangePassword(ctx context.Context, pass authz.Pass, current, password string) (Account, error) {
	if err := pass.For(authz.AccountEdit); err != nil {
		return Account{}, err
	}
	r, err := findMine(s.db.Reader(ctx), pass)
	if err != nil {
		return Account{}, err
	}
	if err := s.samePassword(r, "current_password", current); err != nil {
		return Account{}, err
	}
	hash, err := s.newHash("new_password", password, r.Email)
	if err != nil {
		return Account{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Account, error) {
		a, err := load(tx, pass.Actor().User)
		if err != nil {
			return a, err
		}
		err = s.setPassword(tx, pass, &a, hash)
		return a, err
	})
}
