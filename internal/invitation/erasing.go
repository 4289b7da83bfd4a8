package invitation

import (
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Keeping are the organizations that have an invitation for one of the addresses.
func (*Service) Keeping(q store.Querier, addresses []string) (all []id.Organization, err error) {
	for _, address := range addresses {
		some, err := store.All(q, `SELECT organization_id FROM invitation WHERE email_key = $1`,
			func(s store.Scan) (o id.Organization, err error) { return o, s(&o) }, authn.Key(address))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// Forget takes back the invitations for a person who was erased. One that was made or
// sent later is for whoever has the address now.
func (*Service) Forget(tx *store.Tx, by audit.Holder, organization id.Organization, addresses []string, until clock.Time, instead audit.Reference) error {
	for _, address := range addresses {
		n, err := tx.Exec(`DELETE FROM invitation WHERE organization_id = $1 AND email_key = $2 AND updated_at <= $3`, organization, authn.Key(address), until)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if err := audit.Record(tx, string(organization), by, audit.Entry{Action: audit.InvitationRevoke, Target: audit.Reference{Name: instead.Name}}); err != nil {
			return err
		}
	}
	return nil
}
