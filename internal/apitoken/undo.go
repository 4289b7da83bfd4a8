package apitoken

import (
	"context"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// kept is a deleted token's row: with the hash of its secret, so that the same value
// works again.
type kept struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Role        authz.RoleName `json:"role"`
	Hash        []byte         `json:"hash"`
	Hint        string         `json:"hint"`
	CreatedBy   id.User        `json:"created_by"`
	CreatedAt   clock.Time     `json:"created_at"`
	UpdatedAt   clock.Time     `json:"updated_at"`
	ExpiresAt   clock.Time     `json:"expires_at"`
	LastUsedAt  clock.Time     `json:"last_used_at"`
}

func keptAs(organization id.Organization, token id.Token) object.Kept {
	return object.Kept{Organization: organization, Kind: "api_token", ID: string(token)}
}

// keep remembers a token that is about to be deleted.
func keep(tx *store.Tx, t APIToken) error {
	hash, err := store.Value[[]byte](tx, `SELECT token_hash FROM api_token WHERE organization_id = $1 AND id = $2`, t.Organization, t.ID)
	if err != nil {
		return err
	}
	as := keptAs(t.Organization, t.ID)
	as.Name, as.User = t.Name, t.CreatedBy
	return object.Keep(tx, as, kept{t.Name, t.Description, t.Role, hash, t.Hint, t.CreatedBy, t.CreatedAt, t.UpdatedAt, t.ExpiresAt, t.LastUsedAt})
}

// Restore brings a deleted token back, with its secret, its role and its creator; with
// a name, under that one. As with a new token, nobody brings one back that may do more
// than they may themselves.
func (s *Service) Restore(ctx context.Context, pass authz.Pass, target, name string) error {
	if err := pass.For(authz.TokenDelete); err != nil {
		return err
	}
	if name != "" {
		checks := &fault.Checks{}
		name = route.CheckName(checks, "name", name)
		if err := checks.Err(); err != nil {
			return err
		}
	}
	token := id.Token(target)
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		k, err := object.Take[kept](tx, keptAs(pass.Organization(), token))
		if err != nil {
			return err
		}
		role, err := authz.LoadRole(tx, pass.Organization(), k.Role)
		if errors.Is(err, store.ErrNone) {
			return fault.New(fault.NotRestorable, "The role of this API token was deleted; restore the role first.")
		}
		if err != nil {
			return err
		}
		if !pass.CanGrant(role) {
			return fault.New(fault.CannotGrant, "You cannot restore a token with the role %s: it may do more than you may.", role.Name)
		}
		if err := checkLimit(tx, pass.Organization()); err != nil {
			return err
		}
		if name != "" {
			k.Name, k.UpdatedAt = name, tx.Now()
		}
		free, err := putBack(tx, pass.Organization(), token, k)
		if err != nil {
			return err
		}
		if !free {
			return taken()
		}
		t, err := load(tx, pass.Organization(), token, tx.Now())
		if err != nil {
			return err
		}
		return audit.Record(tx, string(pass.Organization()), pass, audit.Entry{Action: audit.APITokenRestore, Target: t.reference(), After: shown(t)})
	})
}

// putBack reports false where the name is taken.
func putBack(tx *store.Tx, organization id.Organization, token id.Token, k kept) (bool, error) {
	n, err := tx.Exec(`INSERT INTO api_token (id, organization_id, name, name_key, description, role, token_hash, hint, created_by, created_at, updated_at, expires_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (organization_id, name_key) DO NOTHING`,
		token, organization, k.Name, authn.Key(k.Name), k.Description, k.Role, k.Hash, k.Hint, k.CreatedBy, k.CreatedAt, k.UpdatedAt, k.ExpiresAt, k.LastUsedAt)
	return n == 1, err
}
