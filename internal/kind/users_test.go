package kind_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// put adds a thing that refers to others, past the service that will make such things.
func put(t *testing.T, s *apptest.Server, organization id.Organization, project id.Object, kind, name string, to ...string) string {
	t.Helper()
	thing := id.New[string]()
	if err := store.Do(t.Context(), s.DB, authz.System("test").On(organization), func(tx *store.Tx) error {
		tx.Unaudited("test")
		if _, err := tx.Exec(`INSERT INTO object (id, kind, organization_id, project_id, environment_id, mode, name, name_key, version, body, sealed, created_at, updated_at, deleted_at)
			VALUES ($1, $2, $3, $4, '', '', $5, $5, 1, '{}', '', 0, 0, 0)`, thing, kind, organization, project, name); err != nil {
			return err
		}
		for _, other := range to {
			for _, role := range []string{"first", "second"} { // two references are one user
				if _, err := tx.Exec(`INSERT INTO object_reference (organization_id, from_id, to_id, role) VALUES ($1, $2, $3, $4)`, organization, thing, other, role); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return thing
}

func gone(t *testing.T, s *apptest.Server, organization id.Organization, thing string) {
	t.Helper()
	if err := store.Do(t.Context(), s.DB, authz.System("test").On(organization), func(tx *store.Tx) error {
		tx.Unaudited("test")
		_, err := tx.Exec(`UPDATE object SET deleted_at = 1 WHERE id = $1`, thing)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// make makes the first thing of a kind in the list above.
func (l lived) make(t *testing.T, jane *apptest.Caller, acme id.Organization) (path, thing string) {
	t.Helper()
	thing = jane.Post(t, l.at(acme), l.request(l.what, ptr(""))).Must(t, 201).Text("id")
	return l.at(acme) + "/" + thing, thing
}

func TestUsers(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		shop := jane.Project(t, acme, "Shop")
		billing := s.Member(t, acme, "billing@example.com", authz.Billing)
		seen := map[string]bool{}
		for _, l := range kinds {
			if seen[l.path] {
				continue
			}
			seen[l.path] = true
			path, thing := l.make(t, jane, acme)
			free, _ := lived{l.what + " free", l.path, l.sent, l.secrets, nil}.make(t, jane, acme)
			cluster := put(t, s, acme, "", "cluster", "Production of "+l.what, thing)
			service := map[string]string{"containerRegistry": "container", "helmRepository": "helm"}[l.path]
			if service == "" {
				service = "application"
			}
			inProject := put(t, s, acme, shop, service, "Web of "+l.what, thing)
			gone(t, s, acme, put(t, s, acme, shop, service, "Deleted of "+l.what, thing))
			l.used(t, jane, path, cluster, inProject, strings.ToUpper(service))
			if !strings.HasSuffix(l.path, "credentials") && l.path != "gitToken" {
				for _, row := range append(billing.Get(t, path+"/associatedServices").List("results"), billing.Get(t, path+"/associatedItems").List("results")...) {
					if row.(body)["project_id"] != nil {
						t.Errorf("BILLING sees no project, and this: %v", row)
					}
				}
			}
			if strings.HasSuffix(l.path, "credentials") {
				l.guarded(t, s, jane, acme, path, cluster, inProject)
			} else {
				jane.Delete(t, path).Must(t, 204) // what refers to it goes on without it
			}
			jane.Delete(t, free).Must(t, 204)
		}
		s.Verify(t)
	})
}

// used looks at the counts, and at the lists of users where the contract has them.
func (l lived) used(t *testing.T, jane *apptest.Caller, path, cluster, service, word string) {
	t.Helper()
	for _, field := range []string{"associated_services_count", "associated_items_count"} {
		one := jane.Get(t, path).Must(t, 200)
		if !one.Has(field) {
			continue
		}
		list := jane.Get(t, path[:strings.LastIndex(path, "/")]).Must(t, 200)
		if n, first, second := one.Value(field), list.Value("results.0."+field), list.Value("results.1."+field); n != 2.0 || first != 2.0 || second != 0.0 {
			t.Errorf("%s is %v for one, %v and %v in the list; want 2, 2 and 0", field, n, first, second)
		}
		edited := jane.Put(t, path, l.request(l.what, nil)).Must(t, 200)
		if n := edited.Value(field); n != 2.0 {
			t.Errorf("an edit counts %v, want 2", n)
		}
	}
	if r := jane.Get(t, path+"/associatedServices"); r.Status == 200 {
		want := fmt.Sprintf("[map[environment_id: environment_name: project_id:%v project_name:Shop service_id:%s service_name:Web of %s service_type:%s]]", r.Value("results.0.project_id"), service, l.what, word)
		if got := fmt.Sprint(r.List("results")); got != want {
			t.Errorf("the services are %s\nwant %s", got, want)
		}
	}
	if r := jane.Get(t, path+"/associatedItems"); r.Status == 200 {
		if r.Text("results.0.cluster_id") != cluster || r.Text("results.0.item_type") != "CLUSTER" || r.Text("results.1.item_id") != service || r.Text("results.1.project_name") != "Shop" || len(r.List("results")) != 2 {
			t.Errorf("the items are %s", r.Body)
		}
	}
}

// guarded: credentials in use stay; the refusal names what uses them.
func (l lived) guarded(t *testing.T, s *apptest.Server, jane *apptest.Caller, acme id.Organization, path, cluster, service string) {
	t.Helper()
	if d := jane.Delete(t, path).Refused(t, 409, "in_use").Text("detail"); !strings.Contains(d, `cluster "Production of `+l.what+`", application "Web of `+l.what+`"`) {
		t.Errorf("the refusal does not name what uses it: %s", d)
	}
	found := false
	for _, row := range jane.Get(t, "/organization/"+string(acme)+"/credentials").Must(t, 200).List("results") {
		if clusters := row.(body)["clusters"].([]any); len(clusters) > 0 {
			found = true
			if c := clusters[0].(body); c["id"] != cluster || c["name"] != "Production of "+l.what || c["cloud_provider"] == "" || len(clusters) != 1 {
				t.Errorf("the clusters are %v", clusters)
			}
		}
	}
	if !found {
		t.Error("no credentials are listed with their cluster")
	}
	gone(t, s, acme, cluster)
	gone(t, s, acme, service)
	jane.Delete(t, path).Must(t, 204)
}
