package app

import (
	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/oidc"
)

// identities trusts the provider of identities that the settings name, if they do.
func (a *App) identities(c clock.Clock) {
	set := a.Settings.OIDC
	a.Identities = oidc.NewService(a.DB, c, a.Log, a.Accounts, a.Mail, oidc.Settings{
		Issuer: set.Issuer, Audience: set.Audience, ClientID: set.ClientID, ClientSecret: string(set.ClientSecret), Name: set.Label(),
		Anybody: set.CreateAccounts || account.Registration(a.Settings.Registration) == account.Open,
	})
	if a.Identities.TakesTokens() {
		a.Authenticator.Trust(a.Identities)
	}
	if a.Identities.SignsIn() {
		a.Accounts.Offer(account.Way{Label: "Sign in with " + a.Identities.Name(), Path: oidc.SignInPath})
	}
}
