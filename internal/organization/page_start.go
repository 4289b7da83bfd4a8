package organization

import (
	"fmt"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
)

var startTemplate = console.Parse(pageFiles, "pages/start.html")

// startPage is where somebody lands who has made their first organization: what has
// happened, and what can be done next.
type startPage struct {
	Events                         []happened
	Steps                          []step
	Curl, CLI, Terraform, Overview string
}

type step struct{ Title, Words, Path, Link string }

func (h *pages) start(r *console.Request) error {
	o, _, err := h.service.Get(r.Context(), r.Pass)
	if err != nil {
		return err
	}
	var happened overviewPage
	if err := happened.events(h.service.db.Reader(r.Context()), r, h.service.planOf(o).Retention()); err != nil {
		return err
	}
	const dots = "…"
	page := startPage{
		Events: happened.Events, Overview: r.At(),
		Curl:      fmt.Sprintf("export API_TOKEN=%s\ncurl --url %s/organization/%s/project \\\n  --header \"Authorization: Token $API_TOKEN\"", dots, r.PublicURL(), r.Organization()),
		CLI:       fmt.Sprintf("export QOVERY_API_URL=%s\nexport QOVERY_CLI_ACCESS_TOKEN=%s\nqovery api organization", r.PublicURL(), dots),
		Terraform: fmt.Sprintf("export TEST_QOVERY_HOST=%s\nexport QOVERY_API_TOKEN=%s", r.PublicURL(), dots),
	}
	for _, offered := range []struct {
		permission authz.Permission
		step
	}{
		{authz.ProjectCreate, step{"A project", "It holds environments, and custom roles give access to it.", r.At("projects/new"), "Make a project"}},
		{authz.MemberInvite, step{"People", "They get a link. What each may do is their role.", r.At("settings/members/invite"), "Invite people"}},
		{authz.TokenCreate, step{"A token for a program", "For a pipeline, the command-line client or Terraform.", r.At("settings/api-tokens/new"), "Make a token"}},
	} {
		if r.Can(offered.permission) {
			page.Steps = append(page.Steps, offered.step)
		}
	}
	return r.Show(startTemplate, http.StatusOK, "First steps", page)
}

// landing is where somebody goes on who made an organization: to the first steps with
// their first one, else to its overview.
func (h *pages) landing(r *console.Request, o Organization) (string, error) {
	pass, err := r.Require(authz.OrganizationList)
	if err != nil {
		return "", err
	}
	list, err := h.service.List(r.Context(), pass)
	if len(list) == 1 {
		return console.At(o.ID, "start"), err
	}
	return console.At(o.ID), err
}
