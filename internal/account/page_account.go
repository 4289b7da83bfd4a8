package account

import (
	"fmt"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/console"
)

const accountPath = "/console/account"

// done are the sentences about what was just done, by the word in the address.
var done = map[string]string{
	"password":     "The password is changed, and you are signed out everywhere else.",
	"verification": "A letter with a link is on its way to your address.",
	"email":        "A letter with a link is on its way to the new address. Yours changes when you open it.",
}

func (h *pages) account(r *console.Request) error {
	a, err := h.service.Get(r.Context(), r.Pass)
	if err != nil {
		return err
	}
	page := plainPage{Text: []string{fmt.Sprintf("You sign in as %s.", a.Email)}}
	if sentence, ok := done[r.FormValue("done")]; ok {
		page.Text = append([]string{sentence}, page.Text...)
	}
	if a.VerifiedAt == 0 {
		page.Text = append(page.Text, "That this address is yours is not confirmed yet.")
		if h.service.near.Mail.Enabled() {
			page.Form = &console.Form{Action: accountPath, Button: "Send me a link to confirm it"}
		}
	}
	page.Links = []pageLink{{"Where you are signed in", accountPath + "/sessions"}, {"Change the password", accountPath + "/password"}}
	if h.service.near.Mail.Enabled() {
		page.Links = append(page.Links, pageLink{"Change the address", accountPath + "/email"})
	}
	page.Links = append(page.Links, pageLink{"Download everything that is kept about you", accountPath + "/export"}, pageLink{"Delete the account", accountPath + "/delete"})
	return plain(r, http.StatusOK, "Your account", page)
}

func (h *pages) sendVerification(r *console.Request) error {
	if err := h.service.SendVerification(r.Context(), r.Pass); err != nil {
		return err
	}
	r.Redirect(accountPath + "?done=verification")
	return nil
}

var backLink = pageLink{"Back to your account", accountPath}

func changePasswordPage() plainPage {
	current, next := passwordField(), newPasswordField()
	current.Name, current.Label, current.Focus = "current_password", "Current password", true
	next.Name, next.Label = "new_password", "New password"
	return plainPage{
		Text:  []string{"Everybody who is signed in with this account is signed out, but for you here."},
		Form:  &console.Form{Action: accountPath + "/password", Button: "Change the password", Fields: []console.Field{current, next}},
		Links: []pageLink{backLink},
	}
}

const changePasswordTitle = "Change the password"

func (h *pages) changePasswordForm(r *console.Request) error {
	return plain(r, http.StatusOK, changePasswordTitle, changePasswordPage())
}

func (h *pages) changePassword(r *console.Request) error {
	a, err := h.service.ChangePassword(r.Context(), r.Pass, r.PostFormValue("current_password"), r.PostFormValue("new_password"))
	if err != nil {
		return again(r, changePasswordTitle, changePasswordPage(), err)
	}
	return h.enter(r, a, accountPath+"?done=password")
}

func changeEmailPage(email string) plainPage {
	address := emailField(email)
	address.Label, address.Autocomplete, address.Focus = "New e-mail address", "email", true
	return plainPage{
		Text:  []string{"We send a link to the new address, and a notice to the one until now. The address changes when the link is opened."},
		Form:  &console.Form{Action: accountPath + "/email", Button: "Send the link", Fields: []console.Field{address, passwordField()}},
		Links: []pageLink{backLink},
	}
}

const changeEmailTitle = "Change the address"

func (h *pages) changeEmailForm(r *console.Request) error {
	if err := h.service.needMail("Ask its operator to change the address."); err != nil {
		return err
	}
	return plain(r, http.StatusOK, changeEmailTitle, changeEmailPage(""))
}

func (h *pages) changeEmail(r *console.Request) error {
	email := r.PostFormValue("email")
	if err := h.service.RequestEmail(r.Context(), r.Pass, email, r.PostFormValue("password")); err != nil {
		return again(r, changeEmailTitle, changeEmailPage(email), err)
	}
	r.Redirect(accountPath + "?done=email")
	return nil
}

// closePage asks for the password or, where the account has none, for its address.
func (h *pages) closePage(r *console.Request) (plainPage, error) {
	found, err := findMine(h.service.db.Reader(r.Context()), r.Pass)
	if err != nil {
		return plainPage{}, err
	}
	field := passwordField()
	if found.hash == "" {
		field = console.Field{Name: "email", Label: "Your e-mail address", Type: "email", Autocomplete: "off", MaxLength: authn.MaxEmail}
	}
	return plainPage{
		Text: []string{
			fmt.Sprintf("The account %s goes for good: you leave every organization, and the API tokens that you made are deleted. What you did stays in the record of the organizations.", found.Email),
			"The owner of an organization has to transfer it first.",
		},
		Form: &console.Form{Action: accountPath + "/delete", Button: "Delete the account", Danger: true, Fields: []console.Field{field, {
			Name: "erase", Label: "Also take me out of the record", Type: "checkbox", Value: "yes", Optional: true,
			Help: "What you did stays, under a pseudonym that nobody can resolve.",
		}}},
		Links: []pageLink{backLink},
	}, nil
}

const closeTitle = "Delete the account"

func (h *pages) closeForm(r *console.Request) error {
	page, err := h.closePage(r)
	if err != nil {
		return err
	}
	return plain(r, http.StatusOK, closeTitle, page)
}

func (h *pages) close(r *console.Request) error {
	page, err := h.closePage(r)
	if err != nil {
		return err
	}
	if err := h.service.Close(r.Context(), r.Pass, r.PostFormValue("password"), r.PostFormValue("email"), r.PostFormValue("erase") != ""); err != nil {
		return again(r, closeTitle, page, err)
	}
	r.ClearSession()
	r.Drop(browserCookie)
	return plain(r, http.StatusOK, "The account is deleted", plainPage{Text: []string{"Good-bye."}})
}
