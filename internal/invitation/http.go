package invitation

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// inviteMember is an invitation on the wire.
type inviteMember struct {
	ID               string    `json:"id" format:"uuid" doc:"The invitation's id. It is a secret: it is in the link."`
	CreatedAt        time.Time `json:"created_at" doc:"When the person was invited."`
	UpdatedAt        time.Time `json:"updated_at" doc:"When the invitation was last sent."`
	Email            string    `json:"email" format:"email" doc:"The invited address."`
	Role             string    `json:"role" enum:"ADMIN,DEVELOPER,OWNER,VIEWER" deprecated:"true" doc:"The nearest of the four roles that old clients know; role_name is the truth."`
	RoleName         string    `json:"role_name" doc:"The name of the role."`
	RoleID           id.Role   `json:"role_id" format:"uuid" doc:"The id of the role in the organization."`
	Link             string    `json:"invitation_link" format:"uri" doc:"The link for the invited person."`
	Status           string    `json:"invitation_status" enum:"PENDING,EXPIRED" doc:"EXPIRED when its time is over; resending renews it."`
	OrganizationName string    `json:"organization_name" doc:"The organization's name."`
	Inviter          string    `json:"inviter" doc:"The e-mail address of who invited, or sent the invitation again last."`
	LogoURL          string    `json:"logo_url,omitempty" format:"uri" doc:"The organization's logo; left out where there is none."`
	OrganizationID   string    `json:"organization_id" format:"uuid" doc:"The organization. An addition of Guildhall."`
	ExpiresAt        time.Time `json:"expires_at" doc:"When it expires. An addition of Guildhall."`
}

type inviteMemberList struct {
	Results []inviteMember `json:"results" doc:"The invitations, oldest first."`
}

type inviteMemberRequest struct {
	Email  string  `json:"email" doc:"The address to invite, at most 254 characters; whoever accepts must have an account with it."`
	Role   *string `json:"role,omitempty" nullable:"true" enum:"ADMIN,DEVELOPER,OWNER,VIEWER" deprecated:"true" doc:"A role by its name, where role_id is left out."`
	RoleID *string `json:"role_id,omitempty" nullable:"true" format:"uuid" doc:"The role to give, as listOrganizationAvailableRoles gives it; VIEWER where neither is said. Never more than the caller's own rights, and never OWNER."`
}

type inviteMembersRequest struct {
	Emails []string `json:"emails" minItems:"1" maxItems:"100" doc:"The addresses to invite, at most 100."`
	RoleID *string  `json:"role_id,omitempty" nullable:"true" format:"uuid" doc:"The role to give to all of them; VIEWER where it is left out."`
}

type inviteOutcome struct {
	Email      string        `json:"email" doc:"The address."`
	Invitation *inviteMember `json:"invitation,omitempty" doc:"The new invitation; left out where the address was refused."`
	Code       string        `json:"code,omitempty" doc:"Why the address was refused, as in an error."`
	Detail     string        `json:"detail,omitempty" doc:"The same as a sentence."`
}

type inviteMembersAnswer struct {
	Results []inviteOutcome `json:"results" doc:"An outcome for each address, in the order they were given."`
}

func shown(s Shown) inviteMember {
	status := "PENDING"
	if s.Expired {
		status = "EXPIRED"
	}
	return inviteMember{
		ID: s.ID, CreatedAt: s.CreatedAt.Std(), UpdatedAt: s.UpdatedAt.Std(), Email: s.Email, Role: authz.OldName(s.Role), RoleName: s.RoleName,
		RoleID: authz.RoleID(s.Organization, s.Role), Link: s.Link, Status: status, OrganizationName: s.OrganizationName, Inviter: s.Inviter,
		LogoURL: s.LogoURL, OrganizationID: string(s.Organization), ExpiresAt: s.ExpiresAt.Std(),
	}
}

type handlers struct {
	service   *Service
	publicURL string
}

// InvitationPath is the path of operations on an invitation.
type InvitationPath struct {
	route.OrganizationPath
	Invitation string `path:"inviteId" format:"uuid" doc:"The invitation's id."`
}

func (p InvitationPath) ids() (id.Organization, string, error) {
	organization, err := route.PathID[id.Organization]("organizationId", p.OrganizationID)
	if err != nil {
		return "", "", err
	}
	invitation, err := route.PathID[string]("inviteId", p.Invitation)
	return organization, invitation, err
}

