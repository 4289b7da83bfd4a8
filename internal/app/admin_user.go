package app

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/takeout"
)

// ListRequest asks for a part of a list of the operator's.
type ListRequest struct {
	Search string `json:"search"` // a part of a name, an address or an id
	After  string `json:"after"`  // where the part before ended
	Limit  int    `json:"limit"`
}

// maxListed bounds a list, and with it the answer over the control socket.
const maxListed = 1000

func (r ListRequest) check() error {
	if r.Limit < 1 || r.Limit > maxListed {
		checks := &fault.Checks{}
		checks.Add("limit", "must lie between 1 and %d", maxListed)
		return checks.Err()
	}
	return nil
}

// UserListAnswer is a part of the list of people.
type UserListAnswer struct {
	Users []account.Overview `json:"users"`
	Next  string             `json:"next,omitempty"` // what to give as after; empty at the end
}

// UserRequest names a person by e-mail address or id.
type UserRequest struct {
	User string `json:"user"`
}

// UserLimitRequest gives a person a limit of organizations.
type UserLimitRequest struct {
	UserRequest
	OrganizationLimit int64 `json:"organization_limit"`
}

func (a *App) listUsers(ctx context.Context, in ListRequest) (answer UserListAnswer, err error) {
	if err := in.check(); err != nil {
		return answer, err
	}
	var more bool
	answer.Users, more, err = a.Accounts.List(ctx, operator(), in.Search, in.After, in.Limit)
	if more {
		answer.Next = answer.Users[len(answer.Users)-1].Email
	}
	return answer, err
}

func (a *App) showUser(ctx context.Context, in UserRequest) (account.Detail, error) {
	return a.Accounts.Show(ctx, operator(), in.User)
}

func (a *App) disableUser(ctx context.Context, in UserRequest) (account.Detail, error) {
	return a.Accounts.Disable(ctx, operator(), in.User)
}

func (a *App) enableUser(ctx context.Context, in UserRequest) (account.Detail, error) {
	return a.Accounts.Enable(ctx, operator(), in.User)
}

func (a *App) limitUser(ctx context.Context, in UserLimitRequest) (account.Detail, error) {
	return a.Accounts.SetOrganizationLimit(ctx, operator(), in.User, in.OrganizationLimit)
}

// UserDeleteRequest names a person whose account is to go, and the address again.
type UserDeleteRequest struct {
	UserRequest
	Confirmed string `json:"confirmed"`
}

// UserDeleteAnswer is who is gone.
type UserDeleteAnswer struct {
	UserID id.User `json:"user_id"`
}

func (a *App) deleteUser(ctx context.Context, in UserDeleteRequest) (UserDeleteAnswer, error) {
	gone, err := a.Accounts.CloseFor(ctx, operator(), in.User, in.Confirmed)
	return UserDeleteAnswer{gone}, err
}

func (a *App) eraseUser(ctx context.Context, in UserDeleteRequest) (account.Erased, error) {
	return a.Accounts.EraseFor(ctx, operator(), in.User, in.Confirmed)
}

func (a *App) exportUser(ctx context.Context, in UserRequest) (takeout.Export, error) {
	return a.TakeOut.Of(ctx, operator(), in.User)
}
