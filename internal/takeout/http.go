package takeout

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

type noInput struct{}

// Register adds the operation.
func Register(r *route.Router, s *Service) {
	route.Register(r, route.Operation{
		ID: "exportMyAccount", Method: http.MethodGet, Path: "/account/export", Tag: "Account Info", Summary: "Take out everything about me", Own: true,
		Description: "Everything that the server holds about the caller: account, identities, sessions, memberships, invitations, API tokens without their values, events. Five times, then once in ten minutes.",
		Permission:  authz.AccountRead, Scope: route.AccountScope, Refusals: []fault.Code{fault.PersonRequired, fault.TooManyRequests},
	}, func(ctx context.Context, pass authz.Pass, _ *noInput) (Export, error) { return s.Mine(ctx, pass) })
}

// Pages adds the download.
func Pages(p *console.Pages, s *Service) {
	p.Handle("GET /console/account/export", authz.AccountRead, func(r *console.Request) error {
		e, err := s.Mine(r.Context(), r.Pass)
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return err
		}
		r.Download("guildhall-account.json", "application/json", text)
		return nil
	})
}