// Register adds the operations of invitations.
func Register(r *route.Router, s *Service, publicURL string) {
	h := &handlers{s, publicURL}
	const tag, path = "Members", "/organization/{organizationId}/inviteMember"
	const one = path + "/{inviteId}"
	again := []fault.Code{fault.IdempotencyReused}
	route.Register(r, route.Operation{
		ID: "getOrganizationInvitedMembers", Method: http.MethodGet, Path: path, Tag: tag, Summary: "Get invited members",
		Description: "Those who have not accepted yet, expired ones too.", Permission: authz.MemberInvite, Scope: route.InOrganization,
	}, h.list)
	route.Register(r, route.Operation{
		ID: "postInviteMember", Method: http.MethodPost, Path: path, Tag: tag, Summary: "Invite someone in the organization",
		Description: "The link in the answer lets the person with this address in, for 7 days (a setting). Members and pending invitations take the plan's seats.",
		Permission:  authz.MemberInvite, Scope: route.InOrganization, Status: http.StatusCreated, Shows: "getMemberInvitation",
		Refusals: append(again, fault.AlreadyInvited, fault.CannotGrant, fault.LimitReached, fault.TooManyRequests),
	}, h.create)
	route.Register(r, route.Operation{
		ID: "inviteMembers", Method: http.MethodPost, Path: "/organization/{organizationId}/inviteMembers", Tag: tag, Own: true,
		Summary: "Invite many people at once", Description: "Each address is invited or refused by itself; the answer says which.",
		Permission: authz.MemberInvite, Scope: route.InOrganization, Matches: "getOrganizationInvitedMembers", Refusals: append(again, fault.CannotGrant),
	}, h.createMany)
	route.Register(r, route.Operation{
		ID: "getMemberInvitation", Method: http.MethodGet, Path: one, Tag: tag, Summary: "Get member invitation",
		Description: "For the invited person and for those who may invite.", Permission: authz.InvitationRead, Scope: route.AccountScope,
	}, h.get)
	route.Register(r, route.Operation{
		ID: "postAcceptInviteMember", Method: http.MethodPost, Path: one, Tag: tag, Summary: "Accept invite in the organization",
		Description: "For the person whose account has the invited address. Whoever is signed in with another one is told which is meant, and the invitation stays. It has expired as well where its inviter may not give the role any more.",
		Permission:  authz.InvitationAnswer, Scope: route.AccountScope, Status: http.StatusCreated,
		Refusals: append(again, fault.PersonRequired, fault.WrongAccount, fault.InvitationExpired, fault.LimitReached, fault.AlreadyInvited),
	}, h.accept)
	route.Register(r, route.Operation{
		ID: "deleteInviteMember", Method: http.MethodDelete, Path: one, Tag: tag, Summary: "Remove an invited member",
		Description: "The link is dead at once.", Permission: authz.MemberInvite, Scope: route.InOrganization, Status: http.StatusNoContent,
	}, h.revoke)
	route.Register(r, route.Operation{
		ID: "resendInviteMember", Method: http.MethodPost, Path: one + "/resend", Tag: tag, Own: true, Summary: "Renew an invitation",
		Description: "The same id and link, a new life; the caller is the inviter from then on.", Permission: authz.MemberInvite, Scope: route.InOrganization,
		Matches: "getMemberInvitation", Shows: "getMemberInvitation", Refusals: append(again, fault.CannotGrant, fault.LimitReached, fault.TooManyRequests),
	}, h.resend)
	route.Register(r, route.Operation{
		ID: "declineInviteMember", Method: http.MethodPost, Path: one + "/decline", Tag: tag, Own: true, Summary: "Decline an invitation",
		Description: "For the invited person.", Permission: authz.InvitationAnswer, Scope: route.AccountScope, Status: http.StatusNoContent,
		Matches: "getMemberInvitation", Refusals: append(again, fault.PersonRequired, fault.WrongAccount),
	}, h.decline)
	route.Register(r, route.Operation{
		ID: "listMyInvitations", Method: http.MethodGet, Path: "/account/invitations", Tag: "Account Info", Own: true, Summary: "List the invitations that wait for me",
		Description: "Those for the address of the caller's account that have not expired.", Permission: authz.InvitationAnswer, Scope: route.AccountScope,
		Refusals: []fault.Code{fault.PersonRequired},
	}, h.mine)
}

func answers(list []Shown, err error) (inviteMemberList, error) {
	answer := inviteMemberList{Results: make([]inviteMember, 0, len(list))}
	for _, s := range list {
		answer.Results = append(answer.Results, shown(s))
	}
	return answer, err
}

