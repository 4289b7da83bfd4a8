package apitoken

import (
	"context"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// organizationApiTokenCreateRequest is the body of createOrganizationApiToken.
type organizationApiTokenCreateRequest struct {
	Name        string     `json:"name" doc:"Unique in the organization, whatever its case; 1 to 128 characters."`
	Description string     `json:"description,omitempty" doc:"At most 2000 characters."`
	Scope       *string    `json:"scope,omitempty" nullable:"true" enum:"ADMIN" deprecated:"true" doc:"Ignored; role_id decides."`
	RoleID      *string    `json:"role_id,omitempty" nullable:"true" format:"uuid" doc:"The role, as listOrganizationAvailableRoles gives it; null or left out means ADMIN. It cannot be OWNER, nor a role that may do more than the caller."`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" nullable:"true" doc:"When the token stops working; null or left out means never. An addition of Guildhall."`
}

// OrganizationAPIToken is a token on the wire.
type OrganizationAPIToken struct {
	ID          id.Token   `json:"id" format:"uuid" doc:"The token's id; the secret is not derived from it."`
	CreatedAt   time.Time  `json:"created_at" doc:"When it was created."`
	UpdatedAt   time.Time  `json:"updated_at" doc:"When it was last changed."`
	Name        string     `json:"name" doc:"The name."`
	Description string     `json:"description" doc:"What it is for."`
	RoleName    string     `json:"role_name" doc:"The name of its role."`
	RoleID      id.Role    `json:"role_id" format:"uuid" doc:"The id of its role in this organization."`
	Hint        string     `json:"hint" doc:"The last four characters of the secret. An addition of Guildhall."`
	CreatedBy   string     `json:"created_by" doc:"The e-mail address of the person whose rights bound it. An addition of Guildhall."`
	ExpiresAt   *time.Time `json:"expires_at" nullable:"true" doc:"When it stops working; null means never. An addition of Guildhall."`
	LastUsedAt  *time.Time `json:"last_used_at" nullable:"true" doc:"When it was last used, to the minute; null means never. An addition of Guildhall."`
	Active      bool       `json:"active" doc:"Whether a request with it is let in. False after it expired, and while it sleeps because the person who made it is not in the organization: then an admin can take it over or delete it. An addition of Guildhall."`
}

type organizationApiTokenCreate struct {
	OrganizationAPIToken
	Token string `json:"token" doc:"The secret, shown this once: send it as 'Authorization: Token …'. 64 characters that begin with qov_."`
}

type organizationApiTokenList struct {
	Results []OrganizationAPIToken `json:"results" doc:"The organization's tokens, oldest first."`
}

func shown(t APIToken) OrganizationAPIToken {
	return OrganizationAPIToken{
		ID: t.ID, CreatedAt: t.CreatedAt.Std(), UpdatedAt: t.UpdatedAt.Std(), Name: t.Name, Description: t.Description,
		RoleName: t.RoleName, RoleID: authz.RoleID(t.Organization, t.Role), Hint: t.Hint, CreatedBy: t.CreatorEmail,
		ExpiresAt: t.ExpiresAt.Pointer(), LastUsedAt: t.LastUsedAt.Pointer(), Active: t.Active,
	}
}

type handlers struct{ service *Service }

// Register adds the operations of API tokens.
func Register(r *route.Router, s *Service) {
	h := &handlers{s}
	const tag = "Organization Api Token"
	const path = "/organization/{organizationId}/apiToken"
	route.Register(r, route.Operation{
		ID: "listOrganizationApiTokens", Method: http.MethodGet, Path: path, Tag: tag, Summary: "List organization api tokens",
		Description: "Never the secrets.", Permission: authz.TokenRead, Scope: route.InOrganization, Fleeting: []string{"last_used_at"},
	}, h.list)
	route.Register(r, route.Operation{
		ID: "createOrganizationApiToken", Method: http.MethodPost, Path: path, Tag: tag, Summary: "Create an organization api token",
		Description: "The secret is in this answer and nowhere else. What the token may do is its role, bounded by what its creator may do at each request; when the creator leaves the organization it sleeps, and wakes when they come back.",
		Permission:  authz.TokenCreate, Scope: route.InOrganization, Status: http.StatusCreated,
		Refusals: []fault.Code{fault.NameTaken, fault.CannotGrant, fault.LimitReached, fault.IdempotencyReused},
	}, h.create)
	route.Register(r, route.Operation{
		ID: "deleteOrganizationApiToken", Method: http.MethodDelete, Path: path + "/{apiTokenId}", Tag: tag, Summary: "Delete organization api token",
		Description: "The token stops working at once.", Permission: authz.TokenDelete, Scope: route.InOrganization, Status: http.StatusNoContent,
		Matches: "listOrganizationApiTokens",
	}, h.delete)
	route.Register(r, route.Operation{
		ID: "takeOverOrganizationApiToken", Method: http.MethodPost, Path: path + "/{apiTokenId}/takeOver", Tag: tag, Own: true, Summary: "Take an api token over",
		Description: "The caller becomes the person whose rights bound the token, in place of who made it: for the tokens of somebody who left, which sleep otherwise. The secret and the role stay, so whoever knows the secret can use it from the next request on; delete the token instead where that should not be. For people who hold member.manage and api_token.create, and whose rights cover the token's role.",
		Permission:  authz.MemberManage, Scope: route.InOrganization, Matches: "listOrganizationApiTokens",
		Refusals: []fault.Code{fault.PersonRequired, fault.CannotGrant, fault.IdempotencyReused},
	}, h.takeOver)
}

type listInput struct {
	route.OrganizationPath
	Name        string `query:"name" maxLength:"128" doc:"Only tokens whose name has this part, whatever its case."`
	CreatorName string `query:"creatorName" maxLength:"254" doc:"Only tokens whose creator's name or e-mail address has this part, whatever its case."`
}

func (h *handlers) list(ctx context.Context, pass authz.Pass, in *listInput) (organizationApiTokenList, error) {
	tokens, err := h.service.List(ctx, pass, in.Name, in.CreatorName)
	answer := organizationApiTokenList{Results: make([]OrganizationAPIToken, 0, len(tokens))}
	for _, t := range tokens {
		answer.Results = append(answer.Results, shown(t))
	}
	return answer, err
}

type createInput struct {
	route.OrganizationPath
	Body organizationApiTokenCreateRequest
}

func (h *handlers) create(ctx context.Context, pass authz.Pass, in *createInput) (organizationApiTokenCreate, error) {
	r := Request{Name: in.Body.Name, Description: in.Body.Description}
	if in.Body.RoleID != nil {
		role, err := route.PathID[id.Role]("role_id", *in.Body.RoleID)
		if err != nil {
			return organizationApiTokenCreate{}, err
		}
		r.Role = role
	}
	if in.Body.ExpiresAt != nil {
		r.ExpiresAt = max(clock.At(*in.Body.ExpiresAt), 1) // zero would mean never
	}
	created, err := h.service.Create(ctx, pass, r)
	if err != nil {
		return organizationApiTokenCreate{}, err
	}
	return organizationApiTokenCreate{shown(created.APIToken), route.Once(ctx, created.Secret)}, nil
}

// TokenPath is the path of operations on a token.
type TokenPath struct {
	route.OrganizationPath
	Token string `path:"apiTokenId" format:"uuid" doc:"The token's id."`
}

func (h *handlers) takeOver(ctx context.Context, pass authz.Pass, in *TokenPath) (OrganizationAPIToken, error) {
	token, err := route.PathID[id.Token]("apiTokenId", in.Token)
	if err != nil {
		return OrganizationAPIToken{}, err
	}
	t, err := h.service.TakeOver(ctx, pass, token)
	return shown(t), err
}

func (h *handlers) delete(ctx context.Context, pass authz.Pass, in *TokenPath) (route.Empty, error) {
	token, err := route.PathID[id.Token]("apiTokenId", in.Token)
	if err != nil {
		return route.Empty{}, err
	}
	return route.Empty{}, h.service.Delete(ctx, pass, token)
}
