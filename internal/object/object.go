// Package object is the engine of things: whatever is named, addressable and
// belongs to an organization, a project or an environment shares one table for its
// header, one for its references, and the code here. A kind brings its body, its
// rules and its words; package kind serves those that need no more than that.
package object

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Object is a thing with a body of its kind.
type Object[B any] struct {
	ID           id.Object
	Organization id.Organization
	Project      id.Object
	Environment  id.Object
	Mode         authz.Mode
	Name         string
	Version      int64
	Body         B
	CreatedAt    clock.Time
	UpdatedAt    clock.Time
	// Secrets are what Add and Change are to seal, by field. They are never read back.
	Secrets Secrets `json:"-"`
	sealed  sealed
}

// Kind describes a kind of things.
type Kind[B any] struct {
	Name  authz.Kind
	Label string // as in "Project name is already taken"
	// Shown is the thing as the API shows it; it is what events keep, so it holds no secret.
	Shown                  func(Object[B]) any
	Create, Update, Delete audit.Action
	Restored               audit.Action // the deletion was taken back
	// Secret lists the secrets that a thing with this body has; nil where the kind has none.
	Secret func(Object[B]) []Secret
	// Bound is what the secrets are given for, such as an address and a user name: a
	// secret that an edit leaves out stays only while it is the same.
	Bound func(Object[B]) string
	// Keeper seals the secrets.
	Keeper *seal.Keeper
	// Refers lists what a thing refers to; nil where the kind refers to nothing.
	Refers func(Object[B]) []Reference
	// Guarded things cannot be deleted while something refers to them.
	Guarded bool
}

const columns = `id, organization_id, project_id, environment_id, mode, name, version, body, sealed, created_at, updated_at`

func scan[B any](s store.Scan) (o Object[B], err error) {
	var body, shut string
	if err = s(&o.ID, &o.Organization, &o.Project, &o.Environment, &o.Mode, &o.Name, &o.Version, &body, &shut, &o.CreatedAt, &o.UpdatedAt); err != nil {
		return o, err
	}
	if err = json.Unmarshal([]byte(body), &o.Body); err == nil {
		o.sealed, err = parseSealed(shut)
	}
	if err != nil {
		err = fmt.Errorf("object %s: %w", o.ID, err)
	}
	return o, err
}

// Add makes a new thing: its row, its event, and 409 where the name is taken.
func (k Kind[B]) Add(tx *store.Tx, pass authz.Pass, o Object[B]) (Object[B], error) {
	o.ID, o.Organization = id.New[id.Object](), pass.Organization()
	o.Version, o.CreatedAt, o.UpdatedAt = 1, tx.Now(), tx.Now()
	body, err := json.Marshal(o.Body)
	if err != nil {
		return o, err
	}
	if _, err := k.shut(tx, &o, ""); err != nil {
		return o, err
	}
	n, err := tx.Exec(`INSERT INTO object (id, kind, organization_id, project_id, environment_id, mode, name, name_key, version, body, sealed, created_at, updated_at, deleted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, 0) ON CONFLICT DO NOTHING`,
		o.ID, k.Name, o.Organization, o.Project, o.Environment, o.Mode, o.Name, authn.Key(o.Name), o.Version, string(body), o.sealed.String(), o.CreatedAt)
	if err != nil {
		return o, err
	}
	if n == 0 {
		return o, k.taken()
	}
	if err := k.refer(tx, o); err != nil {
		return o, err
	}
	after, err := k.masked(o, nil)
	if err != nil {
		return o, err
	}
	return o, k.record(tx, pass, k.Create, o, nil, after)
}

func (k Kind[B]) taken() error {
	return fault.New(fault.NameTaken, "%s name is already taken", k.Label)
}

// Change loads a thing, lets edit alter it, and keeps the result with its event.
func (k Kind[B]) Change(tx *store.Tx, pass authz.Pass, object id.Object, edit func(*Object[B]) error) (Object[B], error) {
	o, err := k.Load(tx, pass.Organization(), object)
	if err != nil {
		return o, err
	}
	was := o
	before, err := k.masked(o, nil) // now: the body may hold what edit alters in place
	if err != nil {
		return o, err
	}
	bound := k.bound(o)
	if err := edit(&o); err != nil {
		return o, err
	}
	if o.ID != was.ID || o.Organization != was.Organization || o.Project != was.Project || o.Environment != was.Environment {
		return o, errors.New("object: Change does not move things")
	}
	o.Version, o.CreatedAt, o.UpdatedAt = was.Version+1, was.CreatedAt, tx.Now()
	clash, err := store.Value[int64](tx, `SELECT COUNT(*) FROM object WHERE organization_id = $1 AND kind = $2 AND project_id = $3 AND environment_id = $4
		AND name_key = $5 AND deleted_at = 0 AND id <> $6`, o.Organization, k.Name, o.Project, o.Environment, authn.Key(o.Name), o.ID)
	if err != nil {
		return o, err
	}
	if clash > 0 {
		return o, k.taken()
	}
	body, err := json.Marshal(o.Body)
	if err != nil {
		return o, err
	}
	renewed, err := k.shut(tx, &o, bound)
	if err != nil {
		return o, err
	}
	if _, err := tx.Exec(`UPDATE object SET name = $4, name_key = $5, body = $6, sealed = $7, version = $8, updated_at = $9, mode = $10 WHERE id = $1 AND organization_id = $2 AND kind = $3`,
		o.ID, o.Organization, k.Name, o.Name, authn.Key(o.Name), string(body), o.sealed.String(), o.Version, o.UpdatedAt, o.Mode); err != nil {
		return o, err
	}
	if err := k.refer(tx, o); err != nil {
		return o, err
	}
	after, err := k.masked(o, renewed)
	if err != nil {
		return o, err
	}
	return o, k.record(tx, pass, k.Update, o, before, after)
}

