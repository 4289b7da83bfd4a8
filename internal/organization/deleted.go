package organization

import (
	"context"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// restorable tells whether a deleted organization's time of grace is still running.
func (s *Service) restorable(o Organization, now clock.Time) bool {
	return o.DeletedAt != 0 && o.DeletedAt.Add(s.settings.Grace) > now
}

// Deleted reads the deleted organizations that the caller owns and can restore.
func (s *Service) Deleted(ctx context.Context, pass authz.Pass) ([]Organization, error) {
	if err := pass.For(authz.OrganizationCreate); err != nil {
		return nil, err
	}
	owned, err := listOwned(s.db.Reader(ctx), pass.Actor().User)
	list := make([]Organization, 0, len(owned))
	for _, o := range owned {
		if s.restorable(o, s.db.Now()) {
			list = append(list, o)
		}
	}
	return list, err
}

// RestoreMine brings back a deleted organization that the caller owns. It counts among
// those that a person can belong to, as a new one does.
func (s *Service) RestoreMine(ctx context.Context, pass authz.Pass, organization id.Organization) (Organization, error) {
	if err := pass.For(authz.OrganizationCreate); err != nil {
		return Organization{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Organization, error) {
		if err := tx.Lock(string(organization)); err != nil {
			return Organization{}, err
		}
		owned, err := listOwned(tx, pass.Actor().User)
		if err != nil {
			return Organization{}, err
		}
		for _, o := range owned {
			if o.ID == organization && s.restorable(o, tx.Now()) {
				if err := s.CheckLimit(tx, pass.Actor().User); err != nil {
					return Organization{}, err
				}
				return s.restore(tx, pass, organization)
			}
		}
		return Organization{}, fault.New(fault.NotFound, "")
	})
}

type deletedOrganization struct {
	ID        id.Organization `json:"id" format:"uuid" doc:"The organization's id."`
	Name      string          `json:"name" doc:"The name; it stays reserved."`
	DeletedAt time.Time       `json:"deleted_at" doc:"When it was deleted."`
	Until     time.Time       `json:"restorable_until" doc:"When it is removed for good."`
}

type deletedOrganizationList struct {
	Results []deletedOrganization `json:"results" doc:"The deleted organizations of the caller, oldest first."`
}

// DeletedPath is the path of operations on a deleted organization.
type DeletedPath struct {
	Organization string `path:"deletedOrganizationId" format:"uuid" doc:"The deleted organization's id."`
}

func registerDeleted(r *route.Router, h *handlers) {
	const tag, path = "Deleted Things", "/account/deletedOrganizations"
	route.Register(r, route.Operation{
		ID: "listMyDeletedOrganizations", Method: http.MethodGet, Path: path, Tag: tag, Own: true, Summary: "List my deleted organizations",
		Description: "Those that the caller owns and can still restore.", Permission: authz.OrganizationCreate, Scope: route.AccountScope,
		Refusals: []fault.Code{fault.PersonRequired},
	}, h.deleted)
	route.Register(r, route.Operation{
		ID: "restoreOrganization", Matches: "listMyDeletedOrganizations", Method: http.MethodPost, Path: path + "/{deletedOrganizationId}/restore", Tag: tag, Own: true, Summary: "Restore a deleted organization",
		Description: "For its owner in person. Everything is as it was, with the same ids; its API tokens work again.",
		Permission:  authz.OrganizationCreate, Scope: route.AccountScope, Refusals: []fault.Code{fault.PersonRequired, fault.LimitReached, fault.IdempotencyReused},
	}, h.restore)
}

type deletedInput struct{}

func (h *handlers) deleted(ctx context.Context, pass authz.Pass, _ *deletedInput) (deletedOrganizationList, error) {
	list, err := h.service.Deleted(ctx, pass)
	answer := deletedOrganizationList{Results: make([]deletedOrganization, 0, len(list))}
	for _, o := range list {
		answer.Results = append(answer.Results, deletedOrganization{o.ID, o.Name, o.DeletedAt.Std(), o.DeletedAt.Add(h.service.settings.Grace).Std()})
	}
	return answer, err
}

func (h *handlers) restore(ctx context.Context, pass authz.Pass, in *DeletedPath) (organizationAnswer, error) {
	organization, err := route.PathID[id.Organization]("deletedOrganizationId", in.Organization)
	if err != nil {
		return organizationAnswer{}, err
	}
	o, err := h.service.RestoreMine(ctx, pass, organization)
	if err != nil {
		return organizationAnswer{}, err
	}
	return h.service.shown(o), nil
}
