package object_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// tree is a project with two environments, one of which holds two applications.
type tree struct{ project, live, test, api, web thing }

func (s *shelf) tree(name string) tree {
	s.t.Helper()
	var r tree
	r.project = s.must(projects, thing{Name: name})
	r.live = s.must(environments, thing{Name: "live", Project: r.project.ID, Mode: authz.Production})
	r.test = s.must(environments, thing{Name: "test", Project: r.project.ID})
	r.api = s.must(applications, thing{Name: "api", Project: r.project.ID, Environment: r.live.ID})
	r.web = s.must(applications, thing{Name: "web", Project: r.project.ID, Environment: r.live.ID})
	return r
}

// there tells which of a tree's things can still be found.
func (s *shelf) there(r tree) string {
	s.t.Helper()
	found := ""
	for _, c := range []struct {
		kind  object.Kind[body]
		thing thing
	}{{projects, r.project}, {environments, r.live}, {environments, r.test}, {applications, r.api}, {applications, r.web}} {
		_, err := s.load(c.kind, c.thing.ID)
		if err == nil {
			found += c.thing.Name + " "
		} else if !fault.Has(err, fault.NotFound) {
			s.t.Error(err)
		}
	}
	return found
}

// TestCascade: with a thing goes all that lies in it, and nothing else.
func TestCascade(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a := newShelf(t, s, "acme")
		shop, bank := a.tree("shop"), a.tree("bank")
		for _, step := range []struct {
			kind object.Kind[body]
			id   id.Object
			shop string
		}{
			{applications, shop.web.ID, "shop live test api "},
			{environments, shop.live.ID, "shop test "},
			{projects, shop.project.ID, ""},
		} {
			if err := a.remove(step.kind, step.id); err != nil {
				t.Fatal(err)
			}
			if got := a.there(shop); got != step.shop {
				t.Errorf("left %q, want %q", got, step.shop)
			}
		}
		if got := a.there(bank); got != "bank live test api web " {
			t.Errorf("of the neighbour is left %q", got)
		}
		s.Verify(t)
	})
}

func TestLists(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a, b := newShelf(t, s, "acme"), newShelf(t, s, "other")
		shop, bank := a.tree("shop"), a.tree("bank")
		empty := a.must(projects, thing{Name: "empty"})
		b.tree("shop")
		q := s.DB.Reader(t.Context())
		names := func(s *shelf) string {
			list, err := projects.List(q, s.pass)
			if err != nil {
				t.Error(err)
			}
			text := ""
			for _, p := range list {
				text += p.Name + " "
			}
			return text
		}
		counts := func() map[id.Object]map[authz.Kind]int64 {
			c, err := object.CountByProject(q, a.pass.Organization())
			if err != nil {
				t.Error(err)
			}
			return c
		}
		count := func(k object.Kind[body]) int64 {
			n, err := k.Count(q, a.pass.Organization())
			if err != nil {
				t.Error(err)
			}
			return n
		}
		if got := names(a); got != "shop bank empty " {
			t.Errorf("listed %s, want the oldest first", got)
		}
		full := map[authz.Kind]int64{authz.KindEnvironment: 2, authz.KindApplication: 2}
		if got, want := fmt.Sprint(counts()), fmt.Sprint(map[id.Object]map[authz.Kind]int64{shop.project.ID: full, bank.project.ID: full}); got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
		if count(projects) != 3 || count(environments) != 4 || count(applications) != 4 {
			t.Errorf("counted %d projects, %d environments, %d applications", count(projects), count(environments), count(applications))
		}
		for _, o := range []id.Object{shop.project.ID, empty.ID} {
			if err := a.remove(projects, o); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.remove(environments, bank.live.ID); err != nil {
			t.Fatal(err)
		}
		if got := names(a) + names(b); got != "bank shop " {
			t.Errorf("after deletions: %s", got)
		}
		if got, want := fmt.Sprint(counts()), fmt.Sprint(map[id.Object]map[authz.Kind]int64{bank.project.ID: {authz.KindEnvironment: 1}}); got != want {
			t.Errorf("after deletions %s, want %s", got, want)
		}
	})
}

