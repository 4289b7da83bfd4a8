package audit

// words say in a sentence what was done: "jane@example.com " + words + " storefront".
var words = map[Action]string{
	OrganizationCreate:  "created the organization",
	OrganizationUpdate:  "changed the organization",
	OrganizationDelete:  "deleted the organization",
	OrganizationRestore: "restored the organization",
	OrganizationPurge:   "removed for good the organization",
	OrganizationPlan:    "changed the plan of",
	RestrictionChange:   "changed the billing restriction of",
	MemberAdd:           "added the member",
	MemberRole:          "changed the role of",
	MemberRemove:        "removed the member",
	MemberLeave:         "left; the member was",
	OwnershipTransfer:   "transferred the ownership to",
	InvitationCreate:    "invited",
	InvitationResend:    "sent again the invitation of",
	InvitationRevoke:    "took back the invitation of",
	InvitationAccept:    "accepted the invitation of",
	InvitationDecline:   "declined the invitation of",
	RoleCreate:          "created the role",
	RoleUpdate:          "changed the role",
	RoleDelete:          "deleted the role",
	APITokenCreate:      "made the API token",
	APITokenTakeOver:    "took over the API token",
	APITokenDelete:      "deleted the API token",
	ProjectCreate:       "created the project",
	ProjectUpdate:       "changed the project",
	ProjectDelete:       "deleted the project",
	AccountCreate:       "created the account",
	AccountUpdate:       "changed the account",
	AccountSignIn:       "signed in as",
	AccountVerify:       "confirmed the address of",
	AccountPassword:     "changed the password of",
	AccountEmail:        "changed the address of",
	AccountDelete:       "deleted the account",
	AccountDisable:      "disabled the account",
	AccountEnable:       "enabled the account",
	AccountLimit:        "changed the limit of organizations of",
	MasterKeyRotate:     "rotated the master key",
	AccountSignOut:      "signed out",
	AnnouncementSend:    "sent the announcement",
	ReportUnsubscribe:   "unsubscribed from the reports of",
	ReportSubscribe:     "subscribed to the reports of",
	IdentityLink:        "linked an identity to",
	IdentityUnlink:      "unlinked an identity of",
	DeviceApprove:       "signed in a program as",
	RefreshReuse:        "used a spent refresh token of",
}

// Words say what was done, for a sentence that begins with who did it and ends with
// the name of what it was done to.
func (a Action) Words() string {
	if w, ok := words[a]; ok {
		return w
	}
	return string(a)
}
