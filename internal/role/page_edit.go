package role

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// editPage is the grid of a custom role: projects by types of environments.
type editPage struct {
	Form          console.Form
	Description   string
	Projects      []projectRow
	Clusters      []clusterRow
	Window        console.Window
	Query, Path   string
	Delete        string
	Holders       string
	MayEdit, None bool // None: there is no project at all
}

type projectRow struct {
	Target
	Admin bool
	Cells []levels
}

type clusterRow struct {
	Target
	Cell levels
}

// levels is a cell that is chosen in.
type levels struct {
	Name, Label string
	Mode        string
	Production  bool
	Options     []console.Option
	Value       string
}

var (
	projectLevels = []console.Option{
		{Value: string(authz.NoAccess), Label: "No access"}, {Value: string(authz.ProjectViewer), Label: "Viewer"},
		{Value: string(authz.Deployer), Label: "Deployer"}, {Value: string(authz.Manager), Label: "Manager"},
	}
	clusterLevels = []console.Option{
		{Value: string(authz.ClusterViewer), Label: "Viewer"}, {Value: string(authz.EnvCreator), Label: "May put environments there"}, {Value: string(authz.ClusterAdmin), Label: "Admin"},
	}
)

// Names of the grid's fields; an id follows, and for a project's levels a mode.
const (
	adminField   = "admin."
	levelField   = "level."
	clusterField = "cluster."
)

// grid shows the levels of a role.
func (h *pages) grid(r *console.Request, role Role, t Targets) (editPage, error) {
	page := editPage{Query: strings.TrimSpace(r.FormValue("q")), Path: r.At(settings, string(role.ID)), MayEdit: r.Can(authz.RoleManage), None: len(t.Projects)+len(t.Clusters) == 0}
	number, err := counts(h.service.db.Reader(r.Context()), r.Organization())
	if err != nil {
		return page, err
	}
	page.Holders, page.Description, page.Delete = number[authz.RoleName(role.ID)].words(), role.Description, page.Path+"/delete"
	matching := slices.DeleteFunc(slices.Clone(t.Projects), func(p Target) bool { return !strings.Contains(authn.Key(p.Name), authn.Key(page.Query)) })
	matching, page.Window = console.Cut(r, matching, perPage)
	for _, p := range matching {
		line := projectRow{Target: p, Admin: role.Grants.Level(p.ID, authz.NoMode) == authz.ProjectAdmin}
		for _, mode := range authz.Modes[1:] {
			level := role.Grants.Level(p.ID, mode)
			if level == authz.ProjectAdmin {
				level = authz.Manager
			}
			line.Cells = append(line.Cells, levels{levelField + string(p.ID) + "." + string(mode), p.Name + " in " + strings.ToLower(string(mode)), strings.ToLower(string(mode)), mode == authz.Production, projectLevels, string(level)})
		}
		page.Projects = append(page.Projects, line)
	}
	for _, c := range t.Clusters[:min(len(t.Clusters), perPage)] {
		page.Clusters = append(page.Clusters, clusterRow{c, levels{clusterField + string(c.ID), c.Name, "", false, clusterLevels, string(role.Grants.OnCluster(c.ID))}})
	}
	page.Form = console.Form{
		Action: here(r), Button: "Save the role", Cancel: r.At(settings), Fields: nameFields(role.Name, role.Description),
		Hidden: []console.Hidden{{Name: "version", Value: strconv.FormatInt(role.Version, 10)}},
	}
	return page, nil
}

// here is the address of the same part of the grid.
func here(r *console.Request) string {
	q := url.Values{}
	for _, name := range []string{"q", "from"} {
		if value := r.URL.Query().Get(name); value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return r.URL.Path
	}
	return r.URL.Path + "?" + q.Encode()
}

func (h *pages) editForm(r *console.Request) error {
	role, targets, err := h.role(r)
	if err != nil {
		return err
	}
	page, err := h.grid(r, role, targets)
	if err != nil {
		return err
	}
	return r.Show(editTemplate, http.StatusOK, role.Name, page)
}

// chosen puts what the form says of levels in place of a role's; what is not on this
// part of the grid stays.
func chosen(values url.Values, before authz.Grants) (authz.Grants, error) {
	g := authz.Grants{Projects: maps.Clone(before.Projects), Clusters: maps.Clone(before.Clusters)}
	checks := &fault.Checks{}
	of := func(name string, options []console.Option) string {
		value := values.Get(name)
		if !slices.ContainsFunc(options, func(o console.Option) bool { return o.Value == value }) {
			checks.Add(name, "is none of the choices")
		}
		return value
	}
	for name := range values {
		if cluster, ok := strings.CutPrefix(name, clusterField); ok {
			delete(g.Clusters, id.Object(cluster))
			if level := authz.ClusterLevel(of(name, clusterLevels)); level != authz.ClusterViewer {
				g.Clusters[id.Object(cluster)] = level
			}
		}
		project, mode, ok := strings.Cut(strings.TrimPrefix(name, levelField), ".")
		if !ok || !strings.HasPrefix(name, levelField) || mode != string(authz.Production) {
			continue
		}
		delete(g.Projects, id.Object(project))
		if values.Get(adminField+project) == yes {
			g.Projects[id.Object(project)] = map[authz.Mode]authz.ProjectLevel{authz.NoMode: authz.ProjectAdmin}
			continue
		}
		in := map[authz.Mode]authz.ProjectLevel{}
		for _, mode := range authz.Modes[1:] {
			if level := authz.ProjectLevel(of(levelField+project+"."+string(mode), projectLevels)); level != authz.NoAccess {
				in[mode] = level
			}
		}
		if len(in) > 0 {
			g.Projects[id.Object(project)] = in
		}
	}
	return g, checks.Err()
}

