package app

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/account"
)

// SessionListAnswer is a person's sessions; there are at most 200.
type SessionListAnswer struct {
	Sessions []account.SessionOverview `json:"sessions"`
}

// SessionEndRequest names a person and one of their sessions; empty for all.
type SessionEndRequest struct {
	UserRequest
	Session string `json:"session"`
}

// SessionEndAnswer tells how many sessions ended.
type SessionEndAnswer struct {
	Ended int `json:"ended"`
}

func (a *App) listSessions(ctx context.Context, in UserRequest) (answer SessionListAnswer, err error) {
	answer.Sessions, err = a.Accounts.SessionsOf(ctx, operator(), in.User)
	return answer, err
}

func (a *App) endSessions(ctx context.Context, in SessionEndRequest) (answer SessionEndAnswer, err error) {
	if in.Session != "" {
		return SessionEndAnswer{1}, a.Accounts.EndSessionOf(ctx, operator(), in.User, in.Session)
	}
	answer.Ended, err = a.Accounts.EndSessionsOf(ctx, operator(), in.User)
	return answer, err
}
