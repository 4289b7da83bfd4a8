package role

import (
	"slices"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/authz"
)

// TestMatrix: the page's matrix says all that the roles hold, and nothing else.
func TestMatrix(t *testing.T) {
	var said []authz.Permission
	for _, m := range matrix {
		for _, s := range m.subjects {
			for _, p := range s.permissions {
				said = append(said, p)
				for _, name := range authz.RoleNames {
					if first := cell(name, s.permissions[0]); cell(name, p) != first {
						t.Errorf("%s: %s has %s %s, and %s %s", s.words, name, s.permissions[0], first, p, cell(name, p))
					}
				}
			}
		}
	}
	slices.Sort(said)
	if all := authz.Permissions(); !slices.Equal(said, all) {
		t.Errorf("the matrix says\n%s\nand the roles hold\n%s", said, all)
	}
	for p, want := range map[authz.Permission]string{authz.EnvironmentDelete: notProduction, authz.DatabaseRead: yes, authz.ProjectDelete: no} {
		if got := cell(authz.Developer, p); got != want {
			t.Errorf("DEVELOPER, %s: %s, want %s", p, got, want)
		}
	}
}
