package apitoken

import (
	"embed"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

//go:embed pages/*.html
var pageFiles embed.FS

var (
	listTemplate = console.Parse(pageFiles, "pages/list.html")
	madeTemplate = console.Parse(pageFiles, "pages/made.html")
)

const settings = "settings/api-tokens"

type pages struct{ service *Service }

// Pages adds the pages of API tokens.
func Pages(p *console.Pages, s *Service) {
	h := &pages{s}
	const all = "/console/organizations/{organizationId}/" + settings
	const one = all + "/{apiTokenId}"
	row := func(pattern string, permission authz.Permission, handler console.Handler) console.Row {
		return console.Row{Pattern: pattern, Permission: permission, Scope: route.InOrganization, Handler: handler}
	}
	p.Add(
		row("GET "+all, authz.TokenRead, h.list),
		row("GET "+all+"/new", authz.TokenCreate, h.newForm),
		row("POST "+all+"/new", authz.TokenCreate, h.create),
		row("GET "+one+"/take-over", authz.MemberManage, h.takeOverForm),
		row("POST "+one+"/take-over", authz.MemberManage, h.takeOver),
		row("GET "+one+"/delete", authz.TokenDelete, h.deleteForm),
		row("POST "+one+"/delete", authz.TokenDelete, h.delete),
	)
}

type listPage struct {
	Tokens                            []row
	Query, Path, NewPath, Line        string
	MayCreate, MayDelete, MayTakeOver bool
}

type row struct {
	APIToken
	Path          string
	Used, Made    console.Moment
	Ends          console.Moment
	Expired, Soon bool
	MayTakeOver   bool
}

// soon is how long before its end a token is said to end.
const soon = 14 * 24 * time.Hour

func (h *pages) list(r *console.Request) error {
	page := listPage{
		Query: strings.TrimSpace(r.FormValue("q")), Path: r.At(settings), NewPath: r.At(settings, "new"),
		MayCreate: r.Can(authz.TokenCreate), MayDelete: r.Can(authz.TokenDelete), MayTakeOver: r.Can(authz.MemberManage) && r.Can(authz.TokenCreate),
	}
	page.Line = fmt.Sprintf("curl --request POST --url %s/organization/%s/apiToken \\\n  --header \"Authorization: Bearer $ACCESS_TOKEN\" --json '{\"name\": \"deploy\"}'", r.PublicURL(), r.Organization())
	tokens, err := h.service.List(r.Context(), r.Pass, page.Query, "")
	if err != nil {
		return err
	}
	for _, t := range tokens {
		page.Tokens = append(page.Tokens, shownRow(r, t))
	}
	return r.Show(listTemplate, http.StatusOK, "API tokens", page)
}

func shownRow(r *console.Request, t APIToken) row {
	shown := row{APIToken: t, Path: r.At(settings, string(t.ID)), Used: r.Moment(t.LastUsedAt), Made: r.Moment(t.CreatedAt), Ends: r.Moment(t.ExpiresAt)}
	shown.Expired = t.ExpiresAt != 0 && t.ExpiresAt <= r.Now()
	shown.Soon = t.ExpiresAt != 0 && !shown.Expired && t.ExpiresAt <= r.Now().Add(soon)
	shown.MayTakeOver = t.CreatedBy != r.Pass.Actor().User
	return shown
}

const newTitle = "New API token"

// ends are the lives that are offered, in days.
var ends = []console.Option{{Value: "30", Label: "In 30 days"}, {Value: "90", Label: "In 90 days"}, {Value: "365", Label: "In a year"}, {Value: "", Label: "Never"}}

// newPage offers the roles that the person may give.
func (h *pages) newPage(r *console.Request) (console.FormPage, error) {
	roles, err := authz.RolesOf(h.service.db.Reader(r.Context()), r.Organization())
	if err != nil {
		return console.FormPage{}, err
	}
	role := console.Field{Name: "role_id", Label: "Role", Type: "select", Help: "What it may do: never more than you may yourself at that moment. It sleeps while you are not in the organization."}
	for _, known := range roles.List() {
		if known.Name != authz.Owner && r.Pass.CanGrant(known) {
			role.Options = append(role.Options, console.Option{Value: string(known.ID(r.Organization())), Label: string(known.Name)})
		}
	}
	if len(role.Options) > 0 {
		role.Value = role.Options[len(role.Options)-1].Value
		for _, o := range role.Options {
			if o.Label == string(authz.Admin) {
				role.Value = o.Value // as the API does without a role
			}
		}
	}
	return console.FormPage{Form: console.Form{
		Action: r.At(settings, "new"), Button: "Create the token", Cancel: r.At(settings), Fields: []console.Field{
			{Name: "name", Label: "Name", MaxLength: route.MaxName, Focus: true, Autocomplete: "off", Help: "Unique in the organization; say what uses it."},
			role,
			{Name: "expires", Label: "Expires", Type: "select", Options: ends, Value: "90", Optional: true},
			{Name: "description", Label: "Description", Type: "textarea", Optional: true, Advanced: true},
		},
	}}, nil
}

func (h *pages) newForm(r *console.Request) error {
	page, err := h.newPage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, newTitle, page)
}

