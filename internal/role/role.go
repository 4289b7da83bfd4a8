// Package role shows the roles of an organization and keeps its custom ones.
package role

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// maxRoles bounds the custom roles of one organization.
const maxRoles = 200

// Role is a custom role as it is kept: only levels above the lowest.
type Role struct {
	ID           id.Role
	Organization id.Organization
	Name         string
	Description  string
	Version      int64
	CreatedAt    clock.Time
	UpdatedAt    clock.Time
	Grants       authz.Grants
}

// granted is the role as the decision sees it.
func (r Role) granted() *authz.Role {
	return authz.NewCustomRole(r.ID, authz.RoleName(r.Name), r.Version, r.Grants)
}

// Target is a project or cluster that roles speak of.
type Target struct {
	ID   id.Object
	Name string
}

// Targets are everything that a role of an organization can have a level in. A new
// project or cluster is in every role at once, with the lowest level.
type Targets struct{ Projects, Clusters []Target }

// Service changes custom roles.
type Service struct{ db *store.DB }

// NewService makes the service.
func NewService(db *store.DB) *Service { return &Service{db} }

func check(name, description string) (string, error) {
	checks := &fault.Checks{}
	name = route.CheckName(checks, "name", name)
	route.CheckText(checks, "description", &description, route.MaxDescription)
	for _, reserved := range authz.RoleNames {
		if authn.Key(name) == authn.Key(string(reserved)) {
			checks.Add("name", "is reserved: %s is a built-in role", reserved)
		}
	}
	return name, checks.Err()
}

// Create makes a custom role with the lowest level everywhere.
func (s *Service) Create(ctx context.Context, pass authz.Pass, name, description string) (Role, error) {
	if err := pass.For(authz.RoleManage); err != nil {
		return Role{}, err
	}
	name, err := check(name, description)
	if err != nil {
		return Role{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Role, error) {
		if err := checkLimit(tx, pass.Organization()); err != nil {
			return Role{}, err
		}
		r := Role{
			ID: id.New[id.Role](), Organization: pass.Organization(), Name: name, Description: description,
			Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		}
		free, err := insert(tx, r)
		if err != nil {
			return r, err
		}
		if !free {
			return r, taken(name)
		}
		return r, record(tx, pass, audit.RoleCreate, r, nil, kept(r))
	})
}

func checkLimit(tx *store.Tx, organization id.Organization) error {
	n, err := count(tx, organization)
	if err == nil && n >= maxRoles {
		err = fault.New(fault.LimitReached, "An organization can have at most %d custom roles.", maxRoles)
	}
	return err
}

func taken(name string) error {
	return fault.New(fault.NameTaken, "There is a role with the name %q already.", name)
}

func record(tx *store.Tx, pass authz.Pass, action audit.Action, r Role, before, after any) error {
	return audit.Record(tx, string(r.Organization), pass, audit.Entry{
		Action: action, Target: audit.Reference{ID: string(r.ID), Name: r.Name}, Before: before, After: after,
	})
}

// Change is a new state of a role: what it does not name falls to the lowest level.
type Change struct {
	Name        string
	Description *string
	Grants      authz.Grants
}

// Edit replaces a role's name and levels.
func (s *Service) Edit(ctx context.Context, pass authz.Pass, role id.Role, c Change) (Role, Targets, error) {
	if err := pass.For(authz.RoleManage); err != nil {
		return Role{}, Targets{}, err
	}
	text := ""
	if c.Description != nil {
		text = *c.Description
	}
	name, err := check(c.Name, text)
	if err != nil {
		return Role{}, Targets{}, err
	}
	type edited struct {
		Role    Role
		Targets Targets
	}
	e, err := store.Write(ctx, s.db, pass, func(tx *store.Tx) (e edited, err error) {
		if e.Role, err = load(tx, pass.Organization(), role); err != nil {
			return e, err
		}
		if e.Targets, err = targets(tx, pass.Organization()); err != nil {
			return e, err
		}
		before := kept(e.Role)
		e.Role.Name, e.Role.Grants, e.Role.UpdatedAt, e.Role.Version = name, c.Grants, tx.Now(), e.Role.Version+1
		if c.Description != nil {
			e.Role.Description = text
		}
		if err := e.Targets.holdAll(c.Grants); err != nil {
			return e, err
		}
		if !pass.CanGrant(e.Role.granted()) {
			return e, fault.New(fault.CannotGrant, "")
		}
		free, err := update(tx, e.Role)
		if err != nil {
			return e, err
		}
		if !free {
			return e, taken(name)
		}
		return e, record(tx, pass, audit.RoleUpdate, e.Role, before, kept(e.Role))
	})
	return e.Role, e.Targets, err
}

// holdAll refuses levels in things that are not there.
func (t Targets) holdAll(g authz.Grants) error {
	checks := &fault.Checks{}
	for project := range g.Projects {
		if !slices.ContainsFunc(t.Projects, func(x Target) bool { return x.ID == project }) {
			checks.Add("project_permissions", "names the project %s, which is not in this organization", project)
		}
	}
	for cluster := range g.Clusters {
		if !slices.ContainsFunc(t.Clusters, func(x Target) bool { return x.ID == cluster }) {
			checks.Add("cluster_permissions", "names the cluster %s, which is not in this organization", cluster)
		}
	}
	return checks.Err()
}

// Get reads a custom role.
func (s *Service) Get(ctx context.Context, pass authz.Pass, role id.Role) (r Role, t Targets, err error) {
	if err := pass.For(authz.RoleRead); err != nil {
		return r, t, err
	}
	err = s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if r, err = load(q, pass.Organization(), role); err != nil {
			return err
		}
		t, err = targets(q, pass.Organization())
		return err
	})
	return r, t, err
}

// List reads the custom roles, oldest first.
func (s *Service) List(ctx context.Context, pass authz.Pass) (roles []Role, t Targets, err error) {
	if err := pass.For(authz.RoleRead); err != nil {
		return nil, t, err
	}
	err = s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if roles, err = list(q, pass.Organization()); err != nil {
			return err
		}
		t, err = targets(q, pass.Organization())
		return err
	})
	return roles, t, err
}

// Delete removes a custom role that nobody has; otherwise the refusal names who has it.
func (s *Service) Delete(ctx context.Context, pass authz.Pass, role id.Role) error {
	if err := pass.For(authz.RoleManage); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		r, err := load(tx, pass.Organization(), role)
		if err != nil {
			return err
		}
		found, err := holders(tx, pass.Organization(), role)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return inUse(r, found)
		}
		if err := keep(tx, r); err != nil {
			return err
		}
		if err := remove(tx, pass.Organization(), role); err != nil {
			return err
		}
		return record(tx, pass, audit.RoleDelete, r, kept(r), nil)
	})
}

// maxNamed bounds how many holders a refusal names.
const maxNamed = 20

func inUse(r Role, found []string) error {
	named := strings.Join(found[:min(len(found), maxNamed)], ", ")
	if more := len(found) - maxNamed; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return fault.New(fault.RoleInUse, "The role %q is held by %s. Give them another role first.", r.Name, named)
}

// Purge removes every custom role of an organization for good.
func (*Service) Purge(tx *store.Tx, organization id.Organization) error {
	return removeAll(tx, organization)
}
