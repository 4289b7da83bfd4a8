package activity

import "github.com/danielgtaylor/huma/v2"

// The closed lists of the public contract. Clients refuse a value that is not in
// them, so nothing else may be answered; a filter takes any of them.

type eventType string

var eventTypes = []string{
	"CREATE", "UPDATE", "DELETE", "ACCEPT", "EXPORT", "CLONE", "DEPLOY_QUEUED", "STOP_QUEUED", "RESTART_QUEUED",
	"DELETE_QUEUED", "UNINSTALL_QUEUED", "MAINTENANCE", "DRY_RUN", "TRIGGER_REDEPLOY", "TRIGGER_CANCEL",
	"FORCE_RUN_QUEUED", "FORCE_RUN_QUEUED_DEPLOY", "FORCE_RUN_QUEUED_STOP", "FORCE_RUN_QUEUED_DELETE", "TRIGGER_DEPLOY",
	"TRIGGER_STOP", "TRIGGER_RESTART", "TRIGGER_DELETE", "TRIGGER_UNINSTALL", "TRIGGER_DEPLOY_DRY_RUN",
	"TRIGGER_TERRAFORM_FORCE_UNLOCK", "TRIGGER_TERRAFORM_MIGRATE_STATE", "TRIGGER_FORCE_RUN",
	"TRIGGER_FORCE_RUN_DEPLOY", "TRIGGER_FORCE_RUN_STOP", "TRIGGER_FORCE_RUN_DELETE", "DEPLOYED", "STOPPED", "DELETED",
	"UNINSTALLED", "RESTARTED", "DEPLOYED_DRY_RUN", "FORCE_RUN_SUCCEEDED", "TERRAFORM_FORCE_UNLOCK_SUCCEEDED",
	"TERRAFORM_MIGRATE_STATE_SUCCEEDED", "DEPLOY_FAILED", "STOP_FAILED", "DELETE_FAILED", "UNINSTALL_FAILED",
	"RESTART_FAILED", "DEPLOYED_DRY_RUN_FAILED", "FORCE_RUN_FAILED", "TERRAFORM_FORCE_UNLOCK_FAILED",
	"TERRAFORM_MIGRATE_STATE_FAILED", "SHELL", "PORT_FORWARD", "REMOTE_DEBUG", "MCP", "IMPORT", "LOCK", "UNLOCK",
	"POLICY_FAILED",
}

type targetType string

var targetTypes = []string{
	"AGENTIC_WORKFLOW", "APPLICATION", "CLUSTER", "CONTAINER", "CONTAINER_REGISTRY", "DATABASE",
	"ENTERPRISE_CONNECTION", "ENVIRONMENT", "JOB", "HELM", "HELM_REPOSITORY", "MEMBERS_AND_ROLES", "ORGANIZATION",
	"PROJECT", "WEBHOOK", "TERRAFORM",
}

type subTargetType string

var subTargetTypes = []string{
	"ADVANCED_SETTINGS", "ALERT_RECEIVER", "ALERT_RULE", "ANNOTATIONS_GROUP", "API_TOKEN", "ARGOCD_CLUSTER_MAPPING",
	"ARGOCD_CONFIGURATION", "BILLING_INFO", "BILLING_USAGE_REPORT", "BLUEPRINT_MIGRATION", "CLOUD_PROVIDER_CREDENTIALS",
	"CLUSTER_CREDENTIALS", "CLUSTER_ROUTING_TABLE", "CONFIG", "CREDIT_CARD", "CREDIT_CODE", "CUSTOM_DOMAIN",
	"CUSTOM_ROLE", "DEPLOYMENT_RULE", "DEPLOYMENT_STAGE", "DNS_PROVIDER", "GITHUB_APP", "GIT_REPOSITORY", "GIT_TOKEN",
	"INVITATION", "JWT_TOKEN_FORGED", "KUBERNETES_CONFIGURATION", "KUBERNETES_CREDENTIALS", "LABELS_GROUP",
	"MCP_SERVER", "MEMBER_ROLE", "PLAN", "POLICY_API_TOKEN", "REMOTE_ACCESS", "SECRET", "SSO", "TERRAFORM", "TOOL_CALL",
	"TRANSFER_OWNERSHIP", "VARIABLE",
}

type origin string

var origins = []string{
	"API", "CLI", "CONSOLE", "GIT", "QOVERY_INTERNAL", "SKILL", "TERRAFORM_PROVIDER",
}

type targetLevel string

var targetLevels = []string{"PROJECT", "ENVIRONMENT"}

func enum(values []string) *huma.Schema {
	s := &huma.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	s.PrecomputeMessages()
	return s
}

// Schema lists the values.
func (eventType) Schema(huma.Registry) *huma.Schema { return enum(eventTypes) }

// Schema lists the values.
func (targetType) Schema(huma.Registry) *huma.Schema { return enum(targetTypes) }

// Schema lists the values.
func (subTargetType) Schema(huma.Registry) *huma.Schema { return enum(subTargetTypes) }

// Schema lists the values.
func (origin) Schema(huma.Registry) *huma.Schema { return enum(origins) }

// Schema lists the values.
func (targetLevel) Schema(huma.Registry) *huma.Schema { return enum(targetLevels) }
