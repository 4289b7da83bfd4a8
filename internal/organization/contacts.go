package organization

import (
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// contact is whom the operator of the server writes to about an organization.
type contact struct {
	Organization
	owner    string
	disabled bool // the owner is
}

// addresses are the admin e-mails, each once. Where there is none the owner stands in,
// unless the operator has shut them out.
func (c contact) addresses() []string {
	var list []string
	seen := map[string]bool{}
	for _, address := range c.Profile.AdminEmails {
		if key := authn.Key(address); !seen[key] {
			seen[key] = true
			list = append(list, address)
		}
	}
	if len(list) == 0 && !c.disabled {
		list = append(list, c.owner)
	}
	return list
}

// EachContact tells whom to write to about the organizations behind an id, in the order
// of their ids, as many as limit; deleted ones are left out.
func (s *Service) EachContact(q store.Querier, after id.Organization, limit int, each func(organization id.Organization, name string, addresses []string)) error {
	page, err := contactsAfter(q, after, limit)
	for _, c := range page {
		each(c.ID, c.Name, c.addresses())
	}
	return err
}

// Contact is EachContact for one, by its name or id.
func (s *Service) Contact(q store.Querier, which string) (organization id.Organization, name string, addresses []string, err error) {
	o, err := findByName(q, which)
	if err != nil {
		return "", "", nil, err
	}
	if o.DeletedAt != 0 {
		return "", "", nil, fault.New(fault.Invalid, "The organization %q is deleted; restore it first.", o.Name)
	}
	c, err := contactOf(q, o.ID)
	return o.ID, o.Name, c.addresses(), err
}
