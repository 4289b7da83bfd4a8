package role_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

func TestAvailableRoles(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, other := jane.Organization(t, "Acme"), jane.Organization(t, "Other")
		list := func(c *apptest.Caller, organization id.Organization) map[string]string {
			t.Helper()
			r := c.Get(t, "/organization/"+string(organization)+"/availableRole").Must(t, 200)
			var names []string
			ids := map[string]string{}
			for _, row := range r.List("results") {
				row := row.(map[string]any)
				name, roleID := row["name"].(string), row["id"].(string)
				names, ids[name] = append(names, name), roleID
				if id.Role(roleID) != authz.RoleID(organization, authz.RoleName(name)) {
					t.Errorf("%s has the id %s, which is not its own", name, roleID)
				}
			}
			// Existing clients preselect the first one.
			if names[0] != "ADMIN" || len(names) != len(authz.RoleNames) || len(ids) != len(names) {
				t.Errorf("the roles are %v; want each once, ADMIN first", names)
			}
			for _, name := range authz.RoleNames {
				if !slices.Contains(names, string(name)) {
					t.Errorf("%s is missing in %v", name, names)
				}
			}
			return ids
		}
		here, there := list(jane, acme), list(jane, other)
		for name := range here {
			if here[name] == there[name] {
				t.Errorf("%s has one id in two organizations", name)
			}
		}
		for _, name := range authz.RoleNames[1:] {
			c := s.Member(t, acme, strings.ToLower(string(name))+"@example.com", name)
			if got := list(c, acme)["VIEWER"]; got != here["VIEWER"] {
				t.Errorf("%s sees another id of VIEWER", name)
			}
		}
		jane.Token(t, acme, "viewer", authz.Viewer).Get(t, "/organization/"+string(acme)+"/availableRole").Must(t, 200)
	})
}
