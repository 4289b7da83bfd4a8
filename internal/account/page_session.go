package account

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

var (
	signInTemplate   = console.Parse(pageFiles, "pages/sign-in.html")
	sessionsTemplate = console.Parse(pageFiles, "pages/sessions.html")
)

// home is where somebody who has signed in begins.
const home = "/console/"

type signInPage struct {
	Form console.Form
	// Signed is the address of who is signed in already.
	Signed string
	// Ways are the further ways to sign in.
	Ways []Way
}

func (h *pages) signInPage(r *console.Request, email string) signInPage {
	address := emailField(email)
	address.Focus = true
	p := signInPage{Form: console.Form{
		Action: "/sign-in", Hidden: append(r.Held(), console.Hidden{Name: "next", Value: r.Next(home)}), Button: "Sign in",
		Fields: []console.Field{address, passwordField()},
	}}
	if actor := r.Pass.Actor(); actor.Kind == authn.Person {
		p.Signed = actor.Name
	}
	for _, w := range h.service.ways {
		p.Ways = append(p.Ways, Way{w.Label, w.Path + "?" + url.Values{"next": {r.Next(home)}}.Encode()})
	}
	return p
}

func (h *pages) signInForm(r *console.Request) error {
	return r.Show(signInTemplate, http.StatusOK, "Sign in", h.signInPage(r, r.FormValue("email")))
}

func (h *pages) signIn(r *console.Request) error {
	email := r.PostFormValue("email")
	a, opened, err := h.service.SignIn(r.Context(), r.Pass, email, r.PostFormValue("password"), r.Kept(browserCookie), BrowserSession)
	if err != nil {
		p := h.signInPage(r, email)
		if !p.Form.Refuse(err) {
			return err
		}
		return r.Show(signInTemplate, fault.From(err).Status(), "Sign in", p)
	}
	r.SetSession(opened.Secret, opened.Life())
	h.remember(r, a)
	return r.Onward(a.ID, home)
}

// browserCookie keeps KnownBrowser's word, also when the session is over.
const browserCookie = "browser"

// remember lets the browser be known at the next sign-in.
func (h *pages) remember(r *console.Request, a Account) {
	r.Keep(browserCookie, h.service.KnownBrowser(a.Email), BrowserLife)
}

func (h *pages) signOut(r *console.Request) error {
	if err := h.service.SignOut(r.Context(), r.Pass); err != nil {
		return err
	}
	r.ClearSession()
	r.Redirect(r.Next("/sign-in"))
	return nil
}

type sessionsPage struct {
	Email    string
	Sessions []shownSession
	Others   bool
}

type shownSession struct {
	ID                               id.Session
	Client, Address, Since, LastSeen string
	Current                          bool
}

func (h *pages) sessions(r *console.Request) error {
	list, err := h.service.Sessions(r.Context(), r.Pass)
	if err != nil {
		return err
	}
	const moment = "2 Jan 2006, 15:04 MST"
	p := sessionsPage{Email: r.Pass.Actor().Name, Others: len(list) > 1}
	for _, s := range list {
		p.Sessions = append(p.Sessions, shownSession{
			ID: s.ID, Client: client(s), Address: s.Address, Since: s.CreatedAt.Std().Format(moment), LastSeen: s.LastSeenAt.Std().Format(moment),
			Current: s.ID == r.Pass.Actor().Session,
		})
	}
	return r.Show(sessionsTemplate, http.StatusOK, "Where you are signed in", p)
}

// client words a session's user agent for people.
func client(s Session) string {
	for _, known := range []struct{ part, name string }{
		{"Firefox/", "Firefox"}, {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
		{"curl/", "curl"}, {"CLI", "Command line"}, {"Terraform", "Terraform"},
	} {
		if strings.Contains(s.UserAgent, known.part) {
			return known.name
		}
	}
	if s.Kind != BrowserSession {
		return "A program"
	}
	return "A browser"
}

// endSession ends one session, or every other one.
func (h *pages) endSession(r *console.Request) error {
	var err error
	if r.PostFormValue("session") == "" {
		err = h.service.EndOtherSessions(r.Context(), r.Pass)
	} else {
		var session id.Session
		if session, err = route.PathID[id.Session]("session", r.PostFormValue("session")); err == nil {
			err = h.service.EndSession(r.Context(), r.Pass, session)
		}
	}
	if err != nil && !fault.Has(err, fault.NotFound) { // it has ended already: the list shows it
		return err
	}
	r.Redirect("/console/account/sessions")
	return nil
}
