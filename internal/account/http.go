package account

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// accountInfo is an account on the wire.
type accountInfo struct {
	ID                 id.User   `json:"id" format:"uuid" doc:"The user's id; it is also the subject of their access tokens."`
	CreatedAt          time.Time `json:"created_at" doc:"When the account was created."`
	Nickname           string    `json:"nickname" doc:"What the person wants to be called."`
	FirstName          string    `json:"first_name" doc:"The first name."`
	LastName           string    `json:"last_name" doc:"The last name."`
	PictureURL         string    `json:"profile_picture_url" doc:"The address of a picture; empty where there is none."`
	CommunicationEmail string    `json:"communication_email" doc:"Where the person gets messages."`
	Email              string    `json:"email" doc:"The address the person signs in with. An addition of Guildhall."`
	EmailVerified      bool      `json:"email_verified" doc:"Whether that address was proved: invitations for it are listed, and can be accepted on a server with mail. An addition of Guildhall."`
}

type accountInfoEditRequest struct {
	CommunicationEmail *string `json:"communication_email,omitempty" doc:"Where the person wants messages; at most 254 characters. Left out: unchanged."`
}

type signInRequest struct {
	Email    string `json:"email" maxLength:"254" doc:"The e-mail address of the account."`
	Password string `json:"password" maxLength:"1024" doc:"The password."`
}

type signInAnswer struct {
	AccessToken string    `json:"access_token" doc:"A signed JWT; send it as 'Authorization: Bearer …'."`
	TokenType   string    `json:"token_type" doc:"Always Bearer."`
	ExpiresIn   int64     `json:"expires_in" doc:"Seconds until it expires."`
	ExpiresAt   time.Time `json:"expires_at" doc:"When it expires."`
}

// jwks is a JSON Web Key Set (RFC 7517).
type jwks struct {
	Keys []json.RawMessage `json:"keys" doc:"The public keys that our access tokens are signed with."`
}

func shown(a Account) accountInfo {
	return accountInfo{
		ID: a.ID, CreatedAt: a.CreatedAt.Std(), Nickname: a.Nickname, FirstName: a.FirstName, LastName: a.LastName,
		PictureURL: a.PictureURL, CommunicationEmail: a.CommunicationEmail, Email: a.Email,
		EmailVerified: a.VerifiedAt != 0,
	}
}

type handlers struct{ service *Service }

// Register adds the operations of accounts.
func Register(r *route.Router, s *Service) {
	h := &handlers{s}
	const tag = "Account Info"
	route.Register(r, route.Operation{
		ID: "getAccountInformation", Method: http.MethodGet, Path: "/account", Tag: tag, Summary: "Get Account information",
		Description: "The caller's own account.", Permission: authz.AccountRead, Scope: route.AccountScope, Refusals: []fault.Code{fault.PersonRequired},
	}, h.get)
	route.Register(r, route.Operation{
		ID: "editAccountInformation", Method: http.MethodPut, Path: "/account", Tag: tag, Summary: "Edit account information",
		Description: "Changes where the caller gets messages.", Permission: authz.AccountEdit, Scope: route.AccountScope,
		Refusals: []fault.Code{fault.PersonRequired},
	}, h.edit)
	registerSignUp(r, h)
	registerRegistration(r, h)
	registerSessions(r, h)
	route.Register(r, route.Operation{
		ID: "signIn", Method: http.MethodPost, Path: "/auth/sign-in", Tag: "Sign-in", Summary: "Sign in with e-mail and password", Own: true,
		Description: "Answers a short-lived access token, which is a session that can be listed and ended. A wrong password and an unknown address are one answer; too many attempts are slowed down.",
		Permission:  authz.Public, Scope: route.AccountScope, Refusals: []fault.Code{fault.BadCredentials, fault.TooManyRequests}, NoDryRun: noDryRun,
	}, h.signIn)
	route.Register(r, route.Operation{
		ID: "getJwks", Method: http.MethodGet, Path: "/.well-known/jwks.json", Tag: "Sign-in", Summary: "Get the keys of our access tokens", Own: true,
		Description: "Whoever wants to check our access tokens does it with these.", Permission: authz.Public, Scope: route.AccountScope,
	}, h.keys)
}

type noInput struct{}

func (h *handlers) get(ctx context.Context, pass authz.Pass, _ *noInput) (accountInfo, error) {
	a, err := h.service.Get(ctx, pass)
	return shown(a), err
}

type editInput struct{ Body accountInfoEditRequest }

func (h *handlers) edit(ctx context.Context, pass authz.Pass, in *editInput) (accountInfo, error) {
	a, err := h.service.Edit(ctx, pass, in.Body.CommunicationEmail)
	return shown(a), err
}

type signInInput struct{ Body signInRequest }

func (h *handlers) signIn(ctx context.Context, pass authz.Pass, in *signInInput) (signInAnswer, error) {
	a, opened, err := h.service.SignIn(ctx, pass, in.Body.Email, in.Body.Password, "", APISession)
	if err != nil {
		return signInAnswer{}, err
	}
	access, err := h.service.Access(a, opened.ID)
	if err != nil {
		return signInAnswer{}, err
	}
	life := access.ExpiresAt.Std().Sub(h.service.db.Now().Std())
	return signInAnswer{access.Token, "Bearer", int64(life.Seconds()), access.ExpiresAt.Std()}, nil
}

func (h *handlers) keys(context.Context, authz.Pass, *noInput) (jwks, error) {
	var set jwks
	text, err := h.service.signer.JWKS()
	if err == nil {
		err = json.Unmarshal(text, &set)
	}
	return set, err
}