type confirmPage struct {
	Form          console.Form
	Gains, Losses []affected
	Unseen        int64 // who else, beside those that are named
}

type affected struct {
	Name, Kind string
	Everything bool
	Where      []where
	More       int
}

type where struct{ Place, What string }

// edit saves a role. Where that changes what somebody may do, it first says what, and
// asks.
func (h *pages) edit(r *console.Request) error {
	role, targets, err := h.role(r)
	if err != nil {
		return err
	}
	if r.PostFormValue("version") != strconv.FormatInt(role.Version, 10) {
		page, err := h.grid(r, role, targets)
		if err != nil {
			return err
		}
		page.Form.Wrong = "Somebody changed this role meanwhile. This is how it is now."
		return r.Show(editTemplate, http.StatusConflict, role.Name, page)
	}
	description := r.PostFormValue("description")
	change := Change{Name: r.PostFormValue("name"), Description: &description}
	if change.Grants, err = chosen(r.PostForm, role.Grants); err != nil {
		return h.again(r, role, targets, err)
	}
	typed := role
	typed.Name, typed.Description, typed.Grants = change.Name, description, change.Grants
	if r.PostFormValue("confirmed") != yes {
		foreseen, err := h.foresee(r.Context(), r.Pass, func(ctx context.Context) error {
			_, _, err := h.service.Edit(ctx, r.Pass, role.ID, change)
			return err
		})
		if err != nil {
			return h.again(r, typed, targets, err)
		}
		a := foreseen.Access
		if a.PeopleGaining+a.PeopleLosing+a.TokensGaining+a.TokensLosing > 0 {
			page := confirmPage{Gains: affectedBy(a.Gains, targets), Losses: affectedBy(a.Losses, targets)}
			page.Unseen = int64(max(0, a.PeopleGaining+a.TokensGaining-len(a.Gains)) + max(0, a.PeopleLosing+a.TokensLosing-len(a.Losses)))
			page.Form = console.Form{Action: here(r), Button: "Save the role", Danger: len(a.Losses) > 0, Cancel: here(r), Hidden: []console.Hidden{{Name: "confirmed", Value: yes}}}
			for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
				page.Form.Hidden = append(page.Form.Hidden, console.Hidden{Name: name, Value: r.PostForm.Get(name)})
			}
			return r.Show(confirmTemplate, http.StatusOK, "What changes for whom", page)
		}
	}
	if _, _, err := h.service.Edit(r.Context(), r.Pass, role.ID, change); err != nil {
		return h.again(r, typed, targets, err)
	}
	return r.Done(here(r), console.Toast{Words: "The role “" + change.Name + "” is saved."})
}

// again shows the grid as it was filled in, with what is wrong.
func (h *pages) again(r *console.Request, role Role, t Targets, wrong error) error {
	page, err := h.grid(r, role, t)
	if err != nil {
		return err
	}
	if !page.Form.Refuse(wrong) {
		return wrong
	}
	return r.Show(editTemplate, fault.From(wrong).Status(), "Change the role", page)
}

// maxWhere bounds how many lines say what one person gains or loses.
const maxWhere = 8

// affectedBy says in words what each gains or loses.
func affectedBy(list []route.ActorAccess, t Targets) []affected {
	all := make([]affected, len(list))
	for i, a := range list {
		all[i] = affected{Name: a.ActorName, Everything: a.Everything}
		if a.ActorType != authn.Person {
			all[i].Kind = "API token"
		}
		var places []string
		said := map[string][]string{}
		for _, change := range a.Access {
			place := placeOf(change, t)
			if _, known := said[place]; !known {
				places = append(places, place)
			}
			if words := wordsOf(change.Permission); !slices.Contains(said[place], words) {
				said[place] = append(said[place], words)
			}
		}
		for _, place := range places[:min(len(places), maxWhere)] {
			all[i].Where = append(all[i].Where, where{place, strings.Join(said[place], " · ")})
		}
		all[i].More = len(places) - len(all[i].Where)
	}
	return all
}

func placeOf(change route.AccessChange, t Targets) string {
	place := "everywhere"
	for _, target := range slices.Concat(t.Projects, t.Clusters) {
		if string(target.ID) == change.ScopeID {
			place = target.Name
		}
	}
	if len(change.Modes) == 0 || len(change.Modes) >= len(authz.Modes)-1 {
		return place
	}
	names := make([]string, len(change.Modes))
	for i, m := range change.Modes {
		names[i] = strings.ToLower(string(m))
	}
	return fmt.Sprintf("%s, %s", place, strings.Join(names, ", "))
}
