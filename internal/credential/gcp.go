package credential

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
)

const gcpRules = "A service account's key (gcp_credentials), or no secret at all: a service account that is impersonated through a provider of workload identities."

type gcpRequest struct {
	Name                 string `json:"name" doc:"1 to 128 characters."`
	Type                 string `json:"credential_type,omitempty" enum:",SERVICE_ACCOUNT_KEY,WORKLOAD_IDENTITY_FEDERATION,WIF" doc:"The type; found out where it is empty or left out."`
	Key                  string `json:"gcp_credentials,omitempty" writeOnly:"true" doc:"The key of a service account: its JSON file as base64."`
	ServiceAccountEmail  string `json:"service_account_email,omitempty" doc:"The service account to impersonate."`
	WorkloadIdentity     string `json:"workload_identity_provider_resource,omitempty" doc:"The provider of workload identities, such as projects/123456789/locations/global/workloadIdentityPools/pool/providers/provider."`
	TokenLifetimeSeconds *int32 `json:"token_lifetime_seconds,omitempty" minimum:"600" maximum:"43200" doc:"How long a token of the service account lives: 3600 where it is left out; more than that needs an exception in its project. An addition of Guildhall."`
}

type gcpBody struct {
	Federated           bool   `json:"federated,omitempty"`
	ServiceAccountEmail string `json:"service_account_email,omitempty"`
	WorkloadIdentity    string `json:"workload_identity,omitempty"`
	TokenLifetime       int32  `json:"token_lifetime,omitempty"`
}

var gcp = cloud[gcpBody, gcpRequest]{
	Kind: withSecrets(described[gcpBody](authz.KindGCPCredentials), func(o object.Object[gcpBody]) []object.Secret {
		if o.Body.Federated {
			return nil
		}
		return []object.Secret{{Field: "gcp_credentials", Needed: true}}
	}, nil),
	Again: func(was clusterCredentials, q *gcpRequest) {
		q.Type = "SERVICE_ACCOUNT_KEY"
		if was.ServiceAccountEmail != nil {
			q.Type = "WORKLOAD_IDENTITY_FEDERATION"
		}
	},
	Fill: fillGCP, Show: showGCP, Read: authz.CredentialRead, Edit: authz.CredentialEdit,
}

// tokenLifetime is what Google allows without asking.
const tokenLifetime = 3600

var (
	serviceAccount = regexp.MustCompile(`^[a-z0-9-]{1,63}@([a-z0-9.:-]{1,100})\.iam\.gserviceaccount\.com$`)
	identityPool   = regexp.MustCompile(`^projects/[a-z0-9:.-]{1,64}/locations/global/workloadIdentityPools/[a-z0-9-]{1,64}/providers/[a-z0-9-]{1,64}$`)
)

func fillGCP(checks *fault.Checks, q gcpRequest, o *object.Object[gcpBody]) {
	o.Name = route.CheckName(checks, "name", q.Name)
	o.Secrets = nil
	switch federated := q.ServiceAccountEmail != "" || q.WorkloadIdentity != ""; {
	case q.Type == "WORKLOAD_IDENTITY_FEDERATION", q.Type == "WIF", q.Type == "" && federated && q.Key == "":
		o.Body = gcpBody{true, q.ServiceAccountEmail, q.WorkloadIdentity, tokenLifetime}
		if q.TokenLifetimeSeconds != nil {
			o.Body.TokenLifetime = *q.TokenLifetimeSeconds
		}
		if !serviceAccount.MatchString(q.ServiceAccountEmail) {
			checks.Add("service_account_email", "must be the address of a service account, such as name@project.iam.gserviceaccount.com")
		}
		if !identityPool.MatchString(q.WorkloadIdentity) {
			checks.Add("workload_identity_provider_resource", "must be the full name of a provider: projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER")
		}
	case federated && q.Type == "":
		checks.Add("gcp_credentials", "cannot go with workload identities; send one of them")
	case q.Type == "" && q.Key == "" && o.Body.Federated: // an edit of the name alone
	default:
		o.Body = gcpBody{}
		if q.Key != "" && !keyFile(q.Key) {
			checks.Add("gcp_credentials", "must be the JSON file of a service account's key, as base64")
		}
		o.Secrets = object.Secrets{"gcp_credentials": q.Key}
	}
}

// maxKeyFile bounds a key file; real ones have less than 4 KiB.
const maxKeyFile = 32 << 10

// keyFile tells whether a text is a JSON document as base64.
func keyFile(text string) bool {
	if len(text) > maxKeyFile {
		return false
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	var fields map[string]json.RawMessage
	return err == nil && json.Unmarshal(plain, &fields) == nil && fields != nil
}

func showGCP(o object.Object[gcpBody], _ int64) clusterCredentials {
	c, b := shown(o, "GCP"), o.Body
	if !b.Federated {
		return c
	}
	project := ""
	if parts := serviceAccount.FindStringSubmatch(b.ServiceAccountEmail); parts != nil {
		project = parts[1]
	}
	c.ObjectType, c.ProjectID, c.ServiceAccountEmail = "GCP_WORKLOAD_IDENTITY_FEDERATION", &project, &b.ServiceAccountEmail
	c.WorkloadIdentity, c.TokenLifetimeSeconds = &b.WorkloadIdentity, &b.TokenLifetime
	return c
}
