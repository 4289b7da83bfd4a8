package access

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// permissionName is a permission as a parameter: one that a role can hold.
type permissionName string

// Schema lists the permissions.
func (permissionName) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: "string"}
	for _, p := range authz.Permissions() {
		s.Enum = append(s.Enum, string(p))
	}
	s.PrecomputeMessages()
	return s
}

// accessAnswer is a decision in words and as data.
type accessAnswer struct {
	Allowed    bool             `json:"allowed" doc:"Whether they may."`
	Visible    bool             `json:"visible" doc:"Whether they see the thing at all; where not, it answers 404 to them."`
	Permission authz.Permission `json:"permission" doc:"The permission that was asked about."`
	ActorType  authn.Kind       `json:"actor_type" enum:"user,api_token" doc:"A member, or an API token."`
	ActorID    string           `json:"actor_id" format:"uuid" doc:"The user's or the token's id."`
	ActorName  string           `json:"actor_name" doc:"The e-mail address, or the token's name."`
	Roles      []string         `json:"roles" doc:"The roles that decide together; an API token has its own and its creator's, and both must allow."`
	DecidedBy  string           `json:"decided_by" doc:"The role that decided."`
	Reason     string           `json:"reason" doc:"The decision in words."`
}

type whoAnswer struct {
	Results []accessAnswer `json:"results" doc:"Who may: members first, the oldest accounts at the front, then API tokens by name."`
	Total   int            `json:"total" doc:"How many there are on all pages together."`
	Next    string         `json:"continue_token,omitempty" doc:"Give it as continueToken for the next page; left out on the last."`
}

func shown(a Answer) accessAnswer {
	if a.Through == nil {
		a.Through = []string{}
	}
	return accessAnswer{
		Allowed: a.Allowed, Visible: a.Visible, Permission: a.Permission, ActorType: a.Actor.Kind, ActorID: a.Actor.ID(), ActorName: a.Actor.Name,
		Roles: a.Through, DecidedBy: string(a.Role), Reason: a.Reason(),
	}
}

type handlers struct{ service *Service }

// Register adds the questions about rights.
func Register(r *route.Router, s *Service) {
	h := &handlers{s}
	const tag = "Access"
	route.Register(r, route.Operation{
		ID: "explainAccess", Method: http.MethodGet, Path: "/organization/{organizationId}/access/explain", Tag: tag, Own: true,
		Summary:     "Why may somebody do a thing, or why not?",
		Description: "The answer of the same decision that every request goes through. Everybody may ask about themselves; asking about others needs member.read.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization,
	}, h.explain)
	route.Register(r, route.Operation{
		ID: "whoHasAccess", Method: http.MethodGet, Path: "/organization/{organizationId}/access/who", Tag: tag, Own: true,
		Summary: "Who may do a thing?", Description: "Every member and API token that may, and through which roles, page by page.",
		Permission: authz.MemberRead, Scope: route.InOrganization,
	}, h.who)
	registerReview(r, h, tag)
	registerChanges(r, h, tag)
}

// Question is what both operations ask.
type Question struct {
	route.OrganizationPath
	Permission permissionName `query:"permission" required:"true" doc:"The permission to ask about."`
	Scope      string         `query:"scope" maxLength:"36" doc:"The id of the thing it is about; the organization where it is left out."`
	Mode       authz.Mode     `query:"mode" enum:"DEVELOPMENT,PREVIEW,STAGING,PRODUCTION" doc:"Ask as if the thing were in an environment of this mode."`
}

type explainInput struct {
	Question
	Actor string `query:"actor" maxLength:"36" doc:"The id of a member or an API token; the caller where it is left out."`
}

func (h *handlers) explain(ctx context.Context, pass authz.Pass, in *explainInput) (accessAnswer, error) {
	a, err := h.service.Explain(ctx, pass, authz.Permission(in.Permission), in.Actor, in.Scope, in.Mode)
	return shown(a), err
}

type whoInput struct {
	Question
	PageSize      int    `query:"pageSize" minimum:"1" maximum:"1000" default:"100" doc:"How many a page."`
	ContinueToken string `query:"continueToken" maxLength:"1024" doc:"From continue_token: the page after that one."`
}

func (h *handlers) who(ctx context.Context, pass authz.Pass, in *whoInput) (whoAnswer, error) {
	page, err := h.service.Who(ctx, pass, authz.Permission(in.Permission), in.Scope, in.Mode, in.PageSize, in.ContinueToken)
	answer := whoAnswer{Results: make([]accessAnswer, 0, len(page.Answers)), Total: page.Total, Next: page.Next}
	for _, a := range page.Answers {
		answer.Results = append(answer.Results, shown(a))
	}
	return answer, err
}