// one renders an invitation that was just changed.
func (h *handlers) one(ctx context.Context, i Invitation, err error) (inviteMember, error) {
	if err != nil {
		return inviteMember{}, err
	}
	list, err := h.service.show(h.service.db.Reader(ctx), h.publicURL, i)
	if err != nil || len(list) == 0 {
		return inviteMember{}, err
	}
	return shown(list[0]), nil
}

// fresh renders a new invitation. In a dry run there is no secret in its link, and its id is one that there will never be.
func (h *handlers) fresh(ctx context.Context, i Invitation, err error) (inviteMember, error) {
	made, err := h.one(ctx, i, err)
	if store.IsDryRun(ctx) {
		made.Link, _, _ = strings.Cut(made.Link, "?")
	}
	return made, err
}

func (h *handlers) list(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (inviteMemberList, error) {
	return answers(h.service.List(ctx, pass, h.publicURL))
}

type mineInput struct{}

func (h *handlers) mine(ctx context.Context, pass authz.Pass, _ *mineInput) (inviteMemberList, error) {
	return answers(h.service.Mine(ctx, pass, h.publicURL))
}

// role reads which role is meant.
func role(organization id.Organization, roleID, name *string) (id.Role, error) {
	if roleID != nil {
		return route.PathID[id.Role]("role_id", *roleID)
	}
	wanted := authz.Viewer
	if name != nil {
		wanted = authz.RoleName(*name)
	}
	return authz.RoleID(organization, wanted), nil
}

type createInput struct {
	route.OrganizationPath
	Body inviteMemberRequest
}

func (h *handlers) create(ctx context.Context, pass authz.Pass, in *createInput) (inviteMember, error) {
	wanted, err := role(pass.Organization(), in.Body.RoleID, in.Body.Role)
	if err != nil {
		return inviteMember{}, err
	}
	i, err := h.service.Create(ctx, pass, in.Body.Email, wanted)
	return h.fresh(ctx, i, err)
}

type createManyInput struct {
	route.OrganizationPath
	Body inviteMembersRequest
}

func (h *handlers) createMany(ctx context.Context, pass authz.Pass, in *createManyInput) (inviteMembersAnswer, error) {
	wanted, err := role(pass.Organization(), in.Body.RoleID, nil)
	if err != nil {
		return inviteMembersAnswer{}, err
	}
	outcomes, err := h.service.CreateMany(ctx, pass, in.Body.Emails, wanted)
	if err != nil {
		return inviteMembersAnswer{}, err
	}
	answer := inviteMembersAnswer{}
	for _, o := range outcomes {
		row := inviteOutcome{Email: o.Email, Code: string(o.Code), Detail: o.Detail}
		if o.Invitation != nil {
			made, err := h.fresh(ctx, *o.Invitation, nil)
			if err != nil {
				return answer, err
			}
			row.Invitation = &made
		}
		answer.Results = append(answer.Results, row)
	}
	return answer, nil
}

func (h *handlers) get(ctx context.Context, pass authz.Pass, in *InvitationPath) (inviteMember, error) {
	organization, invitation, err := in.ids()
	if err != nil {
		return inviteMember{}, err
	}
	s, err := h.service.Get(ctx, pass, organization, invitation, h.publicURL)
	if err != nil {
		return inviteMember{}, err
	}
	return shown(s), nil
}

func (h *handlers) accept(ctx context.Context, pass authz.Pass, in *InvitationPath) (inviteMember, error) {
	organization, invitation, err := in.ids()
	if err != nil {
		return inviteMember{}, err
	}
	i, err := h.service.Accept(ctx, pass, organization, invitation)
	return h.one(ctx, i, err)
}

func (h *handlers) decline(ctx context.Context, pass authz.Pass, in *InvitationPath) (route.Empty, error) {
	organization, invitation, err := in.ids()
	if err != nil {
		return route.Empty{}, err
	}
	return route.Empty{}, h.service.Decline(ctx, pass, organization, invitation)
}

func (h *handlers) resend(ctx context.Context, pass authz.Pass, in *InvitationPath) (inviteMember, error) {
	_, invitation, err := in.ids()
	if err != nil {
		return inviteMember{}, err
	}
	i, err := h.service.Resend(ctx, pass, invitation)
	return h.one(ctx, i, err)
}

func (h *handlers) revoke(ctx context.Context, pass authz.Pass, in *InvitationPath) (route.Empty, error) {
	_, invitation, err := in.ids()
	if err != nil {
		return route.Empty{}, err
	}
	return route.Empty{}, h.service.Revoke(ctx, pass, invitation)
}
