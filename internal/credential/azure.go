package credential

import (
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/kind"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
)

const azureRules = "They hold no secret: an application acts in the tenant by federation."

type azureRequest struct {
	Name                string  `json:"name" doc:"1 to 128 characters."`
	TenantID            string  `json:"azure_tenant_id" doc:"The tenant."`
	SubscriptionID      string  `json:"azure_subscription_id" doc:"The subscription."`
	ApplicationID       *string `json:"azure_application_id,omitempty" doc:"The application that acts in the tenant; left out on an edit, it stays. An addition of Guildhall."`
	ApplicationObjectID *string `json:"azure_application_object_id,omitempty" doc:"The object of that application; left out on an edit, it stays. An addition of Guildhall."`
}

type azureBody struct {
	TenantID            string `json:"tenant_id"`
	SubscriptionID      string `json:"subscription_id"`
	ApplicationID       string `json:"application_id"`
	ApplicationObjectID string `json:"application_object_id"`
}

var azure = cloud[azureBody, azureRequest]{
	Kind: described[azureBody](authz.KindAzureCredentials),
	Fill: func(checks *fault.Checks, q azureRequest, o *object.Object[azureBody]) {
		o.Name = route.CheckName(checks, "name", q.Name)
		o.Body.TenantID = kind.Text(checks, "azure_tenant_id", q.TenantID)
		o.Body.SubscriptionID = kind.Text(checks, "azure_subscription_id", q.SubscriptionID)
		if q.ApplicationID != nil {
			o.Body.ApplicationID = kind.Maybe(checks, "azure_application_id", *q.ApplicationID)
		}
		if q.ApplicationObjectID != nil {
			o.Body.ApplicationObjectID = kind.Maybe(checks, "azure_application_object_id", *q.ApplicationObjectID)
		}
	},
	Show: func(o object.Object[azureBody], _ int64) clusterCredentials {
		c, b := shown(o, "AZURE"), o.Body
		c.AzureTenantID, c.AzureSubscriptionID, c.AzureApplicationID, c.AzureApplicationObjectID = &b.TenantID, &b.SubscriptionID, &b.ApplicationID, &b.ApplicationObjectID
		return c
	},
	Read: authz.CredentialRead, Edit: authz.CredentialEdit,
}
