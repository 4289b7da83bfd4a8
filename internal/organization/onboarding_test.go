package organization_test

import (
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
)

// TestOnboarding: the first steps begin in progress, show what the owner wants to do,
// and are set by those who may edit the organization.
func TestOnboarding(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		path := "/organization/" + string(jane.Organization(t, "Acme")) + "/onboarding"
		first := jane.Get(t, path).Must(t, 200)
		if first.Text("status") != "IN_PROGRESS" || !first.Has("use_cases") || first.Value("use_cases") != nil {
			t.Errorf("at first: %s", first.Body)
		}
		jane.Post(t, "/admin/userSignUp", map[string]any{
			"first_name": "Jane", "last_name": "Doe", "user_email": "jane@example.com", "type_of_use": "WORK", "qovery_usage": "previews,staging",
		}).Must(t, 200)
		if record := jane.Get(t, "/admin/userSignUp").Must(t, 200); record.Text("qovery_usage") != "previews,staging" || record.Text("first_name") != "Jane" {
			t.Errorf("the sign-up record: %s", record.Body)
		}
		for _, status := range []string{"DISMISSED", "COMPLETED", "IN_PROGRESS"} {
			jane.Post(t, path, map[string]any{"status": status}).Must(t, 200)
			if now := jane.Get(t, path).Must(t, 200); now.Text("status") != status || now.Text("use_cases") != "previews,staging" {
				t.Errorf("after %s: %s", status, now.Body)
			}
		}
		jane.Post(t, path, map[string]any{"status": "DONE"}).Refused(t, 400, "invalid_request")
		org := path[:len(path)-len("/onboarding")]
		devops := s.Member(t, apptest.OrganizationID(jane.Get(t, org).Must(t, 200)), "devops@example.com", authz.DevOps)
		devops.Get(t, path).Must(t, 200)
		refused := devops.Post(t, path, map[string]any{"status": "DISMISSED"}).Refused(t, 403, "permission_missing")
		// The refusal names what is missing, and leads to who decided it.
		if refused.Text("permission") != "organization.edit" || refused.Text("explanation") != org+"/access/explain?permission=organization.edit" {
			t.Errorf("the refusal: %s", refused.Body)
		}
		if why := devops.Get(t, refused.Text("explanation")).Must(t, 200); why.Value("allowed") != false {
			t.Errorf("the explanation: %s", why.Body)
		}
		s.Verify(t)
	})
}
