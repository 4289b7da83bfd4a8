package organization_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/plan"
)

// full is the request of the public documentation, with every field.
func full(name string) map[string]any {
	return map[string]any{
		"name": name, "plan": "TEAM_2025", "description": "We build things", "website_url": "https://acme.example.com",
		"repository": "https://git.example.com/acme", "logo_url": "https://acme.example.com/logo.png",
		"icon_url": "https://acme.example.com/icon.png", "admin_emails": []string{"ops@example.com", "cto@example.com"},
	}
}

func TestCreate(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		made := jane.Post(t, "/organization", full("Acme")).Must(t, 201)
		got := jane.Get(t, "/organization/"+made.Text("id")).Must(t, 200)
		for _, r := range []*apptest.Response{made, got} {
			for field, want := range full("Acme") {
				if want, ok := want.(string); ok && r.Text(field) != want {
					t.Errorf("%s: %s is %q, want %q", r.Request, field, r.Text(field), want)
				}
			}
			if emails := r.List("admin_emails"); len(emails) != 2 || emails[0] != "ops@example.com" {
				t.Errorf("%s: admin_emails %v", r.Request, emails)
			}
			if r.Text("owner") != string(jane.ID) {
				t.Errorf("%s: owner %q, want %q", r.Request, r.Text("owner"), jane.ID)
			}
			if !r.Has("billing_deployment_restriction") || r.Value("billing_deployment_restriction") != nil {
				t.Errorf("%s: billing_deployment_restriction must be there and null: %s", r.Request, r.Body)
			}
			if r.Value("organization_plan.audit_logs_retention_in_days") != 7.0 || r.Text("organization_plan.plan") != "TEAM_2025" {
				t.Errorf("%s: organization_plan %v", r.Request, r.Value("organization_plan"))
			}
		}
		jane.Post(t, "/organization", full("ACME")).Refused(t, 409, "name_taken")
		jane.Post(t, "/organization", full("ａｃｍｅ")).Refused(t, 409, "name_taken") // full width
		s.Person(t, "joe@example.com").Post(t, "/organization", full("acme ")).Refused(t, 409, "name_taken")
		s.Anonymous().Post(t, "/organization", full("Other")).Refused(t, 401, "unauthenticated")
		s.Verify(t)
	})
}

func TestEveryPlan(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for _, name := range plan.Names {
			c := s.Person(t, strings.ToLower(name)+"@example.com")
			r := c.Post(t, "/organization", map[string]any{"name": "On " + name, "plan": name}).Must(t, 201)
			if r.Text("plan") != name {
				t.Errorf("plan %q, want %q", r.Text("plan"), name)
			}
			for _, field := range []string{"description", "website_url", "repository", "logo_url", "icon_url", "admin_emails"} {
				if !r.Has(field) || r.Value(field) != nil {
					t.Errorf("%s was not given and must be null: %s", field, r.Body)
				}
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		for name, c := range map[string]struct {
			change map[string]any
			field  string
		}{
			"no name":           {map[string]any{"name": nil}, "name"},
			"blank name":        {map[string]any{"name": " \t "}, "name"},
			"long name":         {map[string]any{"name": strings.Repeat("ä", 129)}, "name"},
			"control character": {map[string]any{"name": "a\u0007b"}, "name"},
			"turned text":       {map[string]any{"name": "a\u202eb"}, "name"},
			"HTML":              {map[string]any{"name": "<script>alert(1)</script>"}, "name"},
			"SQL":               {map[string]any{"name": "x'); DROP TABLE organization; --"}, "name"},
			"unknown plan":      {map[string]any{"plan": "GOLD"}, "plan"},
			"no plan":           {map[string]any{"plan": nil}, "plan"},
			"script address":    {map[string]any{"website_url": "javascript:alert(1)"}, "website_url"},
			"no address":        {map[string]any{"logo_url": "logo"}, "logo_url"},
			"no e-mail":         {map[string]any{"admin_emails": []string{"nobody"}}, "admin_emails"},
			"header injection":  {map[string]any{"admin_emails": []string{"a@example.com\r\nBcc: b@example.com"}}, "admin_emails"},
			"too many e-mails":  {map[string]any{"admin_emails": strings.Split(strings.Repeat("a@example.com,", 60), ",")[:51]}, "admin_emails"},
			"long description":  {map[string]any{"description": strings.Repeat("x", 2001)}, "description"},
			"name of a number":  {map[string]any{"name": 7}, "name"},
		} {
			body := full("Fine")
			for k, v := range c.change {
				body[k] = v
			}
			r := jane.Post(t, "/organization", body).Refused(t, 400, "invalid_request")
			if !strings.HasPrefix(r.Text("errors.0.field"), c.field) {
				t.Errorf("%s: field %q, want %q: %s", name, r.Text("errors.0.field"), c.field, r.Body)
			}
		}
		if list := jane.Get(t, "/organization").List("results"); len(list) != 0 {
			t.Errorf("a refused request left an organization: %v", list)
		}
	})
}

