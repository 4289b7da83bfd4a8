package organization

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const columns = `o.id, o.name, o.plan, owner.user_id, o.body, o.billing_deployment_restriction, o.version, o.created_at, o.updated_at, o.deleted_at`

const (
	joinOwner = ` JOIN member owner ON owner.organization_id = o.id AND owner.role = 'OWNER' `
	withOwner = ` FROM organization o` + joinOwner
)

// Beside reads the organization along with the rights in it.
var Beside = authz.Beside{
	Columns: columns + `, `, Join: joinOwner,
	Scan: func(s store.Scan, more ...any) (any, error) { return scan(s, more...) },
}

func scan(s store.Scan, more ...any) (o Organization, err error) {
	var body string
	dest := append([]any{
		&o.ID, &o.Name, &o.Plan, &o.Owner, &body, &o.Restriction, &o.Version, &o.CreatedAt, &o.UpdatedAt, &o.DeletedAt,
	}, more...)
	if err = s(dest...); err != nil {
		return o, err
	}
	if err = json.Unmarshal([]byte(body), &o.Profile); err != nil {
		err = fmt.Errorf("organization %s: %w", o.ID, err)
	}
	return o, err
}

// insert reports false where the name is taken, also by a deleted organization.
func insert(tx *store.Tx, o Organization) (bool, error) {
	body, err := json.Marshal(o.Profile)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`INSERT INTO organization (id, name, name_key, plan, body, billing_deployment_restriction, version, created_at, updated_at, deleted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0) ON CONFLICT (name_key) DO NOTHING`,
		o.ID, o.Name, authn.Key(o.Name), o.Plan, string(body), o.Restriction, o.Version, o.CreatedAt, o.UpdatedAt)
	return n == 1, err
}

// update reports false where the new name is taken.
func update(tx *store.Tx, o Organization) (bool, error) {
	body, err := json.Marshal(o.Profile)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`UPDATE organization SET name = $2, name_key = $3, plan = $4, body = $5, billing_deployment_restriction = $6, version = $7, updated_at = $8
		WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM organization other WHERE other.name_key = $3 AND other.id <> $1)`,
		o.ID, o.Name, authn.Key(o.Name), o.Plan, string(body), o.Restriction, o.Version, o.UpdatedAt)
	if store.Duplicate(err) { // two renamed at the same moment
		return false, nil
	}
	return n == 1, err
}

func load(q store.Querier, organization id.Organization) (Organization, store.HeadState, error) {
	var at store.HeadState
	o, err := store.One(q, `SELECT `+columns+`, h.seq, h.rights_seq`+withOwner+`JOIN organization_head h ON h.organization_id = o.id WHERE o.id = $1 AND o.deleted_at = 0`,
		func(s store.Scan) (Organization, error) { return scan(s, &at.Seq, &at.Rights) }, organization)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "")
	}
	return o, at, err
}

// findByName also takes an id, which wins: anybody may choose a name that looks like one.
func findByName(q store.Querier, name string) (Organization, error) {
	organization, _ := id.Parse[id.Organization](name)
	o, err := store.One(q, `SELECT `+columns+withOwner+`WHERE o.id = $1 OR (o.name_key = $2 AND NOT EXISTS (SELECT 1 FROM organization other WHERE other.id = $1))`,
		func(s store.Scan) (Organization, error) { return scan(s) }, organization, authn.Key(name))
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "There is no organization with the name %q, deleted or not.", name)
	}
	return o, err
}

// listMine reads a person's organizations; a token's organization narrows it to one.
func listMine(q store.Querier, user id.User, only id.Organization) ([]Mine, error) {
	return store.All(q, `SELECT `+columns+`, mine.role`+withOwner+`JOIN member mine ON mine.organization_id = o.id
		WHERE mine.user_id = $1 AND o.deleted_at = 0 AND ($2 = '' OR o.id = $2) ORDER BY o.created_at, o.id`,
		func(s store.Scan) (m Mine, err error) {
			m.Organization, err = scan(s, &m.role)
			return m, err
		}, user, only)
}

// listOwned reads the organizations that a person owns, deleted ones too.
func listOwned(q store.Querier, user id.User) ([]Organization, error) {
	return store.All(q, `SELECT `+columns+withOwner+`WHERE owner.user_id = $1 ORDER BY o.created_at, o.id`,
		func(s store.Scan) (Organization, error) { return scan(s) }, user)
}

// limitAndCount reads a person's own limit (0 for none) and how many organizations
// the person belongs to; deleted ones do not count.
func limitAndCount(tx *store.Tx, user id.User) (limit, count int64, err error) {
	_, err = store.One(tx, `SELECT a.organization_limit, (SELECT COUNT(*) FROM member m JOIN organization o ON o.id = m.organization_id
		WHERE m.user_id = a.id AND o.deleted_at = 0) FROM account a WHERE a.id = $1`,
		func(s store.Scan) (struct{}, error) { return struct{}{}, s(&limit, &count) }, user)
	return limit, count, err
}

// stewards are the addresses of the owner and the admins of an organization, those that were proved.
func stewards(q store.Querier, organization id.Organization) ([]string, error) {
	return store.All(q, `SELECT DISTINCT a.email FROM member m JOIN account a ON a.id = m.user_id
		WHERE m.organization_id = $1 AND m.role IN ('OWNER', 'ADMIN') AND a.disabled_at = 0 AND a.verified_at > 0 ORDER BY a.email`,
		func(s store.Scan) (address string, err error) { return address, s(&address) }, organization)
}

func setDeleted(tx *store.Tx, organization id.Organization, at clock.Time) error {
	_, err := tx.Exec(`UPDATE organization SET deleted_at = $2, version = version + 1 WHERE id = $1`, organization, at)
	return err
}

func remove(tx *store.Tx, organization id.Organization) error {
	_, err := tx.Exec(`DELETE FROM organization WHERE id = $1`, organization)
	return err
}

// impact is what a deletion takes from people.
type impact struct{ members, tokens, projects, invitations int64 }

func impactOf(q store.Querier, organization id.Organization, now clock.Time) (impact, error) {
	return store.One(q, `SELECT (SELECT COUNT(*) FROM member WHERE organization_id = $1), (SELECT COUNT(*) FROM api_token WHERE organization_id = $1),
		(SELECT COUNT(*) FROM object WHERE organization_id = $1 AND kind = 'project' AND deleted_at = 0),
		(SELECT COUNT(*) FROM invitation WHERE organization_id = $1 AND expires_at > $2)`,
		func(s store.Scan) (i impact, err error) {
			return i, s(&i.members, &i.tokens, &i.projects, &i.invitations)
		}, organization, now)
}
