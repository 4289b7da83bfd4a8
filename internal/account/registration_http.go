package account

import (
	"context"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

type registerRequest struct {
	Email        string  `json:"email" maxLength:"254" doc:"The e-mail address of the account; the person signs in with it."`
	Password     string  `json:"password,omitempty" maxLength:"1024" doc:"The password, 8 to 256 characters, on a server without mail. A server with mail does not look at it: it is chosen with the link in the letter."`
	Organization *string `json:"organization_id,omitempty" nullable:"true" format:"uuid" doc:"With invite_token: the organization of the invitation."`
	InviteToken  *string `json:"invite_token,omitempty" nullable:"true" format:"uuid" doc:"The inviteToken of an invitation's link. The account must get the invited address."`
}

type registerAnswer struct {
	Outcome string `json:"outcome" enum:"letter_sent,account_created" doc:"What was done. After letter_sent, what comes next is in a letter to the address, whether or not there is an account with it; after account_created the person signs in."`
}

type verifyRequest struct {
	Token    string `json:"token" maxLength:"256" doc:"The token of the link in the letter."`
	Password string `json:"password,omitempty" maxLength:"1024" doc:"For a new account: the password to set, 8 to 256 characters. For an account that is there: its password, unless the request is sent with its access token."`
}

type verifyAnswer struct {
	Outcome Outcome `json:"outcome" enum:"account_created,email_verified,email_changed" doc:"What the link did."`
	Email   string  `json:"email" doc:"The address that was proved."`
}

type resetRequest struct {
	Email string `json:"email" maxLength:"254" doc:"The e-mail address of the account."`
}

type newPasswordRequest struct {
	Token    string `json:"token" maxLength:"256" doc:"The token of the link in the letter, or of the operator's."`
	Password string `json:"password" maxLength:"1024" doc:"The new password, 8 to 256 characters."`
}

type changePasswordRequest struct {
	Current string `json:"current_password" maxLength:"1024" doc:"The password until now."`
	New     string `json:"new_password" maxLength:"1024" doc:"The new password, 8 to 256 characters."`
}

type changeEmailRequest struct {
	Email    string `json:"email" maxLength:"254" doc:"The new address."`
	Password string `json:"password" maxLength:"1024" doc:"The account's password."`
}

type closeRequest struct {
	Password string `json:"password,omitempty" maxLength:"1024" doc:"The account's password."`
	Email    string `json:"email,omitempty" maxLength:"254" doc:"The account's address, for an account that has no password."`
	Erase    bool   `json:"erase,omitempty" doc:"Also take the person out of every event: a pseudonym stands there instead. Nothing brings it back."`
}

// noDryRun is said of what somebody does who is not known yet: to foresee it would
// tell a stranger what the answer keeps to itself, or try passwords and links for free.
const noDryRun = "Signing in and up, and what is done with a link from a letter, has no dry run: it would tell strangers which accounts and links there are. Nothing was done."

// registerRegistration adds the operations by which a person gets an account, proves
// who they are without its password, and changes or ends it.
func registerRegistration(r *route.Router, h *handlers) {
	const tag = "Sign-in"
	public := func(id, path, summary, description string, refusals ...fault.Code) route.Operation {
		return route.Operation{
			ID: id, Method: http.MethodPost, Path: path, Tag: tag, Summary: summary, Own: true, Description: description,
			Permission: authz.Public, Scope: route.AccountScope, Refusals: append(refusals, fault.TooManyRequests), NoDryRun: noDryRun,
		}
	}
	route.Register(r, public("signUp", "/auth/sign-up", "Make an account",
		"Where the server sends mail, a letter leads on, and the answer is the same for every address. Where it sends none, the account is made at once. By setting, only for the invited.",
		fault.NotFound, fault.RegistrationClosed, fault.WrongAccount, fault.InvitationExpired, fault.EmailTaken), h.register)
	route.Register(r, public("verifyEmail", "/auth/verify", "Use the link that proves an address",
		"Makes the account that was asked for, or proves or changes the address of one. A link works once.",
		fault.LinkInvalid, fault.RegistrationClosed, fault.EmailTaken), h.verify)
	forgot := public("requestPasswordReset", "/auth/reset-request", "Ask for a link to choose a new password",
		"The answer is the same whether or not there is an account with the address.", fault.MailDisabled)
	forgot.Status = http.StatusNoContent
	route.Register(r, forgot, h.requestReset)
	reset := public("resetPassword", "/auth/reset", "Choose a new password with a link",
		"Every session and access token of the account ends. A link works once.", fault.LinkInvalid)
	reset.Status = http.StatusNoContent
	route.Register(r, reset, h.reset)

	own := func(id, method, path, summary, description string, refusals ...fault.Code) route.Operation {
		return route.Operation{
			ID: id, Method: method, Path: path, Tag: "Account Info", Summary: summary, Own: true, Description: description, Status: http.StatusNoContent,
			Permission: authz.AccountEdit, Scope: route.AccountScope, Matches: "getAccountInformation",
			Refusals: append(refusals, fault.PersonRequired, fault.TooManyRequests),
		}
	}
	again := fault.IdempotencyReused
	route.Register(r, own("sendVerification", http.MethodPost, "/account/verification", "Send me the link that proves my address",
		"Nothing is sent where it was proved.", again, fault.MailDisabled), h.sendVerification)
	route.Register(r, own("changePassword", http.MethodPost, "/account/password", "Change my password",
		"Every session and access token of the account ends, this request's too: sign in again.", again), h.changePassword)
	route.Register(r, own("changeEmail", http.MethodPost, "/account/email", "Change my e-mail address",
		"A link goes to the new address and a notice to the old one; the address changes when the link is used.", again, fault.MailDisabled), h.changeEmail)
	route.Register(r, own("deleteAccount", http.MethodDelete, "/account", "Delete my account",
		"The person leaves every organization and their API tokens are deleted. Refused to the owner of an organization, which the answer names; one that is deleted counts until it is gone for good.",
		fault.LimitReached), h.close)
}

type registerInput struct{ Body registerRequest }

func (h *handlers) register(ctx context.Context, pass authz.Pass, in *registerInput) (registerAnswer, error) {
	request := SignUp{Email: in.Body.Email, Password: in.Body.Password}
	invitation, organization := in.Body.InviteToken, in.Body.Organization
	if (invitation == nil) != (organization == nil) {
		checks := &fault.Checks{}
		checks.Add("invite_token", "goes together with organization_id")
		return registerAnswer{}, checks.Err()
	}
	var err error
	if invitation != nil {
		if request.Organization, err = route.PathID[id.Organization]("organization_id", *organization); err != nil {
			return registerAnswer{}, err
		}
		if request.Invitation, err = route.PathID[string]("invite_token", *invitation); err != nil {
			return registerAnswer{}, err
		}
	}
	_, mailed, err := h.service.Register(ctx, pass, request)
	if mailed {
		return registerAnswer{"letter_sent"}, err
	}
	return registerAnswer{"account_created"}, err
}

type verifyInput struct{ Body verifyRequest }

func (h *handlers) verify(ctx context.Context, pass authz.Pass, in *verifyInput) (verifyAnswer, error) {
	a, outcome, err := h.service.Verify(ctx, pass, in.Body.Token, in.Body.Password)
	return verifyAnswer{outcome, a.Email}, err
}

type resetRequestInput struct{ Body resetRequest }

func (h *handlers) requestReset(ctx context.Context, pass authz.Pass, in *resetRequestInput) (route.Empty, error) {
	return route.Empty{}, h.service.RequestReset(ctx, pass, in.Body.Email)
}

type resetInput struct{ Body newPasswordRequest }

func (h *handlers) reset(ctx context.Context, pass authz.Pass, in *resetInput) (route.Empty, error) {
	_, err := h.service.Reset(ctx, pass, in.Body.Token, in.Body.Password)
	return route.Empty{}, err
}

func (h *handlers) sendVerification(ctx context.Context, pass authz.Pass, _ *noInput) (route.Empty, error) {
	return route.Empty{}, h.service.SendVerification(ctx, pass)
}

type changePasswordInput struct{ Body changePasswordRequest }

func (h *handlers) changePassword(ctx context.Context, pass authz.Pass, in *changePasswordInput) (route.Empty, error) {
	_, err := h.service.ChangePassword(ctx, pass, in.Body.Current, in.Body.New)
	return route.Empty{}, err
}

type changeEmailInput struct{ Body changeEmailRequest }

func (h *handlers) changeEmail(ctx context.Context, pass authz.Pass, in *changeEmailInput) (route.Empty, error) {
	return route.Empty{}, h.service.RequestEmail(ctx, pass, in.Body.Email, in.Body.Password)
}

type closeInput struct{ Body closeRequest }

func (h *handlers) close(ctx context.Context, pass authz.Pass, in *closeInput) (route.Empty, error) {
	return route.Empty{}, h.service.Close(ctx, pass, in.Body.Password, in.Body.Email, in.Body.Erase)
}