func TestLimitOfFive(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			jane.Organization(t, name)
		}
		r := jane.Post(t, "/organization", full("f")).Refused(t, 403, "limit_reached")
		if !strings.Contains(r.Text("detail"), "at most 5") {
			t.Errorf("the refusal does not say the limit: %s", r.Body)
		}
		first := jane.Get(t, "/organization").Text("results.0.id")
		jane.Delete(t, "/organization/"+first).Must(t, 204)
		jane.Post(t, "/organization", full("f")).Must(t, 201) // a deleted one does not count
	})
}

func TestEdit(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		org := "/organization/" + jane.Post(t, "/organization", full("Acme")).Must(t, 201).Text("id")
		jane.Organization(t, "Taken")

		r := jane.Put(t, org, map[string]any{"name": "Acme Two", "description": nil, "admin_emails": []string{"new@example.com"}, "plan": "FREE"}).Must(t, 200)
		if r.Text("name") != "Acme Two" || r.Value("description") != nil || r.Text("website_url") == "" || r.Text("admin_emails.0") != "new@example.com" {
			t.Errorf("edited: %s", r.Body)
		}
		if r.Text("plan") != "TEAM_2025" {
			t.Errorf("an edit changed the plan to %s", r.Text("plan"))
		}
		if got := jane.Get(t, org); string(got.Body) != string(r.Body) {
			t.Errorf("read back %s\nedited    %s", got.Body, r.Body)
		}
		jane.Put(t, org, map[string]any{"name": "taken"}).Refused(t, 409, "name_taken")
		jane.Put(t, org, map[string]any{"name": "ACME two"}).Must(t, 200) // its own name in another case
		jane.Put(t, org, string(r.Body)).Must(t, 200)                     // clients send whole answers back
		s.Verify(t)
	})
}

func TestCard(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		created := jane.Post(t, "/organization", full("Acme")).Must(t, 201)
		for role, sees := range map[authz.RoleName]bool{
			authz.Admin: true, authz.DevOps: true, authz.Billing: true, authz.Developer: false, authz.Viewer: false,
		} {
			c := s.Person(t, strings.ToLower(string(role))+"@example.com")
			s.Join(t, apptest.OrganizationID(created), c, role)
			one := c.Get(t, "/organization/"+created.Text("id")).Must(t, 200)
			if one.Has("admin_emails") != sees || one.Has("owner") != sees || one.Text("name") != "Acme" || one.Text("plan") != "TEAM_2025" {
				t.Errorf("%s sees %s", role, one.Body)
			}
			list := c.Get(t, "/organization").Must(t, 200)
			if (list.Value("results.0.owner") != nil) != sees {
				t.Errorf("%s lists %s", role, list.Body)
			}
		}
	})
}
