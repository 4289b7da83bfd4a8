package app

import (
	"context"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// ResetAnswer is a link to choose a new password, where none was given.
type ResetAnswer struct {
	UserID    id.User    `json:"user_id"`
	Link      string     `json:"link,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// ChangeEmailRequest names a person and their new address.
type ChangeEmailRequest struct {
	Email    string `json:"email"`
	NewEmail string `json:"new_email"`
}

// ChangeEmailAnswer is the person with the new address.
type ChangeEmailAnswer struct {
	UserID id.User `json:"user_id"`
	Email  string  `json:"email"`
}

// resetPassword sets a password, or makes a link with which the person chooses one.
func (a *App) resetPassword(ctx context.Context, in Credentials) (ResetAnswer, error) {
	if in.Password != "" {
		changed, err := a.Accounts.SetPassword(ctx, operator(), in.Email, in.Password)
		return ResetAnswer{UserID: changed.ID}, err
	}
	found, secret, err := a.Accounts.ResetLink(ctx, operator(), in.Email)
	if err != nil {
		return ResetAnswer{}, err
	}
	url, err := a.publicURL(ctx)
	expires := a.DB.Now().Add(account.ResetLife).Std()
	return ResetAnswer{found.ID, url + account.ResetPath(secret), &expires}, err
}

func (a *App) changeEmail(ctx context.Context, in ChangeEmailRequest) (ChangeEmailAnswer, error) {
	changed, err := a.Accounts.SetEmail(ctx, operator(), in.Email, in.NewEmail)
	return ChangeEmailAnswer{changed.ID, changed.Email}, err
}

// publicURL is the server's address as it is set or, for a command beside or without
// a running server, as it was when the server ran.
func (a *App) publicURL(ctx context.Context) (string, error) {
	known, err := store.Setting(a.DB.Reader(ctx), publicURLSetting)
	if known != "" && a.Settings.PublicURL == "" {
		return known, err
	}
	return a.Settings.BaseURL(a.Settings.Listen), err
}
