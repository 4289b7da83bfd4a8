package object_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// body is what the things of these tests hold; the map is shared between copies.
type body struct {
	Note string
	Tags map[string]string
}

type thing = object.Object[body]

func newKind(name authz.Kind, label string) object.Kind[body] {
	return object.Kind[body]{
		Name: name, Label: label,
		Shown:  func(o thing) any { return map[string]any{"name": o.Name, "mode": o.Mode, "tags": o.Body.Tags} },
		Create: audit.ProjectCreate, Update: audit.ProjectUpdate, Delete: audit.ProjectDelete,
	}
}

var (
	projects     = newKind(authz.KindProject, "Project")
	environments = newKind(authz.KindEnvironment, "Environment")
	applications = newKind(authz.KindApplication, "Application")
)

// shelf is an organization in which things are made without asking for rights.
type shelf struct {
	*apptest.Server
	t    testing.TB
	pass authz.Pass
}

func newShelf(t testing.TB, s *apptest.Server, name string) *shelf {
	t.Helper()
	owner := s.Person(t, name+"@example.com")
	return &shelf{s, t, authz.System("test").On(owner.Organization(t, name))}
}

func (s *shelf) write(fn func(tx *store.Tx) error) error {
	return store.Do(s.t.Context(), s.DB, s.pass, fn)
}

func (s *shelf) add(k object.Kind[body], o thing) (thing, error) {
	return store.Write(s.t.Context(), s.DB, s.pass, func(tx *store.Tx) (thing, error) { return k.Add(tx, s.pass, o) })
}

func (s *shelf) must(k object.Kind[body], o thing) thing {
	s.t.Helper()
	made, err := s.add(k, o)
	if err != nil {
		s.t.Fatalf("make %s: %v", o.Name, err)
	}
	return made
}

func (s *shelf) change(k object.Kind[body], o id.Object, edit func(*thing) error) (thing, error) {
	return store.Write(s.t.Context(), s.DB, s.pass, func(tx *store.Tx) (thing, error) { return k.Change(tx, s.pass, o, edit) })
}

func (s *shelf) remove(k object.Kind[body], o id.Object) error {
	return s.write(func(tx *store.Tx) error { return k.Remove(tx, s.pass, o) })
}

func (s *shelf) load(k object.Kind[body], o id.Object) (thing, error) {
	return k.Load(s.DB.Reader(s.t.Context()), s.pass.Organization(), o)
}

func rename(name string) func(*thing) error {
	return func(o *thing) error { o.Name = name; return nil }
}

func TestAdd(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a := newShelf(t, s, "acme")
		p := a.must(projects, thing{Name: "Shop"})
		given := thing{
			ID: "mine", Organization: "another", Version: 7, CreatedAt: 1, UpdatedAt: 1, // not for the caller to say
			Project: p.ID, Mode: authz.Production, Name: "Live", Body: body{"note", map[string]string{"k": "v"}},
		}
		made := a.must(environments, given)
		got, err := a.load(environments, made.ID)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(made) {
			t.Errorf("read back %v, %v; made %v", got, err, made)
		}
		if _, ok := id.Parse[id.Object](string(made.ID)); !ok || made.Organization != a.pass.Organization() || made.Version != 1 {
			t.Errorf("made %+v", made)
		}
		if made.CreatedAt.Std() != apptest.Epoch || made.UpdatedAt != made.CreatedAt || made.Project != p.ID || made.Mode != authz.Production {
			t.Errorf("made %+v", made)
		}
		s.Verify(t)
	})
}

// TestNames: in one place no two things of a kind have the same name.
func TestNames(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a, b := newShelf(t, s, "acme"), newShelf(t, s, "other")
		shop := a.must(projects, thing{Name: "Shop"})
		bank := a.must(projects, thing{Name: "Bank"})
		live := a.must(environments, thing{Name: "Straße", Project: shop.ID})
		for name, c := range map[string]struct {
			kind  object.Kind[body]
			thing thing
			shelf *shelf
			taken bool
		}{
			"the same":              {projects, thing{Name: "Shop"}, a, true},
			"another case":          {projects, thing{Name: "sHOP"}, a, true},
			"full width":            {projects, thing{Name: "Ｓｈｏｐ"}, a, true},
			"spaces around":         {projects, thing{Name: " shop "}, a, true},
			"folded":                {environments, thing{Name: "STRASSE", Project: shop.ID}, a, true},
			"another kind":          {environments, thing{Name: "Shop", Project: shop.ID}, a, false},
			"another project":       {environments, thing{Name: "Straße", Project: bank.ID}, a, false},
			"another organization":  {projects, thing{Name: "Shop"}, b, false},
			"inside an environment": {applications, thing{Name: "Straße", Project: shop.ID, Environment: live.ID}, a, false},
		} {
			before := a.Verify(t)
			_, err := c.shelf.add(c.kind, c.thing)
			if fault.Has(err, fault.NameTaken) != c.taken || (err != nil) != c.taken {
				t.Errorf("%s: %v", name, err)
			}
			if c.taken && fmt.Sprint(a.Verify(t)) != fmt.Sprint(before) {
				t.Errorf("%s: a refusal left an event", name)
			}
		}
		_, err := a.change(projects, bank.ID, rename("SHOP"))
		if !fault.Has(err, fault.NameTaken) || fault.From(err).Detail != "Project name is already taken" {
			t.Errorf("renamed to a name that is taken: %v", err)
		}
		if o, err := a.change(projects, shop.ID, rename("SHOP")); err != nil || o.Name != "SHOP" {
			t.Errorf("renamed to its own name in capitals: %v, %v", o, err)
		}
		if err := a.remove(projects, shop.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := a.change(projects, bank.ID, rename("shop")); err != nil {
			t.Errorf("the name of what was deleted: %v", err)
		}
	})
}

