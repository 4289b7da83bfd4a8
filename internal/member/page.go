package member

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

//go:embed pages/*.html
var pageFiles embed.FS

var listTemplate = console.Parse(pageFiles, "pages/list.html")

// Pending is an invitation that was not answered, as the list of members shows it.
type Pending struct {
	ID, Email, Role, Inviter, Link string
	Until                          clock.Time
}

// Beside is what the list of members shows of other features.
type Beside struct {
	// Invitations are those that were not answered; the pass is for member.invite.
	Invitations func(ctx context.Context, pass authz.Pass) ([]Pending, error)
	// Seats are how many people the plan allows; 0 for any number.
	Seats func(q store.Querier, organization id.Organization) (int, error)
}

type pages struct {
	service *Service
	beside  Beside
}

const (
	settings = "settings/members"
	invite   = settings + "/invite"
)

// Pages adds the pages of members.
func Pages(p *console.Pages, s *Service, beside Beside) {
	h := &pages{s, beside}
	row := func(pattern, path string, permission authz.Permission, handler console.Handler) console.Row {
		return console.Row{Pattern: pattern + " /console/organizations/{organizationId}/" + path, Permission: permission, Scope: route.InOrganization, Handler: handler}
	}
	p.Add(
		row("GET", settings, authz.MemberRead, h.list),
		row("GET", settings+"/{userId}/role", authz.MemberManage, h.roleForm),
		row("POST", settings+"/{userId}/role", authz.MemberManage, h.setRole),
		row("GET", settings+"/{userId}/remove", authz.MemberManage, h.removeForm),
		row("POST", settings+"/{userId}/remove", authz.MemberManage, h.remove),
		row("GET", transfer, authz.OrganizationTransfer, h.transferForm),
		row("POST", transfer, authz.OrganizationTransfer, h.transfer),
		row("GET", leave, authz.OrganizationView, h.leaveForm),
		row("POST", leave, authz.OrganizationView, h.leave),
	)
}

// perPage is how many members a page lists.
const perPage = 50

type listPage struct {
	Members         []memberRow
	Pending         []pendingRow
	Roles           []console.Option // that the person may give
	Query, Path     string
	Invite, Line    string
	MayInvite, Full bool
	Used, Seats     int64
	From, To, Total int
	Newer, Older    string
}

type memberRow struct {
	Member
	Name               string
	Path, RoleID       string
	Seen, Joined       console.Moment
	You, Owner, MayAct bool
}

type pendingRow struct {
	Pending
	Path    string
	Ends    console.Moment
	Expired bool
}

func (h *pages) list(r *console.Request) error {
	members, err := h.service.List(r.Context(), r.Pass)
	if err != nil {
		return err
	}
	q := h.service.db.Reader(r.Context())
	page := listPage{Query: strings.TrimSpace(r.FormValue("q")), Path: r.At(settings), Invite: r.At(invite), MayInvite: r.Can(authz.MemberInvite), Used: int64(len(members))}
	page.Line = fmt.Sprintf("curl --request POST --url %s/organization/%s/inviteMember \\\n  --header \"Authorization: Token $TOKEN\" --json '{\"email\": \"jo@example.com\"}'", r.PublicURL(), r.Organization())
	if page.Roles, err = grantable(q, r); err != nil {
		return err
	}
	seats, err := h.beside.Seats(q, r.Organization())
	if err != nil {
		return err
	}
	if err := h.pending(r, &page); err != nil {
		return err
	}
	page.Seats, page.Full = int64(seats), seats > 0 && page.Used >= int64(seats)
	matching := members[:0]
	for _, m := range members {
		if strings.Contains(authn.Key(m.Email+" "+m.FirstName+" "+m.LastName), authn.Key(page.Query)) {
			matching = append(matching, m)
		}
	}
	var window console.Window
	matching, window = console.Cut(r, matching, perPage)
	page.From, page.To, page.Total, page.Newer, page.Older = window.From, window.To, window.Total, window.Newer, window.Older
	for _, m := range matching {
		page.Members = append(page.Members, shownRow(r, m))
	}
	return r.Show(listTemplate, http.StatusOK, "Members", page)
}

func shownRow(r *console.Request, m Member) memberRow {
	row := memberRow{
		Member: m, Name: strings.TrimSpace(m.FirstName + " " + m.LastName), Path: r.At(settings, string(m.User)), RoleID: string(authz.RoleID(r.Organization(), m.Role)),
		Seen: r.Moment(m.LastSeenAt), Joined: r.Moment(m.JoinedAt), You: m.User == r.Pass.Actor().User, Owner: m.Role == authz.Owner,
	}
	row.MayAct = !row.Owner && r.Can(authz.MemberManage)
	return row
}

