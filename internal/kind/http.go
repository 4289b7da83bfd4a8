package kind

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// Derived are the fields of answers that tell of other things: what refers to this one.
var Derived = []string{"associated_items_count", "associated_services_count"}

// Operations names a kind's operations as the contract does.
type Operations struct {
	// Path is that of the list, Parameter the name of the id in the path of one thing.
	Path, Parameter, Tag            string
	One, Many                       string // as in "Create a labels group"
	List, Create, Get, Edit, Delete string
	// Rules say what there is to know about a request.
	Rules string
}

// list is the answer of every list.
type list[A any] struct {
	Results []A `json:"results" doc:"All there are, oldest first."`
}

type createInput[Q any] struct {
	route.OrganizationPath
	Body Q
}

type editInput[Q any] struct {
	route.OrganizationPath
	Body Q
}

// Row is the row of an operation on one thing of the kind.
func (s *Service[B, Q, A]) Row(o Operations, id, method, below, summary string) route.Operation {
	return route.Operation{
		ID: id, Method: method, Path: o.Path + "/{" + o.Parameter + "}" + below, Tag: o.Tag, Summary: summary, Permission: s.kind.Read,
		Scope: route.OfObjectInOrganization(o.Parameter, s.kind.Name), IDs: map[string]string{o.Parameter: "The id of the " + o.One + "."},
	}
}

