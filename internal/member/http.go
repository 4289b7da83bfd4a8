package member

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// memberAnswer is a member on the wire.
type memberAnswer struct {
	ID             id.User   `json:"id" format:"uuid" doc:"The user's id, which is also the subject of their access tokens."`
	CreatedAt      time.Time `json:"created_at" doc:"When they joined."`
	Name           string    `json:"name" doc:"First and last name; the e-mail address where there is none."`
	Nickname       string    `json:"nickname" doc:"What the person wants to be called."`
	Email          string    `json:"email" format:"email" doc:"The e-mail address."`
	PictureURL     string    `json:"profile_picture_url,omitempty" format:"uri" doc:"The address of a picture; left out where there is none."`
	LastActivityAt time.Time `json:"last_activity_at" doc:"When they were last active, to the minute; when they joined, if not since."`
	Role           string    `json:"role" enum:"ADMIN,DEVELOPER,OWNER,VIEWER" deprecated:"true" doc:"The nearest of the four roles that old clients know; role_name is the truth."`
	RoleName       string    `json:"role_name" doc:"The name of the role."`
	RoleID         id.Role   `json:"role_id" format:"uuid" doc:"The id of the role in this organization."`
}

type memberListAnswer struct {
	Results []memberAnswer `json:"results" doc:"The members, the longest there first."`
}

type memberRoleUpdateRequest struct {
	UserID string `json:"user_id" doc:"The member's id."`
	RoleID string `json:"role_id" format:"uuid" doc:"The new role, as listOrganizationAvailableRoles gives it. OWNER is given by transferOwnership only."`
}

type userRequest struct {
	UserID string `json:"user_id" doc:"The member's id."`
}

func shown(organization id.Organization, m Member) memberAnswer {
	name := strings.TrimSpace(m.FirstName + " " + m.LastName)
	if name == "" {
		name = m.Email
	}
	return memberAnswer{
		ID: m.User, CreatedAt: m.JoinedAt.Std(), Name: name, Nickname: m.Nickname, Email: m.Email, PictureURL: m.PictureURL,
		LastActivityAt: max(m.JoinedAt, m.LastSeenAt).Std(), Role: authz.OldName(m.Role), RoleName: m.RoleName,
		RoleID: authz.RoleID(organization, m.Role),
	}
}

type handlers struct{ service *Service }

// Register adds the operations of members.
func Register(r *route.Router, s *Service) {
	h := &handlers{s}
	const tag, path = "Members", "/organization/{organizationId}/member"
	route.Register(r, route.Operation{
		ID: "getOrganizationMembers", Method: http.MethodGet, Path: path, Tag: tag, Summary: "Get organization members",
		Permission: authz.MemberRead, Scope: route.InOrganization, Fleeting: []string{"last_activity_at"},
	}, h.list)
	route.Register(r, route.Operation{
		ID: "editOrganizationMemberRole", Method: http.MethodPut, Path: path, Tag: tag, Summary: "Edit an organization member role",
		Description: "In force with the member's very next request. The owner's role cannot be changed, and nobody gives or takes rights that they lack.",
		Permission:  authz.MemberManage, Scope: route.InOrganization, Refusals: []fault.Code{fault.CannotGrant, fault.LimitReached},
	}, h.setRole)
	route.Register(r, route.Operation{
		ID: "deleteMember", Method: http.MethodDelete, Path: path, Tag: tag, Summary: "Remove a member",
		Description: "Needs member.manage; everybody may remove themselves, but the owner, who transfers the ownership first. The API tokens that the person made stop working, and work again if the person comes back.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization, Status: http.StatusNoContent, Refusals: []fault.Code{fault.CannotGrant, fault.LimitReached},
	}, h.remove)
	route.Register(r, route.Operation{
		ID: "postOrganizationTransferOwnership", Method: http.MethodPost, Path: "/organization/{organizationId}/transferOwnership", Tag: tag,
		Summary: "Transfer organization ownership to another user", Description: "For the owner in person. The new owner must be a member; the owner until now becomes ADMIN.",
		Permission: authz.OrganizationTransfer, Scope: route.InOrganization, Matches: "getOrganization", Status: http.StatusNoContent, Refusals: []fault.Code{fault.PersonRequired, fault.IdempotencyReused},
	}, h.transfer)
}

func (h *handlers) list(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (memberListAnswer, error) {
	members, err := h.service.List(ctx, pass)
	answer := memberListAnswer{Results: make([]memberAnswer, 0, len(members))}
	for _, m := range members {
		answer.Results = append(answer.Results, shown(pass.Organization(), m))
	}
	return answer, err
}

type roleInput struct {
	route.OrganizationPath
	Body memberRoleUpdateRequest
}

func (h *handlers) setRole(ctx context.Context, pass authz.Pass, in *roleInput) (route.Empty, error) {
	user, err := route.PathID[id.User]("user_id", in.Body.UserID)
	if err != nil {
		return route.Empty{}, err
	}
	role, err := route.PathID[id.Role]("role_id", in.Body.RoleID)
	if err != nil {
		return route.Empty{}, err
	}
	return route.Empty{}, h.service.SetRole(ctx, pass, user, role)
}

type userInput struct {
	route.OrganizationPath
	Body userRequest
}

func (h *handlers) remove(ctx context.Context, pass authz.Pass, in *userInput) (route.Empty, error) {
	user, err := route.PathID[id.User]("user_id", in.Body.UserID)
	if err != nil {
		return route.Empty{}, err
	}
	return route.Empty{}, h.service.Remove(ctx, pass, user)
}

func (h *handlers) transfer(ctx context.Context, pass authz.Pass, in *userInput) (route.Empty, error) {
	user, err := route.PathID[id.User]("user_id", in.Body.UserID)
	if err != nil {
		return route.Empty{}, err
	}
	return route.Empty{}, h.service.Transfer(ctx, pass, user)
}
