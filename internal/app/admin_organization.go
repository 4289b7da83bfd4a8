package app

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/organization"
)

// OrganizationListAnswer is a part of the list of organizations.
type OrganizationListAnswer struct {
	Organizations []organization.Overview `json:"organizations"`
	Next          string                  `json:"next,omitempty"` // what to give as after; empty at the end
}

// OrganizationRequest names an organization by name or id.
type OrganizationRequest struct {
	Organization string `json:"organization"`
}

// PlanRequest puts an organization on a plan.
type PlanRequest struct {
	OrganizationRequest
	Plan string `json:"plan"`
}

// RestrictRequest restricts an organization; without a message it lifts that.
type RestrictRequest struct {
	OrganizationRequest
	Message string `json:"message"`
}

// PurgeRequest removes an organization for good; Confirmed is its name.
type PurgeRequest struct {
	OrganizationRequest
	Confirmed string `json:"confirmed"`
}

// PurgeAnswer is the organization that is no more.
type PurgeAnswer struct {
	OrganizationID id.Organization `json:"organization_id"`
	Name           string          `json:"name"`
}

func (a *App) listOrganizations(ctx context.Context, in ListRequest) (answer OrganizationListAnswer, err error) {
	if err := in.check(); err != nil {
		return answer, err
	}
	var more bool
	answer.Organizations, more, err = a.Organizations.ListAll(ctx, operator(), in.Search, in.After, in.Limit)
	if more {
		answer.Next = answer.Organizations[len(answer.Organizations)-1].Name
	}
	return answer, err
}

func (a *App) showOrganization(ctx context.Context, in OrganizationRequest) (organization.Detail, error) {
	return a.Organizations.Show(ctx, operator(), in.Organization)
}

func (a *App) setPlan(ctx context.Context, in PlanRequest) (organization.Detail, error) {
	return a.Organizations.SetPlan(ctx, operator(), in.Organization, in.Plan)
}

func (a *App) restrict(ctx context.Context, in RestrictRequest) (organization.Detail, error) {
	return a.Organizations.Restrict(ctx, operator(), in.Organization, in.Message)
}

func (a *App) purgeNow(ctx context.Context, in PurgeRequest) (PurgeAnswer, error) {
	o, err := a.Organizations.PurgeNow(ctx, operator(), in.Organization, in.Confirmed)
	return PurgeAnswer{o.ID, o.Name}, err
}
