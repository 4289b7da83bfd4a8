package member

import (
	"fmt"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// The steps of the danger zone that are about members.
const (
	danger   = "settings/danger"
	transfer = danger + "/transfer"
	leave    = danger + "/leave"
)

const transferTitle = "Hand the ownership on"

// transferPage offers everybody but the owner.
func (h *pages) transferPage(r *console.Request) (console.FormPage, error) {
	pass, err := r.Require(authz.MemberRead)
	if err != nil {
		return console.FormPage{}, err
	}
	members, err := h.service.List(r.Context(), pass)
	if err != nil {
		return console.FormPage{}, err
	}
	heir := console.Field{Name: "user_id", Label: "The new owner", Type: "select"}
	for _, m := range members {
		if m.User != r.Pass.Actor().User {
			heir.Options = append(heir.Options, console.Option{Value: string(m.User), Label: m.Email})
		}
	}
	page := console.FormPage{
		Text: []string{"The new owner can do everything, also delete the organization or take your role away. You become an admin at once; only they can make you the owner again."},
		Form: console.Form{Action: r.At(transfer), Button: "Hand it on", Danger: true, Cancel: r.At(danger), Fields: []console.Field{heir}},
	}
	if len(heir.Options) == 0 {
		page.Text = []string{"There is nobody else in the organization yet: invite somebody first."}
		page.Form.Fields, page.Form.Button = nil, ""
	}
	return page, nil
}

func (h *pages) transferForm(r *console.Request) error {
	page, err := h.transferPage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, transferTitle, page)
}

func (h *pages) transfer(r *console.Request) error {
	page, err := h.transferPage(r)
	if err != nil {
		return err
	}
	heir, err := route.PathID[id.User]("user_id", r.PostFormValue("user_id"))
	if err == nil {
		err = h.service.Transfer(r.Context(), r.Pass, heir)
	}
	if err != nil {
		return r.Again(transferTitle, page, err)
	}
	return r.Done(r.At(danger), console.Toast{Words: "The ownership is handed on; you are an admin now."})
}

// sleeping says what becomes of the tokens that somebody made.
func sleeping(tokens int64, who string) string {
	if tokens == 1 {
		return fmt.Sprintf("1 API token that %s made stops working until %s come back or an admin takes it over.", who, who)
	}
	return fmt.Sprintf("%d API tokens that %s made stop working until %s come back or an admin takes them over.", tokens, who, who)
}

const leaveTitle = "Leave the organization"

func (h *pages) leavePage(r *console.Request) (console.FormPage, error) {
	tokens, err := tokensOf(h.service.db.Reader(r.Context()), r.Organization(), r.Pass.Actor().User)
	if err != nil {
		return console.FormPage{}, err
	}
	page := console.FormPage{
		Text: []string{"You lose access at once. To come back, somebody has to invite you again."},
		Form: console.Form{Action: r.At(leave), Button: "Leave", Danger: true, Cancel: r.At(danger)},
	}
	if tokens > 0 {
		page.Text = append(page.Text, sleeping(tokens, "you"))
	}
	return page, nil
}

func (h *pages) leaveForm(r *console.Request) error {
	page, err := h.leavePage(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, leaveTitle, page)
}

func (h *pages) leave(r *console.Request) error {
	page, err := h.leavePage(r)
	if err != nil {
		return err
	}
	if err := h.service.Remove(r.Context(), r.Pass, r.Pass.Actor().User); err != nil {
		return r.Again(leaveTitle, page, err)
	}
	return r.Done("/console/organizations", console.Toast{Words: "You have left."})
}
