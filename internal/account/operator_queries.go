package account

import (
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// listed is an account with the key by which lists are ordered.
type listed struct {
	Overview
	key string
}

// closed tells the row of an account that is no more: its key is that of no address.
func (l listed) closed() bool { return l.key != authn.Key(l.Email) }

const overviews = `SELECT a.id, a.email, a.email_key, a.first_name, a.last_name, a.created_at, a.verified_at, a.disabled_at, a.last_seen_at, a.organization_limit,
	(SELECT COUNT(*) FROM member m JOIN organization o ON o.id = m.organization_id WHERE m.user_id = a.id AND o.deleted_at = 0) FROM account a `

func scanListed(s store.Scan) (l listed, err error) {
	var first, last string
	var created, verified, disabledAt, seen clock.Time
	err = s(&l.ID, &l.Email, &l.key, &first, &last, &created, &verified, &disabledAt, &seen, &l.OrganizationLimit, &l.Organizations)
	l.Name = strings.TrimSpace(first + " " + last)
	l.CreatedAt, l.VerifiedAt, l.DisabledAt, l.LastSeenAt = created.Std(), verified.Pointer(), disabledAt.Pointer(), seen.Pointer()
	return l, err
}

func accountsAfter(q store.Querier, key string, limit int) ([]listed, error) {
	return store.All(q, overviews+`WHERE a.email_key > $1 ORDER BY a.email_key LIMIT $2`, scanListed, key, limit)
}

func findListed(q store.Querier, key string, user id.User) (listed, error) {
	return store.One(q, overviews+`WHERE a.email_key = $1 OR a.id = $2`, scanListed, key, user)
}

func placesOf(q store.Querier, user id.User) ([]Place, error) {
	return store.All(q, `SELECT o.id, o.name, COALESCE(r.name, m.role), o.deleted_at,
			(SELECT COUNT(*) FROM api_token t WHERE t.organization_id = o.id AND t.created_by = m.user_id)
		FROM member m JOIN organization o ON o.id = m.organization_id LEFT JOIN role r ON r.id = m.role WHERE m.user_id = $1 ORDER BY o.name_key`,
		func(s store.Scan) (p Place, err error) {
			var deleted clock.Time
			err = s(&p.ID, &p.Name, &p.Role, &deleted, &p.Tokens)
			p.DeletedAt = deleted.Pointer()
			return p, err
		}, user)
}

func setDisabled(tx *store.Tx, user id.User, at clock.Time) error {
	_, err := tx.Exec(`UPDATE account SET disabled_at = $2, updated_at = $3 WHERE id = $1`, user, at, tx.Now())
	return err
}

func setOrganizationLimit(tx *store.Tx, user id.User, limit int64, at clock.Time) error {
	_, err := tx.Exec(`UPDATE account SET organization_limit = $2, updated_at = $3 WHERE id = $1`, user, limit, at)
	return err
}