// pending adds the invitations, which take seats like members as long as they last.
func (h *pages) pending(r *console.Request, page *listPage) error {
	if !page.MayInvite {
		return nil
	}
	pass, err := r.Require(authz.MemberInvite)
	if err != nil {
		return err
	}
	list, err := h.beside.Invitations(r.Context(), pass)
	if err != nil {
		return err
	}
	for _, p := range list {
		expired := p.Until <= r.Now()
		if !expired {
			page.Used++
		}
		if strings.Contains(authn.Key(p.Email), authn.Key(page.Query)) {
			page.Pending = append(page.Pending, pendingRow{p, r.At(settings, "invitations", p.ID), r.Moment(p.Until), expired})
		}
	}
	return nil
}

// grantable are the roles that the person may give to somebody.
func grantable(q store.Querier, r *console.Request) ([]console.Option, error) {
	if !r.Can(authz.MemberManage) {
		return nil, nil
	}
	roles, err := authz.RolesOf(q, r.Organization())
	if err != nil {
		return nil, err
	}
	var options []console.Option
	for _, role := range roles.List() {
		if role.Name != authz.Owner && r.Pass.CanGrant(role) {
			options = append(options, console.Option{Value: string(role.ID(r.Organization())), Label: string(role.Name)})
		}
	}
	return options, nil
}

// member finds the member that the path names.
func (h *pages) member(r *console.Request) (Member, error) {
	user, ok := id.Parse[id.User](r.PathValue("userId"))
	if !ok {
		return Member{}, fault.New(fault.NotFound, "")
	}
	return load(h.service.db.Reader(r.Context()), r.Organization(), user)
}

const roleTitle = "Change the role"

func (h *pages) rolePage(r *console.Request) (console.FormPage, Member, error) {
	m, err := h.member(r)
	if err != nil {
		return console.FormPage{}, m, err
	}
	options, err := grantable(h.service.db.Reader(r.Context()), r)
	return console.FormPage{
		Text: []string{m.Email + " has the role " + m.RoleName + ". Another one is in force with their very next request."},
		Form: console.Form{Action: r.At(settings, string(m.User), "role"), Button: "Change the role", Cancel: r.At(settings), Fields: []console.Field{
			{Name: "role_id", Label: "Role", Type: "select", Options: options, Value: string(authz.RoleID(r.Organization(), m.Role))},
		}},
	}, m, err
}

func (h *pages) roleForm(r *console.Request) error {
	page, _, err := h.rolePage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, roleTitle, page)
}

func (h *pages) setRole(r *console.Request) error {
	page, m, err := h.rolePage(r)
	if err != nil {
		return err
	}
	role, err := route.PathID[id.Role]("role_id", r.PostFormValue("role_id"))
	if err == nil {
		err = h.service.SetRole(r.Context(), r.Pass, m.User, role)
	}
	if err != nil {
		return r.Again(roleTitle, page, err)
	}
	if m, err = h.member(r); err != nil {
		return err
	}
	return r.Done(r.At(settings), console.Toast{Words: m.Email + " has the role " + m.RoleName + " now."})
}

const removeTitle = "Remove from the organization"

func (h *pages) removePage(r *console.Request) (console.FormPage, Member, error) {
	m, err := h.member(r)
	if err != nil {
		return console.FormPage{}, m, err
	}
	tokens, err := tokensOf(h.service.db.Reader(r.Context()), r.Organization(), m.User)
	page := console.FormPage{
		Text: []string{m.Email + " loses access at once, with their very next request. They can be invited again."},
		Form: console.Form{Action: r.At(settings, string(m.User), "remove"), Button: "Remove", Danger: true, Cancel: r.At(settings)},
	}
	if tokens > 0 {
		page.Text = append(page.Text, sleeping(tokens, "they"))
	}
	return page, m, err
}

func (h *pages) removeForm(r *console.Request) error {
	page, _, err := h.removePage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, removeTitle, page)
}

func (h *pages) remove(r *console.Request) error {
	page, m, err := h.removePage(r)
	if err != nil {
		return err
	}
	pass, err := r.Require(authz.OrganizationView)
	if err == nil {
		err = h.service.Remove(r.Context(), pass, m.User)
	}
	if err != nil {
		return r.Again(removeTitle, page, err)
	}
	return r.Done(r.At(settings), console.Toast{Words: m.Email + " is removed."})
}