// Register adds the operations of a kind.
func Register[B, Q, A any](r *route.Router, s *Service[B, Q, A], o Operations) {
	rules := strings.TrimSpace("The name is unique in the organization, whatever its case. " + o.Rules)
	kept := rules
	if s.kind.Secret != nil {
		rules += " Secrets are sealed and never shown again."
		kept = rules + " One that is left out or empty stays as it is, unless what it belongs to changes."
	}
	route.Register(r, route.Operation{
		ID: o.List, Method: http.MethodGet, Path: o.Path, Tag: o.Tag, Summary: "List " + o.Many, Permission: s.kind.Read, Scope: route.InOrganization,
	}, func(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (list[A], error) {
		things, err := s.List(ctx, pass)
		return list[A]{things}, err
	})
	route.Register(r, route.Operation{
		ID: o.Create, Method: http.MethodPost, Path: o.Path, Tag: o.Tag, Summary: "Create " + o.One, Description: rules,
		Permission: s.kind.Edit, Scope: route.InOrganization, Status: http.StatusCreated, Shows: o.Get, Fleeting: Derived,
		Refusals: []fault.Code{fault.NameTaken, fault.LimitReached, fault.IdempotencyReused},
	}, func(ctx context.Context, pass authz.Pass, in *createInput[Q]) (A, error) {
		return s.Create(ctx, pass, in.Body)
	})
	get := s.Row(o, o.Get, http.MethodGet, "", "Get "+o.One)
	get.Fleeting = Derived
	route.Register(r, get, func(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (A, error) {
		return s.Get(ctx, pass)
	})
	edit := s.Row(o, o.Edit, http.MethodPut, "", "Edit "+o.One)
	edit.Description, edit.Permission, edit.Refusals, edit.Fleeting = kept, s.kind.Edit, []fault.Code{fault.NameTaken}, Derived
	route.Register(r, edit, func(ctx context.Context, pass authz.Pass, in *editInput[Q]) (A, error) {
		return s.Change(ctx, pass, in.Body)
	})
	remove := s.Row(o, o.Delete, http.MethodDelete, "", "Delete "+o.One)
	remove.Permission, remove.Status = s.kind.Edit, http.StatusNoContent
	remove.Description = "What refers to it goes on without it."
	if s.kind.Guarded {
		remove.Description, remove.Refusals = "Refused while something refers to it; the refusal names what.", []fault.Code{fault.InUse}
	}
	route.Register(r, remove, func(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (route.Empty, error) {
		return route.Empty{}, s.Delete(ctx, pass)
	})
}

// associatedService is a service that refers to a thing.
type associatedService struct {
	ProjectID       string `json:"project_id" format:"uuid" doc:"The project that the service lies in."`
	ProjectName     string `json:"project_name" doc:"Its name."`
	EnvironmentID   string `json:"environment_id" format:"uuid" doc:"The environment that the service lies in."`
	EnvironmentName string `json:"environment_name" doc:"Its name."`
	ServiceID       string `json:"service_id" format:"uuid" doc:"The service."`
	ServiceName     string `json:"service_name" doc:"Its name."`
	ServiceType     string `json:"service_type" doc:"Its type, in the contract's words."`
}

// RegisterServices adds the operation that lists the services that use a thing. words
// are the contract's for the kinds of services; no other may be answered.
func RegisterServices[B, Q, A any](r *route.Router, s *Service[B, Q, A], o Operations, id, tag string, words ...string) {
	row := s.Row(o, id, http.MethodGet, "/associatedServices", "List the services that use the "+o.One)
	row.Tag, row.Lists, row.Description = tag, authz.ProjectRead, "Those that the caller sees, oldest first."
	route.Register(r, row, func(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (list[associatedService], error) {
		users, err := s.Users(ctx, pass)
		answer := list[associatedService]{[]associatedService{}}
		for _, u := range users {
			if kind := word(u); slices.Contains(words, kind) {
				answer.Results = append(answer.Results, associatedService{
					string(u.Project), u.ProjectName, string(u.Environment), u.EnvironmentName, string(u.ID), u.Name, kind,
				})
			}
		}
		return answer, err
	})
}

// associatedItem is a thing that refers to a group.
type associatedItem struct {
	ClusterID       string `json:"cluster_id,omitempty" format:"uuid" doc:"The cluster, where the item is one."`
	ClusterName     string `json:"cluster_name,omitempty" doc:"Its name."`
	ProjectID       string `json:"project_id,omitempty" format:"uuid" doc:"The project that the item lies in."`
	ProjectName     string `json:"project_name,omitempty" doc:"Its name."`
	EnvironmentID   string `json:"environment_id,omitempty" format:"uuid" doc:"The environment that the item lies in."`
	EnvironmentName string `json:"environment_name,omitempty" doc:"Its name."`
	ItemID          string `json:"item_id" format:"uuid" doc:"The item."`
	ItemName        string `json:"item_name" doc:"Its name."`
	ItemType        string `json:"item_type" doc:"Its type, in the contract's words."`
}

var itemWords = []string{"APPLICATION", "DATABASE", "CONTAINER", "LIFECYCLE", "ENVIRONMENT", "CLUSTER", "CRON"}

// RegisterItems adds the operation that lists the things that use a group.
func RegisterItems[B, Q, A any](r *route.Router, s *Service[B, Q, A], o Operations, id string) {
	row := s.Row(o, id, http.MethodGet, "/associatedItems", "List what uses the "+o.One)
	row.Lists, row.Description = authz.ProjectRead, "What the caller sees of it, oldest first."
	route.Register(r, row, func(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (list[associatedItem], error) {
		users, err := s.Users(ctx, pass)
		answer := list[associatedItem]{[]associatedItem{}}
		for _, u := range users {
			item := associatedItem{
				ProjectID: string(u.Project), ProjectName: u.ProjectName, EnvironmentID: string(u.Environment), EnvironmentName: u.EnvironmentName,
				ItemID: string(u.ID), ItemName: u.Name, ItemType: word(u),
			}
			if u.Kind == authz.KindCluster {
				item.ClusterID, item.ClusterName = item.ItemID, item.ItemName
			}
			if slices.Contains(itemWords, item.ItemType) {
				answer.Results = append(answer.Results, item)
			}
		}
		return answer, err
	})
}

// word is the contract's word for the kind of a user.
func word(u object.User) string { return strings.ToUpper(string(u.Kind)) }
