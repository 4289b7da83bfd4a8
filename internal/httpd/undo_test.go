package httpd_test

import (
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
)

// sight is what it needs to see the things that the exerciser makes for an operation
// which everybody may call, and which answers 404 about what the caller does not see.
var sight = map[string]authz.Permission{
	"getHistory": authz.EventRead, "getHistoryAt": authz.EventRead, "revertToVersion": authz.EventRead, "restoreDeleted": authz.RoleManage,
}

func (w *world) customRole(t *testing.T) string {
	t.Helper()
	return w.owner.Post(t, "/organization/"+string(w.organization)+"/customRole", map[string]any{"name": w.fresh("role")}).Must(t, 201).Text("id")
}

// versioned gives the id of a new custom role, whose first version the world remembers.
func (w *world) versioned(t *testing.T) string {
	t.Helper()
	role := w.customRole(t)
	n, _ := w.owner.Get(t, "/organization/"+string(w.organization)+"/history/"+role).Must(t, 200).Value("results.0.version").(float64)
	w.version = int64(n)
	return role
}

// deletedRole gives the id of a custom role that was deleted.
func (w *world) deletedRole(t *testing.T) string {
	t.Helper()
	role := w.customRole(t)
	w.owner.Delete(t, "/organization/"+string(w.organization)+"/customRole/"+role).Must(t, 204)
	return role
}

// deletedOrganization gives the id of an organization that somebody owned and deleted.
func (w *world) deletedOrganization(t *testing.T, c *apptest.Caller) string {
	t.Helper()
	organization := string(c.Organization(t, w.fresh("organization")))
	c.Delete(t, "/organization/"+organization).Must(t, 204)
	return organization
}
