package activity_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// targets are the facets of an answer, as "name id".
func targets(r *apptest.Response) []string {
	list := []string{}
	for _, x := range r.List("targets") {
		list = append(list, fmt.Sprint(x.(event)["name"], " ", x.(event)["id"]))
	}
	return list
}

func names(references ...audit.Reference) []string {
	list := []string{}
	for _, r := range references {
		list = append(list, r.Name+" "+r.ID)
	}
	return list
}

// TestTargets: each thing once, by name, under the name that it had last.
func TestTargets(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		b := newBusy(t, s)
		path := b.path() + "/targets?"
		joe := audit.Reference{ID: string(b.joe.ID), Name: b.joe.Email}
		acme := audit.Reference{ID: string(b.organization), Name: "Acme Two"}
		robot := audit.Reference{ID: string(b.robot.TokenID), Name: "robot"}
		all := targets(b.jane.Get(t, path).Must(t, 200))
		if len(all) != 8 || !slices.IsSorted(all) { // the above, three projects, an environment, another token
			t.Errorf("all: %v", all)
		}
		renamed := b.web
		renamed.Name = "Web" // as it was called when it was created
		moment := apptest.Epoch.Unix()
		for _, c := range []struct {
			query url.Values
			want  []string
		}{
			{url.Values{"targetType": {"MEMBERS_AND_ROLES"}}, names(joe)},
			{url.Values{"triggeredBy": {"joe@example.com"}, "eventType": {"UPDATE"}}, names(b.web)},
			{url.Values{"origin": {"CLI"}}, names(acme, b.web)},
			{url.Values{"origin": {"TERRAFORM_PROVIDER"}}, names(b.shop)},
			{url.Values{"eventType": {"CREATE"}, "triggeredBy": {"jane@example.com"}, "targetType": {"PROJECT"}}, names(renamed)},
			{url.Values{"projectId": {b.shop.ID}}, names(b.shop)},
			{url.Values{"projectId": {b.web.ID}}, names(b.web, b.staging)},
			{url.Values{"environmentId": {b.staging.ID}}, names(b.staging)},
			{url.Values{"fromTimestamp": {fmt.Sprint(moment + 4)}, "toTimestamp": {fmt.Sprint(moment + 4)}}, names(b.shop)},
			{url.Values{"fromTimestamp": {fmt.Sprint(moment + 2)}, "toTimestamp": {fmt.Sprint(moment+2) + "000000000"}}, names(robot)},
			{url.Values{"targetLevelToFetch": {"PROJECT"}, "origin": {"QOVERY_INTERNAL"}}, names(b.web)},
			{url.Values{"targetLevelToFetch": {"PROJECT"}, "origin": {"TERRAFORM_PROVIDER"}}, names(b.shop)},
			{url.Values{"targetLevelToFetch": {"PROJECT"}, "targetType": {"ORGANIZATION"}}, names()},
			{url.Values{"targetLevelToFetch": {"ENVIRONMENT"}, "projectId": {b.web.ID}}, names(b.staging)},
			{url.Values{"targetLevelToFetch": {"ENVIRONMENT"}, "projectId": {b.shop.ID}}, names()},
			{url.Values{"toTimestamp": {"1"}}, names()},
		} {
			r := b.jane.Get(t, path+c.query.Encode()).Must(t, 200)
			if !slices.Equal(targets(r), c.want) {
				t.Errorf("%v: %s\nwant %v", c.query, r.Body, c.want)
			}
		}
		projects := targets(b.jane.Get(t, path+"targetLevelToFetch=PROJECT").Must(t, 200))
		if len(projects) != 3 || !slices.IsSorted(projects) {
			t.Errorf("projects: %v", projects)
		}
	})
}

