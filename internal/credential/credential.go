// Package credential keeps what opens the accounts of clouds: one kind a cloud, one
// file a kind. The parts that are secret go in and never come out.
package credential

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/kind"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// clusterCredentials are credentials of any cloud on the wire: clients choose what
// they read by object_type, and nothing that they know may be missing.
type clusterCredentials struct {
	ID         id.Object `json:"id" format:"uuid" doc:"The id."`
	Name       string    `json:"name" doc:"The name."`
	ObjectType string    `json:"object_type" doc:"AWS, AWS_ROLE, EKS_ANYWHERE_VSPHERE, SCW, OTHER, AZURE, GCP or GCP_WORKLOAD_IDENTITY_FEDERATION: says which of the other fields there are."`

	AccessKeyID *string `json:"access_key_id,omitempty" doc:"AWS and EKS_ANYWHERE_VSPHERE: the access key's id."`
	RoleARN     *string `json:"role_arn,omitempty" doc:"AWS_ROLE and EKS_ANYWHERE_VSPHERE: the role that is assumed."`
	VsphereUser *string `json:"vsphere_user,omitempty" doc:"EKS_ANYWHERE_VSPHERE: the user of vSphere."`

	ScalewayAccessKey      *string `json:"scaleway_access_key,omitempty" doc:"SCW: the access key."`
	ScalewayProjectID      *string `json:"scaleway_project_id,omitempty" doc:"SCW: the project."`
	ScalewayOrganizationID *string `json:"scaleway_organization_id,omitempty" doc:"SCW: the organization there."`

	AzureTenantID            *string `json:"azure_tenant_id,omitempty" doc:"AZURE: the tenant."`
	AzureSubscriptionID      *string `json:"azure_subscription_id,omitempty" doc:"AZURE: the subscription."`
	AzureApplicationID       *string `json:"azure_application_id,omitempty" doc:"AZURE: the application that acts in the tenant; empty until it is given."`
	AzureApplicationObjectID *string `json:"azure_application_object_id,omitempty" doc:"AZURE: the object of that application; empty until it is given."`

	ProjectID            *string `json:"project_id,omitempty" doc:"GCP_WORKLOAD_IDENTITY_FEDERATION: the project of the service account."`
	ServiceAccountEmail  *string `json:"service_account_email,omitempty" doc:"GCP_WORKLOAD_IDENTITY_FEDERATION: the service account that is impersonated."`
	WorkloadIdentity     *string `json:"workload_identity_provider_resource,omitempty" doc:"GCP_WORKLOAD_IDENTITY_FEDERATION: the provider of identities."`
	TokenLifetimeSeconds *int32  `json:"token_lifetime_seconds,omitempty" doc:"GCP_WORKLOAD_IDENTITY_FEDERATION: how long a token lives."`
}

// cloud is the kind of credentials of one cloud.
type cloud[B, Q any] = kind.Kind[B, Q, clusterCredentials]

// described is what the kinds of credentials share.
func described[B any](name authz.Kind) object.Kind[B] {
	return object.Kind[B]{
		Name: name, Label: "Credentials", Guarded: true,
		Create: audit.CredentialCreate, Update: audit.CredentialUpdate, Delete: audit.CredentialDelete, Restored: audit.CredentialRestore,
	}
}

// withSecrets adds which secrets there are, and what they belong to.
func withSecrets[B any](k object.Kind[B], secret func(object.Object[B]) []object.Secret, bound func(object.Object[B]) string) object.Kind[B] {
	k.Secret, k.Bound = secret, bound
	return k
}

func shown[B any](o object.Object[B], objectType string) clusterCredentials {
	return clusterCredentials{ID: o.ID, Name: o.Name, ObjectType: objectType}
}

// used is what the services of all clouds have in common.
type used interface {
	Used(ctx context.Context, pass authz.Pass) ([]kind.Shown[clusterCredentials], error)
}

