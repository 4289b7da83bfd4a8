package member

import (
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/route"
)

type pages struct{ service *Service }

// Pages adds the pages of members.
func Pages(p *console.Pages, s *Service) {
	h := &pages{s}
	row := func(pattern, path string, permission authz.Permission, handler console.Handler) console.Row {
		return console.Row{Pattern: pattern + " /console/organizations/{organizationId}/" + path, Permission: permission, Scope: route.InOrganization, Handler: handler}
	}
	p.Add(
		row("GET", transfer, authz.OrganizationTransfer, h.transferForm),
		row("POST", transfer, authz.OrganizationTransfer, h.transfer),
		row("GET", leave, authz.OrganizationView, h.leaveForm),
		row("POST", leave, authz.OrganizationView, h.leave),
	)
}
