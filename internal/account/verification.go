package account

import (
	"context"
	"net/url"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Outcome is what a link of the verification page does.
type Outcome string

// The outcomes.
const (
	AccountCreated Outcome = "account_created"
	EmailVerified  Outcome = "email_verified"
	EmailChanged   Outcome = "email_changed"
)

var outcomes = map[purpose]Outcome{signUpProof: AccountCreated, verifyProof: EmailVerified, emailProof: EmailChanged}

// Link is what a link would do, before it is used.
type Link struct {
	Outcome Outcome
	Email   string
	// Mine says that the caller is signed in with the account; others give its password.
	Mine bool
}

// verifyPath is where the letters lead that prove an address. After a sign-up with an
// invitation the page goes on to it.
func verifyPath(secret string, organization id.Organization, invitation string) string {
	q := url.Values{"token": {secret}}
	if invitation != "" {
		q.Set("next", invitationPath(organization, invitation))
	}
	return "/verify?" + q.Encode()
}

// signInPath is where somebody signs in who has an account, and goes on to an invitation.
func signInPath(email string, organization id.Organization, invitation string) string {
	q := url.Values{"email": {email}}
	if invitation != "" {
		q.Set("next", invitationPath(organization, invitation))
	}
	return "/sign-in?" + q.Encode()
}

// invitationPath is the page behind an invitation's link.
func invitationPath(organization id.Organization, invitation string) string {
	return "/accept-invitation?" + url.Values{"inviteToken": {invitation}, "organization": {string(organization)}}.Encode()
}

// Look tells what a link would do, and uses nothing up: programs that read mail open links.
func (s *Service) Look(ctx context.Context, pass authz.Pass, secret string) (Link, error) {
	p, r, err := s.openProof(s.db.Reader(ctx), secret, signUpProof, verifyProof, emailProof)
	if err != nil {
		return Link{}, err
	}
	return Link{outcomes[p.purpose], p.email, p.purpose != signUpProof && isOwner(pass.Actor(), r.Account)}, nil
}

func isOwner(actor authn.Actor, a Account) bool {
	return actor.Kind == authn.Person && actor.User == a.ID
}

// Verify uses a link up: it makes the account that was asked for, or proves or changes
// the address of one. The link alone does that to no account: whoever reads the mail
// of an address must not be made to lend it to an account that is somebody else's, so
// the account's owner is signed in or gives its password.
func (s *Service) Verify(ctx context.Context, pass authz.Pass, secret, password string) (Account, Outcome, error) {
	client := pass.Actor().Client
	if err := s.limits.address.Try(client.Network()); err != nil {
		return Account{}, "", err
	}
	p, r, err := s.openProof(s.db.Reader(ctx), secret, signUpProof, verifyProof, emailProof)
	if err != nil {
		return Account{}, "", err
	}
	if p.purpose == signUpProof {
		a, err := s.register(ctx, pass, secret, p.email, password)
		return a, AccountCreated, err
	}
	if !isOwner(pass.Actor(), r.Account) {
		if err := s.samePassword(r, "password", password); err != nil {
			return Account{}, "", err
		}
	}
	a, err := store.Write(ctx, s.db, authz.System("proof of an address").As(r.Identity()), func(tx *store.Tx) (Account, error) {
		p, r, err := s.openProof(tx, secret, verifyProof, emailProof)
		if err != nil {
			return Account{}, err
		}
		return s.prove(tx, themselves(r.Account, client), p, r.Account)
	})
	return a, outcomes[p.purpose], err
}

func (s *Service) prove(tx *store.Tx, by audit.Holder, p proof, a Account) (Account, error) {
	if p.purpose == emailProof {
		return s.setEmail(tx, by, a, p.email)
	}
	if authn.Key(p.email) != authn.Key(a.Email) {
		return a, errLink()
	}
	if err := dropProof(tx, p); err != nil {
		return a, err
	}
	err := markVerified(tx, by, &a)
	return a, err
}

// markVerified notes that an account's address was proved.
func markVerified(tx *store.Tx, by audit.Holder, a *Account) error {
	if a.VerifiedAt != 0 {
		tx.Unaudited("the address was proved before")
		return nil
	}
	before := shown(*a)
	a.VerifiedAt, a.UpdatedAt = tx.Now(), tx.Now()
	if _, err := tx.Exec(`UPDATE account SET verified_at = $2, updated_at = $2 WHERE id = $1`, a.ID, tx.Now()); err != nil {
		return err
	}
	if err := tx.Touch(string(a.ID), true); err != nil {
		return err
	}
	return record(tx, by, audit.AccountVerify, *a, before, shown(*a))
}

// themselves is the holder of an event that an account's owner causes.
func themselves(a Account, client authn.Client) holder {
	return holder{authn.Actor{Kind: authn.Person, User: a.ID, Name: a.Email, Client: client}}
}

// SendVerification sends the caller the link that proves their address; nothing where
// it was proved.
func (s *Service) SendVerification(ctx context.Context, pass authz.Pass) error {
	if err := pass.For(authz.AccountEdit); err != nil {
		return err
	}
	if err := s.needMail("Ask the operator of the server to do it for you."); err != nil {
		return err
	}
	r, err := findMine(s.db.Reader(ctx), pass)
	if err != nil || r.VerifiedAt != 0 {
		return err
	}
	if err := s.slow(pass.Actor().Client, verifyProof, r.Email); err != nil {
		return err
	}
	secret := newSecret()
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		tx.Unaudited("a letter changes nothing; what is done with it has its event")
		a, err := load(tx, pass.Actor().User)
		if err != nil {
			return err
		}
		if err := saveProof(tx, proofOf(tx, a, verifyProof, a.Email, VerifyLife), secret); err != nil {
			return err
		}
		return s.near.Mail.Send(tx, a.Email, verifyAddress(a.Email, verifyPath(secret, "", "")))
	})
}

// needMail refuses what needs a letter where none leave.
func (s *Service) needMail(instead string) error {
	if s.near.Mail.Enabled() {
		return nil
	}
	return fault.New(fault.MailDisabled, "This server sends no mail. %s", instead)
}
