package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
)

// Where pages of the house itself stand.
const (
	home              = "/console/"
	organizationsPath = "/console/organizations"
	signInPath        = "/sign-in"
)

// rail says which of the rails a section is in.
type rail string

const (
	mainRail     rail = "Organization"
	settingsRail rail = "Settings"
	accountRail  rail = "Your account"
)

// section is an entry of a rail. Pages belong to the section whose path theirs begins
// with. A section is offered where a page is registered at its path, to those who
// have that page's permission: what has no page yet is absent.
type section struct {
	rail  rail
	group string
	name  string
	path  string
}

// under is the path of an organization's pages, as patterns name it.
const under = organizationsPath + "/{" + organizationParameter + "}"

// sections is the order of the rails.
var sections = []section{
	{mainRail, "", "Overview", under},
	{mainRail, "", "Projects", under + "/projects"},
	{mainRail, "", "Clusters", under + "/clusters"},
	{mainRail, "", "Activity", under + "/activity"},
	{mainRail, "", "Who can …?", under + "/access"},

	{settingsRail, "Organization", "General", under + "/settings/general"},
	{settingsRail, "Organization", "Members", under + "/settings/members"},
	{settingsRail, "Organization", "Roles", under + "/settings/roles"},
	{settingsRail, "Organization", "Sign-on", under + "/settings/sign-on"},
	{settingsRail, "Access", "API tokens", under + "/settings/api-tokens"},
	{settingsRail, "Access", "Policy tokens", under + "/settings/policy-tokens"},
	{settingsRail, "Access", "Webhooks", under + "/settings/webhooks"},
	{settingsRail, "Connections", "Cloud credentials", under + "/settings/cloud-credentials"},
	{settingsRail, "Connections", "Container registries", under + "/settings/container-registries"},
	{settingsRail, "Connections", "Git access", under + "/settings/git-access"},
	{settingsRail, "Connections", "Helm repositories", under + "/settings/helm-repositories"},
	{settingsRail, "Connections", "Labels & annotations", under + "/settings/labels"},
	{settingsRail, "Money", "Plan", under + "/settings/plan"},
	{settingsRail, "Money", "Usage", under + "/settings/usage"},
	{settingsRail, "Money", "Invoices", under + "/settings/invoices"},
	{settingsRail, "Money", "Billing information", under + "/settings/billing"},
	{settingsRail, "", "Danger zone", under + "/settings/danger"},

	{accountRail, "", "Profile", "/console/account"},
	{accountRail, "", "My organizations", organizationsPath},
	{accountRail, "", "Sessions", "/console/account/sessions"},
	{accountRail, "", "Ways to sign in", "/console/account/identities"},
	{accountRail, "", "Password", "/console/account/password"},
}

// sectionOf finds the section of a registered path: the one with the longest part of it.
func sectionOf(path string) (found section) {
	for _, s := range sections {
		if (path == s.path || strings.HasPrefix(path, s.path+"/")) && len(s.path) > len(found.path) {
			found = s
		}
	}
	return found
}

// path is the pattern's without its method.
func (row Row) path() string {
	_, path, _ := strings.Cut(row.Pattern, " ")
	return path
}

// offered is the permission that shows a section; false where it has no page.
func (p *Pages) offered(s section) (authz.Permission, bool) {
	i := slices.IndexFunc(p.rows, func(row Row) bool { return row.Pattern == http.MethodGet+" "+s.path })
	if i < 0 {
		return "", false
	}
	return p.rows[i].Permission, true
}
