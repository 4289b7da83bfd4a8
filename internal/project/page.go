package project

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

//go:embed pages/*.html
var pageFiles embed.FS

var (
	listTemplate = console.Parse(pageFiles, "pages/list.html")
	formTemplate = console.Parse(pageFiles, "pages/form.html")
)

type pages struct{ service *Service }

// Pages adds the pages of projects.
func Pages(p *console.Pages, s *Service) {
	h := &pages{s}
	const all = "/console/organizations/{organizationId}/projects"
	const one = all + "/{projectId}"
	ofProject := route.OfObject("projectId", authz.KindProject)
	p.Add(
		console.Row{Pattern: "GET " + all, Permission: authz.OrganizationView, Scope: route.InOrganization, Handler: h.list},
		console.Row{Pattern: "GET " + all + "/new", Permission: authz.ProjectCreate, Scope: route.InOrganization, Handler: h.newForm},
		console.Row{Pattern: "POST " + all + "/new", Permission: authz.ProjectCreate, Scope: route.InOrganization, Handler: h.create},
		console.Row{Pattern: "GET " + one + "/edit", Permission: authz.ProjectEdit, Scope: ofProject, Handler: h.editForm},
		console.Row{Pattern: "POST " + one + "/edit", Permission: authz.ProjectEdit, Scope: ofProject, Handler: h.edit},
		console.Row{Pattern: "GET " + one + "/delete", Permission: authz.ProjectDelete, Scope: ofProject, Handler: h.deleteForm},
		console.Row{Pattern: "POST " + one + "/delete", Permission: authz.ProjectDelete, Scope: ofProject, Handler: h.delete},
	)
}

// perPage is how many projects a page lists.
const perPage = 50

type listPage struct {
	Projects      []row
	Query, Path   string
	NewPath, Line string
	MayCreate     bool
	From, To      int
	Total         int64
	Newer, Older  string
}

type row struct {
	Counted
	Path               string
	Changed            console.Moment
	MayEdit, MayDelete bool
}

func (h *pages) list(r *console.Request) error {
	found, err := h.service.List(r.Context(), r.Pass)
	if err != nil {
		return err
	}
	page := listPage{Query: strings.TrimSpace(r.FormValue("q")), Path: r.At("projects"), NewPath: r.At("projects/new"), MayCreate: r.Can(authz.ProjectCreate)}
	page.Line = fmt.Sprintf("curl --request POST --url %s/organization/%s/project \\\n  --header \"Authorization: Token $TOKEN\" --json '{\"name\": \"storefront\"}'", r.PublicURL(), r.Organization())
	matching := found[:0]
	for _, p := range found {
		if strings.Contains(authn.Key(p.Name), authn.Key(page.Query)) {
			matching = append(matching, p)
		}
	}
	page.window(matching, r)
	return r.Show(listTemplate, http.StatusOK, "Projects", page)
}

// window cuts the page out of what matches.
func (page *listPage) window(matching []Counted, r *console.Request) {
	from, err := strconv.Atoi(r.FormValue("from"))
	if err != nil || from < 0 || from >= len(matching) {
		from = 0
	}
	to := min(from+perPage, len(matching))
	page.From, page.To, page.Total = from+1, to, int64(len(matching))
	at := func(from int) string {
		q := url.Values{"from": {strconv.Itoa(from)}}
		if page.Query != "" {
			q.Set("q", page.Query)
		}
		return page.Path + "?" + q.Encode()
	}
	if from > 0 {
		page.Newer = at(max(from-perPage, 0))
	}
	if to < len(matching) {
		page.Older = at(to)
	}
	for _, p := range matching[from:to] {
		scope := authz.Scope{Organization: p.Organization, Project: p.ID, Object: p.ID, Kind: authz.KindProject}
		page.Projects = append(page.Projects, row{
			p, r.At("projects", string(p.ID)), r.Moment(p.UpdatedAt),
			r.Pass.AlsoFor(authz.ProjectEdit, scope), r.Pass.AlsoFor(authz.ProjectDelete, scope),
		})
	}
}

type formPage struct {
	Text []string
	Form console.Form
}

func form(button, cancel string, name, description string) console.Form {
	return console.Form{Button: button, Cancel: cancel, Fields: []console.Field{
		{Name: "name", Label: "Name", Value: name, MaxLength: route.MaxName, Focus: true, Autocomplete: "off", Help: "Unique in the organization."},
		{Name: "description", Label: "Description", Value: description, Type: "textarea", Optional: true, Help: "What it is for."},
	}}
}

