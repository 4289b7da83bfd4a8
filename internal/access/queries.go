package access

import (
	"errors"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// The members and the API tokens of an organization, with the roles as they are kept;
// a token has its creator's and its own. Tokens that expired ($2) or whose creator is
// no member are left out.
const (
	members = `SELECT m.user_id, m.role, a.email, a.email_key FROM member m JOIN account a ON a.id = m.user_id WHERE m.organization_id = $1`
	tokens  = `SELECT t.id, t.created_by, m.role, t.role, t.name, t.name_key FROM api_token t
		JOIN member m ON m.organization_id = t.organization_id AND m.user_id = t.created_by
		WHERE t.organization_id = $1 AND (t.expires_at = 0 OR t.expires_at > $2)`
)

func scanMember(s store.Scan) (x Subject, err error) {
	var role authz.RoleName
	x.Actor.Kind = authn.Person
	err = s(&x.Actor.User, &role, &x.Actor.Name, &x.nameKey)
	x.held = []authz.RoleName{role}
	return x, err
}

func scanToken(organization id.Organization) func(store.Scan) (Subject, error) {
	return func(s store.Scan) (x Subject, err error) {
		var role authz.RoleName
		a := &x.Actor
		a.Kind, a.Organization = authn.APIToken, organization
		err = s(&a.Token, &a.User, &role, &a.TokenRole, &a.Name, &x.nameKey)
		x.held = []authz.RoleName{role, authz.RoleName(a.TokenRole)}
		return x, err
	}
}

// eachSubject hands every member and every token in force to fn, in no order.
func eachSubject(q store.Querier, organization id.Organization, now clock.Time, fn func(Subject) error) error {
	hand := func(scan func(store.Scan) (Subject, error)) func(store.Scan) error {
		return func(s store.Scan) error {
			x, err := scan(s)
			if err != nil {
				return err
			}
			return fn(x)
		}
	}
	if err := store.Each(q, members, hand(scanMember), organization); err != nil {
		return err
	}
	return store.Each(q, tokens, hand(scanToken(organization)), organization, now)
}

// findSubject finds a member by the user's id, or a token by its own.
func findSubject(q store.Querier, organization id.Organization, who string, now clock.Time) (Subject, error) {
	x, err := store.One(q, members+` AND m.user_id = $2`, scanMember, organization, who)
	if errors.Is(err, store.ErrNone) {
		x, err = store.One(q, tokens+` AND t.id = $3`, scanToken(organization), organization, now, who)
	}
	return x, err
}