// Remove deletes a thing with all that lies in it. The rows stay until they are
// purged, so that the deletion can be taken back.
func (k Kind[B]) Remove(tx *store.Tx, pass authz.Pass, object id.Object) error {
	o, err := k.Load(tx, pass.Organization(), object)
	if err != nil {
		return err
	}
	if k.Guarded {
		if err := k.unused(tx, o); err != nil {
			return err
		}
	}
	before, err := k.masked(o, nil)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE object SET deleted_at = $3 WHERE organization_id = $1 AND deleted_at = 0 AND (id = $2 OR project_id = $2 OR environment_id = $2)`,
		o.Organization, o.ID, tx.Now()); err != nil {
		return err
	}
	return k.record(tx, pass, k.Delete, o, before, nil)
}

func (k Kind[B]) record(tx *store.Tx, pass authz.Pass, action audit.Action, o Object[B], before, after any) error {
	self := audit.Reference{ID: string(o.ID), Name: o.Name}
	e := audit.Entry{Action: action, Target: self, Before: before, After: after}
	if k.Name == authz.KindProject {
		e.Project = self
	} else if o.Project != "" {
		var err error
		if e.Project, err = nameOf(tx, o.Organization, o.Project); err != nil {
			return err
		}
		if o.Environment != "" {
			if e.Environment, err = nameOf(tx, o.Organization, o.Environment); err != nil {
				return err
			}
		}
	}
	return audit.Record(tx, string(o.Organization), pass, e)
}

// nameOf names what a thing lies in; 404 where that is gone, so that nothing is
// made in a project that was deleted at this moment, or in another organization's.
func nameOf(tx *store.Tx, organization id.Organization, object id.Object) (audit.Reference, error) {
	name, err := store.Value[string](tx, `SELECT name FROM object WHERE organization_id = $1 AND id = $2 AND deleted_at = 0`, organization, object)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "")
	}
	return audit.Reference{ID: string(object), Name: name}, err
}

// Load reads one thing of an organization; a deleted or foreign one is not there.
func (k Kind[B]) Load(q store.Querier, organization id.Organization, object id.Object) (Object[B], error) {
	o, err := store.One(q, `SELECT `+columns+` FROM object WHERE id = $1 AND organization_id = $2 AND kind = $3 AND deleted_at = 0`, scan[B], object, organization, k.Name)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "")
	}
	return o, err
}

// List reads the things of a kind that a pass's holder sees, oldest first.
func (k Kind[B]) List(q store.Querier, pass authz.Pass) ([]Object[B], error) {
	v := pass.Projects()
	return store.All(q, `SELECT `+columns+` FROM object o WHERE organization_id = $1 AND kind = $2 AND deleted_at = 0
		AND ($3 = '' OR EXISTS (SELECT 1 FROM role_grant g WHERE g.role_id = $3 AND g.target_id = CASE WHEN o.kind = 'project' THEN o.id ELSE o.project_id END))
		AND ($4 = '' OR EXISTS (SELECT 1 FROM role_grant g WHERE g.role_id = $4 AND g.target_id = CASE WHEN o.kind = 'project' THEN o.id ELSE o.project_id END))
		ORDER BY id`, scan[B], pass.Organization(), k.Name, v[0], v[1])
}

// All reads the things of a kind in an organization, oldest first, for kinds that do
// not lie in a project.
func (k Kind[B]) All(q store.Querier, organization id.Organization) ([]Object[B], error) {
	return store.All(q, `SELECT `+columns+` FROM object WHERE organization_id = $1 AND kind = $2 AND project_id = '' AND deleted_at = 0 ORDER BY id`, scan[B], organization, k.Name)
}

// Count tells how many things of the kind an organization has.
func (k Kind[B]) Count(q store.Querier, organization id.Organization) (int64, error) {
	return store.Value[int64](q, `SELECT COUNT(*) FROM object WHERE organization_id = $1 AND kind = $2 AND deleted_at = 0`, organization, k.Name)
}

// CountByProject counts what lies in each project of an organization, by kind.
func CountByProject(q store.Querier, organization id.Organization) (map[id.Object]map[authz.Kind]int64, error) {
	counts := map[id.Object]map[authz.Kind]int64{}
	err := store.Each(q, `SELECT project_id, kind, COUNT(*) FROM object WHERE organization_id = $1 AND project_id <> '' AND deleted_at = 0 GROUP BY project_id, kind`,
		func(s store.Scan) error {
			var project id.Object
			var kind authz.Kind
			var n int64
			if err := s(&project, &kind, &n); err != nil {
				return err
			}
			if counts[project] == nil {
				counts[project] = map[authz.Kind]int64{}
			}
			counts[project][kind] = n
			return nil
		}, organization)
	return counts, err
}
