package organization

import (
	"context"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Overview is an organization as the operator of the server sees it.
type Overview struct {
	ID          id.Organization `json:"id"`
	Name        string          `json:"name"`
	Plan        string          `json:"plan"`
	Owner       string          `json:"owner"` // the owner's address
	Members     int64           `json:"members"`
	Restriction *string         `json:"billing_deployment_restriction"`
	CreatedAt   time.Time       `json:"created_at"`
	DeletedAt   *time.Time      `json:"deleted_at"`
}

// Detail is all that the operator is shown of an organization; what it keeps is its own affair.
type Detail struct {
	Overview
	AdminEmails []string `json:"admin_emails"`
	Invitations int64    `json:"invitations"`
	Tokens      int64    `json:"api_tokens"`
	Projects    int64    `json:"projects"`
	Events      int64    `json:"events"`
	// Unsubscribed are those who do not want the usage reports any more.
	Unsubscribed []Unsubscribed `json:"unsubscribed"`
}

// Unsubscribed is an address that does not want the reports of a kind: weekly or monthly.
type Unsubscribed struct {
	Address string `json:"address"`
	Kind    string `json:"kind"`
}

// ListAll gives the organizations of the server in the order of their names, behind the
// name after, as many as limit; text narrows it to those with that in name, owner or id.
func (s *Service) ListAll(ctx context.Context, pass authz.Pass, text, after string, limit int) (list []Overview, more bool, err error) {
	if err := pass.Operator(); err != nil {
		return nil, false, err
	}
	list = []Overview{}
	text, after = authn.Key(text), authn.Key(after)
	for {
		page, err := organizationsAfter(s.db.Reader(ctx), after, pageSize)
		if err != nil {
			return nil, false, err
		}
		for _, o := range page {
			if !strings.Contains(authn.Key(o.Name+" "+o.Owner)+" "+string(o.ID), text) {
				continue
			}
			if len(list) == limit {
				return list, true, nil
			}
			list = append(list, o)
		}
		if len(page) < pageSize {
			return list, false, nil
		}
		after = authn.Key(page[len(page)-1].Name)
	}
}

// pageSize is how many organizations are read at a time.
const pageSize = 500

// Show reads one organization, by its name or id, deleted or not.
func (s *Service) Show(ctx context.Context, pass authz.Pass, which string) (d Detail, err error) {
	if err := pass.Operator(); err != nil {
		return d, err
	}
	return d, s.db.Snapshot(ctx, func(q store.Querier) error {
		o, err := findByName(q, which)
		if err != nil {
			return err
		}
		if d, err = detailOf(q, o.ID); err != nil {
			return err
		}
		d.AdminEmails = o.Profile.AdminEmails
		d.Unsubscribed, err = unsubscribedOf(q, o.ID)
		return err
	})
}

// SetPlan puts an organization on another plan. Who is in stays in, also where the new
// plan has fewer seats; only nobody can be added then.
func (s *Service) SetPlan(ctx context.Context, pass authz.Pass, which, planName string) (Detail, error) {
	planName = strings.ToUpper(strings.TrimSpace(planName))
	if _, ok := s.plans.Get(planName); !ok {
		var names []string
		for _, p := range s.plans.All() {
			names = append(names, p.Name)
		}
		return Detail{}, fault.New(fault.Invalid, "There is no plan %q. The plans are %s.", planName, strings.Join(names, ", "))
	}
	return s.operate(ctx, pass, which, audit.OrganizationPlan, func(o *Organization) { o.Plan = planName })
}

// maxRestriction bounds the message of a restriction.
const maxRestriction = 500

// Restrict keeps an organization from deploying, for the reason that the message gives
// its members; an empty message lifts that.
func (s *Service) Restrict(ctx context.Context, pass authz.Pass, which, message string) (Detail, error) {
	var restriction *string
	if message = strings.TrimSpace(message); message != "" {
		checks := &fault.Checks{}
		if len(message) < 3 {
			checks.Add("message", "must have at least 3 characters")
		}
		route.CheckText(checks, "message", &message, maxRestriction)
		if err := checks.Err(); err != nil {
			return Detail{}, err
		}
		restriction = &message
	}
	return s.operate(ctx, pass, which, audit.RestrictionChange, func(o *Organization) { o.Restriction = restriction })
}

// operate changes an organization for the operator and shows it.
func (s *Service) operate(ctx context.Context, pass authz.Pass, which string, action audit.Action, change func(*Organization)) (Detail, error) {
	found, err := s.found(ctx, pass, which)
	if err != nil {
		return Detail{}, err
	}
	if found.DeletedAt != 0 {
		return Detail{}, fault.New(fault.Invalid, "The organization %q is deleted; restore it first.", found.Name)
	}
	on := pass.On(found.ID)
	if err := store.Do(ctx, s.db, on, func(tx *store.Tx) error {
		o, _, err := load(tx, found.ID)
		if err != nil {
			return err
		}
		before := s.shown(o)
		change(&o)
		o.Version, o.UpdatedAt = o.Version+1, tx.Now()
		free, err := update(tx, o)
		if err != nil {
			return err
		}
		if !free {
			return taken()
		}
		return s.record(tx, on, action, o, before, s.shown(o))
	}); err != nil {
		return Detail{}, err
	}
	return s.Show(ctx, pass, string(found.ID))
}

func (s *Service) found(ctx context.Context, pass authz.Pass, which string) (Organization, error) {
	if err := pass.Operator(); err != nil {
		return Organization{}, err
	}
	return findByName(s.db.Reader(ctx), which)
}

// PurgeNow removes an organization for good, deleted before or not, with everything in it. The name
// has to be given again, exactly. Of its events only the digests stay.
func (s *Service) PurgeNow(ctx context.Context, pass authz.Pass, which, confirmed string) (Organization, error) {
	found, err := s.found(ctx, pass, which)
	if err != nil {
		return found, err
	}
	if confirmed != found.Name {
		return found, fault.New(fault.Invalid, "This removes %q (%s) with everything in it, and nothing brings it back. To do it, add --yes %q.", found.Name, found.ID, found.Name)
	}
	on := pass.On(found.ID)
	return found, store.Do(ctx, s.db, on, func(tx *store.Tx) error {
		o, err := findByName(tx, string(found.ID))
		if err != nil {
			return err
		}
		if o.Name != confirmed {
			return fault.New(fault.Invalid, "The organization was renamed to %q meanwhile.", o.Name)
		}
		if o.DeletedAt == 0 { // ends what is remembered about it, as for everybody who deletes
			if err := setDeleted(tx, o.ID, tx.Now()); err != nil {
				return err
			}
			if err := s.record(tx, on, audit.OrganizationDelete, o, nil, nil); err != nil {
				return err
			}
		}
		return s.removeForGood(tx, on, o.ID, o.Name)
	})
}
