package httpd

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/member"
	"github.com/guildhall-dev/guildhall/internal/store"
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

// besideMembers is what the list of members shows of other features.
func besideMembers(s Services, publicURL string) member.Beside {
	return member.Beside{
		Invitations: func(ctx context.Context, pass authz.Pass) ([]member.Pending, error) {
			list, err := s.Invitations.List(ctx, pass, publicURL)
			pending := make([]member.Pending, 0, len(list))
			for _, i := range list {
				pending = append(pending, member.Pending{ID: i.ID, Email: i.Email, Role: i.RoleName, Inviter: i.Inviter, Link: i.Link, Until: i.ExpiresAt})
			}
			return pending, err
		},
		Seats: func(q store.Querier, organization id.Organization) (int, error) {
			_, _, _, seats, err := s.Organizations.Invite(q, organization)
			return seats, err
		},
	}
}
