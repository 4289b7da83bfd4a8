package access

import (
	"errors"
	"strings"

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
	members = `SELECT m.user_id, m.role, a.email FROM member m JOIN account a ON a.id = m.user_id WHERE m.organization_id = $1`
	tokens  = `SELECT t.id, t.created_by, m.role, t.role, t.name, t.name_key FROM api_token t
		JOIN member m ON m.organization_id = t.organization_id AND m.user_id = t.created_by
		WHERE t.organization_id = $1 AND (t.expires_at = 0 OR t.expires_at > $2)`
)

func scanMember(s store.Scan) (x Subject, err error) {
	var role authz.RoleName
	x.Actor.Kind = authn.Person
	err = s(&x.Actor.User, &role, &x.Actor.Name)
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

// eachHolding tells how many members, and how many tokens in force, hold the same roles.
func eachHolding(q store.Querier, organization id.Organization, now clock.Time, fn func(x Subject, number int)) error {
	err := store.Each(q, `SELECT role, COUNT(*) FROM member WHERE organization_id = $1 GROUP BY role`, func(s store.Scan) error {
		var role authz.RoleName
		var number int
		err := s(&role, &number)
		fn(Subject{held: []authz.RoleName{role}}, number)
		return err
	}, organization)
	if err != nil {
		return err
	}
	return store.Each(q, `SELECT m.role, t.role, COUNT(*) FROM api_token t JOIN member m ON m.organization_id = t.organization_id AND m.user_id = t.created_by
		WHERE t.organization_id = $1 AND (t.expires_at = 0 OR t.expires_at > $2) GROUP BY m.role, t.role`, func(s store.Scan) error {
		var creators, own authz.RoleName
		var number int
		err := s(&creators, &own, &number)
		fn(Subject{held: []authz.RoleName{creators, own}}, number)
		return err
	}, organization, now)
}

// listHolders lists, behind a place and at most so many, the members and the tokens that
// hold one of the roles. Both walk an index and stop where there are enough.
func listHolders(q store.Querier, organization id.Organization, now clock.Time, holding [2][][2]authz.RoleName, after string, most int) ([]Subject, error) {
	user, isUser := strings.CutPrefix(after, membersPlace)
	name, isToken := strings.CutPrefix(after, tokensPlace)
	if !isUser {
		user = ""
	}
	if !isToken {
		name = ""
	}
	found := []Subject{}
	if len(holding[0]) > 0 && !isToken {
		var err error
		if found, err = store.All(q, members+` AND m.user_id > $2 AND $3 LIKE '%|' || m.role || '|%' ORDER BY m.user_id LIMIT $4`,
			scanMember, organization, user, joined(holding[0]), most); err != nil {
			return nil, err
		}
	}
	if len(holding[1]) == 0 || len(found) == most {
		return found, nil
	}
	more, err := store.All(q, tokens+` AND t.name_key > $3 AND $4 LIKE '%|' || m.role || ',' || t.role || '|%' ORDER BY t.name_key LIMIT $5`,
		scanToken(organization), organization, now, name, joined(holding[1]), most-len(found))
	return append(found, more...), err
}

// joined is a list of roles as the queries look into it: |a|b| or |a,b|c,d|.
func joined(list [][2]authz.RoleName) string {
	var b strings.Builder
	b.WriteByte('|')
	for _, roles := range list {
		b.WriteString(string(roles[0]))
		if roles[1] != "" {
			b.WriteString("," + string(roles[1]))
		}
		b.WriteByte('|')
	}
	return b.String()
}

// everybody lists the members, and the tokens in force, with what they hold.
func everybody(q store.Querier, organization id.Organization, now clock.Time) ([]Subject, error) {
	people, err := store.All(q, members+` ORDER BY a.email_key`, scanMember, organization)
	if err != nil {
		return nil, err
	}
	programs, err := store.All(q, tokens+` ORDER BY t.name_key`, scanToken(organization), organization, now)
	return append(people, programs...), err
}

// findSubject finds a member by the user's id, or a token by its own.
func findSubject(q store.Querier, organization id.Organization, who string, now clock.Time) (Subject, error) {
	x, err := store.One(q, members+` AND m.user_id = $2`, scanMember, organization, who)
	if errors.Is(err, store.ErrNone) {
		x, err = store.One(q, tokens+` AND t.id = $3`, scanToken(organization), organization, now, who)
	}
	return x, err
}

// findNamed finds a member by the address, or a token in force by its name.
func findNamed(q store.Querier, organization id.Organization, key string, now clock.Time) (Subject, error) {
	x, err := store.One(q, members+` AND a.email_key = $2`, scanMember, organization, key)
	if errors.Is(err, store.ErrNone) {
		x, err = store.One(q, tokens+` AND t.name_key = $3`, scanToken(organization), organization, now, key)
	}
	return x, err
}
