package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Overview is an account as the operator of the server sees it.
type Overview struct {
	ID         id.User    `json:"id"`
	Email      string     `json:"email"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	VerifiedAt *time.Time `json:"verified_at"`
	DisabledAt *time.Time `json:"disabled_at"`
	LastSeenAt *time.Time `json:"last_seen_at"`
	// Organizations counts those that are not deleted.
	Organizations int64 `json:"organizations"`
	// OrganizationLimit is the person's own; 0 where the server's holds.
	OrganizationLimit int64 `json:"organization_limit"`
}

// Place is an organization that a person belongs to.
type Place struct {
	ID        id.Organization `json:"id"`
	Name      string          `json:"name"`
	Role      string          `json:"role"`
	DeletedAt *time.Time      `json:"deleted_at,omitempty"`
	// Tokens counts the API tokens that the person made there.
	Tokens int64 `json:"api_tokens"`
}

// Detail is all that the operator is shown of an account.
type Detail struct {
	Overview
	Places []Place `json:"memberships"`
}

// List gives accounts in the order of their addresses, behind the address after, as
// many as limit; text narrows it to those with that in address, name or id. More tells whether
// there are further ones.
func (s *Service) List(ctx context.Context, pass authz.Pass, text, after string, limit int) (list []Overview, more bool, err error) {
	if err := pass.Operator(); err != nil {
		return nil, false, err
	}
	list = []Overview{}
	text, after = authn.Key(text), authn.Key(after)
	for {
		page, err := accountsAfter(s.db.Reader(ctx), after, pageSize)
		if err != nil {
			return nil, false, err
		}
		for _, a := range page {
			// Names are compared as addresses are, which SQL cannot do on both databases.
			if a.closed() || !strings.Contains(authn.Key(a.Email+" "+a.Name)+" "+string(a.ID), text) {
				continue
			}
			if len(list) == limit {
				return list, true, nil
			}
			list = append(list, a.Overview)
		}
		if len(page) < pageSize {
			return list, false, nil
		}
		after = page[len(page)-1].key
	}
}

// pageSize is how many accounts are read at a time.
const pageSize = 500

// Show reads one account, by its address or id.
func (s *Service) Show(ctx context.Context, pass authz.Pass, who string) (d Detail, err error) {
	if err := pass.Operator(); err != nil {
		return d, err
	}
	return d, s.db.Snapshot(ctx, func(q store.Querier) error {
		a, err := find(q, who)
		if err != nil {
			return err
		}
		d.Overview = a.Overview
		d.Places, err = placesOf(q, a.ID)
		return err
	})
}

// find reads an account by its address or id. One that was closed is not there.
func find(q store.Querier, who string) (listed, error) {
	user, _ := id.Parse[id.User](who)
	a, err := findListed(q, authn.Key(who), user)
	if errors.Is(err, store.ErrNone) || (err == nil && a.closed()) {
		return a, fault.New(fault.NotFound, "There is no account with the e-mail address or id %s.", who)
	}
	return a, err
}

// disabled is how an event shows whether somebody may sign in.
type disabled struct {
	Disabled bool `json:"disabled"`
}

// Disable keeps a person out: sign-in, access tokens and the API tokens that they made
// are refused from now on. Nothing is lost; see Enable.
func (s *Service) Disable(ctx context.Context, pass authz.Pass, who string) (Detail, error) {
	return s.operate(ctx, pass, who, audit.AccountDisable, func(tx *store.Tx, a listed) (before, after any, err error) {
		if a.DisabledAt != nil {
			return nil, nil, fault.New(fault.Invalid, "The account %s is disabled already.", a.Email)
		}
		return disabled{false}, disabled{true}, setDisabled(tx, a.ID, tx.Now())
	})
}

// Enable lets a person in again; their tokens work as before.
func (s *Service) Enable(ctx context.Context, pass authz.Pass, who string) (Detail, error) {
	return s.operate(ctx, pass, who, audit.AccountEnable, func(tx *store.Tx, a listed) (before, after any, err error) {
		if a.DisabledAt == nil {
			return nil, nil, fault.New(fault.Invalid, "The account %s is not disabled.", a.Email)
		}
		return disabled{true}, disabled{false}, setDisabled(tx, a.ID, clock.Time(0))
	})
}

// maxOrganizations bounds a person's own limit.
const maxOrganizations = 1_000_000

// limited is how an event shows a person's own limit.
type limited struct {
	OrganizationLimit int64 `json:"organization_limit"`
}

// SetOrganizationLimit gives a person a limit of their own; 0 takes it back.
func (s *Service) SetOrganizationLimit(ctx context.Context, pass authz.Pass, who string, limit int64) (Detail, error) {
	if limit < 0 || limit > maxOrganizations {
		checks := &fault.Checks{}
		checks.Add("organization_limit", "must lie between 0 (the server's own) and %d", maxOrganizations)
		return Detail{}, checks.Err()
	}
	return s.operate(ctx, pass, who, audit.AccountLimit, func(tx *store.Tx, a listed) (before, after any, err error) {
		return limited{a.OrganizationLimit}, limited{limit}, setOrganizationLimit(tx, a.ID, limit, tx.Now())
	})
}

// operate changes an account for the operator, on the account's head, and shows it.
func (s *Service) operate(ctx context.Context, pass authz.Pass, who string, action audit.Action,
	change func(tx *store.Tx, a listed) (before, after any, err error)) (Detail, error) {
	if err := pass.Operator(); err != nil {
		return Detail{}, err
	}
	found, err := find(s.db.Reader(ctx), who)
	if err != nil {
		return Detail{}, err
	}
	if err := store.Do(ctx, s.db, pass.As(authn.Account{ID: found.ID, Email: found.Email}), func(tx *store.Tx) error {
		a, err := find(tx, string(found.ID)) // as it is now
		if err != nil {
			return err
		}
		before, after, err := change(tx, a)
		if err != nil {
			return err
		}
		if err := tx.Touch(string(a.ID), true); err != nil {
			return err
		}
		return record(tx, pass, action, Account{ID: a.ID, Email: a.Email}, before, after)
	}); err != nil {
		return Detail{}, err
	}
	return s.Show(ctx, pass, string(found.ID))
}
