package organization

import (
	"context"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/plan"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// organizationRequest is the body of createOrganization.
type organizationRequest struct {
	Name        string   `json:"name" doc:"Unique over the server, whatever its case; 1 to 128 characters. It can be changed any time."`
	Plan        string   `json:"plan" enum:"FREE,TEAM,TEAM_YEARLY,ENTERPRISE,ENTERPRISE_YEARLY,PROFESSIONAL,BUSINESS,USER_2025,TEAM_2025,BUSINESS_2025,ENTERPRISE_2025" doc:"The plan. FREE, BUSINESS and PROFESSIONAL are deprecated; the plans of 2025 are those on offer."`
	Description *string  `json:"description,omitempty" nullable:"true" doc:"At most 2000 characters."`
	WebsiteURL  *string  `json:"website_url,omitempty" nullable:"true" doc:"An http(s) address of at most 2048 characters."`
	Repository  *string  `json:"repository,omitempty" nullable:"true" doc:"Where the source lives; free text of at most 2048 characters."`
	LogoURL     *string  `json:"logo_url,omitempty" nullable:"true" doc:"An http(s) address of at most 2048 characters."`
	IconURL     *string  `json:"icon_url,omitempty" nullable:"true" doc:"An http(s) address of at most 2048 characters."`
	AdminEmails []string `json:"admin_emails,omitempty" nullable:"true" doc:"Who gets word of outages, maintenance and usage; at most 50 addresses."`
}

// organizationEditRequest is the body of editOrganization.
type organizationEditRequest struct {
	Name        string                   `json:"name" doc:"Unique over the server, whatever its case; 1 to 128 characters."`
	Description route.Optional[string]   `json:"description,omitempty" doc:"At most 2000 characters; null clears it, leaving it out keeps it."`
	WebsiteURL  route.Optional[string]   `json:"website_url,omitempty" doc:"An http(s) address; null clears it, leaving it out keeps it."`
	Repository  route.Optional[string]   `json:"repository,omitempty" doc:"Free text; null clears it, leaving it out keeps it."`
	LogoURL     route.Optional[string]   `json:"logo_url,omitempty" doc:"An http(s) address; null clears it, leaving it out keeps it."`
	IconURL     route.Optional[string]   `json:"icon_url,omitempty" doc:"An http(s) address; null clears it, leaving it out keeps it."`
	AdminEmails route.Optional[[]string] `json:"admin_emails,omitempty" doc:"At most 50 addresses; null clears the list, leaving it out keeps it."`
}

// organizationAnswer is an organization on the wire. Who may not read the
// organization's settings gets its card: id, name, plan, logo and dates.
type organizationAnswer struct {
	ID          id.Organization `json:"id" format:"uuid" doc:"The organization's id."`
	CreatedAt   time.Time       `json:"created_at" doc:"When it was created."`
	UpdatedAt   time.Time       `json:"updated_at" doc:"When it was last changed."`
	Name        string          `json:"name" doc:"The name."`
	Plan        string          `json:"plan" enum:"FREE,TEAM,TEAM_YEARLY,ENTERPRISE,ENTERPRISE_YEARLY,PROFESSIONAL,BUSINESS,USER_2025,TEAM_2025,BUSINESS_2025,ENTERPRISE_2025" doc:"The plan."`
	LogoURL     *string         `json:"logo_url" nullable:"true" doc:"The logo's address."`
	IconURL     *string         `json:"icon_url" nullable:"true" doc:"The icon's address."`
	PlanDetails planAnswer      `json:"organization_plan" doc:"What the plan includes."`
	*OrganizationSettings
}

// OrganizationSettings are the fields for those who may read the settings.
type OrganizationSettings struct {
	Description *string  `json:"description" required:"false" nullable:"true" doc:"What the organization is; left out for those who see the card only."`
	WebsiteURL  *string  `json:"website_url" required:"false" nullable:"true" doc:"The website; left out for those who see the card only."`
	Repository  *string  `json:"repository" required:"false" nullable:"true" doc:"The repository; left out for those who see the card only."`
	AdminEmails []string `json:"admin_emails" required:"false" nullable:"true" doc:"The admin contacts; left out for those who see the card only."`
	Owner       id.User  `json:"owner" required:"false" format:"uuid" doc:"The id of the user who owns the organization; left out for those who see the card only."`
	Restriction *string  `json:"billing_deployment_restriction" required:"false" nullable:"true" doc:"Null: no restriction. NO_CREDIT_CARD: managed clusters cannot be created or deployed to, demo clusters can. Any other value blocks every deployment. Left out for those who see the card only."`
}

type planAnswer struct {
	Plan      string `json:"plan" enum:"FREE,TEAM,TEAM_YEARLY,ENTERPRISE,ENTERPRISE_YEARLY,PROFESSIONAL,BUSINESS,USER_2025,TEAM_2025,BUSINESS_2025,ENTERPRISE_2025" doc:"The plan."`
	Retention int    `json:"audit_logs_retention_in_days" doc:"How many days of activity can be read."`
}

type organizationListAnswer struct {
	Results []organizationAnswer `json:"results" doc:"The caller's organizations, oldest first."`
}

type handlers struct {
	service   *Service
	documents *store.Cache[documentKey, route.Document[organizationAnswer]]
}

type documentKey struct {
	organization id.Organization
	full         bool
}

// Register adds the operations of organizations.
func Register(r *route.Router, s *Service, heads *store.Heads) {
	h := &handlers{s, store.NewCache[documentKey, route.Document[organizationAnswer]](heads, 8192)}
	const tag = "Organization Main Calls"
	route.Register(r, route.Operation{
		ID: "listOrganization", Method: http.MethodGet, Path: "/organization", Tag: tag, Summary: "List user organizations",
		Description: "The organizations that the caller belongs to. An API token has exactly its own.",
		Permission:  authz.OrganizationList, Scope: route.AccountScope,
	}, h.list)
	route.Register(r, route.Operation{
		ID: "createOrganization", Method: http.MethodPost, Path: "/organization", Tag: tag, Summary: "Create an organization",
		Description: "The caller becomes its owner. A person can belong to a limited number of organizations (5 unless the operator says otherwise); an API token cannot create one.",
		Permission:  authz.OrganizationCreate, Scope: route.AccountScope, Status: http.StatusCreated, Shows: "getOrganization",
		Refusals: []fault.Code{fault.NameTaken, fault.LimitReached, fault.PersonRequired, fault.IdempotencyReused},
	}, h.create)
	route.Register(r, route.Operation{
		ID: "getOrganization", Method: http.MethodGet, Path: "/organization/{organizationId}", Tag: tag, Summary: "Get organization by ID",
		Description: "Every member gets the card (id, name, plan, logo, dates); who has organization.read gets all of it.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization,
	}, h.get)
	route.Register(r, route.Operation{
		ID: "editOrganization", Method: http.MethodPut, Path: "/organization/{organizationId}", Tag: tag, Summary: "Edit an organization",
		Description: "Fields that are left out keep their values; null clears one. The plan is not changed here, a plan in the body is ignored.",
		Permission:  authz.OrganizationEdit, Scope: route.InOrganization, Refusals: []fault.Code{fault.NameTaken},
	}, h.edit)
	route.Register(r, route.Operation{
		ID: "deleteOrganization", Method: http.MethodDelete, Path: "/organization/{organizationId}", Tag: tag, Summary: "Delete an organization",
		Description: "For the owner only. It is gone at once for everyone, its tokens stop working; its owner (restoreOrganization) or the operator can restore it with the same ids for 30 days (a setting), and its name stays reserved meanwhile.",
		Permission:  authz.OrganizationDelete, Scope: route.InOrganization, Status: http.StatusNoContent,
	}, h.delete)
	registerOnboarding(r, h)
	registerDeleted(r, h)
}

type createInput struct{ Body organizationRequest }

func (h *handlers) create(ctx context.Context, pass authz.Pass, in *createInput) (organizationAnswer, error) {
	b := in.Body
	o, err := h.service.Create(ctx, pass, b.Name, b.Plan, Profile{
		Description: b.Description, WebsiteURL: b.WebsiteURL, Repository: b.Repository, LogoURL: b.LogoURL, IconURL: b.IconURL, AdminEmails: b.AdminEmails,
	})
	if err != nil {
		return organizationAnswer{}, err
	}
	return h.service.shown(o), nil
}

func (h *handlers) get(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (route.Document[organizationAnswer], error) {
	key := documentKey{pass.Organization(), pass.Also(authz.OrganizationRead)}
	load := func() (route.Document[organizationAnswer], []store.Dependency, error) {
		o, at, err := h.service.Get(ctx, pass)
		if err != nil {
			return route.Document[organizationAnswer]{}, nil, err
		}
		answer := h.service.shown(o)
		if !key.full {
			answer = card(answer)
		}
		document, err := route.Encode(answer)
		return document, []store.Dependency{{Head: string(o.ID), At: at}}, err
	}
	if store.InWrite(ctx) {
		document, _, err := load()
		return document, err
	}
	return h.documents.Get(key, load)
}

type listInput struct{}

func (h *handlers) list(ctx context.Context, pass authz.Pass, _ *listInput) (organizationListAnswer, error) {
	list, err := h.service.List(ctx, pass)
	answer := organizationListAnswer{Results: make([]organizationAnswer, 0, len(list))}
	for _, mine := range list {
		shown := h.service.shown(mine.Organization)
		if !mine.Settings {
			shown = card(shown)
		}
		answer.Results = append(answer.Results, shown)
	}
	return answer, err
}

type editInput struct {
	route.OrganizationPath
	Body organizationEditRequest
}

func (h *handlers) edit(ctx context.Context, pass authz.Pass, in *editInput) (organizationAnswer, error) {
	o, err := h.service.Edit(ctx, pass, Edit(in.Body))
	if err != nil {
		return organizationAnswer{}, err
	}
	return h.service.shown(o), nil
}

func (h *handlers) delete(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (route.Empty, error) {
	return route.Empty{}, h.service.Delete(ctx, pass)
}

func (s *Service) shown(o Organization) organizationAnswer {
	p := s.planOf(o)
	return organizationAnswer{
		ID: o.ID, CreatedAt: o.CreatedAt.Std(), UpdatedAt: o.UpdatedAt.Std(), Name: o.Name, Plan: o.Plan,
		LogoURL: o.Profile.LogoURL, IconURL: o.Profile.IconURL, PlanDetails: planAnswer{p.Name, p.RetentionDay},
		OrganizationSettings: &OrganizationSettings{
			Description: o.Profile.Description, WebsiteURL: o.Profile.WebsiteURL, Repository: o.Profile.Repository,
			AdminEmails: o.Profile.AdminEmails, Owner: o.Owner, Restriction: o.Restriction,
		},
	}
}

func (s *Service) planOf(o Organization) plan.Plan {
	p, ok := s.plans.Get(o.Plan)
	if !ok { // the catalogue always has all wire values; a row cannot name another
		p.Name = o.Plan
	}
	return p
}

func card(a organizationAnswer) organizationAnswer {
	a.OrganizationSettings = nil
	return a
}
