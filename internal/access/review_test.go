package access_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
)

type reviewRow struct {
	Kind, ID, Name, Status, By, Scope string
	ScopeID                           string `json:"scope_id"`
	Roles, Permissions                []string
}

func review(t *testing.T, c *apptest.Caller, org string) []reviewRow {
	t.Helper()
	var report struct{ Rows []reviewRow }
	if err := json.Unmarshal(c.Get(t, org+"/access/review").Must(t, 200).Body, &report); err != nil {
		t.Fatal(err)
	}
	return report.Rows
}

func TestReview(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "=jane@example.com")
		acme := jane.Organization(t, "Acme")
		org := "/organization/" + string(acme)
		shop := jane.Project(t, acme, "shop")
		role := customRole(t, jane, org, "Deployers", string(shop), "STAGING")
		bob := s.Member(t, acme, "bob@example.com", authz.RoleName(role))
		gone := s.Member(t, acme, "gone@example.com", authz.Admin)
		gone.Token(t, acme, "asleep", authz.Admin)
		gone.Do(t, "DELETE", org+"/member", map[string]any{"user_id": gone.ID}).Must(t, 204)
		jane.Post(t, org+"/apiToken", map[string]any{"name": "brief", "expires_at": apptest.Epoch.Add(time.Hour)}).Must(t, 201)
		jane.Token(t, acme, "ci", authz.Viewer)
		jane.Post(t, org+"/inviteMember", map[string]any{"email": "eve@example.com", "role": "DEVELOPER"}).Must(t, 201)
		s.Clock.Advance(2 * time.Hour)
		jane = s.Again(t, jane)

		got := map[string]reviewRow{}
		for _, row := range review(t, jane, org) {
			got[row.Name+" "+row.Scope] = row
		}
		for key, want := range map[string]struct{ status, roles, by, has, lacks string }{
			"=jane@example.com organization": {"active", "OWNER", "", "organization.delete", ""},
			"bob@example.com organization":   {"active", "Deployers", "", "organization.read", "environment.deploy"},
			"bob@example.com project":        {"active", "Deployers", "", "environment.deploy[STAGING]", "organization.read"},
			"asleep organization":            {"asleep", "ADMIN", "gone@example.com", "", "organization.view"},
			"brief organization":             {"expired", "OWNER ADMIN", "=jane@example.com", "", "organization.view"},
			"ci organization":                {"active", "OWNER VIEWER", "=jane@example.com", "project.read", "project.edit"},
			"eve@example.com organization":   {"pending", "DEVELOPER", "=jane@example.com", "environment.edit[DEVELOPMENT PREVIEW STAGING]", "environment.edit"},
		} {
			row, ok := got[key]
			if !ok || row.Status != want.status || strings.Join(row.Roles, " ") != want.roles || row.By != want.by ||
				(want.has != "" && !slices.Contains(row.Permissions, want.has)) || slices.Contains(row.Permissions, want.lacks) {
				t.Errorf("%s: %+v, want %+v", key, row, want)
			}
		}
		if len(got) != 7 {
			t.Errorf("%d rows", len(got))
		}
		// What it says is what the decision says.
		for _, row := range got {
			if row.Kind == "invitation" || row.Status != "active" {
				continue
			}
			for _, p := range []string{"organization.edit", "project.read", "project.edit", "member.manage"} {
				query := "?permission=" + p + "&actor=" + row.ID
				if row.Scope == "project" {
					query += "&scope=" + row.ScopeID
				}
				says := jane.Get(t, org+"/access/explain"+query).Must(t, 200).Value("allowed")
				whole := got[row.Name+" organization"]
				if shows := slices.Contains(row.Permissions, p) || slices.Contains(whole.Permissions, p); says != shows {
					t.Errorf("%s in %s, %s: the decision says %v, the review %v", row.Name, row.Scope, p, says, shows)
				}
			}
		}

		r := jane.Get(t, org+"/access/review?format=csv").Must(t, 200)
		rows, err := csv.NewReader(strings.NewReader(string(r.Body))).ReadAll()
		if err != nil || len(rows) != 8 || rows[1][2] != "'=jane@example.com" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv") {
			t.Errorf("%v, %s: %.300s", err, r.Header, r.Body)
		}
		s.Again(t, bob).Get(t, org+"/access/review").Refused(t, 403, "permission_missing")
		seen := 0
		for _, e := range jane.Get(t, org+"/events?pageSize=100").List("events") {
			if strings.Contains(fmt.Sprint(e), "EXPORT") {
				seen++
			}
		}
		if seen != 2 {
			t.Errorf("%d of two reviews are recorded", seen)
		}
		s.Verify(t)
	})
}

// customRole makes a role with DEPLOYER in environments of a mode of a project.
func customRole(t *testing.T, c *apptest.Caller, org, name, project, mode string) string {
	t.Helper()
	role := c.Post(t, org+"/customRole", map[string]any{"name": name}).Must(t, 201).Text("id")
	level := map[string]any{"environment_type": mode, "permission": "DEPLOYER"}
	c.Put(t, org+"/customRole/"+role, map[string]any{
		"name": name, "cluster_permissions": []any{}, "project_permissions": []any{map[string]any{"project_id": project, "permissions": []any{level}}},
	}).Must(t, 200)
	return role
}
