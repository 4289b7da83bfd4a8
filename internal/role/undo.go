package role

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func read(state json.RawMessage) (was organizationCustomRole, grants authz.Grants, err error) {
	if err = json.Unmarshal(state, &was); err == nil {
		grants, err = updateRequest{Clusters: was.Clusters, Projects: was.Projects}.grants()
	}
	return was, grants, err
}

// Recall gives a role as an event showed it, for decisions about that time.
func Recall(state json.RawMessage) (*authz.Role, error) {
	was, grants, err := read(state)
	return authz.NewCustomRole(was.ID, authz.RoleName(was.Name), 0, grants), err
}

// Revert edits a role back to how an event showed it. Levels in what is not there any
// more are left out: they mean nothing.
func (s *Service) Revert(ctx context.Context, pass authz.Pass, target string, state json.RawMessage) error {
	was, grants, err := read(state)
	if err != nil {
		return err
	}
	there, err := targets(s.db.Reader(ctx), pass.Organization())
	if err != nil {
		return err
	}
	gone := func(list []Target, target id.Object) bool {
		return !slices.ContainsFunc(list, func(t Target) bool { return t.ID == target })
	}
	maps.DeleteFunc(grants.Projects, func(p id.Object, _ map[authz.Mode]authz.ProjectLevel) bool { return gone(there.Projects, p) })
	maps.DeleteFunc(grants.Clusters, func(c id.Object, _ authz.ClusterLevel) bool { return gone(there.Clusters, c) })
	_, _, err = s.Edit(ctx, pass, id.Role(target), Change{was.Name, &was.Description, grants})
	return err
}

func keptAs(organization id.Organization, role id.Role) object.Kept {
	return object.Kept{Organization: organization, Kind: "role", ID: string(role)}
}

// keep remembers a role that is about to be deleted, with its levels.
func keep(tx *store.Tx, r Role) error {
	as := keptAs(r.Organization, r.ID)
	as.Name = r.Name
	return object.Keep(tx, as, r)
}

// Restore brings a deleted role back with its levels; with a name, under that one. As
// with an edit, nobody brings one back that may do more than they may themselves.
func (s *Service) Restore(ctx context.Context, pass authz.Pass, target, name string) error {
	if err := pass.For(authz.RoleManage); err != nil {
		return err
	}
	if name != "" {
		var err error
		if name, err = check(name, ""); err != nil {
			return err
		}
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		r, err := object.Take[Role](tx, keptAs(pass.Organization(), id.Role(target)))
		if err != nil {
			return err
		}
		if !pass.CanGrant(r.granted()) {
			return fault.New(fault.CannotGrant, "You cannot restore the role %q: it may do more than you may.", r.Name)
		}
		if err := checkLimit(tx, pass.Organization()); err != nil {
			return err
		}
		r.Version++
		if name != "" {
			r.Name, r.UpdatedAt = name, tx.Now()
		}
		free, err := insert(tx, r)
		if err != nil {
			return err
		}
		if !free {
			return taken(r.Name)
		}
		if err := grantAll(tx, r); err != nil {
			return err
		}
		return record(tx, pass, audit.RoleRestore, r, nil, kept(r))
	})
}
