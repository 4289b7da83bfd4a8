package account

import (
	"embed"
	"errors"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

//go:embed pages/*.html
var pageFiles embed.FS

type pages struct{ service *Service }

// Pages adds the pages of accounts.
func Pages(p *console.Pages, s *Service) {
	h := &pages{s}
	p.Handle("GET /setup", authz.Public, h.setupForm)
	p.Handle("POST /setup", authz.Public, h.setup)
	p.Handle("GET /sign-in", authz.Public, h.signInForm)
	p.Handle("POST /sign-in", authz.Public, h.signIn)
	p.Handle("POST /sign-out", authz.AccountEdit, h.signOut)
	p.Handle("GET /sign-up", authz.Public, h.signUpForm)
	p.Handle("POST /sign-up", authz.Public, h.signUp)
	p.Handle("GET /verify", authz.Public, h.verifyForm)
	p.Handle("POST /verify", authz.Public, h.verify)
	p.Handle("GET /reset", authz.Public, h.resetForm)
	p.Handle("POST /reset", authz.Public, h.reset)
	p.Handle("GET /console/account", authz.AccountRead, h.account)
	p.Handle("POST /console/account", authz.AccountEdit, h.sendVerification)
	p.Handle("GET /console/account/password", authz.AccountEdit, h.changePasswordForm)
	p.Handle("POST /console/account/password", authz.AccountEdit, h.changePassword)
	p.Handle("GET /console/account/email", authz.AccountEdit, h.changeEmailForm)
	p.Handle("POST /console/account/email", authz.AccountEdit, h.changeEmail)
	p.Handle("GET /console/account/delete", authz.AccountEdit, h.closeForm)
	p.Handle("POST /console/account/delete", authz.AccountEdit, h.close)
	p.Handle("GET /console/account/sessions", authz.AccountRead, h.sessions)
	p.Handle("POST /console/account/sessions/end", authz.AccountEdit, h.endSession)
}

// emailField and passwordField are in most of the forms.
func emailField(value string) console.Field {
	return console.Field{Name: "email", Label: "E-mail address", Type: "email", Value: value, Autocomplete: "username", MaxLength: authn.MaxEmail}
}

func passwordField() console.Field {
	return console.Field{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password", MaxLength: authn.MaxPassword}
}

func newPasswordField() console.Field {
	return console.Field{
		Name: "password", Label: "Password", Type: "password", Autocomplete: "new-password", MinLength: authn.MinPassword, MaxLength: authn.MaxPassword,
		Help: "At least 8 characters; a few words are better than one.",
	}
}

var setupTemplate = console.Parse(pageFiles, "pages/setup.html")

const setupTitle = "Set up Guildhall"

type setupPage struct {
	Form       console.Form
	Closed     string
	Done       bool
	Email      string
	Token, URL string
	Expires    string
}

func setupForm(link, email string) console.Form {
	address := emailField(email)
	address.Focus = true
	return console.Form{
		Action: "/setup", Hidden: []console.Hidden{{Name: "token", Value: link}}, Button: "Create the account",
		Fields: []console.Field{address, newPasswordField()},
	}
}

func (h *pages) setupForm(r *console.Request) error {
	token := r.FormValue("token")
	if err := h.service.SetupOpen(r.Context(), token); err != nil {
		return setupClosed(r, err)
	}
	return r.Show(setupTemplate, http.StatusOK, setupTitle, setupPage{Form: setupForm(token, "")})
}

func setupClosed(r *console.Request, err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != fault.SetupClosed {
		return err
	}
	return r.Show(setupTemplate, e.Status(), setupTitle, setupPage{Closed: e.Detail})
}

func (h *pages) setup(r *console.Request) error {
	form := setupForm(r.PostFormValue("token"), r.PostFormValue("email"))
	a, opened, err := h.service.Setup(r.Context(), r.Pass, r.PostFormValue("token"), r.PostFormValue("email"), r.PostFormValue("password"))
	switch {
	case fault.Has(err, fault.Invalid) && form.Refuse(err):
		return r.Show(setupTemplate, http.StatusBadRequest, setupTitle, setupPage{Form: form})
	case err != nil:
		return setupClosed(r, err)
	}
	access, err := h.service.Access(a, "")
	if err != nil {
		return err
	}
	r.SetSession(opened.Secret, opened.Life())
	h.remember(r, a)
	return r.Show(setupTemplate, http.StatusOK, "Guildhall is set up", setupPage{
		Done: true, Email: a.Email, Token: access.Token, Expires: access.ExpiresAt.Std().Format("15:04 MST"), URL: r.PublicURL(),
	})
}
