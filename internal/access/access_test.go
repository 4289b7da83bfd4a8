package access_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
)

func TestExplain(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		org := "/organization/" + string(acme)
		shop := jane.Project(t, acme, "shop")
		bob := s.Member(t, acme, "bob@example.com", authz.Developer)
		token := jane.Token(t, acme, "ci", authz.Viewer)

		for _, c := range []struct {
			by      *apptest.Caller
			query   string
			allowed bool
			decided string
		}{
			{bob, "permission=project.edit&scope=" + string(shop), true, "DEVELOPER"},
			{bob, "permission=project.delete&scope=" + string(shop), false, "DEVELOPER"},
			{bob, "permission=environment.edit&mode=PRODUCTION&scope=" + string(shop), false, "DEVELOPER"},
			{bob, "permission=environment.edit&mode=STAGING&scope=" + string(shop), true, "DEVELOPER"},
			{jane, "permission=organization.read&actor=" + string(bob.ID), false, "DEVELOPER"},
			{jane, "permission=project.edit&actor=" + string(token.TokenID), false, "VIEWER"},
			{token, "permission=project.read&scope=" + string(shop), true, "VIEWER"},
		} {
			r := c.by.Get(t, org+"/access/explain?"+c.query).Must(t, 200)
			if r.Value("allowed") != c.allowed || r.Text("decided_by") != c.decided || !strings.Contains(r.Text("reason"), c.decided) {
				t.Errorf("%s: %s", c.query, r.Body)
			}
		}
		bob.Get(t, org+"/access/explain?permission=project.edit&actor="+string(jane.ID)).Refused(t, 403, "permission_missing")
		jane.Get(t, org+"/access/explain?permission=fly").Refused(t, 400, "invalid_request")
		jane.Get(t, org+"/access/explain").Refused(t, 400, "invalid_request")
		other := s.Person(t, "other@example.com")
		foreign := other.Project(t, other.Organization(t, "Other"), "foreign")
		jane.Get(t, org+"/access/explain?permission=project.edit&scope="+string(foreign)).Refused(t, 404, "not_found")
		jane.Get(t, org+"/access/explain?permission=project.edit&actor="+string(other.ID)).Refused(t, 404, "not_found")
	})
}

func TestWho(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		org := "/organization/" + string(acme)
		shop := jane.Project(t, acme, "shop")
		s.Member(t, acme, "bob@example.com", authz.Developer)
		s.Member(t, acme, "eve@example.com", authz.Viewer)
		gone := s.Member(t, acme, "gone@example.com", authz.Admin)
		gone.Token(t, acme, "asleep", authz.Admin)
		gone.Do(t, "DELETE", org+"/member", map[string]any{"user_id": gone.ID}).Must(t, 204)
		jane.Token(t, acme, "ci", authz.Admin)
		jane.Token(t, acme, "looker", authz.Viewer)

		for query, want := range map[string]string{
			"permission=project.edit&scope=" + string(shop): "jane@example.com bob@example.com ci",
			"permission=organization.delete":                "jane@example.com",
			"permission=project.read&scope=" + string(shop): "jane@example.com bob@example.com eve@example.com ci looker",
		} {
			var names []string
			for _, size := range []string{"100", "1", "2"} { // whatever the pages, it is one list
				names = nil
				for token := ""; ; {
					r := jane.Get(t, org+"/access/who?"+query+"&pageSize="+size+"&continueToken="+token).Must(t, 200)
					for _, row := range r.List("results") {
						names = append(names, row.(map[string]any)["actor_name"].(string))
					}
					if r.Value("total") != float64(len(strings.Fields(want))) {
						t.Errorf("%s: the total is %v", query, r.Value("total"))
					}
					if token = r.Text("continue_token"); token == "" {
						break
					}
				}
				if got := strings.Join(names, " "); got != want {
					t.Errorf("%s in pages of %s: %s, want %s", query, size, got, want)
				}
			}
		}
		jane.Get(t, org+"/access/who?permission=project.edit&continueToken=!").Refused(t, 400, "invalid_request")
	})
}
