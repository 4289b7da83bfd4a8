package account

import (
	"context"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// What features need by which people prove in another way who they are: by a provider
// of identities, or with a code on another machine.

// Way is a further way to sign in, offered on the page.
type Way struct{ Label, Path string }

// Offer shows a further way on the page to sign in.
func (s *Service) Offer(w Way) { s.ways = append(s.ways, w) }

// FindIn reads the account of an address; store.ErrNone where there is none.
func (*Service) FindIn(q store.Querier, email string) (authn.Account, error) {
	a, _, err := findByEmail(q, email)
	return a.Identity(), err
}

// HasPassword tells whether an account has one.
func (*Service) HasPassword(q store.Querier, user id.User) (bool, error) {
	hash, err := store.Value[string](q, `SELECT password_hash FROM account WHERE id = $1`, user)
	return hash != "", err
}

// Welcome makes a verified account without a password, for somebody whose address
// another proved. It stands on the server's head.
func (*Service) Welcome(tx *store.Tx, client authn.Client, email, firstName, lastName string) (authn.Account, error) {
	a := Account{
		ID: id.New[id.User](), Email: email, CommunicationEmail: email, FirstName: firstName, LastName: lastName,
		CredentialsChangedAt: tx.Now(), VerifiedAt: tx.Now(), CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	tx.OpenHead(store.AccountHead, string(a.ID))
	free, err := insert(tx, a, "")
	if err != nil {
		return authn.Account{}, err
	}
	if !free {
		return authn.Account{}, fault.New(fault.EmailTaken, "There is an account with the e-mail address %s already.", email)
	}
	by := holder{authn.Actor{Kind: authn.Person, User: a.ID, Name: a.Email, Client: client}}
	return a.Identity(), record(tx, by, audit.AccountCreate, a, nil, shown(a))
}

// of is as much of an account as opening a session needs.
func of(a authn.Account) Account {
	return Account{ID: a.ID, Email: a.Email, CredentialsChangedAt: a.CredentialsChangedAt}
}

// Enter opens a browser's session for somebody who has proved who they are.
func (s *Service) Enter(ctx context.Context, client authn.Client, a authn.Account) (secret string, life time.Duration, err error) {
	opened, err := s.start(ctx, client, of(a), BrowserSession)
	return opened.Secret, opened.Life(), err
}

// EnterDevice opens a program's session as a part of a Write on the account's head.
func (s *Service) EnterDevice(tx *store.Tx, client authn.Client, a authn.Account) (id.Session, error) {
	opened, err := s.enter(tx, of(a), DeviceSession, client, authn.NewSessionSecret())
	return opened.ID, err
}

// Prolong lets a program's session last as long as a new one, and tells whether it had
// not ended.
func (s *Service) Prolong(tx *store.Tx, a authn.Account, session id.Session) (bool, error) {
	n, err := tx.Exec(`UPDATE session SET expires_at = $3, last_seen_at = $4 WHERE id = $1 AND user_id = $2 AND expires_at > $4 AND credentials = $5`,
		session, a.ID, tx.Now().Add(s.life(DeviceSession)), tx.Now(), a.CredentialsChangedAt)
	if err != nil || n == 0 {
		return false, err
	}
	return true, tx.Touch(string(a.ID), true) // its old end is remembered
}

// Leave ends a session as a part of a Write on the account's head; the event is the caller's.
func (*Service) Leave(tx *store.Tx, user id.User, session id.Session) error {
	if _, err := removeSession(tx, user, session); err != nil {
		return err
	}
	return tx.Touch(string(user), true)
}

// Sign makes an access token that ends with its session.
func (s *Service) Sign(a authn.Account, session id.Session) (token string, expires clock.Time, err error) {
	return s.signer.Sign(s.db.Now(), a, session)
}
