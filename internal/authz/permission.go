// Package authz says whether an actor may do a thing: permissions, the roles that
// hold them, scopes with modes, the decision, and the Pass that every service
// method takes. It decides from memory; what it remembers belongs to a generation
// of the organization's rights and dies with it.
package authz

import (
	"fmt"
	"math/bits"
	"strings"
)

// Permission names one thing that can be allowed.
type Permission string

// The permissions. Those of an account need no organization; the others are held
// through a role of the organization that the scope belongs to.
const (
	Public Permission = "public" // anybody, without a credential

	AccountRead        Permission = "account.read"
	AccountEdit        Permission = "account.edit"
	OrganizationList   Permission = "organization.list"
	OrganizationCreate Permission = "organization.create"
	InvitationRead     Permission = "invitation.read"   // as the invited person
	InvitationAnswer   Permission = "invitation.answer" // accept or decline
	CatalogueRead      Permission = "catalogue.read"    // what clouds and registries there are

	OrganizationView     Permission = "organization.view" // the card: id, name, plan, logo, dates
	OrganizationRead     Permission = "organization.read"
	OrganizationEdit     Permission = "organization.edit"
	OrganizationDelete   Permission = "organization.delete"
	OrganizationTransfer Permission = "organization.transfer"
	BillingManage        Permission = "billing.manage"
	MemberRead           Permission = "member.read"
	MemberInvite         Permission = "member.invite"
	MemberManage         Permission = "member.manage"
	RoleView             Permission = "role.view" // the names
	RoleRead             Permission = "role.read"
	RoleManage           Permission = "role.manage"
	TokenRead            Permission = "api_token.read"
	TokenCreate          Permission = "api_token.create"
	TokenDelete          Permission = "api_token.delete"
	SetupManage          Permission = "setup.manage" // webhooks, git access, sign-on
	EventRead            Permission = "event.read"   // the whole activity of the organization
	CredentialRead       Permission = "credential.read"
	CredentialEdit       Permission = "credential.edit"
	SettingEdit          Permission = "setting.edit" // registries, helm repositories, labels and annotations groups

	ClusterView    Permission = "cluster.view" // name, region, status
	ClusterEdit    Permission = "cluster.edit"
	ClusterConnect Permission = "cluster.connect"

	ProjectRead   Permission = "project.read"
	ProjectCreate Permission = "project.create"
	ProjectEdit   Permission = "project.edit"
	ProjectDelete Permission = "project.delete"

	EnvironmentRead    Permission = "environment.read"
	EnvironmentEdit    Permission = "environment.edit" // includes create
	EnvironmentDeploy  Permission = "environment.deploy"
	EnvironmentStop    Permission = "environment.stop"
	EnvironmentDelete  Permission = "environment.delete"
	ApplicationRead    Permission = "application.read"
	ApplicationEdit    Permission = "application.edit"
	ApplicationDelete  Permission = "application.delete"
	ApplicationConnect Permission = "application.connect" // a shell in it
	DatabaseRead       Permission = "database.read"
	DatabaseEdit       Permission = "database.edit"
	DatabaseDelete     Permission = "database.delete"
)

// Mode is the type of an environment.
type Mode string

// The modes. NoMode is the mode of what lies outside every environment.
const (
	NoMode      Mode = ""
	Development Mode = "DEVELOPMENT"
	Preview     Mode = "PREVIEW"
	Staging     Mode = "STAGING"
	Production  Mode = "PRODUCTION"
)

// Modes lists every mode, NoMode first.
var Modes = []Mode{NoMode, Development, Preview, Staging, Production}

// modeSet holds the modes in which a role has a permission.
type modeSet uint8

func bit(m Mode) modeSet {
	for i, known := range Modes {
		if m == known {
			return 1 << i
		}
	}
	return 0
}

const (
	nowhere    modeSet = 0
	everywhere modeSet = 1<<5 - 1
)

func (s modeSet) has(m Mode) bool { return s&bit(m) != 0 }

func (s modeSet) String() string {
	switch {
	case s == nowhere:
		return "no"
	case s == everywhere:
		return "yes"
	case s == everywhere&^bit(Production)&^bit(NoMode):
		return "dev"
	}
	var names []string
	for _, m := range Modes {
		if s.has(m) {
			names = append(names, strings.ToLower(string(m)))
		}
	}
	return fmt.Sprintf("%d modes (%s)", bits.OnesCount8(uint8(s)), strings.Join(names, ", "))
}

// grants is what a role holds.
type grants map[Permission]modeSet
