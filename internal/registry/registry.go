// Package registry keeps where an organization's images and charts come from:
// container registries and helm repositories, with the way in to each.
package registry

import (
	"context"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/kind"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Service changes container registries and helm repositories.
type Service struct {
	Containers *containerService
	Helm       *helmService
}

// NewService makes the service.
func NewService(db *store.DB, keeper *seal.Keeper) *Service {
	return &Service{newContainer(db, keeper), newHelm(db, keeper)}
}

// Register adds the operations of registries and repositories.
func Register(r *route.Router, s *Service) {
	registerContainer(r, s.Containers)
	registerHelm(r, s.Helm)
}

// available is a kind of registry or repository that can be added.
type available struct {
	Kind           string            `json:"kind" doc:"The kind."`
	RequiredConfig map[string]string `json:"required_config" doc:"What its configuration takes, by field: required, optional, or when."`
	Mandatory      bool              `json:"is_mandatory" doc:"Whether every organization must have one; never."`
}

type availableList struct {
	Results []available `json:"results" doc:"All kinds."`
}

func registerAvailable(r *route.Router, id, path string, o kind.Operations, kinds []string, places map[string]place) {
	all := availableList{}
	for _, k := range kinds {
		all.Results = append(all.Results, available{Kind: k, RequiredConfig: needs[places[k].access]})
	}
	route.Register(r, route.Operation{
		ID: id, Method: http.MethodGet, Path: path, Tag: o.Tag, Summary: "List the kinds of " + o.Many,
		Permission: authz.CatalogueRead, Scope: route.AccountScope,
	}, func(context.Context, authz.Pass, *struct{}) (availableList, error) { return all, nil })
}
