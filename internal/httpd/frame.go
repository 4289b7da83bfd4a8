package httpd

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/console"
)

// neighbours are what the frame of the console asks of the features.
func neighbours(s Services) console.Neighbours {
	return console.Neighbours{
		Organizations: func(ctx context.Context, pass authz.Pass) ([]console.Place, error) {
			list, err := s.Organizations.List(ctx, pass)
			places := make([]console.Place, 0, len(list))
			for _, o := range list {
				places = append(places, console.Place{ID: o.ID, Name: o.Name, Role: o.Role})
			}
			return places, err
		},
		Invitations: func(ctx context.Context, pass authz.Pass) ([]console.Waiting, error) {
			list, err := s.Invitations.Mine(ctx, pass, "") // the links stay on this server
			waiting := make([]console.Waiting, 0, len(list))
			for _, i := range list {
				waiting = append(waiting, console.Waiting{Organization: i.OrganizationName, Inviter: i.Inviter, Role: i.RoleName, Until: i.ExpiresAt, Path: i.Link})
			}
			return waiting, err
		},
		Stewards: s.Organizations.Stewards,
		Now:      func() clock.Time { return s.DB.Now() },
	}
}
