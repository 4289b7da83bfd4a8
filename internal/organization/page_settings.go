package organization

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

var dangerTemplate = console.Parse(pageFiles, "pages/danger.html")

const (
	general = "settings/general"
	danger  = "settings/danger"
	deletes = danger + "/delete"
)

func (h *pages) settings() []console.Row {
	const under = listPath + "/{organizationId}/"
	row := func(pattern, path string, permission authz.Permission, handler console.Handler) console.Row {
		return console.Row{Pattern: pattern + " " + under + path, Permission: permission, Scope: route.InOrganization, Handler: handler}
	}
	return []console.Row{
		row("GET", general, authz.OrganizationRead, h.generalForm),
		row("POST", general, authz.OrganizationEdit, h.edit),
		row("GET", danger, authz.OrganizationView, h.danger),
		row("GET", deletes, authz.OrganizationDelete, h.deleteForm),
		row("POST", deletes, authz.OrganizationDelete, h.delete),
	}
}

const generalTitle = "General"

// value is the text of a field that may be unset.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// generalPage reads the organization as it is. Who may not change it sees the same,
// read-only.
func (h *pages) generalPage(r *console.Request) (console.FormPage, error) {
	o, err := h.card(r)
	if err != nil {
		return console.FormPage{}, err
	}
	fields := []console.Field{
		{Name: "name", Label: "Name", Value: o.Name, MaxLength: route.MaxName, Autocomplete: "off", Help: "Unique on this server."},
		{Name: "description", Label: "Description", Value: value(o.Profile.Description), Type: "textarea", Optional: true},
		{Name: "website_url", Label: "Website", Value: value(o.Profile.WebsiteURL), Type: "url", Optional: true, MaxLength: route.MaxURL, Placeholder: "https://"},
		{Name: "repository", Label: "Repository", Value: value(o.Profile.Repository), Type: "url", Optional: true, MaxLength: route.MaxURL, Placeholder: "https://"},
		{
			Name: "admin_emails", Label: "Admin e-mails", Value: strings.Join(o.Profile.AdminEmails, ", "), Optional: true, Autocomplete: "off",
			Help: "Separated by commas. They get announcements of outages and maintenance, and the usage reports.",
		},
		{Name: "logo_url", Label: "Logo", Value: value(o.Profile.LogoURL), Type: "url", Optional: true, Advanced: true, MaxLength: route.MaxURL, Placeholder: "https://"},
		{Name: "icon_url", Label: "Icon", Value: value(o.Profile.IconURL), Type: "url", Optional: true, Advanced: true, MaxLength: route.MaxURL, Placeholder: "https://"},
	}
	page := console.FormPage{
		Lead: "What the organization is called and who hears about it.",
		Form: console.Form{Action: r.At(general), Button: "Save", Fields: fields},
	}
	if !r.Can(authz.OrganizationEdit) {
		page.Text = []string{"Owners and admins can change this."}
		page.Form.Button = ""
		for i := range page.Form.Fields {
			page.Form.Fields[i].ReadOnly = true
		}
	}
	return page, nil
}

func (h *pages) generalForm(r *console.Request) error {
	page, err := h.generalPage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, generalTitle, page)
}

func (h *pages) edit(r *console.Request) error {
	page, err := h.generalPage(r)
	if err != nil {
		return err
	}
	o, err := h.service.Edit(r.Context(), r.Pass, Edit{
		Name: r.PostFormValue("name"), Description: typed(r, "description"), WebsiteURL: typed(r, "website_url"), Repository: typed(r, "repository"),
		LogoURL: typed(r, "logo_url"), IconURL: typed(r, "icon_url"), AdminEmails: addresses(r, "admin_emails"),
	})
	if err != nil {
		return r.Again(generalTitle, page, err)
	}
	return r.Done(r.At(general), console.Toast{Words: "“" + o.Name + "” is saved."})
}

