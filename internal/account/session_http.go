package account

import (
	"context"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// sessionInfo is a session on the wire.
type sessionInfo struct {
	ID         id.Session  `json:"id" format:"uuid" doc:"The session's id; its secret is not derived from it."`
	Kind       SessionKind `json:"kind" enum:"browser,api,device" doc:"How the person signed in: in a browser, by the API for one access token, or with a program that they approved in a browser."`
	Current    bool        `json:"current" doc:"Whether the request that asks belongs to it."`
	Address    string      `json:"address" doc:"The network address that signed in."`
	UserAgent  string      `json:"user_agent" doc:"What the client called itself; at most 512 characters."`
	CreatedAt  time.Time   `json:"created_at" doc:"When the person signed in."`
	LastSeenAt time.Time   `json:"last_seen_at" doc:"When it was last used, to the minute."`
	ExpiresAt  time.Time   `json:"expires_at" doc:"When it ends by itself."`
}

type sessionList struct {
	Results []sessionInfo `json:"results" doc:"The sessions that have not ended, at most 200, the ones used last first."`
}

func registerSessions(r *route.Router, h *handlers) {
	const tag, path = "Account Info", "/account/sessions"
	person := []fault.Code{fault.PersonRequired}
	route.Register(r, route.Operation{
		ID: "listMySessions", Method: http.MethodGet, Path: path, Tag: tag, Summary: "List where I am signed in", Own: true,
		Description: "The caller's sessions, in browsers and by the API.", Permission: authz.AccountRead, Scope: route.AccountScope, Refusals: person,
		Fleeting: []string{"last_seen_at"},
	}, h.sessions)
	route.Register(r, route.Operation{
		ID: "endMySession", Method: http.MethodDelete, Path: path + "/{sessionId}", Tag: tag, Summary: "Sign out somewhere", Own: true,
		Description: "The session and its access token end at once.", Permission: authz.AccountEdit, Scope: route.AccountScope,
		Status: http.StatusNoContent, Refusals: person, Matches: "listMySessions",
	}, h.endSession)
	route.Register(r, route.Operation{
		ID: "endMyOtherSessions", Method: http.MethodDelete, Path: path, Tag: tag, Summary: "Sign out everywhere else", Own: true,
		Description: "Every session of the caller's ends but the one that asks; API tokens go on.", Permission: authz.AccountEdit, Scope: route.AccountScope,
		Status: http.StatusNoContent, Refusals: person,
	}, h.endOtherSessions)
	route.Register(r, route.Operation{
		ID: "signOut", Method: http.MethodPost, Path: "/auth/sign-out", Tag: "Sign-in", Summary: "Sign out", Own: true,
		Description: "The access token ends at once. One that the operator's command made belongs to no session and lives out its time.",
		Permission:  authz.AccountEdit, Scope: route.AccountScope, Status: http.StatusNoContent, Refusals: append(person, fault.IdempotencyReused),
		Matches: "listMySessions",
	}, h.signOut)
}

func (h *handlers) sessions(ctx context.Context, pass authz.Pass, _ *noInput) (sessionList, error) {
	list, err := h.service.Sessions(ctx, pass)
	answer := sessionList{Results: make([]sessionInfo, 0, len(list))}
	for _, s := range list {
		answer.Results = append(answer.Results, sessionInfo{
			ID: s.ID, Kind: s.Kind, Current: s.ID == pass.Actor().Session, Address: s.Address, UserAgent: s.UserAgent,
			CreatedAt: s.CreatedAt.Std(), LastSeenAt: s.LastSeenAt.Std(), ExpiresAt: s.ExpiresAt.Std(),
		})
	}
	return answer, err
}

type sessionInput struct {
	Session string `path:"sessionId" format:"uuid" doc:"The session's id."`
}

func (h *handlers) endSession(ctx context.Context, pass authz.Pass, in *sessionInput) (route.Empty, error) {
	session, err := route.PathID[id.Session]("sessionId", in.Session)
	if err != nil {
		return route.Empty{}, err
	}
	return route.Empty{}, h.service.EndSession(ctx, pass, session)
}

func (h *handlers) endOtherSessions(ctx context.Context, pass authz.Pass, _ *noInput) (route.Empty, error) {
	return route.Empty{}, h.service.EndOtherSessions(ctx, pass)
}

func (h *handlers) signOut(ctx context.Context, pass authz.Pass, _ *noInput) (route.Empty, error) {
	return route.Empty{}, h.service.SignOut(ctx, pass)
}
