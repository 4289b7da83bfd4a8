package organization_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

var operator = authz.System("operator")

// TestPlanAndRestriction: both are in the very next answer, and in the activity.
func TestPlanAndRestriction(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		path := "/organization/" + string(acme)
		shows := func(plan string, restriction any) {
			t.Helper()
			r := jane.Get(t, path).Must(t, 200)
			if r.Text("plan") != plan || r.Value("billing_deployment_restriction") != restriction {
				t.Errorf("%s", r.Body)
			}
		}
		shows("ENTERPRISE_2025", nil)
		if d, err := s.Organizations.SetPlan(t.Context(), operator, "ACME", "team_2025"); err != nil || d.Plan != "TEAM_2025" || d.Owner != "jane@example.com" {
			t.Fatalf("%+v, %v", d, err)
		}
		shows("TEAM_2025", nil)
		if d, err := s.Organizations.Restrict(t.Context(), operator, string(acme), "  Please pay  "); err != nil || *d.Restriction != "Please pay" {
			t.Fatalf("%+v, %v", d, err)
		}
		shows("TEAM_2025", "Please pay")
		jane.Put(t, path, map[string]any{"name": "Acme", "plan": "FREE", "billing_deployment_restriction": nil}).Must(t, 200) // an owner cannot lift it
		shows("TEAM_2025", "Please pay")
		if d, err := s.Organizations.Restrict(t.Context(), operator, "Acme", ""); err != nil || d.Restriction != nil {
			t.Fatalf("%+v, %v", d, err)
		}
		shows("TEAM_2025", nil)
		events := string(jane.Get(t, path+"/events").Must(t, 200).Body)
		for part, count := range map[string]int{`"action":"organization.plan"`: 1, `"sub_target_type":"PLAN"`: 1, `"action":"organization.restrict"`: 2, `"triggered_by":"operator"`: 3} {
			if strings.Count(events, part) != count {
				t.Errorf("%s is not there %d times: %s", part, count, events)
			}
		}
		for name, err := range map[string]error{
			"no such plan":  second(s.Organizations.SetPlan(t.Context(), operator, "Acme", "GOLD")),
			"short message": second(s.Organizations.Restrict(t.Context(), operator, "Acme", "no")),
			"long message":  second(s.Organizations.Restrict(t.Context(), operator, "Acme", strings.Repeat("x", 501))),
		} {
			if !fault.Has(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		jane.Delete(t, path).Must(t, 204)
		if _, err := s.Organizations.SetPlan(t.Context(), operator, "Acme", "FREE"); !fault.Has(err, fault.Invalid) || !strings.Contains(err.Error(), "restore it first") {
			t.Errorf("a deleted one: %v", err)
		}
		s.Verify(t)
	})
}

func second[T any](_ T, err error) error { return err }

// TestFewerSeats: on a smaller plan everybody stays, and nobody can be added.
func TestFewerSeats(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		joe := s.Member(t, acme, "joe@example.com", authz.Viewer)
		if _, err := s.Organizations.SetPlan(t.Context(), operator, "Acme", "FREE"); err != nil {
			t.Fatal(err)
		}
		joe.Get(t, "/organization/"+string(acme)).Must(t, 200)
		jane.Post(t, "/organization/"+string(acme)+"/inviteMember", map[string]any{"email": "third@example.com"}).Must(t, 403)
	})
}