// TestOneName: of many who want a name at once, one gets it.
func TestOneName(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a := newShelf(t, s, "acme")
		var all sync.WaitGroup
		var won atomic.Int64
		for i := range 30 {
			all.Go(func() {
				_, err := a.add(projects, thing{Name: []string{"Shop", "SHOP", "shop"}[i%3]})
				if err == nil {
					won.Add(1)
				} else if !fault.Has(err, fault.NameTaken) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		n, err := projects.Count(s.DB.Reader(t.Context()), a.pass.Organization())
		if won.Load() != 1 || n != 1 || err != nil {
			t.Errorf("%d won, %d are there, %v", won.Load(), n, err)
		}
	})
}

func TestChange(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a := newShelf(t, s, "acme")
		p := a.must(projects, thing{Name: "Shop", Body: body{"one", map[string]string{"k": "old"}}})
		s.Clock.Advance(1_000_000)
		changed, err := a.change(projects, p.ID, func(o *thing) error {
			o.Name, o.Body.Note, o.Mode = "Store", "two", authz.Staging
			o.Body.Tags["k"] = "new"
			o.Version, o.CreatedAt = 99, 99 // not for the caller to say
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.load(projects, p.ID)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(changed) {
			t.Errorf("read back %v, %v; changed %v", got, err, changed)
		}
		if got.Name != "Store" || got.Body.Note != "two" || got.Mode != authz.Staging || got.Version != 2 || got.CreatedAt != p.CreatedAt || got.UpdatedAt <= p.UpdatedAt {
			t.Errorf("changed %+v, was %+v", got, p)
		}

		payload, err := store.Value[[]byte](s.DB.Reader(t.Context()), `SELECT payload FROM event WHERE organization_id = $1 ORDER BY seq DESC LIMIT 1`, a.pass.Organization())
		if err != nil {
			t.Fatal(err)
		}
		var event audit.Payload
		if err := json.Unmarshal(payload, &event); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(event.Changed, []string{"mode", "name", "tags"}) || string(event.Before) != `{"mode":"","name":"Shop","tags":{"k":"old"}}` {
			t.Errorf("the event says %v changed from %s", event.Changed, event.Before)
		}

		errMade := errors.New("made by the test")
		for name, c := range map[string]struct {
			edit func(*thing) error
			want string // part of the error
		}{
			"an edit that refuses":      {func(o *thing) error { o.Name = "x"; return errMade }, errMade.Error()},
			"a move to another project": {func(o *thing) error { o.Project = id.New[id.Object](); return nil }, "does not move"},
			"a move to an environment":  {func(o *thing) error { o.Environment = id.New[id.Object](); return nil }, "does not move"},
			"a move to an organization": {func(o *thing) error { o.Organization = id.New[id.Organization](); return nil }, "does not move"},
			"another id":                {func(o *thing) error { o.ID = id.New[id.Object](); return nil }, "does not move"},
		} {
			if _, err := a.change(projects, p.ID, c.edit); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if after, err := a.load(projects, p.ID); err != nil || fmt.Sprint(after) != fmt.Sprint(got) {
				t.Errorf("%s left %v, %v", name, after, err)
			}
		}
		s.Verify(t)
	})
}

// TestNotThere: what is deleted, another's, of another kind or unknown does not exist.
func TestNotThere(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a, b := newShelf(t, s, "acme"), newShelf(t, s, "other")
		gone, theirs, live := a.must(projects, thing{Name: "gone"}), b.must(projects, thing{Name: "theirs"}), a.must(projects, thing{Name: "live"})
		env := a.must(environments, thing{Name: "env", Project: live.ID})
		if err := a.remove(projects, gone.ID); err != nil {
			t.Fatal(err)
		}
		before := fmt.Sprint(a.Verify(t))
		for name, o := range map[string]id.Object{"deleted": gone.ID, "another's": theirs.ID, "another kind": env.ID, "unknown": id.New[id.Object](), "no id": "x"} {
			_, loadErr := a.load(projects, o)
			_, changeErr := a.change(projects, o, func(*thing) error { t.Errorf("%s: was given out for a change", name); return nil })
			for what, err := range map[string]error{"load": loadErr, "change": changeErr, "remove": a.remove(projects, o)} {
				if !fault.Has(err, fault.NotFound) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
			if o == env.ID {
				continue // it is an environment, and a good place
			}
			for what, inside := range map[string]thing{"in the project": {Name: "x", Project: o}, "in the environment": {Name: "x", Project: live.ID, Environment: o}} {
				if _, err := a.add(applications, inside); !fault.Has(err, fault.NotFound) {
					t.Errorf("%s, a thing %s: %v", name, what, err)
				}
			}
		}
		if after := fmt.Sprint(a.Verify(t)); after != before {
			t.Errorf("refusals changed the record from %s to %s", before, after)
		}
		if _, err := b.load(projects, theirs.ID); err != nil {
			t.Errorf("the neighbour's: %v", err)
		}
	})
}
