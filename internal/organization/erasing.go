package organization

import (
	"slices"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Keeping are the organizations, deleted ones too, that have one of the addresses
// among their admin e-mails.
func (*Service) Keeping(q store.Querier, addresses []string) (all []id.Organization, err error) {
	err = store.Each(q, `SELECT `+columns+withOwner+`WHERE o.body LIKE '%@%' ORDER BY o.id`, func(s store.Scan) error {
		o, err := scan(s)
		if err == nil && slices.ContainsFunc(o.Profile.AdminEmails, oneOf(addresses)) {
			all = append(all, o.ID)
		}
		return err
	})
	return all, err
}

// oneOf tells whether an address is one of some.
func oneOf(addresses []string) func(string) bool {
	return func(address string) bool {
		return slices.ContainsFunc(addresses, func(a string) bool { return authn.Key(a) == authn.Key(address) })
	}
}

// adminEmails is how an event shows that a contact is gone.
type adminEmails struct {
	AdminEmails []string `json:"admin_emails"`
}

// Forget takes a person who was erased from among the admin e-mails. Where none is left
// the owner stands in.
func (*Service) Forget(tx *store.Tx, by audit.Holder, organization id.Organization, addresses []string, _ clock.Time, instead audit.Reference) error {
	o, err := store.One(tx, `SELECT `+columns+withOwner+`WHERE o.id = $1`, func(s store.Scan) (Organization, error) { return scan(s) }, organization)
	if err != nil {
		return err
	}
	is := oneOf(addresses)
	before := adminEmails{slices.Clone(o.Profile.AdminEmails)}
	for i, address := range before.AdminEmails {
		if is(address) {
			before.AdminEmails[i] = instead.Name
		}
	}
	o.Profile.AdminEmails = slices.DeleteFunc(slices.Clone(o.Profile.AdminEmails), is)
	o.Version, o.UpdatedAt = o.Version+1, tx.Now()
	if _, err := update(tx, o); err != nil {
		return err
	}
	return audit.Record(tx, string(o.ID), by, audit.Entry{
		Action: audit.OrganizationUpdate, Target: audit.Reference{ID: string(o.ID), Name: o.Name}, Before: before, After: adminEmails{o.Profile.AdminEmails},
	})
}
