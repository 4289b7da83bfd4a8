package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/apitoken"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/organization"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// The commands of the operator, as they travel over the control socket.
const (
	CommandBootstrap           = "bootstrap"
	CommandUserCreate          = "user-create"
	CommandAccessToken         = "access-token"
	CommandOrganizationRestore = "organization-restore"
	CommandMailTest            = "mail-test"
	CommandUserResetPassword   = "user-reset-password"
	CommandUserChangeEmail     = "user-change-email"

	CommandUserList             = "user-list"
	CommandUserShow             = "user-show"
	CommandUserDisable          = "user-disable"
	CommandUserEnable           = "user-enable"
	CommandUserLimit            = "user-limit"
	CommandUserDelete           = "user-delete"
	CommandDemoRemove           = "demo-remove"
	CommandOrganizationList     = "organization-list"
	CommandOrganizationShow     = "organization-show"
	CommandOrganizationPlan     = "organization-plan"
	CommandOrganizationRestrict = "organization-restrict"
	CommandOrganizationPurge    = "organization-purge"

	CommandSessionList = "session-list"
	CommandSessionEnd  = "session-end"

	CommandAnnounce         = "announce"
	CommandAnnouncementList = "announcement-list"
	CommandReport           = "report"
)

// Credentials name a person and a new password.
type Credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// BootstrapRequest asks for everything that a script needs to begin.
type BootstrapRequest struct {
	Credentials
	Organization string `json:"organization"`
}

// BootstrapAnswer is a person, an organization they own, and a token for each.
type BootstrapAnswer struct {
	UserID         id.User         `json:"user_id"`
	OrganizationID id.Organization `json:"organization_id"`
	APIToken       string          `json:"api_token"`
	AccessToken    string          `json:"access_token"`
}

// UserAnswer is a new person with an access token.
type UserAnswer struct {
	UserID      id.User `json:"user_id"`
	AccessToken string  `json:"access_token"`
}

// AccessAnswer is an access token with its end.
type AccessAnswer struct {
	AccessToken string    `json:"access_token"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// RestoreRequest names a deleted organization.
type RestoreRequest struct {
	Name string `json:"name"`
}

// RestoreAnswer is the organization that is back.
type RestoreAnswer struct {
	OrganizationID id.Organization `json:"organization_id"`
	Name           string          `json:"name"`
}

// operator is the pass of the operator's commands.
func operator() authz.Pass { return authz.System("operator") }

// Run does a command of the operator.
func (a *App) Run(ctx context.Context, command string, in json.RawMessage) (any, error) {
	switch command {
	case CommandBootstrap:
		return runWith(ctx, in, a.bootstrap)
	case CommandUserCreate:
		return runWith(ctx, in, a.createUser)
	case CommandAccessToken:
		return runWith(ctx, in, a.accessToken)
	case CommandOrganizationRestore:
		return runWith(ctx, in, a.restore)
	case CommandUserResetPassword:
		return runWith(ctx, in, a.resetPassword)
	case CommandUserChangeEmail:
		return runWith(ctx, in, a.changeEmail)
	case CommandMailTest:
		return runWith(ctx, in, a.testMail)
	case CommandUserList:
		return runWith(ctx, in, a.listUsers)
	case CommandUserShow:
		return runWith(ctx, in, a.showUser)
	case CommandUserDisable:
		return runWith(ctx, in, a.disableUser)
	case CommandUserEnable:
		return runWith(ctx, in, a.enableUser)
	case CommandUserLimit:
		return runWith(ctx, in, a.limitUser)
	case CommandUserDelete:
		return runWith(ctx, in, a.deleteUser)
	case CommandDemoRemove:
		return runWith(ctx, in, a.removeDemo)
	case CommandOrganizationList:
		return runWith(ctx, in, a.listOrganizations)
	case CommandOrganizationShow:
		return runWith(ctx, in, a.showOrganization)
	case CommandOrganizationPlan:
		return runWith(ctx, in, a.setPlan)
	case CommandOrganizationRestrict:
		return runWith(ctx, in, a.restrict)
	case CommandOrganizationPurge:
		return runWith(ctx, in, a.purgeNow)
	case CommandSessionList:
		return runWith(ctx, in, a.listSessions)
	case CommandSessionEnd:
		return runWith(ctx, in, a.endSessions)
	case CommandAnnounce:
		return runWith(ctx, in, a.announce)
	case CommandAnnouncementList:
		return runWith(ctx, in, a.listAnnouncements)
	case CommandReport:
		return runWith(ctx, in, a.report)
	case CommandKeysRotate:
		return runWith(ctx, in, a.rotateKeys)
	}
	return nil, fault.New(fault.NotFound, "The running server does not know the command %q; is it an older version?", command)
}

func runWith[I, O any](ctx context.Context, text json.RawMessage, do func(context.Context, I) (O, error)) (any, error) {
	var in I
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fault.New(fault.Malformed, "").Because(err)
	}
	return do(ctx, in)
}

// bootstrap makes a verified person, their organization and an ADMIN token in one
// Write: all of it or nothing.
func (a *App) bootstrap(ctx context.Context, in BootstrapRequest) (BootstrapAnswer, error) {
	person, err := a.Accounts.Prepare(in.Email, in.Password)
	if err != nil {
		return BootstrapAnswer{}, err
	}
	company, err := a.Organizations.Prepare(in.Organization, "ENTERPRISE_2025", organization.Profile{})
	if err != nil {
		return BootstrapAnswer{}, err
	}
	admin, _ := authz.LookupRole(authz.Admin)
	token, err := a.Tokens.Prepare(apitoken.Request{Name: "bootstrap", Description: "Made by guildhall admin bootstrap."}, admin)
	if err != nil {
		return BootstrapAnswer{}, err
	}
	type made struct {
		Account      account.Account
		Organization organization.Organization
	}
	m, err := store.Write(ctx, a.DB, operator(), func(tx *store.Tx) (m made, err error) {
		if m.Account, err = a.Accounts.CreateIn(tx, operator(), person); err != nil {
			return m, err
		}
		owner := operator().As(m.Account.Identity())
		if m.Organization, err = a.Organizations.CreateIn(tx, owner, company); err != nil {
			return m, err
		}
		_, err = a.Tokens.CreateIn(tx, owner.On(m.Organization.ID), token)
		return m, err
	})
	if err != nil {
		return BootstrapAnswer{}, err
	}
	access, err := a.Accounts.Access(m.Account, "")
	return BootstrapAnswer{m.Account.ID, m.Organization.ID, token.Secret, access.Token}, err
}

func (a *App) createUser(ctx context.Context, in Credentials) (UserAnswer, error) {
	created, err := a.Accounts.Create(ctx, operator(), in.Email, in.Password)
	if err != nil {
		return UserAnswer{}, err
	}
	access, err := a.Accounts.Access(created, "")
	return UserAnswer{created.ID, access.Token}, err
}

func (a *App) accessToken(ctx context.Context, in Credentials) (AccessAnswer, error) {
	found, err := a.Accounts.Find(ctx, in.Email)
	if err != nil {
		return AccessAnswer{}, err
	}
	access, err := a.Accounts.Access(found, "")
	return AccessAnswer{access.Token, access.ExpiresAt.Std()}, err
}

func (a *App) restore(ctx context.Context, in RestoreRequest) (RestoreAnswer, error) {
	o, err := a.Organizations.Restore(ctx, operator(), in.Name)
	return RestoreAnswer{o.ID, o.Name}, err
}
