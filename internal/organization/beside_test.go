package organization_test

import (
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/organization"
)

// TestBeside: a pass whose rights were not in memory brings the organization along,
// as it was at the state of the head that it names; others bring nothing old.
func TestBeside(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		acme := jane.Organization(t, "Acme")
		robot := jane.Token(t, acme, "robot", authz.Viewer)
		along := func(c *apptest.Caller) (organization.Organization, int64, bool) {
			actor, err := s.Authenticator.Authenticate(t.Context(), c.Scheme+" "+c.Credential)
			if err != nil {
				t.Fatal(err)
			}
			pass, err := s.Authorizer.Require(t.Context(), actor, authz.OrganizationView, authz.Scope{Organization: acme, Kind: authz.KindOrganization})
			if err != nil {
				return organization.Organization{}, 0, false
			}
			beside, at := pass.Beside()
			o, ok := beside.(organization.Organization)
			return o, at.Seq, ok
		}
		if _, _, ok := along(joe); ok {
			t.Error("a stranger got the organization along")
		}
		for name, c := range map[string]*apptest.Caller{"jane": jane, "robot": robot} {
			jane.Put(t, "/organization/"+string(acme), map[string]any{"name": "Acme of " + name}).Must(t, 200)
			s.Member(t, acme, "colleague.of."+name+"@example.com", authz.Viewer) // rights change: memory is outdated
			o, seq, ok := along(c)
			if !ok || o.ID != acme || o.Owner != jane.ID || o.Name != "Acme of "+name {
				t.Errorf("cold rights of %s brought %+v, %t", name, o, ok)
			}
			if _, again, ok := along(c); ok || again != 0 || seq == 0 {
				t.Errorf("rights from memory brought something along, at %d after %d", again, seq)
			}
			if got := c.Get(t, "/organization/"+string(acme)).Must(t, 200).Text("name"); got != o.Name {
				t.Errorf("served %q, read %q", got, o.Name)
			}
		}
	})
}
