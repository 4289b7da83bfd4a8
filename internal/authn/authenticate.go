package authn

import (
	"context"
	"errors"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Account is what authentication needs to know of an account.
type Account struct {
	ID                   id.User
	Email, Name          string
	CredentialsChangedAt clock.Time
	VerifiedAt           clock.Time
	DisabledAt           clock.Time
	generation           int64
}

// Authenticator turns the Authorization header into an Actor, from memory where it can.
type Authenticator struct {
	db       *store.DB
	signer   *Signer
	accounts *store.Cache[id.User, Account]
	tokens   *store.Cache[string, tokenRow]
	sessions *store.Cache[string, sessionRow]
	verified *lru.Cache[string, Claims]
	used     *usage
	// outside, where set, is whose access tokens are taken beside ours.
	outside    Provider
	identities *store.Cache[string, identityRow]
}

// NewAuthenticator makes an authenticator over the database and our access tokens.
func NewAuthenticator(db *store.DB, signer *Signer) *Authenticator {
	verified, err := lru.New[string, Claims](8192)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Authenticator{
		db: db, signer: signer, verified: verified, used: newUsage(),
		accounts:   store.NewCache[id.User, Account](db.Heads(), 20_000),
		tokens:     store.NewCache[string, tokenRow](db.Heads(), 20_000),
		sessions:   store.NewCache[string, sessionRow](db.Heads(), 20_000),
		identities: store.NewCache[string, identityRow](db.Heads(), 20_000),
	}
}

// Authenticate finds out who sends this Authorization header. No header is the
// anonymous actor; a header that proves nothing is a 401. Both kinds of
// credential pass under both schemes: the credential's shape decides.
func (a *Authenticator) Authenticate(ctx context.Context, header string) (Actor, error) {
	if header == "" {
		return Actor{}, nil
	}
	scheme, credential, _ := strings.Cut(header, " ")
	credential = strings.TrimSpace(credential)
	switch {
	case !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Token"):
		return Actor{}, fault.New(fault.Unauthenticated, "Send the access token as 'Authorization: Bearer …' or 'Authorization: Token …'.")
	case strings.HasPrefix(credential, TokenPrefix):
		return a.apiToken(ctx, credential)
	case strings.Count(credential, ".") == 2 && len(credential) < 8192:
		return a.accessToken(ctx, credential)
	}
	return Actor{}, fault.New(fault.Unauthenticated, "")
}

func (a *Authenticator) accessToken(ctx context.Context, token string) (Actor, error) {
	claims, ok := a.verified.Get(token)
	if !ok && a.outsideToken(token) {
		return a.outsider(ctx, token)
	}
	if !ok {
		var err error
		if claims, err = a.signer.verify(ctx, token); err != nil {
			if fault.Has(err, fault.Unavailable) || fault.Has(err, fault.Timeout) {
				return Actor{}, err
			}
			return Actor{}, fault.New(fault.Unauthenticated, "").Because(err)
		}
		a.verified.Add(token, claims)
	}
	expires := clock.At(claims.Expiry.Time())
	if a.db.Now() >= expires {
		return Actor{}, fault.New(fault.Unauthenticated, "The access token has expired; sign in again.")
	}
	subject, ok := id.Parse[id.User](claims.Subject)
	if !ok {
		return Actor{}, fault.New(fault.Unauthenticated, "")
	}
	account, err := a.Account(ctx, subject)
	if err != nil {
		return Actor{}, err
	}
	if account.DisabledAt != 0 || account.CredentialsChangedAt != claims.Credentials {
		return Actor{}, fault.New(fault.Unauthenticated, "")
	}
	if claims.Session != "" {
		if err := a.alive(ctx, account, claims.Session); err != nil {
			return Actor{}, err
		}
	}
	return a.person(account, claims.Session, expires), nil
}

// person is the actor of somebody who has proved who they are.
func (a *Authenticator) person(account Account, session id.Session, expires clock.Time) Actor {
	a.used.saw(account.ID, session, a.db.Now())
	return Actor{Kind: Person, User: account.ID, Name: account.Email, ExpiresAt: expires,
		Generation: account.generation, Credentials: account.CredentialsChangedAt, Session: session}
}

// Account gives an account by id; an unknown one is a 401.
func (a *Authenticator) Account(ctx context.Context, user id.User) (Account, error) {
	return a.accounts.Get(user, func() (Account, []store.Dependency, error) {
		account, at, err := LoadAccount(a.db.Reader(ctx), user)
		if errors.Is(err, store.ErrNone) {
			return account, nil, fault.New(fault.Unauthenticated, "")
		}
		account.generation = at.Rights
		return account, []store.Dependency{{Head: string(user), At: at, OnRights: true}}, err
	})
}

// LoadAccount reads an account and the generation of its head.
func LoadAccount(q store.Querier, user id.User) (Account, store.HeadState, error) {
	var at store.HeadState
	account, err := store.One(q, `SELECT a.id, a.email, a.first_name, a.last_name, a.credentials_changed_at, a.verified_at, a.disabled_at, h.seq, h.rights_seq
		FROM account a JOIN organization_head h ON h.organization_id = a.id WHERE a.id = $1`,
		func(s store.Scan) (x Account, err error) {
			var first, last string
			err = s(&x.ID, &x.Email, &first, &last, &x.CredentialsChangedAt, &x.VerifiedAt, &x.DisabledAt, &at.Seq, &at.Rights)
			x.Name = strings.TrimSpace(first + " " + last)
			return x, err
		}, user)
	return account, at, err
}

type tokenRow struct {
	id           id.Token
	organization id.Organization
	role, name   string
	creator      id.User
	expiresAt    clock.Time
	asleep       bool // the creator is no member, or the organization is deleted
}

func (a *Authenticator) apiToken(ctx context.Context, text string) (Actor, error) {
	if !WellFormedAPIToken(text) {
		return Actor{}, fault.New(fault.Unauthenticated, "")
	}
	hash := HashAPIToken(text)
	row, err := a.tokens.Get(string(hash), func() (tokenRow, []store.Dependency, error) {
		var at store.HeadState
		row, err := store.One(a.db.Reader(ctx), `SELECT t.id, t.organization_id, t.role, t.name, t.created_by, t.expires_at,
				CASE WHEN m.user_id IS NULL OR o.deleted_at <> 0 THEN 1 ELSE 0 END, h.seq, h.rights_seq
			FROM api_token t
			JOIN organization o ON o.id = t.organization_id
			JOIN organization_head h ON h.organization_id = t.organization_id
			LEFT JOIN member m ON m.organization_id = t.organization_id AND m.user_id = t.created_by
			WHERE t.token_hash = $1`,
			func(s store.Scan) (r tokenRow, err error) {
				return r, s(&r.id, &r.organization, &r.role, &r.name, &r.creator, &r.expiresAt, &r.asleep, &at.Seq, &at.Rights)
			}, hash)
		if errors.Is(err, store.ErrNone) {
			return row, nil, fault.New(fault.Unauthenticated, "")
		}
		if row.asleep { // not remembered: the next request after it wakes must pass, whichever node woke it
			return row, nil, err
		}
		return row, []store.Dependency{{Head: string(row.organization), At: at, OnRights: true}}, err
	})
	if err != nil {
		return Actor{}, err
	}
	now := a.db.Now()
	creator, err := a.Account(ctx, row.creator)
	if err != nil {
		return Actor{}, err
	}
	if row.asleep || creator.DisabledAt != 0 || (row.expiresAt != 0 && now >= row.expiresAt) {
		return Actor{}, fault.New(fault.Unauthenticated, "")
	}
	a.used.note(row.id, row.organization, now)
	return Actor{
		Kind: APIToken, User: row.creator, Token: row.id, Organization: row.organization,
		TokenRole: row.role, Name: row.name, ExpiresAt: row.expiresAt, Generation: creator.generation,
	}, nil
}

// StillValid checks an actor's credential again inside a Write: the account is
// enabled, a person's credentials are the same, a token is still there and its creator's.
func StillValid(tx *store.Tx, actor Actor) error {
	account, _, err := LoadAccount(tx, actor.User)
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.Unauthenticated, "")
	}
	if err != nil {
		return err
	}
	if account.DisabledAt != 0 || (actor.Kind == Person && account.CredentialsChangedAt != actor.Credentials) {
		return fault.New(fault.Unauthenticated, "")
	}
	if actor.Kind != APIToken {
		if err := identityStillThere(tx, actor); err != nil {
			return err
		}
		return sessionStillThere(tx, actor)
	}
	creator, err := store.Value[string](tx, `SELECT created_by FROM api_token WHERE id = $1 AND organization_id = $2 AND (expires_at = 0 OR expires_at > $3)`,
		actor.Token, actor.Organization, tx.Now())
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.Unauthenticated, "")
	}
	if err == nil && id.User(creator) != actor.User { // taken over meanwhile: other rights bound it now
		return fault.New(fault.RightsChanged, "")
	}
	return err
}
