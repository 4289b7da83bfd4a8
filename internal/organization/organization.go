// Package organization keeps organizations: created by a person, edited, deleted
// with a time of grace, restored, and at last purged.
package organization

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/job"
	"github.com/guildhall-dev/guildhall/internal/plan"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Profile is what an organization says of itself.
type Profile struct {
	Description *string  `json:"description"`
	WebsiteURL  *string  `json:"website_url"`
	Repository  *string  `json:"repository"`
	LogoURL     *string  `json:"logo_url"`
	IconURL     *string  `json:"icon_url"`
	AdminEmails []string `json:"admin_emails"` // nil means: never said
}

// Organization is an organization as it is kept.
type Organization struct {
	ID          id.Organization
	Name        string
	Plan        string
	Owner       id.User
	Profile     Profile
	Restriction *string
	Version     int64
	CreatedAt   clock.Time
	UpdatedAt   clock.Time
	DeletedAt   clock.Time
}

// Members is what this package needs of memberships.
type Members interface {
	Add(tx *store.Tx, organization id.Organization, user id.User, role authz.RoleName) error
	// Joined is how the event says that somebody became a member.
	Joined(organization id.Organization, user id.User, email string, role authz.RoleName, roleName string) audit.Effect
}

// Purger is what this package needs of every feature that keeps rows of an
// organization in tables of its own.
type Purger interface {
	Purge(tx *store.Tx, organization id.Organization) error
}

// Settings are the operator's choices.
type Settings struct {
	MaxPerUser   int // organizations that one person may belong to
	SupportEmail string
	Grace        time.Duration // how long a deleted organization can be restored
}

// Service changes organizations.
type Service struct {
	db       *store.DB
	jobs     *job.Queue
	plans    *plan.Catalogue
	members  Members
	settings Settings
	purgers  []Purger
	outbox   Outbox
}

// NewService makes the service and names its jobs.
func NewService(db *store.DB, jobs *job.Queue, plans *plan.Catalogue, members Members, outbox Outbox, settings Settings) *Service {
	s := &Service{db: db, jobs: jobs, plans: plans, members: members, outbox: outbox, settings: settings}
	jobs.Handle(purgeJob, s.purge)
	return s
}

// PurgeAlso names who else removes rows when an organization is purged, in the order
// in which references allow it.
func (s *Service) PurgeAlso(purgers ...Purger) { s.purgers = append(s.purgers, purgers...) }

// maxAdminEmails bounds the list of admin contacts.
const maxAdminEmails = 50

func (p *Profile) check(checks *fault.Checks) {
	route.CheckText(checks, "description", p.Description, route.MaxDescription)
	route.CheckText(checks, "repository", p.Repository, route.MaxURL)
	p.WebsiteURL = route.CheckURL(checks, "website_url", p.WebsiteURL)
	p.LogoURL = route.CheckURL(checks, "logo_url", p.LogoURL)
	p.IconURL = route.CheckURL(checks, "icon_url", p.IconURL)
	if len(p.AdminEmails) > maxAdminEmails {
		checks.Add("admin_emails", "must have at most %d addresses", maxAdminEmails)
		return
	}
	p.AdminEmails = slices.Clone(p.AdminEmails)
	for i, address := range p.AdminEmails {
		p.AdminEmails[i] = authn.CheckEmail(checks, "admin_emails", address)
	}
}

// New is a checked request for an organization.
type New struct {
	name, plan string
	profile    Profile
}

// Prepare checks what a new organization should be.
func (s *Service) Prepare(name, planName string, profile Profile) (New, error) {
	checks := &fault.Checks{}
	name = route.CheckName(checks, "name", name)
	if _, ok := s.plans.Get(planName); !ok {
		checks.Add("plan", "must be one of the plans")
	}
	profile.check(checks)
	return New{name, planName, profile}, checks.Err()
}

// Create makes an organization that the pass's holder owns.
func (s *Service) Create(ctx context.Context, pass authz.Pass, name, planName string, profile Profile) (Organization, error) {
	if err := pass.For(authz.OrganizationCreate); err != nil {
		return Organization{}, err
	}
	n, err := s.Prepare(name, planName, profile)
	if err != nil {
		return Organization{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Organization, error) { return s.CreateIn(tx, pass, n) })
}

