package account

import (
	"fmt"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
)

var plainTemplate = console.Parse(pageFiles, "pages/plain.html")

// plainPage is a few sentences, at most one form, and where to go on.
type plainPage struct {
	Text  []string
	Form  *console.Form
	Links []pageLink
}

type pageLink struct{ Words, URL string }

var signInLink = pageLink{"Sign in", "/sign-in"}

func plain(r *console.Request, status int, title string, p plainPage) error {
	return r.Show(plainTemplate, status, title, p)
}

// again shows a form once more with what is wrong with it, or gives the error back
// where the person cannot mend it there.
func again(r *console.Request, title string, p plainPage, err error) error {
	if fault.Has(err, fault.LinkInvalid) {
		return linkInvalid(r)
	}
	if p.Form == nil || !p.Form.Refuse(err) {
		return err
	}
	return plain(r, fault.From(err).Status(), title, p)
}

func linkInvalid(r *console.Request) error {
	return plain(r, http.StatusNotFound, "This link does not work", plainPage{
		Text:  []string{"It was used, has expired, or a newer one was sent. Ask for another one."},
		Links: []pageLink{signInLink, {"Choose a new password", "/reset"}, {"Create an account", "/sign-up"}},
	})
}

const signUpTitle = "Create an account"

// signUpPage reads what a sign-up is about: with an invitation's link the address is
// the invited one. An error names what is wrong with the link.
func (h *pages) signUpPage(r *console.Request) (SignUp, plainPage, error) {
	request := SignUp{Email: r.FormValue("email"), Password: r.PostFormValue("password")}
	address := emailField(request.Email)
	address.Focus = true
	form := &console.Form{Action: "/sign-up", Button: "Create the account"}
	page := plainPage{Form: form, Links: []pageLink{{"I have an account: sign in", "/sign-in"}}}
	if token := r.FormValue("inviteToken"); token != "" {
		gone := fault.New(fault.NotFound, "There is no such invitation: it was accepted, declined or taken back. Ask who invited you for a new one.")
		organization, ok := id.Parse[id.Organization](r.FormValue("organization"))
		invitation, valid := id.Parse[string](token)
		if !ok || !valid {
			return request, page, gone
		}
		invited, err := h.service.near.Invitations.Addressee(h.service.db.Reader(r.Context()), organization, invitation)
		if fault.Has(err, fault.NotFound) {
			err = gone
		}
		if err != nil {
			return request, page, err
		}
		request.Organization, request.Invitation, request.Email = organization, invitation, invited
		address.Value, address.ReadOnly, address.Focus = invited, true, false
		address.Help = "The invitation is for this address."
		form.Hidden = []console.Hidden{{Name: "organization", Value: string(organization)}, {Name: "inviteToken", Value: invitation}}
		page.Links[0].URL = signInPath(invited, organization, invitation)
	}
	form.Fields = []console.Field{address}
	switch {
	case h.service.near.Mail.Enabled():
		form.Button = "Send me a link"
		page.Text = []string{"We send a link to your address; with it you choose a password."}
		if h.service.registration != Open && request.Invitation == "" {
			page.Text = append(page.Text, "Accounts of this server are for people with an invitation: use the address that was invited.")
		}
	case h.service.registration != Open && request.Invitation == "":
		page.Form = nil
		page.Text = []string{"Accounts of this server are made with the link of an invitation. Ask who invited you for it."}
	default:
		form.Fields = append(form.Fields, newPasswordField())
	}
	return request, page, nil
}

func (h *pages) signUpForm(r *console.Request) error {
	_, page, err := h.signUpPage(r)
	if err != nil {
		return err
	}
	return plain(r, http.StatusOK, signUpTitle, page)
}

func (h *pages) signUp(r *console.Request) error {
	request, page, err := h.signUpPage(r)
	if err != nil {
		return err
	}
	a, mailed, err := h.service.Register(r.Context(), r.Pass, request)
	if err != nil {
		return again(r, signUpTitle, page, err)
	}
	if mailed {
		return plain(r, http.StatusOK, "Look into your mail", plainPage{Text: []string{
			fmt.Sprintf("If an account can be made for %s, a letter with a link is on its way there. If you have one already, it says so.", request.Email),
			"Nothing came after some minutes? Look where unwanted mail is kept, and check the address.",
		}})
	}
	next := home
	if request.Invitation != "" {
		next = invitationPath(request.Organization, request.Invitation)
	}
	return h.enter(r, a, next)
}

// enter signs in somebody who has just proved who they are.
func (h *pages) enter(r *console.Request, a Account, next string) error {
	opened, err := h.service.OpenBrowserSession(r.Context(), r.Pass.Actor().Client, a)
	if err != nil {
		return err
	}
	r.SetSession(opened.Secret, opened.Life())
	r.Redirect(next)
	return nil
}

