package role

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

//go:embed pages/*.html
var pageFiles embed.FS

var (
	listTemplate    = console.Parse(pageFiles, "pages/list.html")
	editTemplate    = console.Parse(pageFiles, "pages/edit.html")
	confirmTemplate = console.Parse(pageFiles, "pages/confirm.html")
)

const settings = "settings/roles"

// Foresee says what a change would do, and takes it back.
type Foresee func(ctx context.Context, pass authz.Pass, fn func(ctx context.Context) error) (route.Foresight, error)

type pages struct {
	service *Service
	foresee Foresee
}

// Pages adds the pages of roles.
func Pages(p *console.Pages, s *Service, foresee Foresee) {
	h := &pages{s, foresee}
	const all = "/console/organizations/{organizationId}/" + settings
	const one = all + "/{customRoleId}"
	row := func(pattern string, permission authz.Permission, handler console.Handler) console.Row {
		return console.Row{Pattern: pattern, Permission: permission, Scope: route.InOrganization, Handler: handler}
	}
	p.Add(
		row("GET "+all, authz.RoleView, h.list),
		row("GET "+all+"/new", authz.RoleManage, h.newForm),
		row("POST "+all+"/new", authz.RoleManage, h.create),
		row("GET "+one, authz.RoleRead, h.editForm),
		row("POST "+one, authz.RoleManage, h.edit),
		row("GET "+one+"/delete", authz.RoleManage, h.deleteForm),
		row("POST "+one+"/delete", authz.RoleManage, h.delete),
	)
}

type listPage struct {
	Columns   []column
	Matters   []shownMatter
	Roles     []listed
	Window    console.Window
	NewPath   string
	Line      string
	MayRead   bool // what custom roles there are, and who holds what
	MayManage bool
}

type column struct {
	Name    authz.RoleName
	Members int64
}

type shownMatter struct {
	Name     string
	Subjects []shownSubject
}

type shownSubject struct {
	Words string
	Cells []string
}

type listed struct {
	Role
	Path, Holders string
	Changed       console.Moment
}

// perPage is how many custom roles, or projects in one, a page shows.
const perPage = 25

func (h *pages) list(r *console.Request) error {
	page := listPage{NewPath: r.At(settings, "new"), MayRead: r.Can(authz.RoleRead), MayManage: r.Can(authz.RoleManage)}
	page.Line = fmt.Sprintf("curl --request POST --url %s/organization/%s/customRole \\\n  --header \"Authorization: Token $TOKEN\" --json '{\"name\": \"Deployers\"}'", r.PublicURL(), r.Organization())
	number := map[authz.RoleName]held{}
	if page.MayRead {
		if err := h.service.db.Snapshot(r.Context(), func(q store.Querier) (err error) {
			if number, err = counts(q, r.Organization()); err != nil {
				return err
			}
			found, err := store.All(q, roles+` ORDER BY name_key`, scan, r.Organization())
			if err != nil {
				return err
			}
			found, page.Window = console.Cut(r, found, perPage)
			for _, role := range found {
				page.Roles = append(page.Roles, listed{role, r.At(settings, string(role.ID)), number[authz.RoleName(role.ID)].words(), r.Moment(role.UpdatedAt)})
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for _, name := range authz.RoleNames {
		page.Columns = append(page.Columns, column{name, number[name].Members})
	}
	for _, m := range matrix {
		shown := shownMatter{Name: m.name}
		for _, s := range m.subjects {
			line := shownSubject{Words: s.words}
			for _, name := range authz.RoleNames {
				line.Cells = append(line.Cells, cell(name, s.permissions[0]))
			}
			shown.Subjects = append(shown.Subjects, line)
		}
		page.Matters = append(page.Matters, shown)
	}
	return r.Show(listTemplate, http.StatusOK, "Roles", page)
}

// words count who has a role.
func (h held) words() string {
	var parts []string
	for _, part := range []struct {
		n         int64
		one, many string
	}{{h.Members, "person", "people"}, {h.Invitations, "invitation", "invitations"}, {h.Tokens, "token", "tokens"}} {
		switch {
		case part.n == 1:
			parts = append(parts, "1 "+part.one)
		case part.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.many))
		}
	}
	if len(parts) == 0 {
		return "nobody"
	}
	return strings.Join(parts, ", ")
}

const newTitle = "New role"

func newPage(r *console.Request) console.FormPage {
	return console.FormPage{
		Lead: "It begins with no access to any project; the next page gives some.",
		Form: console.Form{Action: r.At(settings, "new"), Button: "Create the role", Cancel: r.At(settings), Fields: nameFields("", "")},
	}
}

func nameFields(name, description string) []console.Field {
	return []console.Field{
		{Name: "name", Label: "Name", Value: name, MaxLength: route.MaxName, Focus: name == "", Autocomplete: "off"},
		{Name: "description", Label: "Description", Value: description, Optional: true, MaxLength: route.MaxDescription, Autocomplete: "off"},
	}
}

func (h *pages) newForm(r *console.Request) error {
	return r.ShowForm(http.StatusOK, newTitle, newPage(r))
}

func (h *pages) create(r *console.Request) error {
	made, err := h.service.Create(r.Context(), r.Pass, r.PostFormValue("name"), r.PostFormValue("description"))
	if err != nil {
		return r.Again(newTitle, newPage(r), err)
	}
	return r.Done(r.At(settings, string(made.ID)), console.Toast{Words: "The role “" + made.Name + "” is made. Now say what it allows."})
}

// role finds the custom role that the path names.
func (h *pages) role(r *console.Request) (Role, Targets, error) {
	role, err := route.PathID[id.Role]("customRoleId", r.PathValue("customRoleId"))
	if err != nil {
		return Role{}, Targets{}, fault.New(fault.NotFound, "")
	}
	pass, err := r.Require(authz.RoleRead)
	if err != nil {
		return Role{}, Targets{}, err
	}
	return h.service.Get(r.Context(), pass, role)
}

const deleteTitle = "Delete the role"

func (h *pages) deletePage(r *console.Request) (console.FormPage, Role, error) {
	role, _, err := h.role(r)
	if err != nil {
		return console.FormPage{}, role, err
	}
	number, err := counts(h.service.db.Reader(r.Context()), r.Organization())
	words := fmt.Sprintf("Nobody has “%s”, so nobody loses anything. It can be brought back.", role.Name)
	if h := number[authz.RoleName(role.ID)]; h.all() > 0 {
		words = fmt.Sprintf("“%s” is held by %s. It can be deleted once they have another role.", role.Name, h.words())
	}
	return console.FormPage{
		Text: []string{words},
		Form: console.Form{Action: r.At(settings, string(role.ID), "delete"), Button: "Delete the role", Danger: true, Cancel: r.At(settings)},
	}, role, err
}

func (h *pages) deleteForm(r *console.Request) error {
	page, _, err := h.deletePage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, deleteTitle, page)
}

func (h *pages) delete(r *console.Request) error {
	page, role, err := h.deletePage(r)
	if err != nil {
		return err
	}
	if err := h.service.Delete(r.Context(), r.Pass, role.ID); err != nil {
		return r.Again(deleteTitle, page, err)
	}
	return r.Done(r.At(settings), console.Toast{Words: "The role “" + role.Name + "” is deleted."})
}
