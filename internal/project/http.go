package project

import (
	"context"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

type projectRequest struct {
	Name        string  `json:"name" doc:"Unique in the organization, whatever its case; 1 to 128 characters."`
	Description *string `json:"description,omitempty" nullable:"true" doc:"At most 2000 characters. On an edit, leaving it out keeps what is there."`
}

type referenceObject struct {
	ID id.Organization `json:"id" format:"uuid" doc:"The id."`
}

// projectAnswer is a project on the wire.
type projectAnswer struct {
	ID           id.Object       `json:"id" format:"uuid" doc:"The project's id."`
	CreatedAt    time.Time       `json:"created_at" doc:"When it was created."`
	UpdatedAt    time.Time       `json:"updated_at" doc:"When it was last changed."`
	Name         string          `json:"name" doc:"The name."`
	Description  string          `json:"description" doc:"What it is for."`
	Environments int64           `json:"associated_environments_count" doc:"How many environments it has."`
	Organization referenceObject `json:"organization" doc:"The organization it belongs to."`
}

type projectListAnswer struct {
	Results []projectAnswer `json:"results" doc:"The projects that the caller sees, oldest first."`
}

type projectStats struct {
	ID           id.Object `json:"id" format:"uuid" doc:"The project's id."`
	Services     int64     `json:"service_total_number" doc:"How many services are in it."`
	Environments int64     `json:"environment_total_number" doc:"How many environments are in it."`
	Number       int64     `json:"number" doc:"How many services are in it, again: the contract requires this key without describing it."`
}

type projectStatsAnswer struct {
	Results []projectStats `json:"results" doc:"A row for each project that the caller sees, oldest first."`
}

func shown(p Project, environments int64) projectAnswer {
	return projectAnswer{
		ID: p.ID, CreatedAt: p.CreatedAt.Std(), UpdatedAt: p.UpdatedAt.Std(), Name: p.Name, Description: p.Body.Description,
		Environments: environments, Organization: referenceObject{p.Organization},
	}
}

type handlers struct{ service *Service }

// Register adds the operations of projects.
func Register(r *route.Router, s *Service) {
	h := &handlers{s}
	const many, one = "Projects", "Project Main Calls"
	ofProject := route.OfObject("projectId", authz.KindProject)
	route.Register(r, route.Operation{
		ID: "listProject", Method: http.MethodGet, Path: "/organization/{organizationId}/project", Tag: many, Summary: "List projects",
		Description: "The projects that the caller sees.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization, Lists: authz.ProjectRead,
	}, h.list)
	route.Register(r, route.Operation{
		ID: "createProject", Method: http.MethodPost, Path: "/organization/{organizationId}/project", Tag: many, Summary: "Create a project",
		Description: "The name is unique in the organization, whatever its case.",
		Permission:  authz.ProjectCreate, Scope: route.InOrganization, Shows: "getProject",
		Refusals: []fault.Code{fault.NameTaken, fault.LimitReached, fault.IdempotencyReused},
	}, h.create)
	route.Register(r, route.Operation{
		ID: "getOrganizationProjectStats", Method: http.MethodGet, Path: "/organization/{organizationId}/project/stats", Tag: many,
		Summary:     "List total number of services and environments for each project of the organization",
		Description: "A row for each project that the caller sees.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization, Lists: authz.ProjectRead,
	}, h.stats)
	route.Register(r, route.Operation{
		ID: "getProject", Method: http.MethodGet, Path: "/project/{projectId}", Tag: one, Summary: "Get project by ID",
		Permission: authz.ProjectRead, Scope: ofProject,
	}, h.get)
	route.Register(r, route.Operation{
		ID: "editProject", Method: http.MethodPut, Path: "/project/{projectId}", Tag: one, Summary: "Edit a project",
		Permission: authz.ProjectEdit, Scope: ofProject, Refusals: []fault.Code{fault.NameTaken},
	}, h.edit)
	route.Register(r, route.Operation{
		ID: "deleteProject", Method: http.MethodDelete, Path: "/project/{projectId}", Tag: one, Summary: "Delete a project",
		Description: "With the environments in it.",
		Permission:  authz.ProjectDelete, Scope: ofProject, Status: http.StatusNoContent,
	}, h.delete)
}

// ProjectPath is the path of operations on a project.
type ProjectPath struct {
	Project string `path:"projectId" format:"uuid" doc:"The project's id."`
}

func (h *handlers) list(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (projectListAnswer, error) {
	projects, err := h.service.List(ctx, pass)
	answer := projectListAnswer{Results: make([]projectAnswer, 0, len(projects))}
	for _, p := range projects {
		answer.Results = append(answer.Results, shown(p.Project, p.Environments))
	}
	return answer, err
}

func (h *handlers) stats(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (projectStatsAnswer, error) {
	projects, err := h.service.List(ctx, pass)
	answer := projectStatsAnswer{Results: make([]projectStats, 0, len(projects))}
	for _, p := range projects {
		answer.Results = append(answer.Results, projectStats{p.ID, p.Services, p.Environments, p.Services})
	}
	return answer, err
}

type createInput struct {
	route.OrganizationPath
	Body projectRequest
}

func (h *handlers) create(ctx context.Context, pass authz.Pass, in *createInput) (projectAnswer, error) {
	description := ""
	if in.Body.Description != nil {
		description = *in.Body.Description
	}
	p, err := h.service.Create(ctx, pass, in.Body.Name, description)
	return shown(p, 0), err
}

func (h *handlers) get(ctx context.Context, pass authz.Pass, _ *ProjectPath) (projectAnswer, error) {
	p, err := h.service.Get(ctx, pass)
	return shown(p.Project, p.Environments), err
}

type editInput struct {
	ProjectPath
	Body projectRequest
}

func (h *handlers) edit(ctx context.Context, pass authz.Pass, in *editInput) (projectAnswer, error) {
	p, err := h.service.Edit(ctx, pass, in.Body.Name, in.Body.Description)
	return shown(p.Project, p.Environments), err
}

func (h *handlers) delete(ctx context.Context, pass authz.Pass, _ *ProjectPath) (route.Empty, error) {
	return route.Empty{}, h.service.Delete(ctx, pass)
}
