package role

import (
	"encoding/json"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/authz"
)

// FuzzGrants: a body is refused, or its levels come out again as they were kept.
func FuzzGrants(f *testing.F) {
	const project = "0198c0de-0000-7000-8000-000000000001"
	for _, seed := range []string{
		`{"name":"x","cluster_permissions":[{"cluster_id":"` + project + `","permission":"ADMIN"}],"project_permissions":[{"project_id":"` + project + `","is_admin":true}]}`,
		`{"project_permissions":[{"project_id":"` + project + `","permissions":[{"environment_type":"STAGING","permission":"MANAGER"},{"environment_type":"STAGING","permission":"VIEWER"}]}]}`,
		`{"project_permissions":[{"project_id":"` + project + `"},{"project_id":"` + project + `"}]}`, `{"project_permissions":[{"permissions":[{}]}]}`, `{"cluster_permissions":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r updateRequest
		if json.Unmarshal(text, &r) != nil {
			return
		}
		g, err := r.grants()
		if err != nil {
			return
		}
		for id, levels := range g.Projects {
			if len(id) != 36 || len(levels) == 0 {
				t.Errorf("%q: %v", id, levels)
			}
			for mode, level := range levels {
				if level == authz.NoAccess || level == "" || (mode == authz.NoMode) != (level == authz.ProjectAdmin && len(levels) == 1 && mode == authz.NoMode) {
					t.Errorf("%s keeps %q for %q", id, level, mode)
				}
			}
		}
		again, err := kept(Role{Grants: g}).request().grants()
		if err != nil {
			t.Fatalf("what was kept is refused: %v", err)
		}
		if len(again.Projects) != len(g.Projects) && allKnown(g) {
			t.Errorf("%v comes back as %v", g.Projects, again.Projects)
		}
	})
}

// request is a role as a client would send it back.
func (r organizationCustomRole) request() updateRequest {
	return updateRequest{Name: "x", Clusters: r.Clusters, Projects: r.Projects}
}

// allKnown tells whether every level and mode is one that the schema lets through.
func allKnown(g authz.Grants) bool {
	for _, levels := range g.Projects {
		for mode, level := range levels {
			switch level {
			case authz.ProjectViewer, authz.Deployer, authz.Manager, authz.ProjectAdmin:
			default:
				return false
			}
			known := false
			for _, m := range authz.Modes {
				known = known || m == mode
			}
			if !known {
				return false
			}
		}
	}
	return true
}
