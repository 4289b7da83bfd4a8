package access

import (
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// subjects are the members and the API tokens of an organization. role holds the
// stored role until the decision names it; a token has its creator's and its own.
// Tokens that expired ($2) or whose creator is no member are left out.
const subjects = `WITH subject (kind, user_id, token_id, role, token_role, name, name_key) AS (
	SELECT 'user', m.user_id, '', m.role, '', a.email, a.email_key FROM member m JOIN account a ON a.id = m.user_id WHERE m.organization_id = $1
	UNION ALL
	SELECT 'api_token', t.created_by, t.id, m.role, t.role, t.name, t.name_key FROM api_token t
	JOIN member m ON m.organization_id = t.organization_id AND m.user_id = t.created_by
	WHERE t.organization_id = $1 AND (t.expires_at = 0 OR t.expires_at > $2))
	SELECT kind, user_id, token_id, role, token_role, name FROM subject `

func scan(organization id.Organization) func(store.Scan) (Subject, error) {
	return func(s store.Scan) (x Subject, err error) {
		var role string
		a := &x.Actor
		if err = s(&a.Kind, &a.User, &a.Token, &role, &a.TokenRole, &a.Name); err != nil {
			return x, err
		}
		x.Through = []string{role}
		if a.Kind == authn.APIToken {
			a.Organization = organization
			x.Through = append(x.Through, a.TokenRole)
		}
		return x, nil
	}
}

func listSubjects(q store.Querier, organization id.Organization, now clock.Time) ([]Subject, error) {
	return store.All(q, subjects+`ORDER BY kind DESC, name_key`, scan(organization), organization, now)
}

// findSubject finds a member by the user's id, or a token by its own.
func findSubject(q store.Querier, organization id.Organization, who string, now clock.Time) (Subject, error) {
	return store.One(q, subjects+`WHERE (kind = 'user' AND user_id = $3) OR token_id = $3`, scan(organization), organization, now, who)
}
