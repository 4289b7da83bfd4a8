package credential

import (
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/kind"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
)

type scalewayRequest struct {
	Name           string `json:"name" doc:"1 to 128 characters."`
	AccessKey      string `json:"scaleway_access_key" doc:"The access key."`
	SecretKey      string `json:"scaleway_secret_key,omitempty" writeOnly:"true" doc:"The access key's secret."`
	ProjectID      string `json:"scaleway_project_id" doc:"The project."`
	OrganizationID string `json:"scaleway_organization_id" doc:"The organization there."`
}

type scalewayBody struct {
	AccessKey      string `json:"access_key"`
	ProjectID      string `json:"project_id"`
	OrganizationID string `json:"organization_id"`
}

var scaleway = cloud[scalewayBody, scalewayRequest]{
	Kind: withSecrets(described[scalewayBody](authz.KindScalewayCredentials), func(object.Object[scalewayBody]) []object.Secret {
		return []object.Secret{{Field: "scaleway_secret_key", Needed: true}}
	}, func(o object.Object[scalewayBody]) string { return o.Body.AccessKey }),
	Fill: func(checks *fault.Checks, q scalewayRequest, o *object.Object[scalewayBody]) {
		o.Name = route.CheckName(checks, "name", q.Name)
		o.Body.AccessKey = kind.Text(checks, "scaleway_access_key", q.AccessKey)
		o.Body.ProjectID = kind.Text(checks, "scaleway_project_id", q.ProjectID)
		o.Body.OrganizationID = kind.Text(checks, "scaleway_organization_id", q.OrganizationID)
		o.Secrets = object.Secrets{"scaleway_secret_key": kind.Hidden(checks, "scaleway_secret_key", q.SecretKey)}
	},
	Show: func(o object.Object[scalewayBody], _ int64) clusterCredentials {
		c := shown(o, "SCW")
		c.ScalewayAccessKey, c.ScalewayProjectID, c.ScalewayOrganizationID = &o.Body.AccessKey, &o.Body.ProjectID, &o.Body.OrganizationID
		return c
	},
	Read: authz.CredentialRead, Edit: authz.CredentialEdit,
}
