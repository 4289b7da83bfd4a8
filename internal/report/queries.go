package report

import (
	"errors"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// present reads the numbers as they are now, and when the organization was made.
func (u *Usage) present(q store.Querier) (time.Time, error) {
	created, err := store.One(q, `SELECT o.created_at, (SELECT COUNT(*) FROM member m WHERE m.organization_id = o.id),
			(SELECT COUNT(*) FROM invitation i WHERE i.organization_id = o.id),
			(SELECT COUNT(*) FROM api_token t WHERE t.organization_id = o.id),
			(SELECT COUNT(*) FROM object p WHERE p.organization_id = o.id AND p.kind = 'project' AND p.deleted_at = 0)
		FROM organization o WHERE o.id = $1 AND o.deleted_at = 0`,
		func(s store.Scan) (at clock.Time, err error) {
			return at, s(&at, &u.People.Now, &u.Waiting, &u.Tokens.Now, &u.Projects.Now)
		}, u.Organization)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "")
	}
	return created.Std(), err
}

// tally counts an action in the period before, during the period, and since.
type tally struct {
	action                audit.Action
	before, during, since int64
}

func actionsSince(q store.Querier, organization id.Organization, p Period) ([]tally, error) {
	return store.All(q, `SELECT action, SUM(CASE WHEN at < $3 THEN 1 ELSE 0 END), SUM(CASE WHEN at >= $3 AND at < $4 THEN 1 ELSE 0 END),
			SUM(CASE WHEN at >= $4 THEN 1 ELSE 0 END) FROM event WHERE organization_id = $1 AND at >= $2 GROUP BY action`,
		func(s store.Scan) (t tally, err error) { return t, s(&t.action, &t.before, &t.during, &t.since) },
		organization, clock.At(p.before().Start), clock.At(p.Start), clock.At(p.End))
}

// claim reports false where the report of an organization was made, or it is deleted.
func claim(tx *store.Tx, organization id.Organization, p Period) (bool, error) {
	n, err := tx.Exec(`INSERT INTO usage_report (organization_id, period_kind, period_start, created_at)
		SELECT o.id, $2, $3, $4 FROM organization o WHERE o.id = $1 AND o.deleted_at = 0
		ON CONFLICT (organization_id, period_kind, period_start) DO NOTHING`, organization, p.Kind, clock.At(p.Start), tx.Now())
	return n == 1, err
}

func dropClaims(tx *store.Tx, before clock.Time) error {
	_, err := tx.Exec(`DELETE FROM usage_report WHERE created_at < $1`, before)
	return err
}

const subscriptions = `SELECT id, organization_id, period_kind, address, sealed, ended_at FROM report_subscription `

func scan(s store.Scan) (b subscription, err error) {
	return b, s(&b.id, &b.organization, &b.kind, &b.address, &b.sealed, &b.endedAt)
}

func subscriptionOf(q store.Querier, organization id.Organization, kind Kind, address string) (subscription, error) {
	return store.One(q, subscriptions+`WHERE organization_id = $1 AND period_kind = $2 AND address_key = $3`, scan, organization, kind, authn.Key(address))
}

func subscriptionBy(q store.Querier, tokenHash []byte) (subscription, error) {
	return store.One(q, subscriptions+`WHERE token_hash = $1`, scan, tokenHash)
}

func insert(tx *store.Tx, b subscription, tokenHash []byte) error {
	_, err := tx.Exec(`INSERT INTO report_subscription (id, organization_id, period_kind, address, address_key, token_hash, sealed, ended_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)`, b.id, b.organization, b.kind, b.address, authn.Key(b.address), tokenHash, b.sealed, tx.Now())
	return err
}

func setEnded(tx *store.Tx, subscription string, at clock.Time) error {
	_, err := tx.Exec(`UPDATE report_subscription SET ended_at = $2 WHERE id = $1`, subscription, at)
	return err
}

func nameOf(q store.Querier, organization id.Organization) (string, error) {
	return store.Value[string](q, `SELECT name FROM organization WHERE id = $1`, organization)
}

// Sealed lists the secrets of the links that unsubscribe, for who checks that
// everything sealed opens.
func Sealed(q store.Querier) ([]seal.Field, error) {
	return store.All(q, `SELECT id, sealed FROM report_subscription ORDER BY id`, func(s store.Scan) (seal.Field, error) {
		f := seal.Field{Organization: store.Server, Name: tokenField}
		err := s(&f.Object, &f.Text)
		return f, err
	})
}

// Purge removes everything of an organization for good.
func (*Service) Purge(tx *store.Tx, organization id.Organization) error {
	_, err := tx.Exec(`DELETE FROM usage_report WHERE organization_id = $1`, organization)
	if err == nil {
		_, err = tx.Exec(`DELETE FROM report_subscription WHERE organization_id = $1`, organization)
	}
	return err
}
