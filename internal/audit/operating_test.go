package audit_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// operating are the changes that the operator's commands make.
var operating = []step{
	onAccount(audit.AccountDisable, app.CommandUserDisable, `{"user":"jane@example.com"}`, `{"disabled":false}`, `{"disabled":true}`, "disabled"),
	onAccount(audit.AccountEnable, app.CommandUserEnable, `{"user":"jane@example.com"}`, `{"disabled":true}`, `{"disabled":false}`, "disabled"),
	onAccount(audit.AccountLimit, app.CommandUserLimit, `{"user":"jane@example.com","organization_limit":9}`,
		`{"organization_limit":0}`, `{"organization_limit":9}`, "organization_limit"),
	onOrganization(audit.OrganizationPlan, app.CommandOrganizationPlan, `"plan":"TEAM_2025"`, "organization_plan", "plan", "updated_at"),
	onOrganization(audit.RestrictionChange, app.CommandOrganizationRestrict, `"message":"An invoice is open."`, "billing_deployment_restriction", "updated_at"),
}

func onAccount(action audit.Action, command, in, before, after, changed string) step {
	return step{action, func(t *testing.T, w *world) change {
		if _, err := w.s.Run(t.Context(), command, json.RawMessage(in)); err != nil {
			t.Fatal(err)
		}
		who, from := operator("operator")
		return change{
			stream: store.Server, actor: who, client: from, target: audit.Reference{ID: string(w.jane.ID), Name: w.jane.Email},
			before: []byte(before), after: []byte(after), changed: []string{changed},
		}
	}}
}

func onOrganization(action audit.Action, command, in string, changed ...string) step {
	return step{action, func(t *testing.T, w *world) change {
		before := w.jane.Get(t, w.path("")).Must(t, 200)
		if _, err := w.s.Run(t.Context(), command, json.RawMessage(fmt.Sprintf(`{"organization":%q,%s}`, w.organization, in))); err != nil {
			t.Fatal(err)
		}
		after := w.jane.Get(t, w.path("")).Must(t, 200)
		who, from := operator("operator")
		return change{
			stream: string(w.organization), actor: who, client: from, target: audit.Reference{ID: string(w.organization), Name: before.Text("name")},
			before: before.Body, after: after.Body, changed: changed,
		}
	}}
}
