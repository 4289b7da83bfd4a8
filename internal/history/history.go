// Package history tells what became of things: their versions, what they were at a
// moment, and the way back, to a version or from a deletion. It keeps nothing of its
// own: versions are the organization's events, and going back is a change that the
// feature of the thing makes by its own rules.
package history

import (
	"context"
	"encoding/json"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Reverter makes a thing again what an event showed, as a change like any other.
type Reverter interface {
	Revert(ctx context.Context, pass authz.Pass, target string, state json.RawMessage) error
}

// Restorer takes a deletion back; a name, where one is given, is the thing's from then on.
type Restorer interface {
	Restore(ctx context.Context, pass authz.Pass, target, name string) error
}

// Kind is what a feature can do for one kind of things: a line in app.
type Kind struct {
	Name string // what stands before the dot of its actions
	// Edit is the permission to change such a thing and Delete that to delete it: who has
	// it may go back.
	Edit, Delete authz.Permission
	Reverter     Reverter
	Restorer     Restorer
	// Fixed says, where there is no Reverter, why: such things do not change.
	Fixed string
	// Object is set for objects: they are found by their id, and rights are asked about
	// each of them.
	Object bool
	// Objects are the kinds of objects that such things are, where those have other names.
	Objects []authz.Kind
	// Derived are fields of its documents that belong to other things, or to the moment.
	Derived []string
}

// Authorizer gives the pass for a further permission.
type Authorizer interface {
	Require(ctx context.Context, actor authn.Actor, p authz.Permission, s authz.Scope) (authz.Pass, error)
}

// Neighbours are what the history asks of others.
type Neighbours struct {
	Authorizer Authorizer
	// Find resolves the scope of an object that is not deleted.
	Find func(ctx context.Context, object id.Object) (authz.Scope, error)
	// Retention is how far back an organization's plan lets its record be read.
	Retention func(ctx context.Context, organization id.Organization) (time.Duration, error)
	// Grace is how long what was deleted can be restored.
	Grace time.Duration
}

// Service answers.
type Service struct {
	db    *store.DB
	near  Neighbours
	kinds map[string]Kind
	// objects leads from kinds of objects to the kinds that have another name.
	objects map[string]string
}

// NewService makes the service, which knows the kinds.
func NewService(db *store.DB, near Neighbours, kinds ...Kind) *Service {
	s := &Service{db, near, map[string]Kind{}, map[string]string{}}
	for _, k := range kinds {
		s.kinds[k.Name] = k
		for _, o := range k.Objects {
			s.objects[string(o)] = k.Name
		}
	}
	return s
}

// Kinds lists what has a history, for tests.
func (s *Service) Kinds() map[string]Kind { return s.kinds }

// about chooses the events of a thing that the pass's holder sees, by the rules of the
// activity: all with event.read, else those in the projects they see.
func about(pass authz.Pass, target string) audit.Filter {
	f := audit.Filter{Stream: string(pass.Organization()), TargetID: target}
	if !pass.Also(authz.EventRead) {
		see := pass.Projects()
		f.InProjects, f.Roles = true, [2]string{string(see[0]), string(see[1])}
	}
	return f
}

// oldest is since when the plan shows what happened.
func (s *Service) oldest(ctx context.Context, pass authz.Pass) (clock.Time, error) {
	retention, err := s.near.Retention(ctx, pass.Organization())
	return s.db.Now().Add(-retention), err
}

// Story is a part of a thing's history.
type Story struct {
	Kind     Kind
	Versions []audit.Version
	More     bool // there are older ones that can be read
	Hidden   bool // there are older ones that the plan does not show
}

// List gives the versions of a thing that are older than one, newest first; 404 where
// the holder sees none of its events.
func (s *Service) List(ctx context.Context, pass authz.Pass, target string, below int64, limit int) (story Story, err error) {
	if err := pass.For(authz.OrganizationView); err != nil {
		return story, err
	}
	f := about(pass, target)
	oldest, err := s.oldest(ctx, pass)
	if err != nil {
		return story, err
	}
	err = s.db.Snapshot(ctx, func(q store.Querier) error {
		if story.Kind, err = s.kindOf(q, f); err != nil {
			return err
		}
		shown := f
		shown.From = oldest
		if story.Versions, err = audit.Versions(q, shown, below, limit+1); err != nil {
			return err
		}
		if story.More = len(story.Versions) > limit; story.More {
			story.Versions = story.Versions[:limit]
			return nil
		}
		f.To = oldest - 1
		hidden, err := audit.Versions(q, f, below, 1)
		story.Hidden = len(hidden) > 0
		return err
	})
	return story, err
}

// kindOf finds what a thing is by its newest event.
func (s *Service) kindOf(q store.Querier, f audit.Filter) (Kind, error) {
	newest, err := audit.Versions(q, f, 1<<63-1, 1)
	if err != nil {
		return Kind{}, err
	}
	if len(newest) == 0 {
		return Kind{}, fault.New(fault.NotFound, "")
	}
	kind, ok := s.kinds[newest[0].Kind]
	if !ok {
		return Kind{}, fault.New(fault.NotFound, "")
	}
	return kind, nil
}

// At tells what a thing was at a moment that the plan shows. What was there before that
// time began is shown as well, without who made it so.
func (s *Service) At(ctx context.Context, pass authz.Pass, target string, at clock.Time) (audit.State, Kind, error) {
	if err := pass.For(authz.OrganizationView); err != nil {
		return audit.State{}, Kind{}, err
	}
	oldest, err := s.oldest(ctx, pass)
	if err != nil {
		return audit.State{}, Kind{}, err
	}
	state, known, err := audit.StateAt(s.db.Reader(ctx), about(pass, target), at)
	kind, ok := s.kinds[state.Kind]
	if err == nil && (!known || !ok) {
		err = fault.New(fault.NotFound, "")
	}
	if err != nil {
		return audit.State{}, Kind{}, err
	}
	if at < oldest {
		checks := &fault.Checks{}
		checks.Add("time", "lies before %s: the plan shows no more", oldest.Format())
		return audit.State{}, Kind{}, checks.Err()
	}
	if state.Version != nil && state.Version.At < oldest {
		state.Version = nil
	}
	return state, kind, nil
}

// Revert makes a thing again what it was in one of its versions, and gives the new one.
// It is the change that its feature would make if the holder asked for it by hand.
func (s *Service) Revert(ctx context.Context, pass authz.Pass, target string, version int64) (audit.Version, Kind, error) {
	if err := pass.For(authz.OrganizationView); err != nil {
		return audit.Version{}, Kind{}, err
	}
	f := about(pass, target)
	oldest, err := s.oldest(ctx, pass)
	if err != nil {
		return audit.Version{}, Kind{}, err
	}
	kind, err := s.kindOf(s.db.Reader(ctx), f)
	if err != nil {
		return audit.Version{}, Kind{}, err
	}
	if kind.Reverter == nil {
		return audit.Version{}, kind, fault.New(fault.Invalid, "%s", kind.Fixed)
	}
	shown := f
	shown.From = oldest
	found, err := audit.Versions(s.db.Reader(ctx), shown, min(version, 1<<62)+1, 1)
	if err != nil {
		return audit.Version{}, kind, err
	}
	checks := &fault.Checks{}
	if len(found) == 0 || found[0].Seq != version {
		checks.Add("version", "is not a version of this thing that the plan shows")
	} else if found[0].After == nil {
		checks.Add("version", "is the end of this thing; a deletion is taken back with restoreDeleted")
	}
	if err := checks.Err(); err != nil {
		return audit.Version{}, kind, err
	}
	scope := pass.Scope()
	if kind.Object {
		if scope, err = s.near.Find(ctx, id.Object(target)); err != nil {
			return audit.Version{}, kind, err
		}
	}
	editing, err := s.near.Authorizer.Require(ctx, pass.Actor(), kind.Edit, scope)
	if err != nil {
		return audit.Version{}, kind, err
	}
	if err := kind.Reverter.Revert(ctx, editing.Reverting(version), target, found[0].After); err != nil {
		return audit.Version{}, kind, err
	}
	newest, err := audit.Versions(s.db.Reader(ctx), f, 1<<63-1, 1)
	if err != nil || len(newest) == 0 {
		return audit.Version{}, kind, err
	}
	return newest[0], kind, nil
}

// named is the name of a deleted thing's kind, as its actions have it.
func (s *Service) named(d object.Deleted) string {
	if name, ok := s.objects[d.Kind]; ok {
		return name
	}
	return d.Kind
}

// deleting gives the pass of somebody who could delete a thing; false where they may not.
func (s *Service) deleting(ctx context.Context, pass authz.Pass, d object.Deleted) (authz.Pass, Kind, bool, error) {
	kind, ok := s.kinds[s.named(d)]
	if !ok || kind.Restorer == nil {
		return authz.Pass{}, kind, false, nil
	}
	got, err := s.near.Authorizer.Require(ctx, pass.Actor(), kind.Delete, d.Scope(pass.Organization()))
	if fault.Has(err, fault.Forbidden) || fault.Has(err, fault.NotFound) {
		return authz.Pass{}, kind, false, nil
	}
	return got, kind, err == nil, err
}

// readAtOnce is how many deleted things are read at a time.
const readAtOnce = 200

// Deleted gives the deleted things that the holder can restore, newest first, behind a
// place in that order.
func (s *Service) Deleted(ctx context.Context, pass authz.Pass, at clock.Time, thing string, limit int) (list []object.Deleted, more bool, err error) {
	if err := pass.For(authz.OrganizationView); err != nil {
		return nil, false, err
	}
	since := s.db.Now().Add(-s.near.Grace)
	for {
		page, err := object.ListDeleted(s.db.Reader(ctx), pass.Organization(), since, at, thing, readAtOnce)
		if err != nil {
			return nil, false, err
		}
		for _, d := range page {
			_, _, may, err := s.deleting(ctx, pass, d)
			if err != nil {
				return nil, false, err
			}
			if !may {
				continue
			}
			if len(list) == limit {
				return list, true, nil
			}
			d.Kind = s.named(d)
			list = append(list, d)
		}
		if len(page) < readAtOnce {
			return list, false, nil
		}
		at, thing = page[len(page)-1].At, page[len(page)-1].ID
	}
}

// Restore takes a deletion back, for who could delete the thing now; for everybody else
// it is not there.
func (s *Service) Restore(ctx context.Context, pass authz.Pass, target, name string) (object.Deleted, error) {
	if err := pass.For(authz.OrganizationView); err != nil {
		return object.Deleted{}, err
	}
	d, err := object.FindDeleted(s.db.Reader(ctx), pass.Organization(), s.db.Now().Add(-s.near.Grace), target)
	if err != nil {
		return d, err
	}
	deleting, kind, may, err := s.deleting(ctx, pass, d)
	if err == nil && !may {
		err = fault.New(fault.NotFound, "")
	}
	if err != nil {
		return d, err
	}
	d.Kind = kind.Name
	return d, kind.Restorer.Restore(ctx, deleting, target, name)
}
