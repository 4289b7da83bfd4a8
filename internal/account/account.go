// Package account keeps people: their accounts, how they sign in, and the first one.
package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Account is a person's account as it is kept; the password's hash stays in the
// database.
type Account struct {
	ID                   id.User
	Email                string
	CommunicationEmail   string
	FirstName            string
	LastName             string
	Nickname             string
	PictureURL           string
	CredentialsChangedAt clock.Time
	VerifiedAt           clock.Time
	DisabledAt           clock.Time
	CreatedAt            clock.Time
	UpdatedAt            clock.Time
}

// Identity is what authentication needs of an account.
func (a Account) Identity() authn.Account {
	return authn.Account{
		ID: a.ID, Email: a.Email, Name: strings.TrimSpace(a.FirstName + " " + a.LastName), CredentialsChangedAt: a.CredentialsChangedAt,
		VerifiedAt: a.VerifiedAt, DisabledAt: a.DisabledAt,
	}
}

// Access is an access token with its end.
type Access struct {
	Token     string
	ExpiresAt clock.Time
}

// Service changes accounts and signs people in.
type Service struct {
	db          *store.DB
	hasher      *authn.Hasher
	signer      *authn.Signer
	sessionLife time.Duration
	passwords   authn.Passwords
	limits      limits
	browsers    []byte // the key by which browsers are known again
	ways        []Way

	near         Neighbours
	registration Registration
}

// NewService makes the service; a browser's session lasts for the given time.
func NewService(db *store.DB, c clock.Clock, hasher *authn.Hasher, signer *authn.Signer, sessionLife time.Duration) *Service {
	return &Service{db: db, hasher: hasher, signer: signer, sessionLife: sessionLife, limits: newLimits(c)}
}

// Demand sets the rules for new passwords.
func (s *Service) Demand(p authn.Passwords) { s.passwords = p }

// New is a checked request for an account, its password hashed already.
type New struct{ email, hash string }

// Prepare checks an address and a password. It hashes, so it stays outside the Write.
func (s *Service) Prepare(email, password string) (New, error) {
	checks := &fault.Checks{}
	email = authn.CheckEmail(checks, "email", email)
	s.passwords.Check(checks, "password", password, email)
	if err := checks.Err(); err != nil {
		return New{}, err
	}
	return New{email, s.hasher.Hash(password)}, nil
}

// Create makes a verified account; the caller has proved that it may.
func (s *Service) Create(ctx context.Context, pass authz.Pass, email, password string) (Account, error) {
	n, err := s.Prepare(email, password)
	if err != nil {
		return Account{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Account, error) { return s.CreateIn(tx, pass, n) })
}

// CreateIn makes the account as a part of a Write.
func (*Service) CreateIn(tx *store.Tx, pass authz.Pass, n New) (Account, error) {
	return create(tx, pass, newcomer{n.email, n.hash, true, pass.Actor().Kind == authn.Anonymous}) // the first account makes itself
}

// newcomer is an account that is to be.
type newcomer struct {
	email, hash            string
	verified, byThemselves bool
}

func create(tx *store.Tx, pass authz.Pass, n newcomer) (Account, error) {
	a := Account{
		ID: id.New[id.User](), Email: n.email, CommunicationEmail: n.email,
		CredentialsChangedAt: tx.Now(), CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	if n.verified {
		a.VerifiedAt = tx.Now()
	}
	tx.OpenHead(store.AccountHead, string(a.ID))
	free, err := insert(tx, a, n.hash)
	if err != nil {
		return a, err
	}
	if !free {
		return a, emailTaken(n.email)
	}
	var by audit.Holder = pass
	if n.byThemselves {
		by = themselves(a, pass.Actor().Client)
	}
	return a, record(tx, by, audit.AccountCreate, a, nil, shown(a))
}

// record writes into the server's stream, which the Write locks last.
func record(tx *store.Tx, by audit.Holder, action audit.Action, a Account, before, after any) error {
	if err := tx.Lock(store.Server); err != nil {
		return err
	}
	return audit.Record(tx, store.Server, by, audit.Entry{
		Action: action, Target: audit.Reference{ID: string(a.ID), Name: a.Email}, Before: before, After: after,
	})
}

// holder lets somebody who has just proved who they are appear in an event.
type holder struct{ actor authn.Actor }

func (h holder) Actor() authn.Actor { return h.actor }

// SignIn checks an e-mail address and a password and opens a session. "No such
// account", "wrong password" and "disabled" are one answer, and take the same time.
// browser is what KnownBrowser made for the browser that asks, if it did.
func (s *Service) SignIn(ctx context.Context, pass authz.Pass, email, password, browser string, kind SessionKind) (Account, Opened, error) {
	client := pass.Actor().Client
	a, err := s.checkPassword(ctx, client, email, password, browser)
	if err != nil {
		return Account{}, Opened{}, err
	}
	opened, err := s.start(ctx, client, a, kind)
	return a, opened, err
}

// Access makes an access token for an account whose owner has proved who they are,
// or for the operator of the server. It ends with its session, where it has one.
func (s *Service) Access(a Account, session id.Session) (Access, error) {
	token, expires, err := s.signer.Sign(s.db.Now(), a.Identity(), session)
	return Access{token, expires}, err
}

// Find reads an account by its e-mail address, for the operator of the server.
func (s *Service) Find(ctx context.Context, email string) (Account, error) {
	a, _, err := findByEmail(s.db.Reader(ctx), email)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "There is no account with the e-mail address %s.", email)
	}
	return a, err
}

// Get reads the caller's own account.
func (s *Service) Get(ctx context.Context, pass authz.Pass) (Account, error) {
	if err := pass.For(authz.AccountRead); err != nil {
		return Account{}, err
	}
	return load(s.db.Reader(ctx), pass.Actor().User)
}

// Edit changes where the caller's account gets its messages.
func (s *Service) Edit(ctx context.Context, pass authz.Pass, communicationEmail *string) (Account, error) {
	if err := pass.For(authz.AccountEdit); err != nil {
		return Account{}, err
	}
	if communicationEmail == nil {
		return load(s.db.Reader(ctx), pass.Actor().User)
	}
	checks := &fault.Checks{}
	address := authn.CheckEmail(checks, "communication_email", *communicationEmail)
	if err := checks.Err(); err != nil {
		return Account{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Account, error) {
		a, err := load(tx, pass.Actor().User)
		if err != nil {
			return a, err
		}
		before := shown(a)
		a.CommunicationEmail, a.UpdatedAt = address, tx.Now()
		if err := setCommunicationEmail(tx, a); err != nil {
			return a, err
		}
		return a, record(tx, pass, audit.AccountUpdate, a, before, shown(a))
	})
}
