package report

import (
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Keeping are the organizations whose reports go, or do not go, to one of the addresses.
func (*Service) Keeping(q store.Querier, addresses []string) (all []id.Organization, err error) {
	for _, address := range addresses {
		some, err := store.All(q, `SELECT DISTINCT organization_id FROM report_subscription WHERE address_key = $1`,
			func(s store.Scan) (o id.Organization, err error) { return o, s(&o) }, authn.Key(address))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// Forget drops what is known of the addresses of a person who was erased.
func (*Service) Forget(tx *store.Tx, _ audit.Holder, organization id.Organization, addresses []string, until clock.Time, _ audit.Reference) error {
	for _, address := range addresses {
		if _, err := tx.Exec(`DELETE FROM report_subscription WHERE organization_id = $1 AND address_key = $2 AND created_at <= $3`,
			organization, authn.Key(address), until); err != nil {
			return err
		}
	}
	return nil
}
