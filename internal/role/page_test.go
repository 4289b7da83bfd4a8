package role_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
)

// TestPages: a role is made, given levels after saying what changes for whom, refused to
// be deleted while it is held, and deleted.
func TestPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, eve := s.Person(t, "jane@example.com"), s.Person(t, "eve@example.com")
		acme := jane.Organization(t, "Acme")
		other := eve.Organization(t, "Other")
		dev, ops := s.Member(t, acme, "dev@example.com", authz.Developer), s.Member(t, acme, "ops@example.com", authz.DevOps)
		shop, blog := string(jane.Project(t, acme, "shop")), string(jane.Project(t, acme, "blog"))
		hers := browser(t, s, jane)
		roles := "/console/organizations/" + string(acme) + "/settings/roles"

		hers.Open(t, roles).Must(t, 200, "There is none yet", "Delete environments yes yes yes not in production no no", "DEVELOPER 1 person")
		page := hers.Open(t, roles+"/new").Send(t, roles+"/new", map[string]string{"name": "Viewer", "description": "kept words"}).Must(t, 400, "is reserved")
		if page.Value("description") != "kept words" {
			t.Error("what was typed is lost")
		}
		page = page.Send(t, roles+"/new", map[string]string{"name": "Testers"}).Must(t, 200, "Now say what it allows", "Held by nobody")
		one := page.Path

		// Nobody has it: it is saved without a question.
		page = page.Send(t, one, map[string]string{"level." + shop + ".STAGING": "DEPLOYER"}).Must(t, 200, "is saved")
		if page.Value("level."+shop+".STAGING") != "DEPLOYER" || page.Value("level."+blog+".STAGING") != "NO_ACCESS" {
			t.Errorf("the grid is not as it was saved: %s", page.Source)
		}
		stale := page
		guest := s.Person(t, "guest@example.com")
		s.Join(t, acme, guest, authz.Viewer)
		user := guest.Get(t, "/account").Must(t, 200).Text("id")
		roleID := one[strings.LastIndex(one, "/")+1:]
		jane.Put(t, "/organization/"+string(acme)+"/member", map[string]any{"user_id": user, "role_id": roleID}).Must(t, 200)
		page = page.Send(t, one, map[string]string{"level." + shop + ".STAGING": "NO_ACCESS", "level." + blog + ".PRODUCTION": "VIEWER"}).
			Must(t, 200, "What changes for whom", "Lose access", "Gain access", "guest@example.com", "Deploy and stop", "blog, production")
		custom := func() string { return string(jane.Get(t, path(acme, roleID)).Must(t, 200).Body) }
		if !strings.Contains(custom(), "DEPLOYER") {
			t.Error("it is saved before it is confirmed")
		}
		page.Send(t, one, nil).Must(t, 200, "is saved", "Held by 1 person")
		if now := custom(); strings.Contains(now, "DEPLOYER") {
			t.Errorf("it is not saved: %s", now)
		}
		stale.Send(t, one, map[string]string{"admin." + shop: "yes"}).Must(t, 409, "changed this role meanwhile")
		hers.Open(t, one).Send(t, one, map[string]string{"level." + shop + ".STAGING": "KING"}).Must(t, 400, "none of the choices")
		hers.Open(t, one).Send(t, one, map[string]string{"admin." + shop: "yes"}).Must(t, 200, "Gain access").Send(t, one, nil).Must(t, 200, "is saved")
		if now := custom(); !strings.Contains(now, `"is_admin":true`) {
			t.Errorf("not everything in the project: %s", now)
		}

		hers.Open(t, one+"/delete").Must(t, 200, "is held by 1 person").Send(t, one+"/delete", nil).Must(t, 409, "guest@example.com")
		jane.Put(t, "/organization/"+string(acme)+"/member", map[string]any{"user_id": user, "role_id": authz.RoleID(acme, authz.Viewer)}).Must(t, 200)

		// Who reads roles does not change them; who does not, sees the matrix.
		his := browser(t, s, ops)
		if page := his.Open(t, one).Must(t, 200, "shop"); strings.Contains(page.Text, "Save the role") || page.Link("Delete") != "" {
			t.Errorf("a DEVOPS is offered changes: %s", page.Text)
		}
		his.Open(t, one+"/delete").Must(t, 403)
		theirs := browser(t, s, dev)
		if page := theirs.Open(t, roles).Must(t, 200, "Deploy and stop"); strings.Contains(page.Text, "Testers") || strings.Contains(page.Text, "person") {
			t.Errorf("a DEVELOPER sees custom roles: %s", page.Text)
		}
		theirs.Open(t, one).Must(t, 403)

		stranger := browser(t, s, eve)
		for _, path := range []string{roles, roles + "/new", one, one + "/delete", strings.Replace(one, string(acme), string(other), 1), strings.Replace(one, string(acme), string(other), 1) + "/delete"} {
			stranger.Open(t, path).Must(t, 404)
		}
		hers.Open(t, one+"/delete").Must(t, 200, "nobody loses").Send(t, one+"/delete", nil).Must(t, 200, "is deleted")
		hers.Open(t, one).Must(t, 404)
		s.Verify(t)
	})
}

func browser(t *testing.T, s *apptest.Server, who *apptest.Caller) *consoletest.Browser {
	t.Helper()
	b := s.Browser()
	b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": who.Email, "password": apptest.Password}).Must(t, 200)
	return b
}
