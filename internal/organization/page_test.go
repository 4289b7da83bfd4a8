package organization_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
	"github.com/guildhall-dev/guildhall/internal/id"
)

const newPath = "/console/organizations/new"

// enter signs somebody in with a browser.
func enter(t *testing.T, s *apptest.Server, who *apptest.Caller) *consoletest.Browser {
	t.Helper()
	b := s.Browser()
	b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": who.Email, "password": apptest.Password}).Must(t, 200)
	return b
}

// TestFirstPages: who is in no organization begins with the form for one; what was
// typed stays in it until it is right; then the overview tells of the first event.
func TestFirstPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		joe.Organization(t, "Taken")
		b := enter(t, s, jane)
		page := b.Open(t, "/console/").Must(t, 200, "Everything that you run", "Two people, one managed cluster.", "299.00 a month", "on request")
		if page.Path != newPath {
			t.Fatalf("the first page is %s", page.Path)
		}
		page = page.Send(t, newPath, map[string]string{"name": "TAKEN", "plan": "TEAM_2025", "description": "Sells things", "website_url": "example"}).Must(t, 400, "Website must be an address")
		page = page.Send(t, newPath, map[string]string{"website_url": "https://example.com"}).Must(t, 409, "already taken")
		if page.Value("name") != "TAKEN" || page.Value("description") != "Sells things" || page.Value("plan") != "TEAM_2025" {
			t.Errorf("what was typed is lost: %s", page.Source)
		}
		page = page.Send(t, newPath, map[string]string{"name": "Acme"}).
			Must(t, 200, "jane@example.com created the organization Acme", "export QOVERY_API_URL=", "export TEST_QOVERY_HOST=", "$API_TOKEN")
		if !strings.Contains(page.Source, "Acme is yours") || strings.Contains(b.Open(t, page.Path).Source, "Acme is yours") {
			t.Error("the toast does not come once")
		}
		start, acme := page.Path, strings.TrimSuffix(page.Path, "/start")
		for words, to := range map[string]string{"Make a project": "/projects/new", "Invite people": "/settings/members/invite", "Make a token": "/settings/api-tokens/new"} {
			if page.Link(words) != acme+to {
				t.Errorf("%s leads to %q", words, page.Link(words))
			}
			b.Open(t, acme+to).Must(t, 200)
		}
		if start == acme {
			t.Errorf("the first organization leads to %s", page.Path)
		}
		stranger := enter(t, s, joe)
		stranger.Open(t, start).Must(t, 404)
		if second := stranger.Open(t, newPath).Send(t, newPath, map[string]string{"name": "Second"}); strings.HasSuffix(second.Path, "/start") {
			t.Errorf("a second organization leads to %s", second.Path)
		}
		page = b.Open(t, page.Link("Go to the overview")).Must(t, 200, "Sells things", "jane@example.com created the organization Acme", "of 10 in the plan")
		if page.DocumentTitle() != "Overview · Acme · Guildhall" {
			t.Errorf("the title is %q", page.DocumentTitle())
		}
		for name, want := range map[string]string{"Acme": "taken", "ｔａｋｅｎ": "taken", "Free": "free", " ": "required", strings.Repeat("x", 200): "at most 128"} {
			if said := b.Open(t, newPath+"/name?name="+url.QueryEscape(name)); !strings.Contains(said.Source, want) {
				t.Errorf("%q: %s", name, said.Source)
			}
		}
		s.Verify(t)
	})
}

// TestMyOrganizations: one's own with the role in each, the invitations that wait, and
// where the console opens.
func TestMyOrganizations(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		acme, globex := jane.Organization(t, "Acme"), joe.Organization(t, "Globex")
		s.Join(t, globex, jane, authz.Viewer)
		initech := joe.Organization(t, "Initech")
		joe.Post(t, "/organization/"+string(initech)+"/inviteMember", map[string]any{"email": jane.Email}).Must(t, 201)
		b := enter(t, s, jane)
		page := b.Open(t, "/console/").Must(t, 200, "Acme", "OWNER", "Globex", "VIEWER", "Initech", "joe@example.com")
		if !strings.HasPrefix(page.Link("Answer"), "/accept-invitation?") {
			t.Errorf("the invitation leads to %q", page.Link("Answer"))
		}
		if rail := page.Frame(); !strings.Contains(rail, "invitation waiting") || !strings.Contains(rail, "+ New organization") {
			t.Errorf("around the page: %s", rail)
		}
		b.Open(t, console.At(globex)).Must(t, 200)
		if start := b.Open(t, "/console/"); start.Path != console.At(globex) {
			t.Errorf("the console opens at %s", start.Path)
		}
		// What a viewer may not see is not offered, and one organization's pages do not speak of another's.
		page = b.Open(t, console.At(globex))
		if strings.Contains(page.Text, "members") || strings.Contains(page.Text, "Acme") {
			t.Errorf("the overview of a viewer: %s", page.Text)
		}
		b.Open(t, console.At(initech)).Must(t, 404)
		b.Open(t, console.At(id.Organization(id.New[string]()))).Must(t, 404)
		b.Open(t, "/console/organizations/nonsense").Must(t, 400)
		b.Open(t, "/console/nonsense").Must(t, 404, "no page at this address")

		jane.Post(t, "/organization/"+string(acme)+"/apiToken", map[string]any{"name": "ci", "role_id": authz.RoleID(acme, authz.Viewer), "expires_at": apptest.Epoch.Add(48 * time.Hour)}).Must(t, 201)
		b.Open(t, console.At(acme)).Must(t, 200, "The API token ci stops working soon", "in 2 days")
	})
}