// TestSight: who sees which events. Everybody sees only those of their organization.
func TestSight(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		b := newBusy(t, s)
		other := b.jane.Organization(t, "Other")
		b.jane.Project(t, other, "Elsewhere")
		callers := map[string]*apptest.Caller{"OWNER": b.jane, "ADMIN, a token": b.robot}
		for _, role := range authz.RoleNames[1:] {
			callers[string(role)] = s.Member(t, b.organization, strings.ToLower(string(role))+"@example.org", role)
		}
		for _, role := range []authz.RoleName{authz.DevOps, authz.Developer, authz.Billing, authz.Viewer} {
			callers[string(role)+", a token"] = b.jane.Token(t, b.organization, "of "+string(role), role)
		}
		all := sequences(b.jane.Get(t, b.path()+"/events?pageSize=100").Must(t, 200))
		everything, projects := len(all), []int64{}
		for _, e := range b.all(t) {
			if e["project_id"] != nil {
				projects = append(projects, int64(e["sequence"].(float64)))
			}
		}
		for name, c := range callers {
			list := c.Get(t, b.path()+"/events?pageSize=100").Must(t, 200)
			facets := targets(c.Get(t, b.path()+"/targets").Must(t, 200))
			role, _, _ := strings.Cut(name, ",")
			switch authz.RoleName(role) {
			case authz.Owner, authz.Admin:
				if len(sequences(list)) != everything || len(facets) < 8 {
					t.Errorf("%s sees %d of %d events, and %v", name, len(sequences(list)), everything, facets)
				}
			case authz.Billing:
				if len(sequences(list)) != 0 || len(facets) != 0 || list.Value("organization_max_limit_reached") != false {
					t.Errorf("%s sees %s and %v", name, list.Body, facets)
				}
			default:
				if !slices.Equal(sequences(list), projects) || len(facets) != 4 {
					t.Errorf("%s sees %v and %v, want the projects' %v", name, sequences(list), facets, projects)
				}
				// Neither filters nor pages widen the view.
				for _, query := range []string{"targetType=ORGANIZATION", "subTargetType=API_TOKEN", "targetType=MEMBERS_AND_ROLES"} {
					if r := c.Get(t, b.path()+"/events?"+query).Must(t, 200); len(sequences(r)) != 0 {
						t.Errorf("%s sees with %s: %s", name, query, r.Body)
					}
				}
				var paged []int64
				for r := c.Get(t, b.path()+"/events?pageSize=2").Must(t, 200); ; r = follow(t, s, c, r.Text("links.next")) {
					paged = append(paged, sequences(r)...)
					if r.Text("links.next") == "" {
						break
					}
				}
				if !slices.Equal(paged, projects) {
					t.Errorf("%s sees page by page %v, want %v", name, paged, projects)
				}
			}
		}
		// Another organization's events, by whatever filter.
		elsewhere := "/organization/" + string(other)
		for _, query := range []string{"", "?serviceProjectId=" + b.web.ID, "?targetType=PROJECT&targetId=" + b.web.ID} {
			r := b.jane.Get(t, elsewhere+"/events"+query).Must(t, 200)
			if query != "" && len(sequences(r)) != 0 || strings.Contains(string(r.Body), b.web.ID) || len(sequences(r)) > 2 {
				t.Errorf("Other%s: %s", query, r.Body)
			}
		}
		if got := targets(b.jane.Get(t, elsewhere+"/targets").Must(t, 200)); len(got) != 2 {
			t.Errorf("the targets of Other: %v", got)
		}
		// A position in one chain is a position in the other, and shows nothing of the first.
		token := b.jane.Get(t, b.path()+"/events?pageSize=1").Text("links.next")
		u, err := url.Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		if r := b.jane.Get(t, elsewhere+"/events?"+u.RawQuery).Must(t, 200); strings.Contains(string(r.Body), "Acme") || len(sequences(r)) != 1 {
			t.Errorf("a token of Acme in Other: %s", r.Body)
		}
		for _, path := range []string{"/events", "/targets"} {
			s.Person(t, "stranger"+path[1:]+"@example.com").Get(t, b.path()+path).Refused(t, 404, "not_found")
			callers["VIEWER"].Get(t, elsewhere+path).Refused(t, 404, "not_found")
			b.robot.Get(t, elsewhere+path).Refused(t, 404, "not_found")
			s.Anonymous().Get(t, b.path()+path).Refused(t, 401, "unauthenticated")
			b.jane.Get(t, "/organization/"+id.Nil+path).Refused(t, 404, "not_found")
		}
	})
}

// TestRetention: the plan says how far back the activity can be read, and the answer
// says that there is more.
func TestRetention(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		type kept struct {
			robot *apptest.Caller // an access token would expire meanwhile
			path  string
			days  int
		}
		var list []kept
		for plan, days := range map[string]int{"FREE": 3, "TEAM_2025": 7, "BUSINESS_2025": 30, "ENTERPRISE_2025": 365} {
			organization := apptest.OrganizationID(jane.Post(t, "/organization", map[string]any{"name": plan, "plan": plan}).Must(t, 201))
			list = append(list, kept{jane.Token(t, organization, "robot", authz.Admin), "/organization/" + string(organization), days})
		}
		slices.SortFunc(list, func(a, b kept) int { return a.days - b.days })
		passed := time.Duration(0)
		for _, k := range list {
			look := func(when string, numbers []int64, hidden bool) {
				t.Helper()
				r := k.robot.Get(t, k.path+"/events").Must(t, 200)
				if !slices.Equal(sequences(r), numbers) || r.Value("organization_max_limit_reached") != hidden {
					t.Errorf("%d days, %s: %s\nwant %v, more: %v", k.days, when, r.Body, numbers, hidden)
				}
				if facets := targets(k.robot.Get(t, k.path+"/targets").Must(t, 200)); len(facets) != len(numbers) {
					t.Errorf("%d days, %s: targets %v, want %d", k.days, when, facets, len(numbers))
				}
			}
			retention := time.Duration(k.days) * 24 * time.Hour
			s.Clock.Advance(retention - passed)
			look("to the last moment", down(2, 1), false)
			s.Clock.Advance(time.Microsecond)
			look("a moment later", down(0, 1), true)
			k.robot.Post(t, k.path+"/project", map[string]any{"name": "Web"}).Must(t, 200)
			look("with a new event", down(3, 3), true)
			// Nothing that is asked for reaches behind the retention.
			for _, query := range []string{"fromTimestamp=1", "toTimestamp=" + fmt.Sprint(apptest.Epoch.Unix()+1), "subTargetType=API_TOKEN", "pageSize=100"} {
				r := k.robot.Get(t, k.path+"/events?"+query).Must(t, 200)
				for _, n := range sequences(r) {
					if n < 3 {
						t.Errorf("%d days, %s shows event %d", k.days, query, n)
					}
				}
			}
			r := k.robot.Get(t, k.path+"/events?pageSize=1").Must(t, 200)
			if r.Text("links.next") != "" {
				t.Errorf("%d days: a link leads behind the retention: %s", k.days, r.Body)
			}
			passed = retention + time.Microsecond
		}
		s.Verify(t) // hidden events are still there
	})
}
