package invitation

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// The pages of those who invite stand among those of the members.
const (
	members = "settings/members"
	invite  = members + "/invite"
)

func (s *Service) memberPages() []console.Row {
	row := func(pattern, path string, handler console.Handler) console.Row {
		return console.Row{Pattern: pattern + " /console/organizations/{organizationId}/" + path, Permission: authz.MemberInvite, Scope: route.InOrganization, Handler: handler}
	}
	const one = members + "/invitations/{invitationId}"
	return []console.Row{
		row("GET", invite, s.inviteForm), row("POST", invite, s.invitePosted),
		row("POST", one+"/resend", s.resendPosted),
		row("GET", one+"/revoke", s.revokeForm), row("POST", one+"/revoke", s.revokePosted),
	}
}

const inviteTitle = "Invite people"

func (s *Service) invitePage(r *console.Request) (console.FormPage, error) {
	roles, err := authz.RolesOf(s.db.Reader(r.Context()), r.Organization())
	if err != nil {
		return console.FormPage{}, err
	}
	role := console.Field{Name: "role_id", Label: "Role", Type: "select", Help: "It can be changed at any time. Nobody can give rights that they do not have."}
	for _, known := range roles.List() {
		if known.Name != authz.Owner && r.Pass.CanGrant(known) {
			role.Options = append(role.Options, console.Option{Value: string(known.ID(r.Organization())), Label: string(known.Name)})
			if known.Name == authz.Viewer {
				role.Value = string(known.ID(r.Organization()))
			}
		}
	}
	page := console.FormPage{Form: console.Form{Action: r.At(invite), Button: "Invite", Cancel: r.At(members), Fields: []console.Field{
		{Name: "emails", Label: "E-mail addresses", Type: "textarea", Focus: true, Help: "One or up to 100, separated by commas, spaces or lines."},
		role,
	}}}
	if !s.outbox.Enabled() {
		page.Text = []string{"This server sends no mail: pass on the link that each invitation has in the list."}
	}
	return page, nil
}

func (s *Service) inviteForm(r *console.Request) error {
	page, err := s.invitePage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, inviteTitle, page)
}

// invitePosted invites everybody it can. The addresses that were refused stay in the
// form, each with its reason.
func (s *Service) invitePosted(r *console.Request) error {
	page, err := s.invitePage(r)
	if err != nil {
		return err
	}
	emails := console.List(r.PostFormValue("emails"))
	checks := &fault.Checks{}
	if len(emails) == 0 || len(emails) > 100 {
		checks.Add("emails", "must be 1 to 100 addresses; these are %d", len(emails))
	}
	err = checks.Err()
	var role id.Role
	if err == nil {
		role, err = route.PathID[id.Role]("role_id", r.PostFormValue("role_id"))
	}
	var outcomes []Outcome
	if err == nil {
		outcomes, err = s.CreateMany(r.Context(), r.Pass, emails, role)
	}
	if err != nil {
		return r.Again(inviteTitle, page, err)
	}
	var refused, reasons []string
	for _, o := range outcomes {
		if o.Invitation == nil {
			refused = append(refused, o.Email)
			reasons = append(reasons, o.Email+": "+o.Detail)
		}
	}
	invited := len(outcomes) - len(refused)
	if len(refused) > 0 {
		page.Form.Fill(r.PostForm)
		field := page.Form.Field("emails")
		field.Value, field.Wrong = strings.Join(refused, "\n"), strings.Join(reasons, " · ")
		if invited > 0 {
			page.Text = append(page.Text, people(invited)+" invited. These were not:")
		}
		return r.ShowForm(http.StatusConflict, inviteTitle, page)
	}
	return r.Done(r.At(members), console.Toast{Words: people(invited) + " invited."})
}

func people(n int) string {
	if n == 1 {
		return "1 person is"
	}
	return fmt.Sprintf("%d people are", n)
}

// named finds the invitation that the path names.
func (s *Service) named(r *console.Request) (Invitation, error) {
	token, ok := id.Parse[string](r.PathValue("invitationId"))
	if !ok {
		return Invitation{}, fault.New(fault.NotFound, "")
	}
	return loadIn(s.db.Reader(r.Context()), r.Organization(), token)
}

func (s *Service) resendPosted(r *console.Request) error {
	i, err := s.named(r)
	if err == nil {
		i, err = s.Resend(r.Context(), r.Pass, i.ID)
	}
	if err != nil {
		return err
	}
	words := "The invitation of " + i.Email + " is sent again."
	if !s.outbox.Enabled() {
		words = "The invitation of " + i.Email + " has a new life; pass its link on."
	}
	return r.Done(r.At(members), console.Toast{Words: words})
}

const revokeTitle = "Take the invitation back"

func (s *Service) revokePage(r *console.Request) (console.FormPage, Invitation, error) {
	i, err := s.named(r)
	return console.FormPage{
		Text: []string{"The link that " + i.Email + " has stops working at once."},
		Form: console.Form{Action: r.At(members, "invitations", i.ID, "revoke"), Button: "Take it back", Danger: true, Cancel: r.At(members)},
	}, i, err
}

func (s *Service) revokeForm(r *console.Request) error {
	page, _, err := s.revokePage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, revokeTitle, page)
}

func (s *Service) revokePosted(r *console.Request) error {
	page, i, err := s.revokePage(r)
	if err != nil {
		return err
	}
	if err := s.Revoke(r.Context(), r.Pass, i.ID); err != nil {
		return r.Again(revokeTitle, page, err)
	}
	return r.Done(r.At(members), console.Toast{Words: "The invitation of " + i.Email + " is taken back."})
}