// TestPurgeNow: an organization goes for good, also one that nobody deleted, and only
// when its name is said again.
func TestPurgeNow(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		t.Run(fmt.Sprintf("deleted before %t", deleted), func(t *testing.T) {
			apptest.Each(t, func(t *testing.T, s *apptest.Server) {
				jane := s.Person(t, "jane@example.com")
				acme := jane.Organization(t, "Acme")
				jane.Project(t, acme, "Web")
				robot := jane.Token(t, acme, "ci", authz.Admin)
				robot.Get(t, "/organization").Must(t, 200)
				path := "/organization/" + string(acme)
				jane.Get(t, path).Must(t, 200)
				if deleted {
					jane.Delete(t, path).Must(t, 204)
				}
				for _, confirmed := range []string{"", "acme", "Other", string(acme)} {
					if _, err := s.Organizations.PurgeNow(t.Context(), operator, "Acme", confirmed); !fault.Has(err, fault.Invalid) || !strings.Contains(err.Error(), `--yes "Acme"`) {
						t.Errorf("confirmed by %q: %v", confirmed, err)
					}
				}
				if o, err := s.Organizations.PurgeNow(t.Context(), operator, "acme", "Acme"); err != nil || o.ID != acme {
					t.Fatalf("%+v, %v", o, err)
				}
				jane.Get(t, path).Must(t, 404)
				robot.Get(t, "/organization").Must(t, 401)
				for _, table := range []string{
					`SELECT COUNT(*) FROM organization WHERE id = $1`, `SELECT COUNT(*) FROM member WHERE organization_id = $1`,
					`SELECT COUNT(*) FROM api_token WHERE organization_id = $1`, `SELECT COUNT(*) FROM object WHERE organization_id = $1`,
					`SELECT COUNT(*) FROM event WHERE organization_id = $1 AND payload IS NOT NULL`,
				} {
					if n, err := store.Value[int64](s.DB.Reader(t.Context()), table, acme); err != nil || n != 0 {
						t.Errorf("%s: %d, %v", table, n, err)
					}
				}
				jane.Organization(t, "Acme") // the name is free
				if _, err := s.Organizations.Restore(t.Context(), operator, string(acme)); !fault.Has(err, fault.NotFound) {
					t.Errorf("restored: %v", err)
				}
				if report := s.Verify(t); report.Erased == 0 {
					t.Errorf("%+v", report)
				}
			})
		})
	}
}

// TestOrganizationList goes through all in parts, searches, and finds by id before name.
func TestOrganizationList(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		acme := jane.Organization(t, "Acme")
		jane.Organization(t, "Beta")
		joe.Organization(t, "Carpet")
		fake := joe.Organization(t, string(acme)) // a name like another's id
		joe.Delete(t, "/organization/"+string(apptest.OrganizationID(joe.Post(t, "/organization", map[string]any{"name": "Old", "plan": "FREE"}).Must(t, 201)))).Must(t, 204)
		for _, c := range []struct {
			text, after string
			limit       int
			want        string
			more        bool
		}{
			{"", string(acme), 10, "Acme Beta Carpet Old", false}, {"", string(acme), 2, "Acme Beta", true}, {"", "beta", 2, "Carpet Old", false},
			{"JANE@", "", 10, "Acme Beta", false}, {"arp", "", 10, "Carpet", false}, {"_", "", 10, "", false},
		} {
			found, more, err := s.Organizations.ListAll(t.Context(), operator, c.text, c.after, c.limit)
			var names []string
			for _, o := range found {
				names = append(names, o.Name)
			}
			if got := strings.Join(names, " "); err != nil || got != c.want || more != c.more {
				t.Errorf("%+v: %q, more %t, %v", c, got, more, err)
			}
		}
		if d, err := s.Organizations.Show(t.Context(), operator, string(acme)); err != nil || d.Name != "Acme" || d.Members != 1 || d.Events != 1 {
			t.Errorf("%+v, %v", d, err)
		}
		if d, err := s.Organizations.Show(t.Context(), operator, string(fake)); err != nil || d.Name != string(acme) {
			t.Errorf("%+v, %v", d, err)
		}
		for name, err := range map[string]error{
			"list": func() error { _, _, err := s.Organizations.ListAll(t.Context(), authz.Pass{}, "", "", 1); return err }(),
			"show": second(s.Organizations.Show(t.Context(), authz.Pass{}, "Acme")), "plan": second(s.Organizations.SetPlan(t.Context(), authz.Pass{}, "Acme", "FREE")),
			"restrict": second(s.Organizations.Restrict(t.Context(), authz.Pass{}, "Acme", "pay now")), "purge": second(s.Organizations.PurgeNow(t.Context(), authz.Pass{}, "Acme", "Acme")),
		} {
			if err == nil || !strings.Contains(err.Error(), "only the operator") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
