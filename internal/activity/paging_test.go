package activity_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
)

// sequences are the numbers of a page's events, in the order of the page.
func sequences(r *apptest.Response) []int64 {
	list := []int64{}
	for _, e := range r.List("events") {
		n, _ := e.(map[string]any)["sequence"].(float64)
		list = append(list, int64(n))
	}
	return list
}

// follow asks for a link, which must be absolute.
func follow(t *testing.T, s *apptest.Server, c *apptest.Caller, link string) *apptest.Response {
	t.Helper()
	path, absolute := strings.CutPrefix(link, s.URL+"/")
	if !absolute {
		t.Fatalf("the link %q does not begin with %s", link, s.URL)
	}
	return c.Get(t, "/"+path).Must(t, 200)
}

// down counts from high to low.
func down(high, low int64) []int64 {
	list := []int64{}
	for n := high; n >= low; n-- {
		list = append(list, n)
	}
	return list
}

// TestPaging walks over 57 events of one and the same moment, to the end and back.
func TestPaging(t *testing.T) {
	const all = 57
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		organization := jane.Organization(t, "Acme")
		for n := 2; n <= all; n++ {
			jane.Project(t, organization, fmt.Sprint("project ", n))
		}
		for _, size := range []int{1, 7, 10, 19, 56, 57, 58, 100} {
			path := fmt.Sprintf("/organization/%s/events?pageSize=%d", organization, size)
			if size == 10 {
				path = strings.TrimSuffix(path, "?pageSize=10") // as it is by default
			}
			var pages []*apptest.Response
			for r := jane.Get(t, path).Must(t, 200); ; {
				pages = append(pages, r)
				next := r.Text("links.next")
				if next == "" {
					break
				}
				if len(pages) > all {
					t.Fatalf("size %d: the pages do not end", size)
				}
				r = follow(t, s, jane, next)
			}
			if want := (all + size - 1) / size; len(pages) != want {
				t.Errorf("size %d: %d pages, want %d", size, len(pages), want)
			}
			var seen []int64
			for _, r := range pages {
				seen = append(seen, sequences(r)...)
			}
			if !slices.Equal(seen, down(all, 1)) {
				t.Errorf("size %d: following next gives %v", size, seen)
			}
			// Back again: the same pages, and no link where there is nothing more.
			at := pages[len(pages)-1]
			for n := len(pages) - 2; n >= 0; n-- {
				at = follow(t, s, jane, at.Text("links.previous"))
				if !slices.Equal(sequences(at), sequences(pages[n])) {
					t.Errorf("size %d, back at page %d: %v, want %v", size, n, sequences(at), sequences(pages[n]))
				}
				if at.Text("links.next") == "" {
					t.Fatalf("size %d, back at page %d: no link to the next page", size, n)
				}
				// And from there forth: both ways lead to the same page.
				if forth := follow(t, s, jane, at.Text("links.next")); !slices.Equal(sequences(forth), sequences(pages[n+1])) {
					t.Errorf("size %d: forth from page %d: %v, want %v", size, n, sequences(forth), sequences(pages[n+1]))
				}
			}
			for n, r := range []*apptest.Response{pages[0], at} {
				if links, _ := r.Value("links").(map[string]any); links == nil || links["previous"] != nil {
					t.Errorf("size %d: the first page has a link to newer events (%d): %s", size, n, r.Body)
				}
			}
			if links, _ := pages[len(pages)-1].Value("links").(map[string]any); links == nil || links["next"] != nil {
				t.Errorf("size %d: the last page has a link to older events: %v", size, links)
			}
		}
	})
}

// TestPagingWhileEventsCome: what happens meanwhile moves no page and repeats nothing.
func TestPagingWhileEventsCome(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		organization := jane.Organization(t, "Acme")
		for n := 2; n <= 9; n++ {
			jane.Project(t, organization, fmt.Sprint("project ", n))
		}
		first := jane.Get(t, fmt.Sprintf("/organization/%s/events?pageSize=4", organization)).Must(t, 200)
		jane.Project(t, organization, "another")
		second := follow(t, s, jane, first.Text("links.next"))
		if !slices.Equal(sequences(second), down(5, 2)) {
			t.Errorf("the second page: %v", sequences(second))
		}
		back := follow(t, s, jane, second.Text("links.previous"))
		if !slices.Equal(sequences(back), down(9, 6)) {
			t.Errorf("back at the first page: %v", sequences(back))
		}
		newest := follow(t, s, jane, back.Text("links.previous"))
		if !slices.Equal(sequences(newest), down(10, 10)) || newest.Text("links.previous") != "" {
			t.Errorf("the event that came meanwhile: %s", newest.Body)
		}
	})
}

