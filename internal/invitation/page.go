package invitation

import (
	"context"
	"embed"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
)

//go:embed pages/*.html
var pageFiles embed.FS

var invitationTemplate = console.Parse(pageFiles, "pages/invitation.html")

type invitationPage struct {
	Closed     string
	Invitation Shown
	Until, URL string
}

// Pages adds the page behind an invitation's link. It works before anybody has signed
// in: the id in the link is the secret.
func Pages(p *console.Pages, s *Service) {
	p.Handle("GET /accept-invitation", authz.Public, s.page)
}

func (s *Service) page(r *console.Request) error {
	shown, err := s.ByLink(r.Context(), r.FormValue("organization"), r.FormValue("inviteToken"), r.PublicURL())
	if fault.Has(err, fault.NotFound) {
		return r.Show(invitationTemplate, http.StatusNotFound, "This invitation is gone", invitationPage{Closed: fault.From(err).Detail})
	}
	if err != nil {
		return err
	}
	return r.Show(invitationTemplate, http.StatusOK, "You are invited to "+shown.OrganizationName, invitationPage{
		Invitation: shown, Until: shown.ExpiresAt.Std().Format("2 January 2006, 15:04 MST"), URL: r.PublicURL(),
	})
}

// ByLink reads an invitation for whoever has its link.
func (s *Service) ByLink(ctx context.Context, organization, invitation, publicURL string) (Shown, error) {
	gone := fault.New(fault.NotFound, "There is no such invitation: it was accepted, declined or taken back. Ask who invited you for a new one.")
	org, ok := id.Parse[id.Organization](organization)
	token, valid := id.Parse[string](invitation)
	if !ok || !valid {
		return Shown{}, gone
	}
	q := s.db.Reader(ctx)
	i, err := loadIn(q, org, token)
	if fault.Has(err, fault.NotFound) {
		return Shown{}, gone
	}
	if err != nil {
		return Shown{}, err
	}
	list, err := s.show(q, publicURL, i)
	if err == nil && len(list) == 0 {
		err = gone
	}
	if err != nil {
		return Shown{}, err
	}
	return list[0], nil
}
