package account

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// SignUp is a request for an account by the person whose it will be.
type SignUp struct {
	Email string
	// Password is for servers without mail; with mail it is chosen behind the link
	// that proves the address, so that nobody knows that of another's account.
	Password string
	// Organization and Invitation are those of an invitation's link; empty without one.
	Organization id.Organization
	Invitation   string
}

// Register takes a request for an account. Where the server sends mail, that is all
// that the caller learns: the rest is in a letter to the address, also that there is
// an account already. Without mail the account is made at once, its address unproved.
func (s *Service) Register(ctx context.Context, pass authz.Pass, r SignUp) (a Account, mailed bool, err error) {
	checks := &fault.Checks{}
	r.Email = authn.CheckEmail(checks, "email", r.Email)
	mailed = s.near.Mail.Enabled()
	if !mailed {
		s.passwords.Check(checks, "password", r.Password, r.Email)
	}
	if err := checks.Err(); err != nil {
		return a, mailed, err
	}
	if err := s.slow(pass.Actor().Client, signUpProof, r.Email); err != nil {
		return a, mailed, err
	}
	if err := s.checkInvitation(s.db.Reader(ctx), r); err != nil {
		return a, mailed, err
	}
	if mailed {
		return a, true, s.ask(ctx, pass, signUpJob, asked{Email: r.Email, Organization: r.Organization, Invitation: r.Invitation})
	}
	if s.registration != Open && r.Invitation == "" {
		return a, false, fault.New(fault.RegistrationClosed, "On this server an account is made with the link of an invitation; ask who invited you for it.")
	}
	hash := s.hasher.Hash(r.Password)
	a, err = store.Write(ctx, s.db, pass, func(tx *store.Tx) (Account, error) {
		if err := s.checkInvitation(tx, r); err != nil { // it may have been taken back meanwhile
			return Account{}, err
		}
		return create(tx, pass, newcomer{email: r.Email, hash: hash, byThemselves: true})
	})
	return a, false, err
}

// checkInvitation holds a sign-up with an invitation's link to the invited address.
func (s *Service) checkInvitation(q store.Querier, r SignUp) error {
	if r.Invitation == "" {
		return nil
	}
	invited, err := s.near.Invitations.Addressee(q, r.Organization, r.Invitation)
	if err == nil && !authn.SameMailbox(invited, r.Email) {
		err = fault.New(fault.WrongAccount, "This invitation is for %s: sign up with that address.", invited)
	}
	return err
}

const signUpJob = "account.sign_up"

// asked is a request that is answered by a letter, or not at all: the work that the
// caller could time is the same for every address.
type asked struct {
	Request      string          `json:"request"`
	Email        string          `json:"email"`
	Organization id.Organization `json:"organization,omitempty"`
	Invitation   string          `json:"invitation,omitempty"`
}

func (s *Service) ask(ctx context.Context, pass authz.Pass, kind string, a asked) error {
	a.Request = id.New[string]()
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		tx.Unaudited("a request for a letter changes nothing; what is done with the letter has its event")
		return s.near.Jobs.Enqueue(tx, kind, a, tx.Now())
	})
}

// answerSignUp sends the letter that a sign-up asked for. It may run twice.
func (s *Service) answerSignUp(ctx context.Context, text []byte) error {
	var r asked
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	secret := newSecret()
	return store.Do(ctx, s.db, authz.System("answer to a sign-up"), func(tx *store.Tx) error {
		tx.Unaudited("a letter changes nothing; what is done with it has its event")
		if first, err := markAsked(tx, r.Request); err != nil || !first {
			return err
		}
		a, _, err := findByEmail(tx, r.Email)
		switch {
		case err == nil && (a.DisabledAt != 0 || !authn.SameMailbox(a.Email, r.Email)):
			return nil // who only looks like the addressee must not read of the invitation
		case err == nil:
			return s.near.Mail.Send(tx, a.Email, accountThere(a.Email, signInPath(a.Email, r.Organization, r.Invitation)))
		case !errors.Is(err, store.ErrNone):
			return err
		}
		if ok, err := s.mayRegister(tx, r.Email); err != nil || !ok {
			return err
		}
		p := proof{purpose: signUpProof, subject: authn.Key(r.Email), email: r.Email, expiresAt: tx.Now().Add(SignUpLife)}
		if err := saveProof(tx, p, secret); err != nil {
			return err
		}
		return s.near.Mail.Send(tx, r.Email, finishSignUp(r.Email, verifyPath(secret, r.Organization, r.Invitation)))
	})
}

// mayRegister tells whether the owner of a proved address may make an account.
func (s *Service) mayRegister(q store.Querier, email string) (bool, error) {
	if s.registration == Open {
		return true, nil
	}
	return s.near.Invitations.Waiting(q, email)
}

// register makes the account of somebody who has proved that the address is theirs.
func (s *Service) register(ctx context.Context, pass authz.Pass, secret, email, password string) (Account, error) {
	checks := &fault.Checks{}
	s.passwords.Check(checks, "password", password, email)
	if err := checks.Err(); err != nil {
		return Account{}, err
	}
	hash := s.hasher.Hash(password)
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Account, error) {
		p, _, err := s.openProof(tx, secret, signUpProof)
		if err != nil {
			return Account{}, err
		}
		ok, err := s.mayRegister(tx, p.email)
		if err != nil {
			return Account{}, err
		}
		if !ok {
			return Account{}, fault.New(fault.RegistrationClosed, "The invitation was taken back or has expired; ask who invited you for a new one.")
		}
		if err := dropProof(tx, p); err != nil {
			return Account{}, err
		}
		return create(tx, pass, newcomer{email: p.email, hash: hash, verified: true, byThemselves: true})
	})
}
