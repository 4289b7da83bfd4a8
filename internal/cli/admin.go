package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/config"
)

type adminCommands struct {
	Bootstrap    bootstrapCommand   `cmd:"" help:"Create a verified person, an organization they own (plan ENTERPRISE_2025) and an ADMIN token, all or nothing."`
	User         userCommands       `cmd:"" help:"People."`
	AccessToken  accessTokenCommand `cmd:"" help:"Print a short-lived access token of a person."`
	Organization organizationAdmin  `cmd:"" help:"Organizations."`
	Mail         mailCommands       `cmd:"" help:"Letters."`
	Session      sessionAdmin       `cmd:"" help:"Where people are signed in."`
	Announce     announceAdmin      `cmd:"" help:"Letters to the admin e-mails of organizations."`
	Report       reportCommand      `cmd:"" help:"Print an organization's usage report of the last week or month, or send it now."`
	Demo         demoCommands       `cmd:"" help:"The made-up organizations of serve --demo."`
}

// stored is what every command takes that works on the data.
type stored struct {
	config.Storage `embed:"" group:"Storage"`
	JSON           bool `name:"json" help:"Print one JSON object."`
}

// operated is what every command of the operator takes. A running server sends with
// its own settings of mail.
type operated struct {
	stored
	config.Mail `embed:""`
}

// operatorDeadline bounds a command of the operator.
const operatorDeadline = 2 * time.Minute

func (c operated) do(o output, command string, in, out any, words func() string) error {
	ctx, cancel := context.WithTimeout(context.Background(), operatorDeadline)
	defer cancel()
	if err := app.Operate(ctx, c.Storage, c.Mail, command, in, out); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(o.out).Encode(out)
	}
	_, err := fmt.Fprintln(o.out, words())
	return err
}

type credentials struct {
	Email    string `required:"" help:"The person's e-mail address." placeholder:"ADDRESS"`
	Password string `required:"" help:"The password, at least 8 characters; GUILDHALL_PASSWORD keeps it out of the process list." placeholder:"TEXT"`
}

func (c credentials) given() app.Credentials {
	return app.Credentials{Email: c.Email, Password: c.Password}
}

type bootstrapCommand struct {
	operated
	credentials
	Organization string `required:"" help:"The organization's name." placeholder:"NAME"`
}

// Run creates everything that a script needs to begin.
func (c bootstrapCommand) Run(o output) error {
	var made app.BootstrapAnswer
	return c.do(o, app.CommandBootstrap, app.BootstrapRequest{Credentials: c.given(), Organization: c.Organization}, &made, func() string {
		return fmt.Sprintf("%s owns the organization %s (%s).\nAPI token (shown this once): %s", c.Email, c.Organization, made.OrganizationID, made.APIToken)
	})
}

type userCommands struct {
	Create userCreateCommand `cmd:"" help:"Create a verified person."`

	List    userListCommand    `cmd:"" help:"List people, in the order of their addresses."`
	Show    userShowCommand    `cmd:"" help:"Show a person, with the organizations that they belong to."`
	Disable userDisableCommand `cmd:"" help:"Keep a person out: sign-in, access tokens and the API tokens that they made stop working at once. Nothing is lost."`
	Enable  userEnableCommand  `cmd:"" help:"Let a disabled person in again; their tokens work as before."`
	Set     userSetCommand     `cmd:"" help:"Change what a person may."`
	Delete  userDeleteCommand  `cmd:"" help:"Delete a person's account for good: they leave every organization, the API tokens that they made go, the address is free again. Refused while they own an organization."`

	Erase  userEraseCommand  `cmd:"" help:"Delete a person's account as delete does, and take the person out of every event: a pseudonym stands there instead, and the chains still verify."`
	Export userExportCommand `cmd:"" help:"Write everything that is held about a person as JSON, to a file or to the output."`

	ResetPassword userResetPasswordCommand `cmd:"" help:"Set a person's password, or print a link with which they choose one within an hour. Their sessions and access tokens end with the change."`
	ChangeEmail   userChangeEmailCommand   `cmd:"" help:"Give a person another e-mail address, which counts as verified."`
}

type userCreateCommand struct {
	operated
	credentials
}

// Run creates a person.
func (c userCreateCommand) Run(o output) error {
	var made app.UserAnswer
	return c.do(o, app.CommandUserCreate, c.given(), &made, func() string {
		return fmt.Sprintf("%s can sign in (%s).", c.Email, made.UserID)
	})
}

type accessTokenCommand struct {
	operated
	Email string `required:"" help:"The person's e-mail address." placeholder:"ADDRESS"`
}

// Run prints an access token.
func (c accessTokenCommand) Run(o output) error {
	var access app.AccessAnswer
	return c.do(o, app.CommandAccessToken, app.Credentials{Email: c.Email}, &access, func() string { return access.AccessToken })
}

type organizationAdmin struct {
	Restore restoreCommand `cmd:"" help:"Bring a deleted organization back, with the same ids, while its time of grace lasts."`

	List     organizationListCommand `cmd:"" help:"List organizations, deleted ones too, in the order of their names."`
	Show     organizationShowCommand `cmd:"" help:"Show an organization."`
	Plan     planCommand             `cmd:"" help:"Put an organization on another plan."`
	Restrict restrictCommand         `cmd:"" help:"Keep an organization from deploying, or lift that."`
	Purge    purgeCommand            `cmd:"" help:"Remove an organization for good, with everything in it."`
}

type restoreCommand struct {
	operated
	Name string `arg:"" help:"The organization's name or id."`
}

// Run restores an organization.
func (c restoreCommand) Run(o output) error {
	var restored app.RestoreAnswer
	return c.do(o, app.CommandOrganizationRestore, app.RestoreRequest{Name: c.Name}, &restored, func() string {
		return fmt.Sprintf("%s is back (%s).", restored.Name, restored.OrganizationID)
	})
}
