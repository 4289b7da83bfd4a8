package registry

import (
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

// helmKinds are the kinds of helm repositories, in the contract's order.
var helmKinds = []string{"HTTPS", "OCI_ECR", "OCI_SCALEWAY_CR", "OCI_DOCKER_HUB", "OCI_PUBLIC_ECR", "OCI_GENERIC_CR", "OCI_GITHUB_CR", "OCI_GITLAB_CR"}

var helmPlaces = map[string]place{
	"HTTPS":           {access: login},
	"OCI_ECR":         {access: amazon},
	"OCI_SCALEWAY_CR": {access: scaleway},
	"OCI_DOCKER_HUB":  {access: login, usual: "oci://registry-1.docker.io"},
	"OCI_PUBLIC_ECR":  {access: anybody, usual: "oci://public.ecr.aws"},
	"OCI_GENERIC_CR":  {access: login},
	"OCI_GITHUB_CR":   {access: login, usual: "oci://ghcr.io"},
	"OCI_GITLAB_CR":   {access: login, usual: "oci://registry.gitlab.com"},
}

type helmRequest struct {
	Name        string        `json:"name" doc:"1 to 128 characters."`
	Kind        string        `json:"kind" enum:"HTTPS,OCI_ECR,OCI_SCALEWAY_CR,OCI_DOCKER_HUB,OCI_PUBLIC_ECR,OCI_GENERIC_CR,OCI_GITHUB_CR,OCI_GITLAB_CR" doc:"The kind; it decides what the configuration needs."`
	Description *string       `json:"description,omitempty" nullable:"true" doc:"At most 2000 characters; left out on an edit, it stays."`
	URL         string        `json:"url,omitempty" doc:"The address: https://… for HTTPS, oci://… for the others."`
	SkipTLS     bool          `json:"skip_tls_verification" doc:"Whether any TLS certificate is taken. A change asks for the secrets again."`
	Config      configRequest `json:"config" doc:"The way in; listAvailableHelmRepository tells what a kind needs."`
}

type helmBody struct {
	Kind        string `json:"kind"`
	Description string `json:"description"`
	URL         string `json:"url"`
	SkipTLS     bool   `json:"skip_tls"`
	Config      Config `json:"config"`
}

type helmRepository struct {
	ID          id.Object `json:"id" format:"uuid" doc:"The repository's id."`
	CreatedAt   time.Time `json:"created_at" doc:"When it was created."`
	UpdatedAt   time.Time `json:"updated_at" doc:"When it was last changed."`
	Name        string    `json:"name" doc:"The name."`
	Kind        string    `json:"kind" enum:"HTTPS,OCI_ECR,OCI_SCALEWAY_CR,OCI_DOCKER_HUB,OCI_PUBLIC_ECR,OCI_GENERIC_CR,OCI_GITHUB_CR,OCI_GITLAB_CR" doc:"The kind."`
	Description string    `json:"description" doc:"What it is for."`
	URL         string    `json:"url" doc:"The address."`
	SkipTLS     bool      `json:"skip_tls_verification" doc:"Whether any TLS certificate is taken."`
	Users       int64     `json:"associated_services_count" doc:"How many services use it."`
	Config      Config    `json:"config" doc:"The way in, without its secrets."`
}

type helmService = kind.Service[helmBody, helmRequest, helmRepository]

func newHelm(db *store.DB, keeper *seal.Keeper) *helmService {
	return kind.New(db, keeper, kind.Kind[helmBody, helmRequest, helmRepository]{
		Kind: object.Kind[helmBody]{
			Name: authz.KindHelmRepository, Label: "Helm repository",
			Create: audit.HelmRepositoryCreate, Update: audit.HelmRepositoryUpdate, Delete: audit.HelmRepositoryDelete, Restored: audit.HelmRepositoryRestore,
			Secret: func(o object.Object[helmBody]) []object.Secret {
				return helmPlaces[o.Body.Kind].access.secrets(o.Body.Config)
			},
			Bound: func(o object.Object[helmBody]) string {
				return bound(o.Body.Kind, o.Body.URL, o.Body.SkipTLS, o.Body.Config)
			},
		},
		Fill: func(checks *fault.Checks, q helmRequest, o *object.Object[helmBody]) {
			place, scheme := helmPlaces[q.Kind], "oci"
			if q.Kind == "HTTPS" {
				scheme = "https"
			}
			o.Name = route.CheckName(checks, "name", q.Name)
			o.Body.Kind, o.Body.SkipTLS = q.Kind, q.SkipTLS
			kind.Description(checks, q.Description, &o.Body.Description)
			o.Body.URL = checkAddress(checks, place, scheme, q.URL)
			o.Body.Config, o.Secrets = place.access.read(checks, q.Config)
		},
		Show: func(o object.Object[helmBody], users int64) helmRepository {
			b := o.Body
			return helmRepository{o.ID, o.CreatedAt.Std(), o.UpdatedAt.Std(), o.Name, b.Kind, b.Description, b.URL, b.SkipTLS, users, b.Config}
		},
		Read: authz.OrganizationRead, Edit: authz.SettingEdit,
	})
}

func registerHelm(r *route.Router, s *helmService) {
	o := kind.Operations{
		Path: "/organization/{organizationId}/helmRepository", Parameter: "helmRepositoryId", Tag: "Helm Repositories",
		One: "helm repository", Many: "helm repositories",
		List: "listHelmRepository", Create: "createHelmRepository", Get: "getHelmRepository", Edit: "editHelmRepository", Delete: "deleteHelmRepository",
	}
	kind.Register(r, s, o)
	kind.RegisterServices(r, s, o, "getHelmRepositoryAssociatedServices", "Organization Main Calls", "HELM")
	registerAvailable(r, "listAvailableHelmRepository", "/availableHelmRepository", o, helmKinds, helmPlaces)
}