type madePage struct {
	Name, Secret, Back   string
	Curl, CLI, Terraform string
}

func (h *pages) create(r *console.Request) error {
	created, err := h.made(r)
	if err != nil {
		page, failed := h.newPage(r)
		if failed != nil {
			return failed
		}
		return r.Again(newTitle, page, err)
	}
	return r.Show(madeTemplate, http.StatusCreated, "The token is made", madePage{
		Name: created.Name, Secret: created.Secret, Back: r.At(settings),
		Curl:      fmt.Sprintf("curl --url %s/organization/%s/project \\\n  --header \"Authorization: Token %s\"", r.PublicURL(), r.Organization(), created.Secret),
		CLI:       fmt.Sprintf("export QOVERY_API_URL=%s\nexport QOVERY_CLI_ACCESS_TOKEN=%s", r.PublicURL(), created.Secret),
		Terraform: fmt.Sprintf("export TEST_QOVERY_HOST=%s\nexport QOVERY_API_TOKEN=%s", r.PublicURL(), created.Secret),
	})
}

func (h *pages) made(r *console.Request) (Created, error) {
	checks := &fault.Checks{}
	request := Request{Name: r.PostFormValue("name"), Description: r.PostFormValue("description")}
	switch days := r.PostFormValue("expires"); days {
	case "":
	case "30", "90", "365":
		life, _ := time.ParseDuration(days + "h") // one of three
		request.ExpiresAt = r.Now().Add(24 * life)
	default:
		checks.Add("expires", "is none of the choices")
	}
	if err := checks.Err(); err != nil {
		return Created{}, err
	}
	role, err := route.PathID[id.Role]("role_id", r.PostFormValue("role_id"))
	if err != nil {
		return Created{}, err
	}
	request.Role = role
	return h.service.Create(r.Context(), r.Pass, request)
}

// token finds the token that the path names.
func (h *pages) token(r *console.Request) (APIToken, error) {
	token, err := route.PathID[id.Token]("apiTokenId", r.PathValue("apiTokenId"))
	if err != nil {
		return APIToken{}, fault.New(fault.NotFound, "")
	}
	if _, err := r.Require(authz.TokenRead); err != nil {
		return APIToken{}, err
	}
	return load(h.service.db.Reader(r.Context()), r.Organization(), token, r.Now())
}

const takeOverTitle = "Take the token over"

func (h *pages) takeOverPage(r *console.Request) (console.FormPage, APIToken, error) {
	t, err := h.token(r)
	if err != nil {
		return console.FormPage{}, t, err
	}
	return console.FormPage{
		Text: []string{fmt.Sprintf("“%s” was made by %s. From now on it is bounded by your rights instead, and stays awake when they leave.", t.Name, t.CreatorEmail),
			"Its secret stays the same: whoever knows it can use it. Delete the token instead if that should not be."},
		Form: console.Form{Action: r.At(settings, string(t.ID), "take-over"), Button: "Take it over", Cancel: r.At(settings)},
	}, t, nil
}

func (h *pages) takeOverForm(r *console.Request) error {
	page, _, err := h.takeOverPage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, takeOverTitle, page)
}

func (h *pages) takeOver(r *console.Request) error {
	page, t, err := h.takeOverPage(r)
	if err != nil {
		return err
	}
	if _, err := h.service.TakeOver(r.Context(), r.Pass, t.ID); err != nil {
		return r.Again(takeOverTitle, page, err)
	}
	return r.Done(r.At(settings), console.Toast{Words: "The token “" + t.Name + "” is yours."})
}

const deleteTitle = "Delete the token"

func (h *pages) deletePage(r *console.Request) (console.FormPage, APIToken, error) {
	t, err := h.token(r)
	if err != nil {
		return console.FormPage{}, t, err
	}
	used := "It was never used."
	if t.LastUsedAt != 0 {
		used = "It was last used " + console.Moment{At: t.LastUsedAt, Now: r.Now()}.Words() + "."
	}
	return console.FormPage{
		Text: []string{fmt.Sprintf("Whatever uses “%s” is refused from the next request on. %s", t.Name, used)},
		Form: console.Form{Action: r.At(settings, string(t.ID), "delete"), Button: "Delete the token", Danger: true, Cancel: r.At(settings)},
	}, t, nil
}

func (h *pages) deleteForm(r *console.Request) error {
	page, _, err := h.deletePage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, deleteTitle, page)
}

func (h *pages) delete(r *console.Request) error {
	page, t, err := h.deletePage(r)
	if err != nil {
		return err
	}
	if err := h.service.Delete(r.Context(), r.Pass, t.ID); err != nil {
		return r.Again(deleteTitle, page, err)
	}
	return r.Done(r.At(settings), console.Toast{Words: "The token “" + t.Name + "” is deleted."})
}
