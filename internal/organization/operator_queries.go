package organization

import (
	"errors"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const (
	overviewColumns = `o.id, o.name, o.plan, a.email, (SELECT COUNT(*) FROM member m WHERE m.organization_id = o.id),
		o.billing_deployment_restriction, o.created_at, o.deleted_at`
	withOwnersAccount = ` FROM organization o JOIN member owner ON owner.organization_id = o.id AND owner.role = 'OWNER' JOIN account a ON a.id = owner.user_id `
)

func scanOverview(s store.Scan, more ...any) (o Overview, err error) {
	var created, deleted clock.Time
	err = s(append([]any{&o.ID, &o.Name, &o.Plan, &o.Owner, &o.Members, &o.Restriction, &created, &deleted}, more...)...)
	o.CreatedAt, o.DeletedAt = created.Std(), deleted.Pointer()
	return o, err
}

func organizationsAfter(q store.Querier, key string, limit int) ([]Overview, error) {
	return store.All(q, `SELECT `+overviewColumns+withOwnersAccount+`WHERE o.name_key > $1 ORDER BY o.name_key LIMIT $2`,
		func(s store.Scan) (Overview, error) { return scanOverview(s) }, key, limit)
}

func detailOf(q store.Querier, organization id.Organization) (Detail, error) {
	d, err := store.One(q, `SELECT `+overviewColumns+`,
			(SELECT COUNT(*) FROM invitation i WHERE i.organization_id = o.id),
			(SELECT COUNT(*) FROM api_token t WHERE t.organization_id = o.id),
			(SELECT COUNT(*) FROM object p WHERE p.organization_id = o.id AND p.kind = 'project' AND p.deleted_at = 0),
			(SELECT h.seq FROM organization_head h WHERE h.organization_id = o.id)`+withOwnersAccount+`WHERE o.id = $1`,
		func(s store.Scan) (d Detail, err error) {
			d.Overview, err = scanOverview(s, &d.Invitations, &d.Tokens, &d.Projects, &d.Events)
			return d, err
		}, organization)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "")
	}
	return d, err
}

const contacts = `SELECT ` + columns + `, a.communication_email, a.disabled_at` + withOwner + `JOIN account a ON a.id = owner.user_id `

func scanContact(s store.Scan) (c contact, err error) {
	var disabled clock.Time
	c.Organization, err = scan(s, &c.owner, &disabled)
	c.disabled = disabled != 0
	return c, err
}

func contactsAfter(q store.Querier, after id.Organization, limit int) ([]contact, error) {
	return store.All(q, contacts+`WHERE o.id > $1 AND o.deleted_at = 0 ORDER BY o.id LIMIT $2`, scanContact, after, limit)
}

func contactOf(q store.Querier, organization id.Organization) (contact, error) {
	return store.One(q, contacts+`WHERE o.id = $1`, scanContact, organization)
}

// unsubscribedOf lists who does not want an organization's usage reports any more.
func unsubscribedOf(q store.Querier, organization id.Organization) ([]Unsubscribed, error) {
	return store.All(q, `SELECT address, period_kind FROM report_subscription WHERE organization_id = $1 AND ended_at <> 0 ORDER BY address_key, period_kind`,
		func(s store.Scan) (u Unsubscribed, err error) { return u, s(&u.Address, &u.Kind) }, organization)
}