// typed is what a field says: nothing typed unsets it.
func typed(r *console.Request, field string) (o route.Optional[string]) {
	o.Sent = r.PostForm.Has(field)
	if text := strings.TrimSpace(r.PostFormValue(field)); text != "" {
		o.Value = &text
	}
	return o
}

// addresses are what is typed between commas, semicolons, spaces or line ends.
func addresses(r *console.Request, field string) (o route.Optional[[]string]) {
	list := console.List(r.PostFormValue(field))
	return route.Optional[[]string]{Sent: r.PostForm.Has(field), Value: &list}
}

type dangerPage struct {
	Name                             string
	MayTransfer, MayDelete, MayLeave bool
	Transfer, Leave, Delete          string
	Grace, Support                   string
}

func (h *pages) danger(r *console.Request) error {
	o, err := h.card(r)
	if err != nil {
		return err
	}
	page := dangerPage{
		Name: o.Name, MayTransfer: r.Can(authz.OrganizationTransfer), MayDelete: r.Can(authz.OrganizationDelete), MayLeave: o.Owner != r.Pass.Actor().User,
		Transfer: r.At(danger, "transfer"), Leave: r.At(danger, "leave"), Delete: r.At(deletes), Grace: h.grace(), Support: h.service.settings.SupportEmail,
	}
	return r.Show(dangerTemplate, http.StatusOK, "Danger zone", page)
}

func (h *pages) card(r *console.Request) (Organization, error) {
	pass, err := r.Require(authz.OrganizationView)
	if err != nil {
		return Organization{}, err
	}
	o, _, err := h.service.Get(r.Context(), pass)
	return o, err
}

// grace is how long a deleted organization can be brought back; empty for not at all.
func (h *pages) grace() string {
	days := int(h.service.settings.Grace.Hours() / 24)
	switch {
	case days > 1:
		return fmt.Sprintf("%d days", days)
	case h.service.settings.Grace > 0:
		return "a short time"
	}
	return ""
}

const (
	deleteTitle = "Delete the organization"
	confirm     = "confirm"
)

// deletePage says what goes, with numbers.
func (h *pages) deletePage(r *console.Request) (console.FormPage, Organization, error) {
	o, err := h.card(r)
	if err != nil {
		return console.FormPage{}, o, err
	}
	goes, err := impactOf(h.service.db.Reader(r.Context()), o.ID, r.Now())
	if err != nil {
		return console.FormPage{}, o, err
	}
	after := "It cannot be brought back."
	if grace := h.grace(); grace != "" {
		after = "For " + grace + " it can be brought back as it was, with the same ids; then it is gone for good."
	}
	return console.FormPage{
		Text: []string{
			fmt.Sprintf("“%s” goes at once, for everybody: %s lose access, %s stop working, %s and %s go with it.", o.Name,
				counted(goes.members, "person", "people"), counted(goes.tokens, "API token", "API tokens"),
				counted(goes.projects, "project", "projects"), counted(goes.invitations, "open invitation", "open invitations")),
			after,
		},
		Form: console.Form{
			Action: r.At(deletes), Button: "Delete the organization", Danger: true, Cancel: r.At(danger),
			Fields: []console.Field{{Name: confirm, Label: "Type the name of the organization, " + o.Name + ", to confirm", MustBe: o.Name, Autocomplete: "off", Focus: true}},
		},
	}, o, nil
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (h *pages) deleteForm(r *console.Request) error {
	page, _, err := h.deletePage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, deleteTitle, page)
}

func (h *pages) delete(r *console.Request) error {
	page, o, err := h.deletePage(r)
	if err != nil {
		return err
	}
	if strings.TrimSpace(r.PostFormValue(confirm)) != o.Name {
		checks := &fault.Checks{}
		checks.Add(confirm, "must be the name of the organization, %s", o.Name)
		return r.Again(deleteTitle, page, checks.Err())
	}
	if err := h.service.Delete(r.Context(), r.Pass); err != nil {
		return r.Again(deleteTitle, page, err)
	}
	return r.Done(listPath, console.Toast{Words: "“" + o.Name + "” is deleted."})
}
