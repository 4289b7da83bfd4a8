package chrometest_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/console/chrometest"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// long is a name as nobody should choose one.
const long = "A name of eighty characters, which somebody chose for Europe, the West, cluster 7"

// scene is an organization to look at, and what the parameters of paths stand for in it.
type scene struct {
	name       string
	parameters map[string]string
}

// scenes make organizations with nothing, a little, and very much in them.
func scenes(t *testing.T, s *apptest.Server, owner *apptest.Caller) []scene {
	t.Helper()
	acme, bare, vast := owner.Organization(t, "Acme"), owner.Organization(t, "Bare"), owner.Organization(t, long)
	owner.Project(t, acme, "storefront")
	owner.Project(t, acme, long)
	shop := owner.Post(t, "/organization/"+string(acme)+"/project", map[string]any{"name": "billing", "description": "Sends invoices, and reminds people of them."}).Must(t, 200)
	s.Member(t, acme, "viewer@example.com", authz.Viewer)
	owner.Token(t, acme, "ci", authz.Admin)
	owner.Post(t, "/organization/"+string(acme)+"/inviteMember", map[string]any{"email": "guest@example.com"})
	role := func(organization id.Organization, name string) string {
		return owner.Post(t, "/organization/"+string(organization)+"/customRole", map[string]any{"name": name, "description": "Who tests, and shows it."}).Must(t, 201).Text("id")
	}
	testers, many := role(acme, "Testers"), role(vast, long)
	first := owner.Project(t, vast, "the first")
	fill(t, s, vast, authz.KindProject, 1000)
	other := s.Person(t, "other@example.com")
	theirs := other.Organization(t, "Globex")
	other.Post(t, "/organization/"+string(theirs)+"/inviteMember", map[string]any{"email": owner.Email}).Must(t, 201)
	return []scene{
		{"some", map[string]string{"organizationId": string(acme), "projectId": shop.Text("id"), "customRoleId": testers, "sequence": "2"}},
		{"none", map[string]string{"organizationId": string(bare)}},
		{"many", map[string]string{"organizationId": string(vast), "projectId": string(first), "customRoleId": many}},
	}
}

// fill adds many things of a kind with long names.
func fill(t *testing.T, s *apptest.Server, organization id.Organization, kind authz.Kind, n int) {
	t.Helper()
	if err := store.Do(t.Context(), s.DB, authz.System("test").On(organization), func(tx *store.Tx) error {
		tx.Unaudited("test")
		for i := range n {
			name := fmt.Sprintf("%04d %s", i, long)
			if _, err := tx.Exec(`INSERT INTO object (id, kind, organization_id, project_id, environment_id, mode, name, name_key, version, body, sealed, created_at, updated_at, deleted_at)
				VALUES ($1, $2, $3, '', '', '', $4, $4, 1, '{}', '', $5, $5, 0)`, id.New[id.Object](), kind, organization, name, tx.Now()); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// address is a page's path in a scene; false where the scene does not have what it is
// about, and for a file to download.
func (sc scene) address(row console.Row) (string, bool) {
	path, ok := strings.CutPrefix(row.Pattern, http.MethodGet+" ")
	if !ok || strings.HasPrefix(path, "/sign-in/") || strings.HasSuffix(path, "/export") || strings.Contains(path, "...") {
		return "", false
	}
	path = strings.TrimSuffix(path, "{$}")
	for name, value := range sc.parameters {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	return path, !strings.Contains(path, "{")
}

// TestEveryPage opens every page in light, dark and on a phone: axe finds nothing, the
// policy blocks nothing, nothing is wider than the screen, and no page weighs more
// than 100 KB. With GUILDHALL_SCREENSHOTS=DIR it draws them, of every scene.
func TestEveryPage(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	owner := s.Person(t, "owner@example.com")
	all := scenes(t, s, owner)
	b := chrometest.New(t, s.URL)
	checker := chrometest.NewChecker(t)
	drawing := os.Getenv("GUILDHALL_SCREENSHOTS") != ""
	b.SignIn(t, owner.Email, apptest.Password)
	for i, sc := range all {
		if i > 0 && !drawing {
			break
		}
		for _, row := range s.HTTP.Pages() {
			path, ok := sc.address(row)
			if !ok || strings.HasSuffix(path, "/name") || (i > 0 && !strings.Contains(row.Pattern, "{organizationId}")) {
				continue
			}
			look(t, b, checker, path, sc.name, expected(path))
		}
	}
	if !drawing {
		return
	}
	stranger := b.Other(t)
	for _, path := range []string{"/", "/sign-in", "/sign-up", "/reset"} {
		look(t, stranger, checker, path, "stranger", 200)
	}
	viewer := b.Other(t)
	viewer.SignIn(t, "viewer@example.com", apptest.Password)
	look(t, viewer, checker, console.At(id.Organization(all[0].parameters["organizationId"]), "projects/new"), "refused", 403)
	look(t, viewer, checker, console.At(id.Organization(all[0].parameters["organizationId"]), "projects"), "viewer", 200)
}

// expected is the status of a page that is opened without what its link would bring.
func expected(path string) int64 {
	switch path {
	case "/setup", "/verify", "/unsubscribe", "/accept-invitation":
		return http.StatusNotFound
	case "/console/account/email": // without mail
		return http.StatusForbidden
	}
	return http.StatusOK
}

func look(t *testing.T, b *chrometest.Browser, checker *chrometest.Checker, path, scene string, status int64) {
	t.Helper()
	b.As(t, chrometest.Looks[0])
	if got := b.Open(t, path); got != status {
		t.Errorf("%s: status %d, want %d", path, got, status)
	}
	name := strings.Trim(strings.NewReplacer("/console/organizations/", "/", "/", "_").Replace(path), "_") + "." + scene
	if size := chrometest.Ask[int](t, b, `new TextEncoder().encode(document.documentElement.outerHTML).length`); size > 100<<10 {
		t.Errorf("%s weighs %d bytes", path, size)
	}
	for _, l := range chrometest.Looks {
		b.As(t, l)
		if wide := chrometest.Ask[int](t, b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%s is %d pixels wider than a %s screen", path, wide, l.Name)
		}
		if l.Name != "phone" || os.Getenv("GUILDHALL_SCREENSHOTS") != "" {
			for _, v := range checker.Check(t, b) {
				t.Errorf("%s, %s: %s: %s\n%s", path, l.Name, v.Rule, v.Help, strings.Join(v.Where, "\n"))
			}
		}
		b.Draw(t, name+"."+l.Name)
	}
}