// Service changes the credentials of every cloud.
type Service struct {
	aws       *kind.Service[awsBody, awsRequest, clusterCredentials]
	gcp       *kind.Service[gcpBody, gcpRequest, clusterCredentials]
	azure     *kind.Service[azureBody, azureRequest, clusterCredentials]
	scaleway  *kind.Service[scalewayBody, scalewayRequest, clusterCredentials]
	onPremise *kind.Service[onPremiseBody, onPremiseRequest, clusterCredentials]
}

// NewService makes the service.
func NewService(db *store.DB, keeper *seal.Keeper) *Service {
	return &Service{
		aws: kind.New(db, keeper, aws), gcp: kind.New(db, keeper, gcp), azure: kind.New(db, keeper, azure),
		scaleway: kind.New(db, keeper, scaleway), onPremise: kind.New(db, keeper, onPremise),
	}
}

// operations names a cloud's operations as the contract does.
func operations(path, name, rules string) kind.Operations {
	return kind.Operations{
		Path: "/organization/{organizationId}/" + path + "/credentials", Parameter: "credentialsId", Tag: "Cloud Provider Credentials",
		One: name + " credentials", Many: name + " credentials", Rules: rules,
		List: "list" + name + "Credentials", Create: "create" + name + "Credentials", Get: "get" + name + "Credentials",
		Edit: "edit" + name + "Credentials", Delete: "delete" + name + "Credentials",
	}
}

// Register adds the operations of credentials.
func Register(r *route.Router, s *Service) {
	kind.Register(r, s.aws, operations("aws", "AWS", awsRules))
	kind.Register(r, s.onPremise, operations("onPremise", "OnPremise", ""))
	kind.Register(r, s.scaleway, operations("scaleway", "Scaleway", ""))
	kind.Register(r, s.gcp, operations("gcp", "Gcp", gcpRules))
	kind.Register(r, s.azure, operations("azure", "Azure", azureRules))
	route.Register(r, route.Operation{
		ID: "listOrganizationCredentials", Method: http.MethodGet, Path: "/organization/{organizationId}/credentials", Tag: "Organization Main Calls",
		Summary: "List the credentials of every cloud", Description: "With the clusters that use them; those in use cannot be deleted.",
		Permission: authz.CredentialRead, Scope: route.InOrganization,
	}, s.all)
}

type credentialCluster struct {
	ID            id.Object `json:"id" format:"uuid" doc:"The cluster."`
	Name          string    `json:"name" doc:"Its name."`
	CloudProvider string    `json:"cloud_provider" enum:"AWS,SCW,GCP,ON_PREMISE,AZURE" doc:"Where it runs."`
}

type organizationCredentials struct {
	Credential clusterCredentials  `json:"credential" doc:"The credentials."`
	Clusters   []credentialCluster `json:"clusters" doc:"The clusters that use them."`
}

type organizationCredentialsList struct {
	Results []organizationCredentials `json:"results" doc:"All there are, oldest first."`
}

func (s *Service) all(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (organizationCredentialsList, error) {
	answer := organizationCredentialsList{Results: []organizationCredentials{}}
	for _, c := range []struct {
		word string
		used used
	}{{"AWS", s.aws}, {"GCP", s.gcp}, {"AZURE", s.azure}, {"SCW", s.scaleway}, {"ON_PREMISE", s.onPremise}} {
		list, err := c.used.Used(ctx, pass)
		if err != nil {
			return answer, err
		}
		for _, one := range list {
			row := organizationCredentials{one.Thing, []credentialCluster{}}
			for _, u := range one.Users {
				if u.Kind == authz.KindCluster {
					row.Clusters = append(row.Clusters, credentialCluster{u.ID, u.Name, c.word})
				}
			}
			answer.Results = append(answer.Results, row)
		}
	}
	slices.SortFunc(answer.Results, func(a, b organizationCredentials) int { return cmp.Compare(a.Credential.ID, b.Credential.ID) })
	return answer, nil
}
