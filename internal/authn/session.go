package authn

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// NewSessionSecret makes what a browser's cookie holds: 130 random bits.
func NewSessionSecret() string { return rand.Text() }

// maxSessionSecret bounds what is looked up.
const maxSessionSecret = 64

type sessionRow struct {
	id          id.Session
	user        id.User
	credentials clock.Time
	expiresAt   clock.Time
}

const sessions = `SELECT s.id, s.user_id, s.credentials, s.expires_at, h.seq, h.rights_seq
	FROM session s JOIN organization_head h ON h.organization_id = s.user_id `

// Session finds out who sends a session's secret. An empty one is the anonymous actor.
func (a *Authenticator) Session(ctx context.Context, secret string) (Actor, error) {
	if secret == "" {
		return Actor{}, nil
	}
	if len(secret) > maxSessionSecret {
		return Actor{}, fault.New(fault.Unauthenticated, "")
	}
	hash := HashAPIToken(secret)
	row, err := a.session(ctx, string(hash), sessions+`WHERE s.secret_hash = $1`, hash)
	if err != nil {
		return Actor{}, err
	}
	account, err := a.Account(ctx, row.user)
	if err != nil {
		return Actor{}, err
	}
	if !row.good(account, a.db.Now()) {
		return Actor{}, fault.New(fault.Unauthenticated, "")
	}
	return a.person(account, row.id, row.expiresAt), nil
}

// alive refuses an access token whose session has ended.
func (a *Authenticator) alive(ctx context.Context, account Account, session id.Session) error {
	row, err := a.session(ctx, string(session), sessions+`WHERE s.id = $1`, session)
	if err != nil {
		return err
	}
	if row.user != account.ID || !row.good(account, a.db.Now()) {
		return fault.New(fault.Unauthenticated, "")
	}
	return nil
}

// session reads a session, from memory where it can: ending one changes the rights
// of its account.
func (a *Authenticator) session(ctx context.Context, key, query string, arg any) (sessionRow, error) {
	return a.sessions.Get(key, func() (sessionRow, []store.Dependency, error) {
		var at store.HeadState
		row, err := store.One(a.db.Reader(ctx), query, func(s store.Scan) (r sessionRow, err error) {
			return r, s(&r.id, &r.user, &r.credentials, &r.expiresAt, &at.Seq, &at.Rights)
		}, arg)
		if errors.Is(err, store.ErrNone) {
			return row, nil, fault.New(fault.Unauthenticated, "")
		}
		return row, []store.Dependency{{Head: string(row.user), At: at, OnRights: true}}, err
	})
}

// good tells whether a session still proves who an account's owner is: a change of
// credentials ends those that were opened before.
func (r sessionRow) good(account Account, now clock.Time) bool {
	return account.DisabledAt == 0 && r.credentials == account.CredentialsChangedAt && now < r.expiresAt
}

// sessionStillThere checks an actor's session again inside a Write.
func sessionStillThere(tx *store.Tx, actor Actor) error {
	if actor.Session == "" {
		return nil
	}
	_, err := store.Value[string](tx, `SELECT id FROM session WHERE id = $1 AND user_id = $2 AND expires_at > $3`, actor.Session, actor.User, tx.Now())
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.Unauthenticated, "")
	}
	return err
}
