package object

import (
	"context"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Resolver finds the scope of any object by its id: one primary-key read, or none
// where it is remembered.
type Resolver struct {
	db    *store.DB
	known *store.Cache[id.Object, authz.Scope]
}

// NewResolver makes a resolver.
func NewResolver(db *store.DB) *Resolver {
	return &Resolver{db: db, known: store.NewCache[id.Object, authz.Scope](db.Heads(), 50_000)}
}

// Resolve gives the scope of an object of one kind; 404 for every other id.
func (r *Resolver) Resolve(ctx context.Context, kind authz.Kind, object id.Object) (authz.Scope, error) {
	scope, err := r.Find(ctx, object)
	if err == nil && scope.Kind != kind {
		err = fault.New(fault.NotFound, "")
	}
	return scope, err
}

// Find gives the scope of an object of any kind.
func (r *Resolver) Find(ctx context.Context, object id.Object) (authz.Scope, error) {
	return r.known.Get(object, func() (authz.Scope, []store.Dependency, error) {
		var at store.HeadState
		s, err := store.One(r.db.Reader(ctx), `SELECT o.kind, o.organization_id, o.project_id, o.environment_id, o.mode, h.seq, h.rights_seq
			FROM object o JOIN organization_head h ON h.organization_id = o.organization_id WHERE o.id = $1 AND o.deleted_at = 0`,
			func(scan store.Scan) (s authz.Scope, err error) {
				return s, scan(&s.Kind, &s.Organization, &s.Project, &s.Environment, &s.Mode, &at.Seq, &at.Rights)
			}, object)
		if errors.Is(err, store.ErrNone) {
			return s, nil, fault.New(fault.NotFound, "")
		}
		s.Object = object
		if s.Kind == authz.KindProject {
			s.Project = object
		}
		return s, []store.Dependency{{Head: string(s.Organization), At: at}}, err
	})
}

// Purge removes every object of an organization for good.
func Purge(tx *store.Tx, organization id.Organization) error {
	if _, err := tx.Exec(`DELETE FROM deleted_row WHERE organization_id = $1`, organization); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM object_reference WHERE organization_id = $1`, organization); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM object WHERE organization_id = $1`, organization)
	return err
}

// PurgeDeleted removes for good what was deleted before a moment.
func PurgeDeleted(tx *store.Tx, before clock.Time) error {
	tx.Unaudited("the deletion has its event; this only frees the space")
	if _, err := tx.Exec(`DELETE FROM deleted_row WHERE deleted_at < $1`, before); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM object_reference WHERE from_id IN (SELECT id FROM object WHERE deleted_at <> 0 AND deleted_at < $1)`, before); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM object WHERE deleted_at <> 0 AND deleted_at < $1`, before)
	return err
}