// TestResolver: an id leads to its place, and to nothing at once when it is gone.
func TestResolver(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a := newShelf(t, s, "acme")
		org := a.pass.Organization()
		shop, bank := a.tree("shop"), a.tree("bank")
		r := object.NewResolver(s.DB)
		scopes := map[id.Object]authz.Scope{
			shop.project.ID: {Organization: org, Project: shop.project.ID, Kind: authz.KindProject},
			shop.live.ID:    {Organization: org, Project: shop.project.ID, Kind: authz.KindEnvironment, Mode: authz.Production},
			shop.api.ID:     {Organization: org, Project: shop.project.ID, Environment: shop.live.ID, Kind: authz.KindApplication},
		}
		for range 2 { // from the database and from memory
			for o, want := range scopes {
				want.Object = o
				if got, err := r.Resolve(t.Context(), want.Kind, o); err != nil || got != want {
					t.Errorf("resolved to %+v, %v; want %+v", got, err, want)
				}
				for _, other := range []authz.Kind{authz.KindProject, authz.KindEnvironment, authz.KindApplication, authz.KindCluster} {
					if _, err := r.Resolve(t.Context(), other, o); other != want.Kind && !fault.Has(err, fault.NotFound) {
						t.Errorf("a %s resolved as a %s: %v", want.Kind, other, err)
					}
				}
			}
			for _, o := range []id.Object{id.New[id.Object](), "x", "", id.Object(org)} {
				if _, err := r.Resolve(t.Context(), authz.KindProject, o); !fault.Has(err, fault.NotFound) {
					t.Errorf("%q resolved: %v", o, err)
				}
			}
		}
		if err := a.remove(projects, shop.project.ID); err != nil {
			t.Fatal(err)
		}
		for o, scope := range scopes {
			if got, err := r.Resolve(t.Context(), scope.Kind, o); !fault.Has(err, fault.NotFound) {
				t.Errorf("after its deletion a %s resolves to %+v, %v", scope.Kind, got, err)
			}
		}
		if _, err := r.Resolve(t.Context(), authz.KindEnvironment, bank.live.ID); err != nil {
			t.Errorf("the neighbour: %v", err)
		}
	})
}

// TestResolverRemembers: a warm resolver asks nobody, not even where the caller has left.
func TestResolverRemembers(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	a := newShelf(t, s, "acme")
	p := a.must(projects, thing{Name: "shop"})
	r := object.NewResolver(s.DB)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := r.Resolve(gone, authz.KindProject, p.ID); !fault.Has(err, fault.Timeout) {
		t.Fatalf("a cold resolver answered without the database: %v", err)
	}
	if _, err := r.Resolve(t.Context(), authz.KindProject, p.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(gone, authz.KindProject, p.ID); err != nil {
		t.Errorf("a warm resolver asked the database: %v", err)
	}
	if _, err := a.change(projects, p.ID, rename("store")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(gone, authz.KindProject, p.ID); !fault.Has(err, fault.Timeout) {
		t.Errorf("after a change the resolver did not ask anew: %v", err)
	}
}

// TestPurge: what was deleted can be freed when its time is over, and an
// organization's things all together.
func TestPurge(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a, b := newShelf(t, s, "acme"), newShelf(t, s, "other")
		shop, bank := a.tree("shop"), a.tree("bank")
		theirs := b.tree("theirs")
		rows := func(of *shelf) int64 {
			n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM object WHERE organization_id = $1`, of.pass.Organization())
			if err != nil {
				t.Error(err)
			}
			return n
		}
		if err := a.remove(projects, shop.project.ID); err != nil {
			t.Fatal(err)
		}
		deleted := s.DB.Now()
		for _, step := range []struct {
			before time.Duration
			left   int64
		}{{-time.Hour, 10}, {0, 10}, {time.Microsecond, 5}} {
			if err := a.write(func(tx *store.Tx) error { return object.PurgeDeleted(tx, deleted.Add(step.before)) }); err != nil {
				t.Fatal(err)
			}
			if rows(a) != step.left {
				t.Errorf("%s: %d rows, want %d", step.before, rows(a), step.left)
			}
		}
		if a.there(bank) == "" || b.there(theirs) == "" {
			t.Error("what was not deleted was purged")
		}
		if err := a.write(func(tx *store.Tx) error {
			tx.Unaudited("a test")
			return object.Purge(tx, a.pass.Organization())
		}); err != nil {
			t.Fatal(err)
		}
		if rows(a) != 0 || rows(b) != 5 {
			t.Errorf("%d rows of the purged, %d of the other", rows(a), rows(b))
		}
	})
}
