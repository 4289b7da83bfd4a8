package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/organization"
)

type organizationListCommand struct{ listed }

// Run lists organizations.
func (c organizationListCommand) Run(o output) error {
	var answer app.OrganizationListAnswer
	return c.do(o, app.CommandOrganizationList, c.request(), &answer, func() string {
		rows := [][]string{{"NAME", "PLAN", "MEMBERS", "OWNER", "STATE", "ID"}}
		for _, found := range answer.Organizations {
			state := "active"
			switch {
			case found.DeletedAt != nil:
				state = "deleted"
			case found.Restriction != nil:
				state = "restricted"
			}
			rows = append(rows, []string{found.Name, found.Plan, fmt.Sprint(found.Members), found.Owner, state, string(found.ID)})
		}
		return table(rows, answer.Next)
	})
}

// one is what every command about one organization takes.
type one struct {
	operated
	Name string `arg:"" help:"The organization's name or id."`
}

func (c one) request() app.OrganizationRequest {
	return app.OrganizationRequest{Organization: c.Name}
}

func (c one) show(o output, command string, in any) error {
	var d organization.Detail
	return c.do(o, command, in, &d, func() string {
		restriction := ""
		if d.Restriction != nil {
			restriction = *d.Restriction
		}
		var unsubscribed []string
		for _, u := range d.Unsubscribed {
			unsubscribed = append(unsubscribed, u.Address+" ("+u.Kind+")")
		}
		return table([][]string{
			{"name", d.Name}, {"id", string(d.ID)}, {"plan", d.Plan}, {"owner", d.Owner}, {"admin e-mails", strings.Join(d.AdminEmails, ", ")},
			{"unsubscribed", strings.Join(unsubscribed, ", ")},
			{"members", fmt.Sprintf("%d, and %d invited", d.Members, d.Invitations)},
			{"API tokens", fmt.Sprint(d.Tokens)}, {"projects", fmt.Sprint(d.Projects)}, {"events", fmt.Sprint(d.Events)},
			{"restriction", restriction}, {"created", day(&d.CreatedAt)}, {"deleted", day(d.DeletedAt)},
		}, "")
	})
}

type organizationShowCommand struct{ one }

// Run shows an organization.
func (c organizationShowCommand) Run(o output) error {
	return c.show(o, app.CommandOrganizationShow, c.request())
}

type planCommand struct {
	one
	Plan string `arg:"" help:"The plan: FREE, TEAM_2025, ENTERPRISE_2025 …"`
}

// Run puts an organization on a plan.
func (c planCommand) Run(o output) error {
	return c.show(o, app.CommandOrganizationPlan, app.PlanRequest{OrganizationRequest: c.request(), Plan: c.Plan})
}

type restrictCommand struct {
	one
	Message string `xor:"what" help:"Why, in 3 to 500 characters; members read it. NO_CREDIT_CARD blocks managed clusters only, any other text every deployment." placeholder:"TEXT"`
	Clear   bool   `xor:"what" help:"Lift the restriction."`
}

// Run restricts an organization, or lifts that.
func (c restrictCommand) Run(o output) error {
	if !c.Clear && strings.TrimSpace(c.Message) == "" {
		return errors.New("say why with --message TEXT, or lift the restriction with --clear")
	}
	return c.show(o, app.CommandOrganizationRestrict, app.RestrictRequest{OrganizationRequest: c.request(), Message: c.Message})
}

type purgeCommand struct {
	one
	Yes string `help:"The organization's name once more: nothing brings it back." placeholder:"NAME"`
}

// Run removes an organization for good.
func (c purgeCommand) Run(o output) error {
	var gone app.PurgeAnswer
	return c.do(o, app.CommandOrganizationPurge, app.PurgeRequest{OrganizationRequest: c.request(), Confirmed: c.Yes}, &gone, func() string {
		return fmt.Sprintf("%s (%s) is gone for good. The digests of its events stay in the record.", gone.Name, gone.OrganizationID)
	})
}
