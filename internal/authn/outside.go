package authn

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Outsider is somebody as a provider of identities outside knows them.
type Outsider struct {
	Issuer, Subject     string
	Email               string // proved at the provider; empty where it is not
	FirstName, LastName string
	// ExpiresAt is when the token that says so ends.
	ExpiresAt clock.Time
}

// Provider is a provider of identities outside, whose access tokens are taken beside ours.
type Provider interface {
	// Named tells whether a token says of itself that the provider made it.
	Named(token string) bool
	// Check verifies a token, from memory where it can.
	Check(ctx context.Context, token string) (Outsider, error)
	// Admit gives somebody who comes for the first time their account, or refuses them.
	Admit(ctx context.Context, who Outsider) error
}

// Trust takes the tokens of a provider outside from now on; nil takes none.
func (a *Authenticator) Trust(p Provider) { a.outside = p }

// outsideToken tells whether a token is one for the provider outside to check: it says
// so, and its key is none of ours.
func (a *Authenticator) outsideToken(token string) bool {
	return a.outside != nil && a.outside.Named(token) && !a.signer.knows(token)
}

// knows tells whether a token names one of the keys that are loaded here.
func (s *Signer) knows(token string) bool {
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		KeyID string `json:"kid"`
	}
	if err != nil || json.Unmarshal(text, &header) != nil {
		return false
	}
	_, ok := s.publicKey(header.KeyID)
	return ok
}

type identityRow struct {
	id   id.Identity
	user id.User
}

func (a *Authenticator) outsider(ctx context.Context, token string) (Actor, error) {
	who, err := a.outside.Check(ctx, token)
	if err != nil {
		return Actor{}, unproved(err)
	}
	if a.db.Now() >= who.ExpiresAt {
		return Actor{}, fault.New(fault.Unauthenticated, "The access token has expired; sign in again.")
	}
	row, err := a.identity(ctx, who)
	if errors.Is(err, store.ErrNone) {
		if err := a.outside.Admit(ctx, who); err != nil {
			return Actor{}, unproved(err)
		}
		row, err = a.identity(ctx, who)
	}
	if errors.Is(err, store.ErrNone) {
		return Actor{}, fault.New(fault.Unauthenticated, "")
	}
	if err != nil {
		return Actor{}, err
	}
	account, err := a.Account(ctx, row.user)
	if err != nil {
		return Actor{}, err
	}
	if account.DisabledAt != 0 {
		return Actor{}, fault.New(fault.Unauthenticated, "")
	}
	actor := a.person(account, "", who.ExpiresAt)
	actor.Identity = row.id
	return actor, nil
}

// unproved makes a 401 of everything but a failure that passes: a refusal keeps its words.
func unproved(err error) error {
	var e *fault.Error
	switch {
	case fault.Has(err, fault.Unavailable) || fault.Has(err, fault.Timeout):
		return err
	case errors.As(err, &e) && e.Status() < 500:
		return fault.New(fault.Unauthenticated, "%s", e.Detail).Because(err)
	}
	return fault.New(fault.Unauthenticated, "").Because(err)
}

// identity reads whose an identity is, from memory where it can: taking one away
// changes the rights of its account. None is not remembered.
func (a *Authenticator) identity(ctx context.Context, who Outsider) (identityRow, error) {
	return a.identities.Get(who.Issuer+"\x00"+who.Subject, func() (identityRow, []store.Dependency, error) {
		var at store.HeadState
		row, err := store.One(a.db.Reader(ctx), `SELECT i.id, i.user_id, h.seq, h.rights_seq
			FROM identity i JOIN organization_head h ON h.organization_id = i.user_id WHERE i.issuer = $1 AND i.subject = $2`,
			func(s store.Scan) (r identityRow, err error) { return r, s(&r.id, &r.user, &at.Seq, &at.Rights) }, who.Issuer, who.Subject)
		return row, []store.Dependency{{Head: string(row.user), At: at, OnRights: true}}, err
	})
}

// identityStillThere checks an actor's identity again inside a Write.
func identityStillThere(tx *store.Tx, actor Actor) error {
	if actor.Identity == "" {
		return nil
	}
	_, err := store.Value[string](tx, `SELECT id FROM identity WHERE id = $1 AND user_id = $2`, actor.Identity, actor.User)
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.Unauthenticated, "")
	}
	return err
}