// CreateIn makes the organization as a part of a Write that holds the owner's head.
func (s *Service) CreateIn(tx *store.Tx, pass authz.Pass, n New) (Organization, error) {
	owner := pass.Actor().User
	if err := s.CheckLimit(tx, owner); err != nil {
		return Organization{}, err
	}
	o := Organization{
		ID: id.New[id.Organization](), Name: n.name, Plan: n.plan, Owner: owner, Profile: n.profile,
		Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	tx.OpenHead(store.OrganizationHead, string(o.ID))
	free, err := insert(tx, o)
	if err != nil {
		return o, err
	}
	if !free {
		return o, taken()
	}
	if err := s.members.Add(tx, o.ID, owner, authz.Owner); err != nil {
		return o, err
	}
	return o, s.record(tx, pass, audit.OrganizationCreate, o, nil, s.shown(o),
		s.members.Joined(o.ID, owner, pass.Actor().Name, authz.Owner, string(authz.Owner)))
}

func taken() error { return fault.New(fault.NameTaken, "Organization name is already taken") }

// CheckLimit refuses where a person belongs to as many organizations as they may. It
// runs while the account's head is locked, so two requests at once
// cannot both take the last place.
func (s *Service) CheckLimit(tx *store.Tx, user id.User) error {
	own, count, err := limitAndCount(tx, user)
	if err != nil {
		return err
	}
	limit := int64(s.settings.MaxPerUser)
	if own > 0 {
		limit = own
	}
	if count < limit {
		return nil
	}
	sentence := "You belong to %d organizations already, and a person can belong to at most %d."
	if s.settings.SupportEmail != "" {
		return fault.New(fault.LimitReached, sentence+" If you need more, write to %s.", count, limit, s.settings.SupportEmail)
	}
	return fault.New(fault.LimitReached, sentence+" If you need more, ask the operator of this server.", count, limit)
}

func (s *Service) record(tx *store.Tx, pass authz.Pass, action audit.Action, o Organization, before, after any, also ...audit.Effect) error {
	return audit.Record(tx, string(o.ID), pass, audit.Entry{
		Action: action, Target: audit.Reference{ID: string(o.ID), Name: o.Name}, Before: before, After: after, Also: also,
	})
}

// Get reads an organization.
func (s *Service) Get(ctx context.Context, pass authz.Pass) (Organization, store.HeadState, error) {
	if err := pass.For(authz.OrganizationView); err != nil {
		return Organization{}, store.HeadState{}, err
	}
	beside, at := pass.Beside()
	if o, ok := beside.(Organization); ok {
		return o, at, nil
	}
	return load(s.db.Reader(ctx), pass.Organization())
}

// Mine is an organization with the role that the caller has in it.
type Mine struct {
	Organization
	role authz.RoleName
	// Role is the name of that role, a custom one's too.
	Role string
	// Settings tells whether the caller may read more than the card.
	Settings bool
}

// List reads the organizations of the caller; an API token has exactly its own.
func (s *Service) List(ctx context.Context, pass authz.Pass) ([]Mine, error) {
	if err := pass.For(authz.OrganizationList); err != nil {
		return nil, err
	}
	var list []Mine
	err := s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if list, err = listMine(q, pass.Actor().User, pass.Actor().Organization); err != nil {
			return err
		}
		for i, mine := range list {
			rights, err := authz.RightsOf(q, pass.Actor(), mine.ID, mine.role)
			if err != nil {
				return err
			}
			list[i].Role, list[i].Settings = rights.Roles(), rights.Allow(authz.OrganizationRead)
		}
		return nil
	})
	return list, err
}

// Edit is a change of an organization; fields that were not sent stay.
type Edit struct {
	Name        string
	Description route.Optional[string]
	WebsiteURL  route.Optional[string]
	Repository  route.Optional[string]
	LogoURL     route.Optional[string]
	IconURL     route.Optional[string]
	AdminEmails route.Optional[[]string]
}

func (e Edit) apply(p *Profile) {
	e.Description.Apply(&p.Description)
	e.WebsiteURL.Apply(&p.WebsiteURL)
	e.Repository.Apply(&p.Repository)
	e.LogoURL.Apply(&p.LogoURL)
	e.IconURL.Apply(&p.IconURL)
	if e.AdminEmails.Sent {
		p.AdminEmails = nil
		if e.AdminEmails.Value != nil {
			p.AdminEmails = *e.AdminEmails.Value
		}
	}
}

