package organization

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/plan"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

//go:embed pages/*.html
var pageFiles embed.FS

var (
	mineTemplate     = console.Parse(pageFiles, "pages/mine.html")
	newTemplate      = console.Parse(pageFiles, "pages/new.html")
	overviewTemplate = console.Parse(pageFiles, "pages/overview.html")
)

// Projects is what the overview needs of projects.
type Projects interface {
	// Inventory counts what the pass's holder sees.
	Inventory(ctx context.Context, pass authz.Pass) (projects, environments, services int64, err error)
}

type pages struct {
	service  *Service
	projects Projects
}

const listPath, newPath = "/console/organizations", "/console/organizations/new"

// Pages adds the pages of organizations.
func Pages(p *console.Pages, s *Service, projects Projects) {
	h := &pages{s, projects}
	p.Add(
		console.Row{Pattern: "GET " + listPath, Permission: authz.OrganizationList, Handler: h.mine},
		console.Row{Pattern: "GET " + newPath, Permission: authz.OrganizationCreate, Handler: h.newForm},
		console.Row{Pattern: "POST " + newPath, Permission: authz.OrganizationCreate, Handler: h.create},
		console.Row{Pattern: "GET " + newPath + "/name", Permission: authz.OrganizationCreate, Handler: h.name},
		console.Row{Pattern: "GET " + listPath + "/{organizationId}", Permission: authz.OrganizationView, Scope: route.InOrganization, Handler: h.overview},
		console.Row{Pattern: "GET " + listPath + "/{organizationId}/start", Permission: authz.OrganizationView, Scope: route.InOrganization, Handler: h.start},
	)
	p.Add(h.settings()...)
}

type minePage struct {
	Organizations []shownMine
	Waiting       []shownWaiting
}

type shownMine struct {
	Mine
	Path, PlanName string
	Since          console.Moment
}

type shownWaiting struct {
	console.Waiting
	Ends console.Moment
}

func (h *pages) mine(r *console.Request) error {
	list, err := h.service.List(r.Context(), r.Pass)
	if err != nil {
		return err
	}
	waiting, err := r.Waiting()
	if err != nil {
		return err
	}
	var page minePage
	for _, o := range list {
		page.Organizations = append(page.Organizations, shownMine{o, console.At(o.ID), h.service.planOf(o.Organization).Display, r.Moment(o.CreatedAt)})
	}
	for _, w := range waiting {
		page.Waiting = append(page.Waiting, shownWaiting{w, r.Moment(w.Until)})
	}
	return r.Show(mineTemplate, http.StatusOK, "My organizations", page)
}

const newTitle = "New organization"

func (h *pages) form() console.Form {
	form := console.Form{Action: newPath, Button: "Create the organization", Cancel: listPath, Fields: []console.Field{
		{
			Name: "name", Label: "Name", MaxLength: route.MaxName, Focus: true, Autocomplete: "organization", Check: newPath + "/name?name=",
			Help: "Unique on this server. It can be changed later.",
		},
		{Name: "plan", Label: "Plan", Type: "radio"},
		{Name: "description", Label: "Description", Optional: true, Advanced: true, MaxLength: route.MaxDescription},
		{Name: "website_url", Label: "Website", Type: "url", Optional: true, Advanced: true, MaxLength: route.MaxURL, Placeholder: "https://"},
	}}
	choice := form.Field("plan")
	for _, p := range h.service.plans.All() {
		if p.Offered {
			choice.Options = append(choice.Options, console.Option{Value: p.Name, Label: p.Display, Help: includes(p), Aside: price(p)})
		}
	}
	if len(choice.Options) > 0 {
		choice.Value = choice.Options[0].Value
	}
	return form
}

// includes says what somebody gets with a plan; its own words say the first half.
func includes(p plan.Plan) string {
	if strings.Contains(p.Includes, "activity") {
		return p.Includes
	}
	return fmt.Sprintf("%s The last %d days of activity.", p.Includes, p.RetentionDay)
}

func price(p plan.Plan) string {
	switch {
	case p.PriceInCents == nil:
		return "on request"
	case *p.PriceInCents == 0:
		return "free"
	}
	return fmt.Sprintf("%d.%02d a month", *p.PriceInCents/100, *p.PriceInCents%100)
}

type newPage struct {
	Form  console.Form
	First bool // the person belongs to no organization yet
}

func (h *pages) showNew(r *console.Request, status int, form console.Form) error {
	pass, err := r.Require(authz.OrganizationList)
	if err != nil {
		return err
	}
	list, err := h.service.List(r.Context(), pass)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		form.Cancel = ""
	}
	return r.Show(newTemplate, status, newTitle, newPage{form, len(list) == 0})
}

func (h *pages) newForm(r *console.Request) error { return h.showNew(r, http.StatusOK, h.form()) }

func (h *pages) create(r *console.Request) error {
	form := h.form()
	form.Fill(r.PostForm)
	profile := Profile{Description: given(r.PostFormValue("description")), WebsiteURL: given(r.PostFormValue("website_url"))}
	o, err := h.service.Create(r.Context(), r.Pass, r.PostFormValue("name"), r.PostFormValue("plan"), profile)
	if err != nil {
		if !form.Refuse(err) {
			return err
		}
		return h.showNew(r, fault.From(err).Status(), form)
	}
	to, err := h.landing(r, o)
	if err != nil {
		return err
	}
	return r.Done(to, console.Toast{Words: o.Name + " is yours. Its record begins with this."})
}

func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// name says while somebody types whether a name is free.
func (h *pages) name(r *console.Request) error {
	checks := &fault.Checks{}
	name := route.CheckName(checks, "name", r.FormValue("name"))
	if err := checks.Err(); err != nil {
		return r.Say(false, "The name "+fault.From(err).Fields[0].Message+".")
	}
	free, err := h.service.Free(r.Context(), r.Pass, name)
	switch {
	case err != nil:
		return err
	case !free:
		return r.Say(false, "This name is taken.")
	}
	return r.Say(true, "This name is free.")
}

// Free tells whether no organization has a name, whatever its case. Who may create one
// would learn as much by trying.
func (s *Service) Free(ctx context.Context, pass authz.Pass, name string) (bool, error) {
	if err := pass.For(authz.OrganizationCreate); err != nil {
		return false, err
	}
	n, err := store.Value[int64](s.db.Reader(ctx), `SELECT COUNT(*) FROM organization WHERE name_key = $1`, authn.Key(name))
	return n == 0, err
}

// Stewards are the addresses of the owner and the administrators, for those who need
// to ask them.
func (s *Service) Stewards(ctx context.Context, organization id.Organization) ([]string, error) {
	return listStewards(s.db.Reader(ctx), organization)
}
