package oidc

import (
	"context"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// identityInfo is an identity on the wire.
type identityInfo struct {
	ID        id.Identity `json:"id" format:"uuid" doc:"The identity's id here."`
	Issuer    string      `json:"issuer" doc:"The address of the provider."`
	Subject   string      `json:"subject" doc:"Who the person is at the provider; it does not change."`
	Email     string      `json:"email" doc:"The proved address at the provider when the two were linked; empty where none was."`
	CreatedAt time.Time   `json:"created_at" doc:"When it was linked to the account."`
}

type identityList struct {
	Results []identityInfo `json:"results" doc:"The identities with which the person can sign in beside or in place of a password, at most 20, the oldest first."`
}

func shown(i Identity) identityInfo {
	return identityInfo{i.ID, i.Issuer, i.Subject, i.Email, i.CreatedAt.Std()}
}

type handlers struct{ service *Service }

// Register adds the operations of identities.
func Register(r *route.Router, s *Service) {
	h := &handlers{s}
	const tag, path = "Account Info", "/account/identities"
	route.Register(r, route.Operation{
		ID: "listMyIdentities", Method: http.MethodGet, Path: path, Tag: tag, Summary: "List who I am at providers of identities", Own: true,
		Description: "The subjects of providers that are linked to the caller's account.", Permission: authz.AccountRead, Scope: route.AccountScope,
		Refusals: []fault.Code{fault.PersonRequired},
	}, h.list)
	route.Register(r, route.Operation{
		ID: "unlinkMyIdentity", Method: http.MethodDelete, Path: path + "/{identityId}", Tag: tag, Summary: "Unlink an identity", Own: true,
		Description: "Takes the identity from the caller's account: nobody signs in with it any more, and its tokens are refused at once. Refused where it is the only way to sign in.",
		Permission:  authz.AccountEdit, Scope: route.AccountScope, Status: http.StatusNoContent, Refusals: []fault.Code{fault.PersonRequired, fault.LastWayIn},
		Matches: "listMyIdentities",
	}, h.unlink)
}

type noInput struct{}

func (h *handlers) list(ctx context.Context, pass authz.Pass, _ *noInput) (identityList, error) {
	list, err := h.service.Identities(ctx, pass)
	answer := identityList{Results: make([]identityInfo, 0, len(list))}
	for _, i := range list {
		answer.Results = append(answer.Results, shown(i))
	}
	return answer, err
}

type identityInput struct {
	Identity string `path:"identityId" format:"uuid" doc:"The identity's id."`
}

func (h *handlers) unlink(ctx context.Context, pass authz.Pass, in *identityInput) (route.Empty, error) {
	identity, err := route.PathID[id.Identity]("identityId", in.Identity)
	if err != nil {
		return route.Empty{}, err
	}
	return route.Empty{}, h.service.Unlink(ctx, pass, identity)
}
