// Package gittoken keeps the tokens by which an organization reads its repositories.
package gittoken

import (
	"context"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/kind"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// addresses are where the providers' own APIs are.
var addresses = map[string]string{"GITHUB": "https://api.github.com", "GITLAB": "https://gitlab.com/api/v4", "BITBUCKET": "https://api.bitbucket.org/2.0"}

type tokenRequest struct {
	Name        string                 `json:"name" doc:"1 to 128 characters."`
	Description *string                `json:"description,omitempty" nullable:"true" doc:"At most 2000 characters; left out on an edit, it stays."`
	Type        string                 `json:"type" enum:"BITBUCKET,GITHUB,GITLAB" doc:"The provider."`
	Token       string                 `json:"token,omitempty" writeOnly:"true" doc:"The token that the provider gave."`
	Workspace   string                 `json:"workspace,omitempty" doc:"The workspace; BITBUCKET needs it."`
	APIURL      string                 `json:"git_api_url,omitempty" doc:"The address of the provider's API; its own where it is left out."`
	ExpiredAt   route.Optional[string] `json:"expired_at,omitempty" doc:"The day on which the token ends at the provider, such as 2026-12-31; left out on an edit, it stays. An addition of Guildhall."`
}

type tokenBody struct {
	Description string  `json:"description"`
	Type        string  `json:"type"`
	Workspace   string  `json:"workspace,omitempty"`
	APIURL      string  `json:"api_url"`
	ExpiredAt   *string `json:"expired_at,omitempty"`
}

type gitToken struct {
	ID          id.Object `json:"id" format:"uuid" doc:"The id."`
	CreatedAt   time.Time `json:"created_at" doc:"When it was created."`
	UpdatedAt   time.Time `json:"updated_at" doc:"When it was last changed."`
	Name        string    `json:"name" doc:"The name."`
	Description string    `json:"description" doc:"What it is for."`
	Type        string    `json:"type" enum:"BITBUCKET,GITHUB,GITLAB" doc:"The provider."`
	ExpiredAt   *string   `json:"expired_at,omitempty" format:"date" doc:"The day on which the token ends at the provider, where that is known."`
	Workspace   string    `json:"workspace,omitempty" doc:"The workspace, for BITBUCKET."`
	Users       int64     `json:"associated_services_count" doc:"How many services use it."`
	APIURL      string    `json:"git_api_url" format:"uri" doc:"The address of the provider's API."`
}

// Service changes git tokens.
type Service = kind.Service[tokenBody, tokenRequest, gitToken]

// NewService makes the service.
func NewService(db *store.DB, keeper *seal.Keeper) *Service {
	return kind.New(db, keeper, kind.Kind[tokenBody, tokenRequest, gitToken]{
		Kind: object.Kind[tokenBody]{
			Name: authz.KindGitToken, Label: "Git token",
			Create: audit.GitTokenCreate, Update: audit.GitTokenUpdate, Delete: audit.GitTokenDelete, Restored: audit.GitTokenRestore,
			Secret: func(object.Object[tokenBody]) []object.Secret { return []object.Secret{{Field: "token", Needed: true}} },
			Bound:  func(o object.Object[tokenBody]) string { return o.Body.Type + "\n" + o.Body.APIURL },
		},
		Again: func(was gitToken, q *tokenRequest) { q.ExpiredAt.Sent = true }, // nil where it had none
		Fill:  fill, Show: show, Read: authz.SetupManage, Edit: authz.SetupManage,
	})
}

func fill(checks *fault.Checks, q tokenRequest, o *object.Object[tokenBody]) {
	b := &o.Body
	o.Name = route.CheckName(checks, "name", q.Name)
	kind.Description(checks, q.Description, &b.Description)
	b.Type, b.Workspace = q.Type, kind.Maybe(checks, "workspace", q.Workspace)
	if q.Type == "BITBUCKET" && b.Workspace == "" {
		checks.Add("workspace", "is required for BITBUCKET")
	}
	if q.APIURL == "" {
		b.APIURL = addresses[q.Type]
	} else if address := route.CheckURL(checks, "git_api_url", &q.APIURL); address != nil {
		b.APIURL = *address
	}
	if q.ExpiredAt.Apply(&b.ExpiredAt); q.ExpiredAt.Value != nil {
		if _, err := time.Parse(time.DateOnly, *q.ExpiredAt.Value); err != nil {
			checks.Add("expired_at", "must be a day, such as 2026-12-31")
		}
	}
	o.Secrets = object.Secrets{"token": kind.Hidden(checks, "token", q.Token)}
}

func show(o object.Object[tokenBody], users int64) gitToken {
	b := o.Body
	return gitToken{o.ID, o.CreatedAt.Std(), o.UpdatedAt.Std(), o.Name, b.Description, b.Type, b.ExpiredAt, b.Workspace, users, b.APIURL}
}

// gitAuthProvider is a provider that a person is signed in at.
type gitAuthProvider struct {
	ID     string `json:"id,omitempty" doc:"Its id."`
	Name   string `json:"name" doc:"The provider."`
	Owner  string `json:"owner" doc:"Who is signed in there."`
	UseBot bool   `json:"use_bot" doc:"Whether a bot acts."`
}

type providerList struct {
	Results []gitAuthProvider `json:"results" doc:"Always empty."`
}

// Register adds the operations of git tokens.
func Register(r *route.Router, s *Service) {
	const tag = "Organization Main Calls"
	o := kind.Operations{
		Path: "/organization/{organizationId}/gitToken", Parameter: "gitTokenId", Tag: tag, One: "git token", Many: "git tokens",
		List: "listOrganizationGitTokens", Create: "createGitToken", Get: "getOrganizationGitToken", Edit: "editGitToken", Delete: "deleteGitToken",
	}
	kind.Register(r, s, o)
	kind.RegisterServices(r, s, o, "getGitTokenAssociatedServices", tag, "APPLICATION", "CRON", "LIFECYCLE", "HELM", "TERRAFORM")
	route.Register(r, route.Operation{
		ID: "getOrganizationGitProviderAccount", Method: http.MethodGet, Path: "/organization/{organizationId}/account/gitAuthProvider", Tag: "Organization Account Git Repositories",
		Summary:     "List the git providers that people are signed in at",
		Description: "None: repositories are read by git tokens of the organization, so that nobody's leaving stops a deployment.",
		Permission:  authz.SetupManage, Scope: route.InOrganization,
	}, func(context.Context, authz.Pass, *route.OrganizationPath) (providerList, error) {
		return providerList{[]gitAuthProvider{}}, nil
	})
}
