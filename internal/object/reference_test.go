package object_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestReferences: a cluster refers to its project here, as it may; what is named must
// be of the same organization and of the kind, an edit replaces it, a deletion ends it.
func TestReferences(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		acme, other := newShelf(t, s, "acme"), newShelf(t, s, "other")
		guarded := projects
		guarded.Guarded = true
		clusters := newKind(authz.KindCluster, "Cluster")
		clusters.Refers = func(o thing) []object.Reference {
			return []object.Reference{{To: id.Object(o.Body.Note), Kind: authz.KindProject, Role: "project", Field: "project_id"}}
		}
		add := func(s *shelf, k object.Kind[body], name, note string) (made thing, err error) {
			err = s.write(func(tx *store.Tx) (err error) {
				made, err = k.Add(tx, s.pass, thing{Name: name, Body: body{Note: note}})
				return err
			})
			return made, err
		}
		must := func(o thing, err error) thing {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		first, second := must(add(acme, projects, "First", "")), must(add(acme, projects, "Second", ""))
		foreign := must(add(other, projects, "Foreign", ""))
		cluster := must(add(acme, clusters, "Production", string(first.ID)))
		for what, to := range map[string]id.Object{"foreign": foreign.ID, "of another kind": cluster.ID, "unknown": id.New[id.Object](), "none": ""} {
			if _, err := add(acme, clusters, what, string(to)); !fault.Has(err, fault.Invalid) || fault.From(err).Fields[0].Field != "project_id" {
				t.Errorf("a reference that is %s: %v", what, err)
			}
		}
		counts := func() [2]int64 {
			n, err := object.CountUsers(s.DB.Reader(t.Context()), acme.pass.Organization(), authz.KindProject)
			if err != nil {
				t.Fatal(err)
			}
			return [2]int64{n[first.ID], n[second.ID]}
		}
		remove := func(k object.Kind[body], o thing) error {
			return acme.write(func(tx *store.Tx) error { return k.Remove(tx, acme.pass, o.ID) })
		}
		if n := counts(); n != [2]int64{1, 0} {
			t.Errorf("the counts are %v", n)
		}
		if err := remove(guarded, first); !fault.Has(err, fault.InUse) || !strings.Contains(err.Error(), `cluster "Production"`) {
			t.Errorf("what is in use was deleted: %v", err)
		}
		if err := acme.write(func(tx *store.Tx) error {
			_, err := clusters.Change(tx, acme.pass, cluster.ID, func(o *thing) error { o.Body.Note = string(second.ID); return nil })
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if n := counts(); n != [2]int64{0, 1} {
			t.Errorf("after an edit the counts are %v", n)
		}
		if err := remove(guarded, first); err != nil {
			t.Errorf("what is not in use any more: %v", err)
		}
		if err := remove(clusters, cluster); err != nil {
			t.Fatal(err)
		}
		if n := counts(); n != [2]int64{0, 0} {
			t.Errorf("after the deletion the counts are %v", n)
		}
		if err := remove(guarded, second); err != nil {
			t.Errorf("what only a deleted thing refers to: %v", err)
		}
		s.Verify(t)
	})
}
