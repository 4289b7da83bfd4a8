package access

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

//go:embed pages/*.html
var pageFiles embed.FS

var whoTemplate = console.Parse(pageFiles, "pages/who.html")

type pages struct{ service *Service }

// Pages adds the page of questions about rights.
func Pages(p *console.Pages, s *Service) {
	h := &pages{s}
	p.Add(console.Row{
		Pattern: "GET /console/organizations/{organizationId}/access", Permission: authz.MemberRead, Scope: route.InOrganization, Handler: h.who,
	})
}

const (
	perPage   = 50
	maxThings = 200
	maxWho    = 254
)

type whoPage struct {
	Permissions, Things, Modes []console.Option
	Permission, Thing, Mode    string
	Words, Place               string
	Find, Who, Path, Wrong     string
	Asked, Many                bool
	Answers                    []answerRow
	Total                      int
	First, Next                string
	Why                        *answerRow
}

type answerRow struct {
	Name, Kind, Roles, Reason string
	ID                        string
	Allowed, Visible          bool
}

func row(a Answer) answerRow {
	kind := "member"
	if a.Actor.Kind != authn.Person {
		kind = "API token"
	}
	return answerRow{Name: a.Actor.Name, Kind: kind, Roles: strings.Join(a.Through, " and "), Reason: a.Reason(), ID: a.Actor.ID(), Allowed: a.Allowed, Visible: a.Visible}
}

func (h *pages) who(r *console.Request) error {
	q := r.URL.Query()
	if err := route.CheckValues(q); err != nil {
		return err
	}
	page := whoPage{
		Permission: q.Get("permission"), Thing: q.Get("thing"), Mode: q.Get("mode"), Find: strings.TrimSpace(q.Get("find")), Who: strings.TrimSpace(q.Get("who")), Path: r.At("access"),
	}
	page.Asked = page.Permission != ""
	if page.Thing == "" {
		page.Thing = string(r.Organization())
	}
	if err := page.choices(r, h.service); err != nil {
		return err
	}
	if !page.Asked {
		page.Permission = string(authz.ProjectDelete)
		return r.Show(whoTemplate, http.StatusOK, "Who can …?", page)
	}
	permission, mode, err := page.question()
	if err != nil {
		return err
	}
	if page.Who != "" {
		switch a, err := h.why(r, page, permission, mode); {
		case fault.Has(err, fault.NotFound):
			page.Wrong = "There is no member and no API token in force of this name in the organization."
		case err != nil:
			return err
		default:
			shown := row(a)
			page.Why = &shown
		}
	}
	found, err := h.service.Who(r.Context(), r.Pass, permission, page.Thing, mode, perPage, q.Get("after"))
	if err != nil {
		return err
	}
	page.Total = found.Total
	for _, a := range found.Answers {
		page.Answers = append(page.Answers, row(a))
	}
	if q.Get("after") != "" {
		page.First = page.at("")
	}
	if found.Next != "" {
		page.Next = page.at(found.Next)
	}
	return r.Show(whoTemplate, http.StatusOK, "Who can …?", page)
}

// at is the address of the same question, behind a place in its answer.
func (p *whoPage) at(after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"permission": p.Permission, "thing": p.Thing, "mode": p.Mode, "find": p.Find, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return p.Path + "?" + q.Encode()
}

// question checks what was chosen: an address can say anything.
func (p *whoPage) question() (authz.Permission, authz.Mode, error) {
	checks := &fault.Checks{}
	permission, mode := authz.Permission(p.Permission), authz.Mode(p.Mode)
	if !slices.Contains(authz.Permissions(), permission) {
		checks.Add("permission", "is not one that a role can hold")
	}
	if !slices.Contains(authz.Modes, mode) {
		checks.Add("mode", "is not a type of environment")
	}
	if len(p.Who) > maxWho {
		checks.Add("who", "is longer than an address")
	}
	return permission, mode, checks.Err()
}

// why asks about one member or token, by the id or by the name that people know.
func (h *pages) why(r *console.Request, page whoPage, permission authz.Permission, mode authz.Mode) (Answer, error) {
	who := page.Who
	x, err := findNamed(h.service.db.Reader(r.Context()), r.Organization(), authn.Key(who), h.service.db.Now())
	switch {
	case err == nil:
		who = x.Actor.ID()
	case !errors.Is(err, store.ErrNone):
		return Answer{}, err
	}
	pass, err := r.Require(authz.OrganizationView)
	if err != nil {
		return Answer{}, err
	}
	return h.service.Explain(r.Context(), pass, permission, who, page.Thing, mode)
}

// choices fills the pickers, and the words of what is chosen.
func (p *whoPage) choices(r *console.Request, s *Service) error {
	for _, permission := range authz.Permissions() {
		p.Permissions = append(p.Permissions, console.Option{Value: string(permission), Label: words[permission]})
	}
	p.Words = words[authz.Permission(p.Permission)]
	p.Modes = []console.Option{{Label: "outside environments"}}
	for _, mode := range authz.Modes[1:] {
		p.Modes = append(p.Modes, console.Option{Value: string(mode), Label: "in " + strings.ToLower(string(mode))})
	}
	p.Things = []console.Option{{Value: string(r.Organization()), Label: "the organization"}}
	things, err := s.things(r.Context(), r.Pass, p.Find)
	if err != nil {
		return err
	}
	p.Many = len(things) > maxThings || p.Find != ""
	p.Things = append(p.Things, things[:min(len(things), maxThings)]...)
	for _, thing := range p.Things {
		if thing.Value == p.Thing {
			p.Place = thing.Label
		}
	}
	if p.Place == "" { // one that is not among those listed
		p.Place = p.Thing
		p.Things = append(p.Things, console.Option{Value: p.Thing, Label: p.Thing})
	}
	return nil
}

// things are the projects that the pass's holder sees and whose names hold some
// letters, one more than are shown.
func (s *Service) things(ctx context.Context, pass authz.Pass, find string) ([]console.Option, error) {
	see := pass.Projects()
	letters := "%" + strings.NewReplacer(`\`, "", "%", "", "_", "").Replace(authn.Key(find)) + "%"
	return store.All(s.db.Reader(ctx), `SELECT id, name FROM object WHERE organization_id = $1 AND kind = 'project' AND deleted_at = 0 AND name_key LIKE $2
		AND ($3 = '' OR EXISTS (SELECT 1 FROM role_grant g WHERE g.role_id = $3 AND g.target_id = object.id))
		AND ($4 = '' OR EXISTS (SELECT 1 FROM role_grant g WHERE g.role_id = $4 AND g.target_id = object.id)) ORDER BY name_key, id LIMIT $5`,
		func(s store.Scan) (o console.Option, err error) {
			var object id.Object
			err = s(&object, &o.Label)
			o.Value = string(object)
			return o, err
		}, pass.Organization(), letters, see[0], see[1], maxThings+1)
}
