package object

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Kept is the row of a thing that has a table of its own and was deleted: all that is
// needed to put it back. The table itself forgets it, so nobody who reads that table
// has to think of deleted rows.
type Kept struct {
	Organization id.Organization
	Kind         string // as in audit.Action.Kind
	ID           string
	Name         string
	User         id.User // whose it is, where it goes with that account
}

// Keep remembers a row that the caller deletes.
func Keep[R any](tx *store.Tx, k Kept, row R) error {
	body, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return tx.Send(`INSERT INTO deleted_row (organization_id, id, kind, name, user_id, body, deleted_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (organization_id, id) DO UPDATE SET kind = excluded.kind, name = excluded.name, user_id = excluded.user_id,
		body = excluded.body, deleted_at = excluded.deleted_at`, k.Organization, k.ID, k.Kind, k.Name, k.User, string(body), tx.Now())
}

// Take gives a kept row back to the caller, who puts it in its place; 404 where none is kept.
func Take[R any](tx *store.Tx, k Kept) (row R, err error) {
	body, err := store.Value[string](tx, `SELECT body FROM deleted_row WHERE organization_id = $1 AND id = $2 AND kind = $3`, k.Organization, k.ID, k.Kind)
	if errors.Is(err, store.ErrNone) {
		return row, fault.New(fault.NotFound, "")
	}
	if err != nil {
		return row, err
	}
	if err := json.Unmarshal([]byte(body), &row); err != nil {
		return row, fmt.Errorf("deleted %s %s: %w", k.Kind, k.ID, err)
	}
	return row, Forget(tx, k.Organization, k.ID)
}

// Forget drops a kept row that cannot be put back any more.
func Forget(tx *store.Tx, organization id.Organization, thing string) error {
	return tx.Send(`DELETE FROM deleted_row WHERE organization_id = $1 AND id = $2`, organization, thing)
}

// ForgetOf drops the kept rows of somebody who goes for good.
func ForgetOf(tx *store.Tx, user id.User) error {
	return tx.Send(`DELETE FROM deleted_row WHERE user_id = $1 AND user_id <> ''`, user)
}

// Deleted is a thing that can be restored.
type Deleted struct {
	Kind    string
	ID      string
	Name    string
	At      clock.Time
	IsA     authz.Kind // for an object of this package; empty for a kept row
	Project id.Object
	Mode    authz.Mode
}

// Scope is what the thing's rights are asked for.
func (d Deleted) Scope(organization id.Organization) authz.Scope {
	if d.IsA == "" {
		return authz.Scope{Organization: organization, Kind: authz.KindOrganization}
	}
	s := authz.Scope{Organization: organization, Kind: d.IsA, Object: id.Object(d.ID), Project: d.Project, Mode: d.Mode}
	if d.IsA == authz.KindProject {
		s.Project = s.Object
	}
	return s
}

// deleted: of what was deleted together only the thing that holds the rest.
const deleted = `SELECT kind, id, name, deleted_at, is_a, project_id, mode FROM (
	SELECT kind, id, name, deleted_at, '' AS is_a, '' AS project_id, '' AS mode FROM deleted_row WHERE organization_id = $1
	UNION ALL SELECT o.kind, o.id, o.name, o.deleted_at, o.kind, o.project_id, o.mode FROM object o WHERE o.organization_id = $1 AND o.deleted_at <> 0
		AND NOT EXISTS (SELECT 1 FROM object holder WHERE holder.id IN (o.project_id, o.environment_id) AND holder.deleted_at <> 0)
	) AS gone WHERE deleted_at > $2 `

func scanDeleted(s store.Scan) (d Deleted, err error) {
	return d, s(&d.Kind, &d.ID, &d.Name, &d.At, &d.IsA, &d.Project, &d.Mode)
}

// ListDeleted gives what was deleted after a moment, the newest first, behind a place
// in that order.
func ListDeleted(q store.Querier, organization id.Organization, since, at clock.Time, thing string, limit int) ([]Deleted, error) {
	return store.All(q, deleted+`AND (deleted_at, id) < ($3, $4) ORDER BY deleted_at DESC, id DESC LIMIT $5`, scanDeleted, organization, since, at, thing, limit)
}

// FindDeleted reads one thing that was deleted after a moment.
func FindDeleted(q store.Querier, organization id.Organization, since clock.Time, thing string) (Deleted, error) {
	d, err := store.One(q, deleted+`AND id = $3`, scanDeleted, organization, since, thing)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "")
	}
	return d, err
}

// Restore takes a deletion back: the thing, and all that was deleted with it. A name
// that is taken meanwhile is a conflict; another name can be given.
func (k Kind[B]) Restore(tx *store.Tx, pass authz.Pass, object id.Object, name string) (Object[B], error) {
	organization := pass.Organization()
	at, err := store.Value[clock.Time](tx, `SELECT deleted_at FROM object WHERE id = $1 AND organization_id = $2 AND kind = $3 AND deleted_at <> 0`, object, organization, k.Name)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "")
	}
	if err != nil {
		return Object[B]{}, err
	}
	if name != "" {
		if _, err := tx.Exec(`UPDATE object SET name = $2, name_key = $3, version = version + 1, updated_at = $4 WHERE id = $1`,
			object, name, authn.Key(name), tx.Now()); err != nil {
			return Object[B]{}, err
		}
	}
	clash, err := store.Value[int64](tx, `SELECT COUNT(*) FROM object o JOIN object other ON other.organization_id = o.organization_id AND other.kind = o.kind
		AND other.project_id = o.project_id AND other.environment_id = o.environment_id AND other.name_key = o.name_key AND other.deleted_at = 0
		WHERE o.id = $1`, object)
	if err != nil {
		return Object[B]{}, err
	}
	if clash > 0 {
		return Object[B]{}, k.taken()
	}
	if _, err := tx.Exec(`UPDATE object SET deleted_at = 0 WHERE organization_id = $1 AND deleted_at = $3 AND (id = $2 OR project_id = $2 OR environment_id = $2)`,
		organization, object, at); err != nil {
		return Object[B]{}, err
	}
	o, err := k.Load(tx, organization, object)
	if err != nil {
		return o, err
	}
	if err := k.whole(tx, o); err != nil {
		return o, err
	}
	after, err := k.masked(o, nil)
	if err != nil {
		return o, err
	}
	return o, k.record(tx, pass, k.Restored, o, nil, after)
}

// whole refuses to bring a thing back while something that it refers to is gone.
func (k Kind[B]) whole(tx *store.Tx, o Object[B]) error {
	if k.Refers == nil {
		return nil
	}
	for _, r := range k.Refers(o) {
		n, err := store.Value[int64](tx, `SELECT COUNT(*) FROM object WHERE organization_id = $1 AND id = $2 AND kind = $3 AND deleted_at = 0`, o.Organization, r.To, r.Kind)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotRestorable, "%s %q refers by %s to something that was deleted; restore that first.", k.Label, o.Name, r.Field)
		}
	}
	return nil
}
