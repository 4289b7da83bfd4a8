package project_test

import (
	"encoding/base64"
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

func enter(t *testing.T, s *apptest.Server, who *apptest.Caller) *consoletest.Browser {
	t.Helper()
	b := s.Browser()
	b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": who.Email, "password": apptest.Password}).Must(t, 200)
	return b
}

// TestPages: create, rename and delete, with what was typed kept until it is right.
func TestPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		all := console.At(acme, "projects")
		b := enter(t, s, jane)
		page := b.Open(t, all).Must(t, 200, "There is no project yet", "curl --request POST")
		page = b.Open(t, page.Link("New project")).Must(t, 200)
		page.Send(t, all+"/new", map[string]string{"name": "Shop"}).Must(t, 200, "Shop", "1–1 of 1")
		page = page.Send(t, all+"/new", map[string]string{"name": "SHOP", "description": "<b>things</b>\nand more"}).Must(t, 409, "already taken")
		if page.Value("name") != "SHOP" || page.Value("description") != "<b>things</b>\nand more" {
			t.Errorf("what was typed is lost: %s", page.Source)
		}
		page = page.Send(t, all+"/new", map[string]string{"name": "Blog"}).Must(t, 200, "Blog", "<b>things</b>", "1–2 of 2")
		if strings.Contains(page.Source, "<b>things") {
			t.Error("a description is taken for HTML")
		}
		if b.Open(t, all+"?q=SH").Must(t, 200, "Shop", "1–1 of 1"); strings.Contains(b.Open(t, all+"?q=SH").Text, "Blog") {
			t.Error("the filter lets others through")
		}
		b.Open(t, all+"?q=nothing").Must(t, 200, "No project has")
		shop := strings.TrimSuffix(page.Link("Rename"), "/edit")
		b.Open(t, shop+"/edit").Send(t, shop+"/edit", map[string]string{"name": "Store"}).Must(t, 200, "Store")

		// A project that holds something is deleted by typing its name.
		project := shop[strings.LastIndex(shop, "/")+1:]
		put(t, s, acme, id.Object(project), authz.KindEnvironment, "staging", 0)
		page = b.Open(t, shop+"/delete").Must(t, 200, "1 environment, 0 services")
		page = page.Send(t, shop+"/delete", map[string]string{"confirm": "Shop"}).Must(t, 400, "This is not it: type Store")
		page.Send(t, shop+"/delete", map[string]string{"confirm": "Store"}).Must(t, 200, "1–1 of 1")
		b.Open(t, shop+"/delete").Must(t, 404)
		b.Open(t, all).Must(t, 200, "Blog")
		s.Verify(t)
	})
}

// TestPagesOfOthers: what somebody may not is not offered, and is refused with the
// permission, the roles that have it and who can give it; two organizations never mix.
func TestPagesOfOthers(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, other := jane.Organization(t, "Acme"), jane.Organization(t, "Other")
		shop := string(jane.Project(t, acme, "Shop"))
		viewer := s.Member(t, acme, "viewer@example.com", authz.Viewer)
		b := enter(t, s, viewer)
		page := b.Open(t, console.At(acme, "projects")).Must(t, 200, "Shop")
		if page.Link("New project") != "" || page.Link("Rename") != "" || page.Link("Delete") != "" {
			t.Errorf("a viewer is offered what they may not: %s", page.Source)
		}
		page = b.Open(t, console.At(acme, "projects/new")).Must(t, 403, "project.create", "OWNER, ADMIN, DEVOPS", "jane@example.com")
		if !strings.HasPrefix(page.Link("Ask for it"), "mailto:jane@example.com?") {
			t.Errorf("to ask leads to %q", page.Link("Ask for it"))
		}
		b.Open(t, console.At(other, "projects")).Must(t, 404)
		// The project of one organization under the address of another does not exist.
		owner := enter(t, s, jane)
		owner.Open(t, console.At(acme, "projects", shop, "edit")).Must(t, 200)
		owner.Open(t, console.At(other, "projects", shop, "edit")).Must(t, 404)
	})
}

// TestSessionEndsInAForm: the form is kept, and goes on when its person has signed in;
// somebody else has to say that it is theirs.
func TestSessionEndsInAForm(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		eve := s.Member(t, acme, "eve@example.com", authz.Admin)
		typed := map[string]string{"name": "Shop & Sons", "description": "two\nlines"}
		late := func(who *apptest.Caller, sent string) *consoletest.Page {
			t.Helper()
			b := enter(t, s, jane)
			form := b.Open(t, console.At(acme, "projects/new")).Must(t, 200)
			s.Clock.Advance(31 * 24 * time.Hour)
			page := form.Send(t, console.At(acme, "projects/new"), typed).Must(t, 401, "What you typed is kept")
			page = page.Send(t, "/sign-in", map[string]string{"email": who.Email, "password": "wrong password"}).Must(t, 401)
			return page.Send(t, "/sign-in", map[string]string{"password": apptest.Password}).Must(t, 200, sent)
		}
		page := late(jane, "Your form goes on now")
		page.Send(t, console.At(acme, "projects/new"), nil).Must(t, 200, "Shop & Sons")
		if page = late(eve, "somebody else may have filled in"); !strings.Contains(page.Text, "Shop & Sons") || strings.Contains(page.Source, "data-send") {
			t.Errorf("somebody else's form: %s", page.Source)
		}
		page.Send(t, console.At(acme, "projects/new"), map[string]string{"name": "Other"}).Must(t, 200, "Other")
		// A link brings no form along, and a form leads to no page outside the console.
		held := base64.RawURLEncoding.EncodeToString([]byte(`{"path":"/sign-out","body":"a=b"}`))
		if s.Browser().Open(t, "/sign-in?held="+held).Value("held") != "" {
			t.Error("a link brings a form along")
		}
		form := s.Anonymous().With("Content-Type", "application/x-www-form-urlencoded")
		form.Post(t, "/sign-in", url.Values{"email": {jane.Email}, "password": {apptest.Password}, "held": {held}}.Encode()).Must(t, 400)
		s.Verify(t)
	})
}
