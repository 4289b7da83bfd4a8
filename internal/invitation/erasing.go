package invitation

import (
	"slices"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
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
	kept, err := takenBack(q, "", addresses)
	for _, k := range kept {
		all = append(all, k.organization)
	}
	return all, err
}

// kept is an invitation that was taken back and could be restored.
type kept struct {
	organization id.Organization
	id           string
	deletedAt    clock.Time
}

// takenBack finds those for one of the addresses, in an organization or in all.
func takenBack(q store.Querier, organization id.Organization, addresses []string) (found []kept, err error) {
	err = store.Each(q, `SELECT organization_id, id, name, deleted_at FROM deleted_row WHERE kind = $1 AND ($2 = '' OR organization_id = $2)`,
		func(s store.Scan) error {
			var k kept
			var email string
			if err := s(&k.organization, &k.id, &email, &k.deletedAt); err != nil {
				return err
			}
			if slices.ContainsFunc(addresses, func(a string) bool { return authn.Key(a) == authn.Key(email) }) {
				found = append(found, k)
			}
			return nil
		}, kind, organization)
	return found, err
}

// Forget takes back the invitations for a person who was erased. One that was made or
// sent later is for whoever has the address now.
func (*Service) Forget(tx *store.Tx, by audit.Holder, organization id.Organization, addresses []string, until clock.Time, instead audit.Reference) error {
	gone, err := takenBack(tx, organization, addresses)
	if err != nil {
		return err
	}
	for _, k := range gone {
		if k.deletedAt > until {
			continue
		}
		if err := object.Forget(tx, organization, k.id); err != nil {
			return err
		}
	}
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