var verifyTitles = map[Outcome]string{AccountCreated: "Choose a password", EmailVerified: "Confirm your address", EmailChanged: "Confirm your new address"}

// verifyPage is what a link leads to. Opening it uses nothing up.
func (h *pages) verifyPage(r *console.Request) (string, plainPage, error) {
	secret := r.FormValue("token")
	link, err := h.service.Look(r.Context(), r.Pass, secret)
	if err != nil {
		return "", plainPage{}, err
	}
	form := &console.Form{
		Action: "/verify", Hidden: []console.Hidden{{Name: "token", Value: secret}, {Name: "next", Value: r.Next(home)}}, Button: "Confirm the address",
	}
	page := plainPage{Text: []string{fmt.Sprintf("The address is %s.", link.Email)}, Form: form}
	switch {
	case link.Outcome == AccountCreated:
		form.Button, form.Fields = "Create the account", []console.Field{newPasswordField()}
	case !link.Mine:
		password := passwordField()
		password.Help = "Of the account that asks for this address. If you do not know of one, close this page: somebody has mistaken the address."
		form.Fields = []console.Field{password}
	}
	if len(form.Fields) > 0 {
		form.Fields[0].Focus = true
	}
	return verifyTitles[link.Outcome], page, nil
}

func (h *pages) verifyForm(r *console.Request) error {
	title, page, err := h.verifyPage(r)
	if err != nil {
		return again(r, title, page, err)
	}
	return plain(r, http.StatusOK, title, page)
}

func (h *pages) verify(r *console.Request) error {
	title, page, err := h.verifyPage(r)
	if err != nil {
		return again(r, title, page, err)
	}
	a, outcome, err := h.service.Verify(r.Context(), r.Pass, r.PostFormValue("token"), r.PostFormValue("password"))
	switch {
	case err != nil:
		return again(r, title, page, err)
	case outcome == AccountCreated:
		return h.enter(r, a, r.Next(home))
	case isOwner(r.Pass.Actor(), a):
		r.Redirect(r.Next(home))
		return nil
	}
	return plain(r, http.StatusOK, "The address is confirmed", plainPage{
		Text:  []string{fmt.Sprintf("Sign in with %s from now on.", a.Email)},
		Links: []pageLink{{"Sign in", signInPath(a.Email, "", "")}},
	})
}

const resetTitle = "Choose a new password"

// resetPage asks for a new password where there is a link, else for an address.
func (h *pages) resetPage(r *console.Request) (plainPage, error) {
	secret := r.FormValue("token")
	if secret == "" {
		if !h.service.near.Mail.Enabled() {
			return plainPage{
				Text:  []string{"This server sends no mail. Ask its operator for a link to choose a new password."},
				Links: []pageLink{signInLink},
			}, nil
		}
		address := emailField(r.FormValue("email"))
		address.Focus = true
		return plainPage{
			Text:  []string{"We send a link to the address of your account; with it you choose a new password."},
			Form:  &console.Form{Action: "/reset", Button: "Send me a link", Fields: []console.Field{address}},
			Links: []pageLink{signInLink},
		}, nil
	}
	a, err := h.service.ResetOpen(r.Context(), secret)
	if err != nil {
		return plainPage{}, err
	}
	return plainPage{
		Text: []string{fmt.Sprintf("For the account %s. Everybody who is signed in with it is signed out.", a.Email)},
		Form: &console.Form{
			Action: "/reset", Hidden: []console.Hidden{{Name: "token", Value: secret}}, Button: "Change the password", Fields: []console.Field{newPasswordField()},
		},
	}, nil
}

func (h *pages) resetForm(r *console.Request) error {
	page, err := h.resetPage(r)
	if err != nil {
		return again(r, resetTitle, page, err)
	}
	return plain(r, http.StatusOK, resetTitle, page)
}

func (h *pages) reset(r *console.Request) error {
	page, err := h.resetPage(r)
	if err != nil {
		return again(r, resetTitle, page, err)
	}
	if secret := r.PostFormValue("token"); secret != "" {
		a, err := h.service.Reset(r.Context(), r.Pass, secret, r.PostFormValue("password"))
		if err != nil {
			return again(r, resetTitle, page, err)
		}
		if actor := r.Pass.Actor(); actor.Kind == authn.Person && actor.User == a.ID {
			r.ClearSession()
		}
		h.remember(r, a)
		return plain(r, http.StatusOK, "The password is changed", plainPage{
			Links: []pageLink{{"Sign in", signInPath(a.Email, "", "")}},
		})
	}
	if err := h.service.RequestReset(r.Context(), r.Pass, r.PostFormValue("email")); err != nil {
		return again(r, resetTitle, page, err)
	}
	return plain(r, http.StatusOK, "Look into your mail", plainPage{Text: []string{
		fmt.Sprintf("If there is an account with the address %s, a letter with a link is on its way there. It works for an hour.", r.PostFormValue("email")),
	}})
}