// Edit changes an organization's name and profile.
func (s *Service) Edit(ctx context.Context, pass authz.Pass, e Edit) (Organization, error) {
	if err := pass.For(authz.OrganizationEdit); err != nil {
		return Organization{}, err
	}
	checks := &fault.Checks{}
	e.Name = route.CheckName(checks, "name", e.Name)
	if err := checks.Err(); err != nil {
		return Organization{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Organization, error) {
		o, _, err := load(tx, pass.Organization())
		if err != nil {
			return o, err
		}
		before := s.shown(o)
		o.Name = e.Name
		e.apply(&o.Profile)
		checks := &fault.Checks{}
		o.Profile.check(checks)
		if err := checks.Err(); err != nil {
			return o, err
		}
		o.Version, o.UpdatedAt = o.Version+1, tx.Now()
		free, err := update(tx, o)
		if err != nil {
			return o, err
		}
		if !free {
			return o, taken()
		}
		return o, s.record(tx, pass, audit.OrganizationUpdate, o, before, s.shown(o))
	})
}

const purgeJob = "organization.purge"

type purgePayload struct {
	Organization id.Organization `json:"organization"`
	DeletedAt    clock.Time      `json:"deleted_at"`
}

// Delete takes an organization away from everybody at once; it can be restored
// until the grace time is over.
func (s *Service) Delete(ctx context.Context, pass authz.Pass) error {
	if err := pass.For(authz.OrganizationDelete); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		o, _, err := load(tx, pass.Organization())
		if err != nil {
			return err
		}
		if err := setDeleted(tx, o.ID, tx.Now()); err != nil {
			return err
		}
		due := tx.Now().Add(s.settings.Grace)
		if err := s.jobs.Enqueue(tx, purgeJob, purgePayload{o.ID, tx.Now()}, due); err != nil {
			return err
		}
		if err := s.tellDeleted(tx, pass, o, due); err != nil {
			return err
		}
		return s.record(tx, pass, audit.OrganizationDelete, o, s.shown(o), nil)
	})
}

// Restore brings a deleted organization back, with everything in it and the same ids.
func (s *Service) Restore(ctx context.Context, pass authz.Pass, name string) (Organization, error) {
	found, err := findByName(s.db.Reader(ctx), name)
	if err != nil {
		return Organization{}, err
	}
	if found.DeletedAt == 0 {
		return Organization{}, fault.New(fault.Invalid, "The organization %q is not deleted.", found.Name)
	}
	pass = pass.On(found.ID)
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Organization, error) { return s.restore(tx, pass, found.ID) })
}

func (s *Service) restore(tx *store.Tx, pass authz.Pass, organization id.Organization) (Organization, error) {
	if err := setDeleted(tx, organization, 0); err != nil {
		return Organization{}, err
	}
	o, _, err := load(tx, organization)
	if err != nil {
		return o, err
	}
	if err := s.tellRestored(tx, pass, o); err != nil {
		return o, err
	}
	return o, s.record(tx, pass, audit.OrganizationRestore, o, nil, s.shown(o))
}

// Owned names what a person owns, for a sentence. A deleted organization counts until
// it is gone for good: who restores it finds an owner.
func (s *Service) Owned(q store.Querier, user id.User) ([]string, error) {
	owned, err := listOwned(q, user)
	names := make([]string, len(owned))
	for i, o := range owned {
		names[i] = fmt.Sprintf("%q", o.Name)
		if o.DeletedAt != 0 {
			names[i] += " (deleted, gone for good on " + o.DeletedAt.Add(s.settings.Grace).Std().Format("2 January 2006") + ")"
		}
	}
	return names, err
}

// Retention is how far back the plan of an organization lets its activity be read.
func (s *Service) Retention(ctx context.Context, organization id.Organization) (time.Duration, error) {
	o, _, err := load(s.db.Reader(ctx), organization)
	return s.planOf(o).Retention(), err
}

// Invite reads what an invitation shows of an organization, and how many members its
// plan allows (0 for any number); 404 where it is deleted.
func (s *Service) Invite(q store.Querier, organization id.Organization) (name, logo, planName string, seats int, err error) {
	o, _, err := load(q, organization)
	if err != nil {
		return "", "", "", 0, err
	}
	if o.Profile.LogoURL != nil {
		logo = *o.Profile.LogoURL
	}
	p := s.planOf(o)
	return o.Name, logo, p.Display, p.Members, nil
}
