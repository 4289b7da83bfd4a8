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
	CommandUserErase            = "user-erase"
	CommandUserExport           = "user-export"
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

// command does one command of the operator for what came over the socket.
type command func(a *App, ctx context.Context, in json.RawMessage) (any, error)

// commands is every command there is.
var commands = map[string]command{
	CommandBootstrap:            run((*App).bootstrap),
	CommandUserCreate:           run((*App).createUser),
	CommandAccessToken:          run((*App).accessToken),
	CommandOrganizationRestore:  run((*App).restore),
	CommandUserResetPassword:    run((*App).resetPassword),
	CommandUserChangeEmail:      run((*App).changeEmail),
	CommandMailTest:             run((*App).testMail),
	CommandUserList:             run((*App).listUsers),
	CommandUserShow:             run((*App).showUser),
	CommandUserDisable:          run((*App).disableUser),
	CommandUserEnable:           run((*App).enableUser),
	CommandUserLimit:            run((*App).limitUser),
	CommandUserDelete:           run((*App).deleteUser),
	CommandUserErase:            run((*App).eraseUser),
	CommandUserExport:           run((*App).exportUser),
	CommandDemoRemove:           run((*App).removeDemo),
	CommandOrganizationList:     run((*App).listOrganizations),
	CommandOrganizationShow:     run((*App).showOrganization),
	CommandOrganizationPlan:     run((*App).setPlan),
	CommandOrganizationRestrict: run((*App).restrict),
	CommandOrganizationPurge:    run((*App).purgeNow),
	CommandSessionList:          run((*App).listSessions),
	CommandSessionEnd:           run((*App).endSessions),
	CommandAnnounce:             run((*App).announce),
	CommandAnnouncementList:     run((*App).listAnnouncements),
	CommandReport:               run((*App).report),
	CommandKeysRotate:           run((*App).rotateKeys),
}

// Run does a command of the operator.
func (a *App) Run(ctx context.Context, name string, in json.RawMessage) (any, error) {
	do, ok := commands[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "The running server does not know the command %q; is it an older version?", name)
	}
	return do(a, ctx, in)
}

func run[I, O any](do func(*App, context.Context, I) (O, error)) command {
	return func(a *App, ctx context.Context, text json.RawMessage) (any, error) {
		var in I
		if err := json.Unmarshal(text, &in); err != nil {
			return nil, fault.New(fault.Malformed, "").Because(err)
		}
		return do(a, ctx, in)
	}
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
