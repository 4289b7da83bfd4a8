// Package audit keeps the record of what happened: an event is written in the
// transaction of its change, its canonical bytes are chained to the one before,
// and the head of the chain is signed with a key outside the database.
package audit

import "strings"

// Action is what happened, in our own words. The wire has fewer words; the table
// below maps each action to those that existing clients know.
type Action string

// The actions.
const (
	OrganizationCreate  Action = "organization.create"
	OrganizationUpdate  Action = "organization.update"
	OrganizationDelete  Action = "organization.delete"
	OrganizationRestore Action = "organization.restore"
	OrganizationPurge   Action = "organization.purge"
	OrganizationPlan    Action = "organization.plan"
	RestrictionChange   Action = "organization.restrict" // set, or lifted
	MemberAdd           Action = "member.add"
	MemberRole          Action = "member.role"
	MemberRemove        Action = "member.remove"
	MemberLeave         Action = "member.leave"
	MemberRestore       Action = "member.restore"
	OwnershipTransfer   Action = "organization.transfer"
	InvitationCreate    Action = "invitation.create"
	InvitationResend    Action = "invitation.resend"
	InvitationRevoke    Action = "invitation.revoke"
	InvitationAccept    Action = "invitation.accept"
	InvitationDecline   Action = "invitation.decline"
	InvitationRestore   Action = "invitation.restore"
	RoleCreate          Action = "role.create"
	RoleUpdate          Action = "role.update"
	RoleDelete          Action = "role.delete"
	RoleRestore         Action = "role.restore"
	APITokenCreate      Action = "api_token.create"
	AccessReview        Action = "access.review"
	APITokenTakeOver    Action = "api_token.take_over"
	APITokenDelete      Action = "api_token.delete"
	APITokenRestore     Action = "api_token.restore"
	ProjectCreate       Action = "project.create"
	ProjectUpdate       Action = "project.update"
	ProjectDelete       Action = "project.delete"
	ProjectRestore      Action = "project.restore"
	AccountCreate       Action = "account.create"
	AccountUpdate       Action = "account.update"
	AccountSignIn       Action = "account.sign_in"
	AccountVerify       Action = "account.verify"
	AccountPassword     Action = "account.password"
	AccountEmail        Action = "account.email"
	AccountDelete       Action = "account.delete"
	AccountDisable      Action = "account.disable"
	AccountEnable       Action = "account.enable"
	AccountLimit        Action = "account.limit"
	MasterKeyRotate     Action = "master_key.rotate"
	AccountSignOut      Action = "account.sign_out"
	AnnouncementSend    Action = "announcement.send"
	ReportUnsubscribe   Action = "report.unsubscribe"
	ReportSubscribe     Action = "report.subscribe"
	IdentityLink        Action = "account.identity_link"
	IdentityUnlink      Action = "account.identity_unlink"
	DeviceApprove       Action = "account.device_approve"
	RefreshReuse        Action = "account.refresh_reuse"
	EventsExport        Action = "events.export"
	AccountErase        Action = "account.erase" // a person was taken out of events of the stream

	CredentialCreate         Action = "credential.create"
	CredentialUpdate         Action = "credential.update"
	CredentialDelete         Action = "credential.delete"
	CredentialRestore        Action = "credential.restore"
	ContainerRegistryCreate  Action = "container_registry.create"
	ContainerRegistryUpdate  Action = "container_registry.update"
	ContainerRegistryDelete  Action = "container_registry.delete"
	ContainerRegistryRestore Action = "container_registry.restore"
	HelmRepositoryCreate     Action = "helm_repository.create"
	HelmRepositoryUpdate     Action = "helm_repository.update"
	HelmRepositoryDelete     Action = "helm_repository.delete"
	HelmRepositoryRestore    Action = "helm_repository.restore"
	GitTokenCreate           Action = "git_token.create"
	GitTokenUpdate           Action = "git_token.update"
	GitTokenDelete           Action = "git_token.delete"
	GitTokenRestore          Action = "git_token.restore"
	LabelsGroupCreate        Action = "labels_group.create"
	LabelsGroupUpdate        Action = "labels_group.update"
	LabelsGroupDelete        Action = "labels_group.delete"
	LabelsGroupRestore       Action = "labels_group.restore"
	AnnotationsGroupCreate   Action = "annotations_group.create"
	AnnotationsGroupUpdate   Action = "annotations_group.update"
	AnnotationsGroupDelete   Action = "annotations_group.delete"
	AnnotationsGroupRestore  Action = "annotations_group.restore"
)

