// Package project keeps projects. It is the smallest kind of package object, and
// the one to copy when a new kind is added.
package project

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// maxProjects bounds the projects of one organization; their list is not paged.
const maxProjects = 10_000

// Body is what a project has beyond its name.
type Body struct {
	Description string `json:"description"`
}

// Project is a project as it is kept.
type Project = object.Object[Body]

var kind = object.Kind[Body]{
	Name: authz.KindProject, Label: "Project", Shown: func(p Project) any { return shown(p, 0) },
	Create: audit.ProjectCreate, Update: audit.ProjectUpdate, Delete: audit.ProjectDelete, Restored: audit.ProjectRestore,
}

// Service changes projects.
type Service struct{ db *store.DB }

// NewService makes the service.
func NewService(db *store.DB) *Service { return &Service{db} }

func check(name, description string) (string, error) {
	checks := &fault.Checks{}
	name = route.CheckName(checks, "name", name)
	route.CheckText(checks, "description", &description, route.MaxDescription)
	return name, checks.Err()
}

// Create makes a project in the pass's organization.
func (s *Service) Create(ctx context.Context, pass authz.Pass, name, description string) (Project, error) {
	if err := pass.For(authz.ProjectCreate); err != nil {
		return Project{}, err
	}
	name, err := check(name, description)
	if err != nil {
		return Project{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Project, error) {
		if err := checkLimit(tx, pass.Organization()); err != nil {
			return Project{}, err
		}
		return kind.Add(tx, pass, Project{Name: name, Body: Body{Description: description}})
	})
}

func checkLimit(tx *store.Tx, organization id.Organization) error {
	count, err := kind.Count(tx, organization)
	if err == nil && count >= maxProjects {
		err = fault.New(fault.LimitReached, "An organization can have at most %d projects.", maxProjects)
	}
	return err
}

// Edit changes a project's name and description; a nil description stays.
func (s *Service) Edit(ctx context.Context, pass authz.Pass, name string, description *string) (Counted, error) {
	if err := pass.For(authz.ProjectEdit); err != nil {
		return Counted{}, err
	}
	text := ""
	if description != nil {
		text = *description
	}
	name, err := check(name, text)
	if err != nil {
		return Counted{}, err
	}
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (Counted, error) {
		p, err := kind.Change(tx, pass, pass.Scope().Object, func(p *Project) error {
			p.Name = name
			if description != nil {
				p.Body.Description = text
			}
			return nil
		})
		if err != nil {
			return Counted{}, err
		}
		changed := Counted{Project: p}
		return changed, s.count(tx, pass.Organization(), &changed)
	})
}

// Delete removes a project with the environments in it.
func (s *Service) Delete(ctx context.Context, pass authz.Pass) error {
	if err := pass.For(authz.ProjectDelete); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error { return kind.Remove(tx, pass, pass.Scope().Object) })
}

// Counted is a project with the numbers of what it holds.
type Counted struct {
	Project
	Environments int64
	Services     int64
}

// Get reads the pass's project.
func (s *Service) Get(ctx context.Context, pass authz.Pass) (Counted, error) {
	if err := pass.For(authz.ProjectRead); err != nil {
		return Counted{}, err
	}
	var found Counted
	err := s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if found.Project, err = kind.Load(q, pass.Organization(), pass.Scope().Object); err != nil {
			return err
		}
		return s.count(q, pass.Organization(), &found)
	})
	return found, err
}

// List reads the projects that the pass's holder sees, oldest first.
func (s *Service) List(ctx context.Context, pass authz.Pass) ([]Counted, error) {
	if err := pass.For(authz.OrganizationView); err != nil {
		return nil, err
	}
	var list []Counted
	err := s.db.Snapshot(ctx, func(q store.Querier) error {
		projects, err := kind.List(q, pass)
		if err != nil {
			return err
		}
		list = make([]Counted, len(projects))
		for i, p := range projects {
			list[i].Project = p
		}
		return s.count(q, pass.Organization(), pointers(list)...)
	})
	return list, err
}

func pointers(list []Counted) []*Counted {
	all := make([]*Counted, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return all
}

// count fills in the numbers with one grouped query for all projects.
func (*Service) count(q store.Querier, organization id.Organization, projects ...*Counted) error {
	counts, err := object.CountByProject(q, organization)
	if err != nil {
		return err
	}
	for _, p := range projects {
		for kind, n := range counts[p.ID] {
			switch kind {
			case authz.KindEnvironment:
				p.Environments += n
			case authz.KindApplication, authz.KindDatabase:
				p.Services += n
			}
		}
	}
	return nil
}
