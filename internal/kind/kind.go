// Package kind serves things that need no more than their rules: a kind says what a
// request makes of a thing, how the thing is shown, which of its fields are secret, and
// gets the list, the creation, the reading, the edit and the deletion, with rights,
// events, sealing, conflicts of names and "used by". See internal/group/labels.go for
// a whole kind.
package kind

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// most bounds the things of one kind in an organization; their lists are not paged.
const most = 1000

// Kind is a kind of things with a body B, a request Q and an answer A on the wire.
type Kind[B, Q, A any] struct {
	object.Kind[B]
	// Fill checks a request and puts it into a thing: an empty one, or the one that is
	// edited, so that what is left out can stay. It runs more than once.
	Fill func(checks *fault.Checks, request Q, o *object.Object[B])
	// Show is the thing on the wire; users is how many things refer to it.
	Show func(o object.Object[B], users int64) A
	// Again completes the request that makes a thing what an answer shows, which holds
	// the fields that both have; nil where that is all.
	Again func(was A, request *Q)
	// Read and Edit are the permissions that the operations need.
	Read, Edit authz.Permission
}

// Service changes the things of a kind.
type Service[B, Q, A any] struct {
	kind Kind[B, Q, A]
	db   *store.DB
}

// New makes the service of a kind; keeper may be nil where the kind has no secrets.
func New[B, Q, A any](db *store.DB, keeper *seal.Keeper, k Kind[B, Q, A]) *Service[B, Q, A] {
	k.Keeper = keeper
	k.Shown = func(o object.Object[B]) any { return k.Show(o, 0) }
	return &Service[B, Q, A]{k, db}
}

func (s *Service[B, Q, A]) fill(request Q, o *object.Object[B]) error {
	checks := &fault.Checks{}
	s.kind.Fill(checks, request, o)
	return checks.Err()
}

// Create makes a thing in the pass's organization.
func (s *Service[B, Q, A]) Create(ctx context.Context, pass authz.Pass, request Q) (A, error) {
	var none A
	if err := pass.For(s.kind.Edit); err != nil {
		return none, err
	}
	var wanted object.Object[B]
	if err := s.fill(request, &wanted); err != nil {
		return none, err
	}
	made, err := store.Write(ctx, s.db, pass, func(tx *store.Tx) (object.Object[B], error) {
		if err := s.room(tx, pass); err != nil {
			return wanted, err
		}
		return s.kind.Add(tx, pass, wanted)
	})
	if err != nil {
		return none, err
	}
	return s.kind.Show(made, 0), nil
}

// room refuses one more than an organization can have.
func (s *Service[B, Q, A]) room(tx *store.Tx, pass authz.Pass) error {
	count, err := s.kind.Count(tx, pass.Organization())
	if err == nil && count >= most {
		err = fault.New(fault.LimitReached, "%s: an organization can have at most %d.", s.kind.Label, most)
	}
	return err
}

// used is a thing and how many things refer to it.
type used[B any] struct {
	thing object.Object[B]
	users int64
}

// Change edits the pass's thing.
func (s *Service[B, Q, A]) Change(ctx context.Context, pass authz.Pass, request Q) (A, error) {
	var none A
	if err := pass.For(s.kind.Edit); err != nil {
		return none, err
	}
	if err := s.fill(request, new(object.Object[B])); err != nil {
		return none, err
	}
	changed, err := store.Write(ctx, s.db, pass, func(tx *store.Tx) (u used[B], err error) {
		u.thing, err = s.kind.Change(tx, pass, pass.Scope().Object, func(o *object.Object[B]) error { return s.fill(request, o) })
		if err != nil {
			return u, err
		}
		u.users, err = object.CountUsersOf(tx, pass.Organization(), u.thing.ID)
		return u, err
	})
	if err != nil {
		return none, err
	}
	return s.kind.Show(changed.thing, changed.users), nil
}

// Delete removes the pass's thing.
func (s *Service[B, Q, A]) Delete(ctx context.Context, pass authz.Pass) error {
	if err := pass.For(s.kind.Edit); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error { return s.kind.Remove(tx, pass, pass.Scope().Object) })
}

// Get reads the pass's thing.
func (s *Service[B, Q, A]) Get(ctx context.Context, pass authz.Pass) (A, error) {
	var none A
	if err := pass.For(s.kind.Read); err != nil {
		return none, err
	}
	var u used[B]
	err := s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if u.thing, err = s.kind.Load(q, pass.Organization(), pass.Scope().Object); err != nil {
			return err
		}
		u.users, err = object.CountUsersOf(q, pass.Organization(), u.thing.ID)
		return err
	})
	if err != nil {
		return none, err
	}
	return s.kind.Show(u.thing, u.users), nil
}

// List reads the organization's things of the kind, oldest first.
func (s *Service[B, Q, A]) List(ctx context.Context, pass authz.Pass) ([]A, error) {
	if err := pass.For(s.kind.Read); err != nil {
		return nil, err
	}
	list := []A{}
	err := s.db.Snapshot(ctx, func(q store.Querier) error {
		things, err := s.kind.All(q, pass.Organization())
		if err != nil {
			return err
		}
		users, err := object.CountUsers(q, pass.Organization(), s.kind.Name)
		for _, o := range things {
			list = append(list, s.kind.Show(o, users[o.ID]))
		}
		return err
	})
	return list, err
}

// Users lists what refers to the pass's thing and is seen by its holder.
func (s *Service[B, Q, A]) Users(ctx context.Context, pass authz.Pass) (users []object.User, err error) {
	if err := pass.For(s.kind.Read); err != nil {
		return nil, err
	}
	err = s.db.Snapshot(ctx, func(q store.Querier) error {
		if _, err := s.kind.Load(q, pass.Organization(), pass.Scope().Object); err != nil {
			return err
		}
		users, err = object.Users(q, pass)
		return err
	})
	return users, err
}

// Shown is a thing as the API shows it, with what refers to it.
type Shown[A any] struct {
	Thing A
	Users []object.User
}

// Used lists the things of the kind with their users, for who may see all of them.
func (s *Service[B, Q, A]) Used(ctx context.Context, pass authz.Pass) ([]Shown[A], error) {
	if err := pass.For(s.kind.Read); err != nil {
		return nil, err
	}
	list := []Shown[A]{}
	err := s.db.Snapshot(ctx, func(q store.Querier) error {
		things, err := s.kind.All(q, pass.Organization())
		if err != nil {
			return err
		}
		users, err := object.UsersOf(q, pass.Organization(), s.kind.Name)
		for _, o := range things {
			list = append(list, Shown[A]{s.kind.Show(o, int64(len(users[o.ID]))), users[o.ID]})
		}
		return err
	})
	return list, err
}