// Wire is how an action appears in the contract's event list.
type Wire struct {
	EventType, TargetType, SubTargetType string
	// Rights says that the action changes who may do what; the head then starts a
	// new generation of rights, which ends everything remembered about the old one.
	Rights bool
}

var wires = map[Action]Wire{
	OrganizationCreate:  {"CREATE", "ORGANIZATION", "", true},
	OrganizationUpdate:  {"UPDATE", "ORGANIZATION", "", false},
	OrganizationDelete:  {"DELETE", "ORGANIZATION", "", true},
	OrganizationRestore: {"UPDATE", "ORGANIZATION", "", true},
	OrganizationPurge:   {"DELETE", "ORGANIZATION", "", true},
	OrganizationPlan:    {"UPDATE", "ORGANIZATION", "PLAN", false},
	RestrictionChange:   {"UPDATE", "ORGANIZATION", "BILLING_INFO", false},
	MemberAdd:           {"CREATE", "MEMBERS_AND_ROLES", "", true},
	MemberRole:          {"UPDATE", "MEMBERS_AND_ROLES", "MEMBER_ROLE", true},
	MemberRemove:        {"DELETE", "MEMBERS_AND_ROLES", "", true},
	MemberLeave:         {"DELETE", "MEMBERS_AND_ROLES", "", true},
	MemberRestore:       {"CREATE", "MEMBERS_AND_ROLES", "", true},
	OwnershipTransfer:   {"UPDATE", "MEMBERS_AND_ROLES", "TRANSFER_OWNERSHIP", true},
	InvitationCreate:    {"CREATE", "MEMBERS_AND_ROLES", "INVITATION", false},
	InvitationResend:    {"UPDATE", "MEMBERS_AND_ROLES", "INVITATION", false},
	InvitationRevoke:    {"DELETE", "MEMBERS_AND_ROLES", "INVITATION", false},
	InvitationAccept:    {"ACCEPT", "MEMBERS_AND_ROLES", "INVITATION", true},
	InvitationDecline:   {"DELETE", "MEMBERS_AND_ROLES", "INVITATION", false},
	InvitationRestore:   {"CREATE", "MEMBERS_AND_ROLES", "INVITATION", false},
	RoleCreate:          {"CREATE", "MEMBERS_AND_ROLES", "CUSTOM_ROLE", false},
	RoleUpdate:          {"UPDATE", "MEMBERS_AND_ROLES", "CUSTOM_ROLE", true},
	RoleDelete:          {"DELETE", "MEMBERS_AND_ROLES", "CUSTOM_ROLE", true},
	RoleRestore:         {"CREATE", "MEMBERS_AND_ROLES", "CUSTOM_ROLE", true},
	APITokenCreate:      {"CREATE", "ORGANIZATION", "API_TOKEN", false},
	AccessReview:        {"EXPORT", "MEMBERS_AND_ROLES", "", false},
	APITokenTakeOver:    {"UPDATE", "ORGANIZATION", "API_TOKEN", true},
	APITokenDelete:      {"DELETE", "ORGANIZATION", "API_TOKEN", true},
	APITokenRestore:     {"CREATE", "ORGANIZATION", "API_TOKEN", true},
	ProjectCreate:       {"CREATE", "PROJECT", "", false},
	ProjectUpdate:       {"UPDATE", "PROJECT", "", false},
	ProjectDelete:       {"DELETE", "PROJECT", "", false},
	ProjectRestore:      {"CREATE", "PROJECT", "", false},
	AccountCreate:       {"CREATE", "MEMBERS_AND_ROLES", "", false},
	AccountUpdate:       {"UPDATE", "MEMBERS_AND_ROLES", "", false},
	AccountSignIn:       {"ACCEPT", "MEMBERS_AND_ROLES", "", false},
	AccountVerify:       {"UPDATE", "MEMBERS_AND_ROLES", "", false},
	AccountPassword:     {"UPDATE", "MEMBERS_AND_ROLES", "", false},
	AccountEmail:        {"UPDATE", "MEMBERS_AND_ROLES", "", false},
	AccountDelete:       {"DELETE", "MEMBERS_AND_ROLES", "", false},
	AccountDisable:      {"UPDATE", "MEMBERS_AND_ROLES", "", false}, // the account's own head starts a new generation
	AccountEnable:       {"UPDATE", "MEMBERS_AND_ROLES", "", false},
	AccountLimit:        {"UPDATE", "MEMBERS_AND_ROLES", "", false},
	MasterKeyRotate:     {"UPDATE", "ORGANIZATION", "", false},
	AccountSignOut:      {"DELETE", "MEMBERS_AND_ROLES", "", false},
	AnnouncementSend:    {"CREATE", "ORGANIZATION", "", false},
	ReportUnsubscribe:   {"UPDATE", "ORGANIZATION", "", false},
	ReportSubscribe:     {"UPDATE", "ORGANIZATION", "", false},
	IdentityLink:        {"CREATE", "MEMBERS_AND_ROLES", "", false},
	IdentityUnlink:      {"DELETE", "MEMBERS_AND_ROLES", "", false},
	DeviceApprove:       {"ACCEPT", "MEMBERS_AND_ROLES", "", false},
	RefreshReuse:        {"DELETE", "MEMBERS_AND_ROLES", "", false},
	EventsExport:        {"EXPORT", "ORGANIZATION", "", false},
	AccountErase:        {"DELETE", "MEMBERS_AND_ROLES", "", false},

	CredentialCreate:         {"CREATE", "ORGANIZATION", "CLOUD_PROVIDER_CREDENTIALS", false},
	CredentialUpdate:         {"UPDATE", "ORGANIZATION", "CLOUD_PROVIDER_CREDENTIALS", false},
	CredentialDelete:         {"DELETE", "ORGANIZATION", "CLOUD_PROVIDER_CREDENTIALS", false},
	CredentialRestore:        {"CREATE", "ORGANIZATION", "CLOUD_PROVIDER_CREDENTIALS", false},
	ContainerRegistryCreate:  {"CREATE", "CONTAINER_REGISTRY", "", false},
	ContainerRegistryUpdate:  {"UPDATE", "CONTAINER_REGISTRY", "", false},
	ContainerRegistryDelete:  {"DELETE", "CONTAINER_REGISTRY", "", false},
	ContainerRegistryRestore: {"CREATE", "CONTAINER_REGISTRY", "", false},
	HelmRepositoryCreate:     {"CREATE", "HELM_REPOSITORY", "", false},
	HelmRepositoryUpdate:     {"UPDATE", "HELM_REPOSITORY", "", false},
	HelmRepositoryDelete:     {"DELETE", "HELM_REPOSITORY", "", false},
	HelmRepositoryRestore:    {"CREATE", "HELM_REPOSITORY", "", false},
	GitTokenCreate:           {"CREATE", "ORGANIZATION", "GIT_TOKEN", false},
	GitTokenUpdate:           {"UPDATE", "ORGANIZATION", "GIT_TOKEN", false},
	GitTokenDelete:           {"DELETE", "ORGANIZATION", "GIT_TOKEN", false},
	GitTokenRestore:          {"CREATE", "ORGANIZATION", "GIT_TOKEN", false},
	LabelsGroupCreate:        {"CREATE", "ORGANIZATION", "LABELS_GROUP", false},
	LabelsGroupUpdate:        {"UPDATE", "ORGANIZATION", "LABELS_GROUP", false},
	LabelsGroupDelete:        {"DELETE", "ORGANIZATION", "LABELS_GROUP", false},
	LabelsGroupRestore:       {"CREATE", "ORGANIZATION", "LABELS_GROUP", false},
	AnnotationsGroupCreate:   {"CREATE", "ORGANIZATION", "ANNOTATIONS_GROUP", false},
	AnnotationsGroupUpdate:   {"UPDATE", "ORGANIZATION", "ANNOTATIONS_GROUP", false},
	AnnotationsGroupDelete:   {"DELETE", "ORGANIZATION", "ANNOTATIONS_GROUP", false},
	AnnotationsGroupRestore:  {"CREATE", "ORGANIZATION", "ANNOTATIONS_GROUP", false},
}

// Kind is the kind of things that an action is about: what stands before its dot.
func (a Action) Kind() string {
	kind, _, _ := strings.Cut(string(a), ".")
	return kind
}

// Wires gives the table of actions, for tests and the documentation.
func Wires() map[Action]Wire { return wires }
