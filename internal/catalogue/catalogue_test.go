package catalogue_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
)

func TestCatalogues(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{}) // no table is read
	jane := s.Person(t, "jane@example.com")
	robot := jane.Token(t, jane.Organization(t, "Acme"), "robot", authz.Viewer)
	seen := map[string]bool{}
	for _, cloud := range robot.Get(t, "/cloudProvider").Must(t, 200).List("results") {
		c := cloud.(map[string]any)
		for _, region := range c["regions"].([]any) {
			r := region.(map[string]any)
			name := r["name"].(string)
			if seen[name] || strings.TrimSpace(name) == "" || len(r["country_code"].(string)) != 2 || r["country"] == "" || r["city"] == "" {
				t.Errorf("the region %v is twice, or says too little", r)
			}
			seen[name] = true
		}
	}
	for path, least := range map[string]int{
		"/cloudProvider": 5, "/aws/region": 30, "/gcp/region": 35, "/azure/region": 35, "/scaleway/region": 3, "/aws/instanceType": 60, "/scaleway/instanceType": 15,
		"/gcp/instanceType/europe-west9": 20, "/azure/aks/instanceType/francecentral": 20, "/aws/eks/instanceType/eu-west-3": 60, "/scaleway/instanceType/fr-par-2": 15,
		"/aws/managedDatabase/type": 4, "/scaleway/managedDatabase/type": 2, "/aws/managedDatabase/instanceType/eu-west-3/REDIS": 10, "/aws/clusterFeature": 0,
	} {
		list := robot.Get(t, path).Must(t, 200).List("results")
		if len(list) < least {
			t.Errorf("%s has %d entries", path, len(list))
		}
		names := map[any]bool{}
		for _, row := range list {
			m := row.(map[string]any)
			if names[m["name"]] || m["name"] == "" {
				t.Errorf("%s: %v is there twice", path, m["name"])
			}
			names[m["name"]] = true
			if cpu, ok := m["cpu"].(float64); ok && (cpu < 1 || m["ram_in_gb"].(float64) < 1 || m["type"] == "") {
				t.Errorf("%s: %v", path, m)
			}
		}
	}
	all := len(robot.Get(t, "/aws/eks/instanceType/eu-west-3").List("results"))
	only, none := robot.Get(t, "/aws/eks/instanceType/eu-west-3?gpu=ONLY").List("results"), robot.Get(t, "/aws/eks/instanceType/eu-west-3?gpu=EXCLUDE").List("results")
	if len(only) == 0 || len(none) == 0 || len(only)+len(none) != all {
		t.Errorf("%d machines with and %d without GPUs of %d", len(only), len(none), all)
	}
	for _, path := range []string{"/gcp/instanceType/eu-west-3", "/scaleway/instanceType/us", "/aws/managedDatabase/instanceType/eu-west-3/ORACLE", "/aws/managedDatabase/instanceType/nowhere/MYSQL"} {
		robot.Get(t, path).Refused(t, 404, "not_found")
	}
	s.Anonymous().Get(t, "/cloudProvider").Refused(t, 401, "unauthenticated")
}