// again shows a form once more, with what is wrong with it and all that was typed.
func again(r *console.Request, title string, page formPage, err error) error {
	page.Form.Fill(r.PostForm)
	if !page.Form.Refuse(err) {
		return err
	}
	return r.Show(formTemplate, fault.From(err).Status(), title, page)
}

const newTitle = "New project"

func newPage(r *console.Request) formPage {
	page := formPage{Form: form("Create the project", r.At("projects"), "", "")}
	page.Form.Action = r.At("projects/new")
	return page
}

func (h *pages) newForm(r *console.Request) error {
	return r.Show(formTemplate, http.StatusOK, newTitle, newPage(r))
}

func (h *pages) create(r *console.Request) error {
	p, err := h.service.Create(r.Context(), r.Pass, r.PostFormValue("name"), r.PostFormValue("description"))
	if err != nil {
		return again(r, newTitle, newPage(r), err)
	}
	return r.Done(r.At("projects"), console.Toast{Words: "Project “" + p.Name + "” is created."})
}

const editTitle = "Rename the project"

// editPage reads the project as it is.
func (h *pages) editPage(r *console.Request) (formPage, error) {
	p, err := h.get(r)
	page := formPage{Form: form("Save", r.At("projects"), p.Name, p.Body.Description)}
	page.Form.Action = r.At("projects", string(p.ID), "edit")
	return page, err
}

func (h *pages) get(r *console.Request) (Counted, error) {
	pass, err := r.Require(authz.ProjectRead)
	if err != nil {
		return Counted{}, err
	}
	return h.service.Get(r.Context(), pass)
}

func (h *pages) editForm(r *console.Request) error {
	page, err := h.editPage(r)
	if err != nil {
		return err
	}
	return r.Show(formTemplate, http.StatusOK, editTitle, page)
}

func (h *pages) edit(r *console.Request) error {
	page, err := h.editPage(r)
	if err != nil {
		return err
	}
	description := r.PostFormValue("description")
	p, err := h.service.Edit(r.Context(), r.Pass, r.PostFormValue("name"), &description)
	if err != nil {
		return again(r, editTitle, page, err)
	}
	return r.Done(r.At("projects"), console.Toast{Words: "Project “" + p.Name + "” is saved."})
}

const deleteTitle = "Delete the project"

// deletePage says what goes with the project. The name of one that holds something has
// to be typed, so that nobody deletes it by a slip of the hand.
func (h *pages) deletePage(r *console.Request) (formPage, string, error) {
	p, err := h.get(r)
	if err != nil {
		return formPage{}, "", err
	}
	page := formPage{
		Text: []string{fmt.Sprintf("The project “%s” goes for good, with what is in it: %s, %s.", p.Name, count(p.Environments, "environment"), count(p.Services, "service"))},
		Form: console.Form{Action: r.At("projects", string(p.ID), "delete"), Button: "Delete the project", Danger: true, Cancel: r.At("projects")},
	}
	if p.Environments > 0 {
		page.Form.Fields = []console.Field{{Name: confirm, Label: "Type the name of the project, " + p.Name + ", to confirm", MustBe: p.Name, Autocomplete: "off", Focus: true}}
	}
	return page, p.Name, nil
}

const confirm = "confirm"

func count(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func (h *pages) deleteForm(r *console.Request) error {
	page, _, err := h.deletePage(r)
	if err != nil {
		return err
	}
	return r.Show(formTemplate, http.StatusOK, deleteTitle, page)
}

func (h *pages) delete(r *console.Request) error {
	page, name, err := h.deletePage(r)
	if err != nil {
		return err
	}
	if page.Form.Field(confirm) != nil && strings.TrimSpace(r.PostFormValue(confirm)) != name {
		checks := &fault.Checks{}
		checks.Add(confirm, "must be the name of the project, %s", name)
		return again(r, deleteTitle, page, checks.Err())
	}
	if err := h.service.Delete(r.Context(), r.Pass); err != nil {
		return err
	}
	return r.Done(r.At("projects"), console.Toast{Words: "Project “" + name + "” is deleted."})
}

// Inventory counts what the pass's holder sees.
func (s *Service) Inventory(ctx context.Context, pass authz.Pass) (projects, environments, services int64, err error) {
	list, err := s.List(ctx, pass)
	for _, p := range list {
		environments += p.Environments
		services += p.Services
	}
	return int64(len(list)), environments, services, err
}
