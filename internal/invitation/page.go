package invitation

import (
	"context"
	"embed"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
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
func Pages(mux *http.ServeMux, s *Service, publicURL string) {
	mux.HandleFunc("GET /accept-invitation", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		p := invitationPage{URL: publicURL}
		title, status := "You are invited", http.StatusOK
		shown, err := s.ByLink(r.Context(), q.Get("organization"), q.Get("inviteToken"), publicURL)
		switch {
		case fault.Has(err, fault.NotFound):
			title, status = "This invitation is gone", http.StatusNotFound
			p.Closed = fault.From(err).Detail
		case err != nil:
			route.WriteProblem(w, r, err)
			return
		default:
			p.Invitation, p.Until = shown, shown.ExpiresAt.Std().Format("2 January 2006, 15:04 MST")
			title += " to " + shown.OrganizationName
		}
		invitationTemplate.Render(w, r, status, title, p)
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
