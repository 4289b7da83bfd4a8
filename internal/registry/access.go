package registry

import (
	"net/url"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/kind"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// access is what a registry or repository wants to know of who comes.
type access int

const (
	anybody access = iota
	login          // a user name with a password, or nothing
	amazon         // a region, and an access key or a role
	scaleway
	google // a region, and a key or workload identities
	azure
)

// needs tells clients what to ask for, by the names of the configuration's fields.
var needs = map[access]map[string]string{
	anybody: {}, login: {"username": "optional", "password": "optional"},
	amazon:   {"region": "required", "access_key_id": "required without role_arn", "secret_access_key": "required without role_arn", "role_arn": "in place of an access key"},
	scaleway: {"region": "required", "scaleway_access_key": "required", "scaleway_secret_key": "required", "scaleway_project_id": "optional"},
	google:   {"region": "required", "json_credentials": "required without gcp_credentials_type", "gcp_credentials_type": "workload_identity_federation, with project_id, service_account_email and workload_identity_provider_resource"},
	azure:    {"azure_tenant_id": "required", "azure_subscription_id": "required"},
}

const federation = "workload_identity_federation"

// Config is the part of a way in that is no secret, on the wire and at rest.
type Config struct {
	Username                 string `json:"username,omitempty" doc:"The user name; with a password."`
	Region                   string `json:"region,omitempty" doc:"The cloud's region."`
	AccessKeyID              string `json:"access_key_id,omitempty" doc:"Amazon: the access key's id."`
	RoleARN                  string `json:"role_arn,omitempty" doc:"Amazon: the role to assume, in place of an access key."`
	ScalewayAccessKey        string `json:"scaleway_access_key,omitempty" doc:"Scaleway: the access key."`
	ScalewayProjectID        string `json:"scaleway_project_id,omitempty" doc:"Scaleway: the project."`
	GCPCredentialsType       string `json:"gcp_credentials_type,omitempty" enum:"workload_identity_federation" doc:"Google: workload identities in place of a key."`
	ProjectID                string `json:"project_id,omitempty" doc:"Google, workload identities: the project."`
	ServiceAccountEmail      string `json:"service_account_email,omitempty" doc:"Google, workload identities: the service account to impersonate."`
	WorkloadIdentity         string `json:"workload_identity_provider_resource,omitempty" doc:"Google, workload identities: the provider."`
	TokenLifetimeSeconds     int32  `json:"token_lifetime_seconds,omitempty" minimum:"0" maximum:"43200" doc:"Google, workload identities: how long a token lives."`
	AzureTenantID            string `json:"azure_tenant_id,omitempty" doc:"Azure: the tenant."`
	AzureSubscriptionID      string `json:"azure_subscription_id,omitempty" doc:"Azure: the subscription."`
	AzureApplicationID       string `json:"azure_application_id,omitempty" doc:"Azure: the application that acts in the tenant."`
	AzureApplicationObjectID string `json:"azure_application_object_id,omitempty" doc:"Azure: the object of that application."`
}

// configRequest is a configuration with the secrets.
type configRequest struct {
	Config
	Password          string `json:"password,omitempty" writeOnly:"true" doc:"The user's password or token."`
	SecretAccessKey   string `json:"secret_access_key,omitempty" writeOnly:"true" doc:"Amazon: the access key's secret."`
	ScalewaySecretKey string `json:"scaleway_secret_key,omitempty" writeOnly:"true" doc:"Scaleway: the access key's secret."`
	JSONCredentials   string `json:"json_credentials,omitempty" writeOnly:"true" doc:"Google: the key of a service account."`
}

// read gives what of a request belongs to the way in; the rest is left behind, because
// clients send the fields of every way.
func (a access) read(checks *fault.Checks, q configRequest) (c Config, s object.Secrets) {
	s = object.Secrets{}
	text := func(field, value string) string { return kind.Text(checks, "config."+field, value) }
	secret := func(field, value string) { s["config."+field] = kind.Hidden(checks, "config."+field, value) }
	switch a {
	case login:
		c.Username = kind.Maybe(checks, "config.username", q.Username)
		secret("password", q.Password)
		if c.Username == "" && q.Password != "" {
			checks.Add("config.username", "is required with a password")
		}
	case amazon:
		c.Region = text("region", q.Region)
		if q.RoleARN != "" && q.AccessKeyID == "" {
			c.RoleARN = text("role_arn", q.RoleARN)
			break
		}
		c.AccessKeyID = text("access_key_id", q.AccessKeyID)
		secret("secret_access_key", q.SecretAccessKey)
	case scaleway:
		c.Region, c.ScalewayAccessKey = text("region", q.Region), text("scaleway_access_key", q.ScalewayAccessKey)
		c.ScalewayProjectID = kind.Maybe(checks, "config.scaleway_project_id", q.ScalewayProjectID)
		secret("scaleway_secret_key", q.ScalewaySecretKey)
	case google:
		c.Region, c.GCPCredentialsType = text("region", q.Region), q.GCPCredentialsType
		if q.GCPCredentialsType != federation {
			secret("json_credentials", q.JSONCredentials)
			break
		}
		c.ProjectID, c.ServiceAccountEmail = text("project_id", q.ProjectID), text("service_account_email", q.ServiceAccountEmail)
		c.WorkloadIdentity, c.TokenLifetimeSeconds = text("workload_identity_provider_resource", q.WorkloadIdentity), q.TokenLifetimeSeconds
	case azure:
		c.AzureTenantID, c.AzureSubscriptionID = text("azure_tenant_id", q.AzureTenantID), text("azure_subscription_id", q.AzureSubscriptionID)
		c.AzureApplicationID = kind.Maybe(checks, "config.azure_application_id", q.AzureApplicationID)
		c.AzureApplicationObjectID = kind.Maybe(checks, "config.azure_application_object_id", q.AzureApplicationObjectID)
	}
	return c, s
}

// secrets lists those of a configuration.
func (a access) secrets(c Config) []object.Secret {
	switch {
	case a == login && c.Username != "":
		return []object.Secret{{Field: "config.password", Needed: true}}
	case a == amazon && c.RoleARN == "":
		return []object.Secret{{Field: "config.secret_access_key", Needed: true}}
	case a == scaleway:
		return []object.Secret{{Field: "config.scaleway_secret_key", Needed: true}}
	case a == google && c.GCPCredentialsType != federation:
		return []object.Secret{{Field: "config.json_credentials", Needed: true}}
	}
	return nil
}

// place is where a registry or repository of a kind is, and how it lets one in.
type place struct {
	access access
	// home is its only address, where there is one; usual is the one where none is given.
	home, usual string
}

// bound is what the secrets are given for.
func bound(kind, address string, insecure bool, c Config) string {
	words := []string{kind, address, c.Username, c.AccessKeyID, c.ScalewayAccessKey}
	if insecure {
		words = append(words, "insecure")
	}
	return strings.Join(words, "\n")
}

// checkAddress gives the address of a registry or repository.
func checkAddress(checks *fault.Checks, p place, scheme, address string) string {
	address = strings.TrimSpace(address)
	if address == "" {
		address = p.home + p.usual
	}
	u, err := url.Parse(address)
	switch {
	case address == "":
		checks.Add("url", "is required")
	case len(address) > route.MaxURL:
		checks.Add("url", "must have at most %d characters", route.MaxURL)
	case err != nil || u.Scheme != scheme || u.Hostname() == "":
		checks.Add("url", "must be an address that starts with %s://", scheme)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		checks.Add("url", "must not hold a user, a password, a query or a fragment")
	case p.home != "" && strings.TrimSuffix(address, "/") != p.home:
		checks.Add("url", "must be %s for this kind", p.home)
	}
	return address
}