// TestLinksKeepFilters follows the links of a filtered list: the query stays.
func TestLinksKeepFilters(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane+ops&co@example.com")
		organization := jane.Organization(t, "Acme")
		terraform := jane.With("User-Agent", "Terraform provider/1.0")
		project := terraform.Project(t, organization, "Web")
		for n := range 6 { // every second one is of interest
			terraform.Put(t, "/project/"+string(project), map[string]any{"name": fmt.Sprint("Web ", n)}).Must(t, 200)
			jane.Project(t, organization, fmt.Sprint("noise ", n))
		}
		filters := url.Values{
			"pageSize": {"2"}, "fromTimestamp": {"1.5"}, "toTimestamp": {"4102444800000000000"}, "eventType": {"UPDATE"}, "targetType": {"PROJECT"},
			"targetId": {string(project)}, "triggeredBy": {jane.Email}, "origin": {"TERRAFORM_PROVIDER"}, "serviceProjectId": {string(project)},
		}
		path := "/organization/" + string(organization) + "/events"
		want := [][]int64{{13, 11}, {9, 7}, {5, 3}}
		r := jane.Get(t, path+"?"+filters.Encode()).Must(t, 200)
		for n := 0; ; n++ {
			if !slices.Equal(sequences(r), want[n]) {
				t.Fatalf("page %d: %v, want %v", n, sequences(r), want[n])
			}
			link := r.Text("links.next")
			if n == len(want)-1 {
				if link != "" {
					t.Errorf("the last page has the link %s", link)
				}
				break
			}
			kept(t, link, path, filters, "continueToken")
			r = follow(t, s, jane, link)
			kept(t, r.Text("links.previous"), path, filters, "stepBackToken")
		}
		r = follow(t, s, jane, r.Text("links.previous"))
		if !slices.Equal(sequences(r), want[1]) {
			t.Errorf("back: %v, want %v", sequences(r), want[1])
		}
		r = jane.Get(t, path+"?pageSize=2&subTargetType=API_TOKEN&serviceEnvironmentId=none").Must(t, 200)
		if string(r.Body) != `{"links":{},"organization_max_limit_reached":false,"events":[]}`+"\n" {
			t.Errorf("a list of nothing: %s", r.Body)
		}
	})
}

// kept fails the test unless a link has the filters and the token, and nothing else.
func kept(t *testing.T, link, path string, filters url.Values, token string) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	if query.Get(token) == "" || u.Path != path {
		t.Errorf("the link %s has no %s", link, token)
	}
	query.Del(token)
	if query.Encode() != filters.Encode() {
		t.Errorf("the link %s\nhas  %s\nwant %s", link, query.Encode(), filters.Encode())
	}
}

// TestBadQueries names the parameter that is wrong.
func TestBadQueries(t *testing.T) {
	forged := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		organization := jane.Organization(t, "Acme")
		for n := range 2 {
			jane.Project(t, organization, fmt.Sprint("project ", n))
		}
		base := "/organization/" + string(organization)
		for _, c := range []struct{ path, query, field string }{
			{"/events", "pageSize=0", "pageSize"},
			{"/events", "pageSize=-1", "pageSize"},
			{"/events", "pageSize=101", "pageSize"},
			{"/events", "pageSize=abc", "pageSize"},
			{"/events", "pageSize=1.5", "pageSize"},
			{"/events", "pageSize=99999999999999999999", "pageSize"},
			{"/events", "continueToken=abc", "continueToken"},
			{"/events", "continueToken=%00", "continueToken"},
			{"/events", "continueToken=1767225600", "continueToken"},
			{"/events", "continueToken=" + forged("e"), "continueToken"},
			{"/events", "continueToken=" + forged("e0"), "continueToken"},
			{"/events", "continueToken=" + forged("e-1"), "continueToken"},
			{"/events", "continueToken=" + forged("x1"), "continueToken"},
			{"/events", "continueToken=" + forged("e1; DROP TABLE event"), "continueToken"},
			{"/events", "continueToken=" + forged("ezzzzzzzzzzzzzzzz"), "continueToken"},
			{"/events", "continueToken=" + strings.Repeat("A", 129), "continueToken"},
			{"/events", "stepBackToken=abc", "stepBackToken"},
			{"/events", "stepBackToken=" + forged("e0"), "stepBackToken"},
			{"/events", "stepBackToken=" + forged("e1") + "&continueToken=" + forged("e2"), "continueToken"},
			{"/events", "fromTimestamp=yesterday", "fromTimestamp"},
			{"/events", "toTimestamp=1767225600000", "toTimestamp"},
			{"/events", "fromTimestamp=" + strings.Repeat("1", 33), "fromTimestamp"},
			{"/events", "eventType=create", "eventType"},
			{"/events", "eventType=NAP", "eventType"},
			{"/events", "targetType=HOUSE", "targetType"},
			{"/events", "subTargetType=ROOF", "subTargetType"},
			{"/events", "origin=MARS", "origin"},
			{"/events", "targetId=" + string(organization), "targetId"},
			{"/events", "targetType=PROJECT&targetId=7", "targetId"},
			{"/events", "triggeredBy=" + strings.Repeat("x", 255), "triggeredBy"},
			{"/targets", "fromTimestamp=yesterday", "fromTimestamp"},
			{"/targets", "eventType=NAP", "eventType"},
			{"/targets", "targetLevelToFetch=SERVICE", "targetLevelToFetch"},
			{"/targets", "targetLevelToFetch=ENVIRONMENT", "projectId"},
			{"/targets", "projectId=7", "projectId"},
			{"/targets", "environmentId=7", "environmentId"},
		} {
			r := jane.Get(t, base+c.path+"?"+c.query)
			if r.Status != 400 || r.Text("errors.0.field") != c.field {
				t.Errorf("%s?%s: %d, want 400 for %s: %s", c.path, c.query, r.Status, c.field, r.Body)
			}
		}
		// Tokens that nobody was given but that make sense are positions like others.
		for token, want := range map[string][]int64{"e2": {1}, "e1": {}, "ezzzz": {3, 2, 1}} {
			if r := jane.Get(t, base+"/events?continueToken="+forged(token)).Must(t, 200); !slices.Equal(sequences(r), want) {
				t.Errorf("%s: %v, want %v", token, sequences(r), want)
			}
		}
	})
}
