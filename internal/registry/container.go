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

// containerKinds are the kinds of container registries, in the contract's order.
var containerKinds = []string{"ECR", "SCALEWAY_CR", "DOCKER_HUB", "GITHUB_CR", "GITHUB_ENTERPRISE_CR", "GITLAB_CR", "PUBLIC_ECR", "DOCR", "GENERIC_CR", "GCP_ARTIFACT_REGISTRY", "AZURE_CR"}

var containerPlaces = map[string]place{
	"ECR":                   {access: amazon},
	"SCALEWAY_CR":           {access: scaleway},
	"DOCKER_HUB":            {access: login, home: "https://docker.io"},
	"GITHUB_CR":             {access: login, home: "https://ghcr.io"},
	"GITHUB_ENTERPRISE_CR":  {access: login},
	"GITLAB_CR":             {access: login, home: "https://registry.gitlab.com"},
	"PUBLIC_ECR":            {access: anybody, usual: "https://public.ecr.aws"},
	"DOCR":                  {access: login, usual: "https://registry.digitalocean.com"},
	"GENERIC_CR":            {access: login},
	"GCP_ARTIFACT_REGISTRY": {access: google},
	"AZURE_CR":              {access: azure},
}

type containerRequest struct {
	Name        string        `json:"name" doc:"1 to 128 characters."`
	Kind        string        `json:"kind" enum:"ECR,SCALEWAY_CR,DOCKER_HUB,GITHUB_CR,GITHUB_ENTERPRISE_CR,GITLAB_CR,PUBLIC_ECR,DOCR,GENERIC_CR,GCP_ARTIFACT_REGISTRY,AZURE_CR" doc:"The kind; it decides what the configuration needs."`
	Description *string       `json:"description,omitempty" nullable:"true" doc:"At most 2000 characters; left out on an edit, it stays."`
	URL         string        `json:"url,omitempty" doc:"The address, which starts with https://. DOCKER_HUB, GITHUB_CR and GITLAB_CR have one of their own."`
	Config      configRequest `json:"config" doc:"The way in; listAvailableContainerRegistry tells what a kind needs."`
}

type containerBody struct {
	Kind        string `json:"kind"`
	Description string `json:"description"`
	URL         string `json:"url"`
	Config      Config `json:"config"`
}

type containerRegistry struct {
	ID          id.Object `json:"id" format:"uuid" doc:"The registry's id."`
	CreatedAt   time.Time `json:"created_at" doc:"When it was created."`
	UpdatedAt   time.Time `json:"updated_at" doc:"When it was last changed."`
	Name        string    `json:"name" doc:"The name."`
	Kind        string    `json:"kind" enum:"ECR,SCALEWAY_CR,DOCKER_HUB,GITHUB_CR,GITHUB_ENTERPRISE_CR,GITLAB_CR,PUBLIC_ECR,DOCR,GENERIC_CR,GCP_ARTIFACT_REGISTRY,AZURE_CR" doc:"The kind."`
	Description string    `json:"description" doc:"What it is for."`
	URL         string    `json:"url" doc:"The address."`
	Users       int64     `json:"associated_services_count" doc:"How many services use it."`
	Config      Config    `json:"config" doc:"The way in, without its secrets."`
}

type containerService = kind.Service[containerBody, containerRequest, containerRegistry]

func newContainer(db *store.DB, keeper *seal.Keeper) *containerService {
	return kind.New(db, keeper, kind.Kind[containerBody, containerRequest, containerRegistry]{
		Kind: object.Kind[containerBody]{
			Name: authz.KindContainerRegistry, Label: "Container registry",
			Create: audit.ContainerRegistryCreate, Update: audit.ContainerRegistryUpdate, Delete: audit.ContainerRegistryDelete, Restored: audit.ContainerRegistryRestore,
			Secret: func(o object.Object[containerBody]) []object.Secret {
				return containerPlaces[o.Body.Kind].access.secrets(o.Body.Config)
			},
			Bound: func(o object.Object[containerBody]) string {
				return bound(o.Body.Kind, o.Body.URL, false, o.Body.Config)
			},
		},
		Fill: func(checks *fault.Checks, q containerRequest, o *object.Object[containerBody]) {
			place := containerPlaces[q.Kind]
			o.Name = route.CheckName(checks, "name", q.Name)
			o.Body.Kind = q.Kind
			kind.Description(checks, q.Description, &o.Body.Description)
			o.Body.URL = checkAddress(checks, place, "https", q.URL)
			o.Body.Config, o.Secrets = place.access.read(checks, q.Config)
		},
		Show: func(o object.Object[containerBody], users int64) containerRegistry {
			b := o.Body
			return containerRegistry{o.ID, o.CreatedAt.Std(), o.UpdatedAt.Std(), o.Name, b.Kind, b.Description, b.URL, users, b.Config}
		},
		Read: authz.OrganizationRead, Edit: authz.SettingEdit,
	})
}

func registerContainer(r *route.Router, s *containerService) {
	o := kind.Operations{
		Path: "/organization/{organizationId}/containerRegistry", Parameter: "containerRegistryId", Tag: "Container Registries",
		One: "container registry", Many: "container registries",
		List: "listContainerRegistry", Create: "createContainerRegistry", Get: "getContainerRegistry", Edit: "editContainerRegistry", Delete: "deleteContainerRegistry",
	}
	kind.Register(r, s, o)
	kind.RegisterServices(r, s, o, "getContainerRegistryAssociatedServices", "Organization Main Calls", "CONTAINER", "LIFECYCLE", "CRON")
	registerAvailable(r, "listAvailableContainerRegistry", "/availableContainerRegistry", o, containerKinds, containerPlaces)
}
