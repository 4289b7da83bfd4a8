package oidc

import (
	"embed"
	"net/http"
	"net/url"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

//go:embed pages/*.html
var pageFiles embed.FS

var (
	identitiesTemplate = console.Parse(pageFiles, "pages/identities.html")
	onwardTemplate     = console.Parse(pageFiles, "pages/onward.html")
	refusedTemplate    = console.Parse(pageFiles, "pages/refused.html")
	linkedTemplate     = console.Parse(pageFiles, "pages/linked.html")
)

const (
	// SignInPath is where a sign-in through the provider begins.
	SignInPath = "/sign-in/oidc"
	// cookie is the name under which a browser keeps its attempt.
	cookie = "oidc"
	// listPath is the page of identities, and home where somebody begins who has signed in.
	listPath, home = "/console/account/identities", "/console/"
)

type pages struct{ service *Service }

// Pages adds the pages of identities.
func Pages(p *console.Pages, s *Service) {
	h := &pages{s}
	p.Handle("GET "+SignInPath, authz.Public, h.begin)
	p.Handle("GET "+callbackPath, authz.Public, h.back)
	p.Handle("GET "+listPath, authz.AccountRead, h.list)
	p.Handle("POST "+listPath+"/link", authz.AccountEdit, h.link)
	p.Handle("POST "+listPath+"/unlink", authz.AccountEdit, h.unlink)
}

func (h *pages) begin(r *console.Request) error {
	to, err := h.set(r, r.Next(home), "")
	if err == nil {
		r.Redirect(to)
	}
	return err
}

// set begins an attempt in this browser and gives the provider's address for it.
func (h *pages) set(r *console.Request, next string, session id.Session) (string, error) {
	text, err := newAttempt(h.service.db.Now(), next, session).text()
	if err != nil {
		return "", err
	}
	to, err := h.service.begin(r.Context(), r.PublicURL(), text)
	if err == nil {
		r.Keep(cookie, text, attemptLife)
	}
	return to, err
}

// back takes somebody in who comes back from the provider.
func (h *pages) back(r *console.Request) error {
	if !h.service.SignsIn() {
		return fault.New(fault.NotFound, "")
	}
	if err := h.service.begun.Try(r.Pass.Actor().Client.Network()); err != nil {
		return err
	}
	text := r.Kept(cookie)
	r.Drop(cookie) // an attempt is finished once
	a, err := resume(text, r.FormValue("state"), h.service.db.Now())
	if err != nil {
		return refused(r, err, home)
	}
	a.Next = console.Local(a.Next, home)
	who, err := h.service.finish(r.Context(), r.PublicURL(), text, r.URL.Query())
	if err != nil {
		return refused(r, err, a.Next)
	}
	if a.Session != "" {
		return h.linkBack(r, a, who)
	}
	arrived, err := h.service.admit(r.Context(), r.Pass.Actor().Client, who)
	if err != nil {
		return refused(r, err, a.Next)
	}
	secret, life, err := h.service.accounts.Enter(r.Context(), r.Pass.Actor().Client, arrived.account)
	if fault.Has(err, fault.BadCredentials) {
		return refused(r, fault.New(fault.SignInRefused, "Your account is disabled; ask the operator of the server."), a.Next)
	}
	if err != nil {
		return err
	}
	r.SetSession(secret, life)
	if arrived.linked {
		return r.Show(linkedTemplate, http.StatusOK, "You are signed in", linkedPage{h.service.Name(), arrived.account.Email, a.Next})
	}
	r.Redirect(a.Next)
	return nil
}

type linkedPage struct{ Provider, Email, Next string }

// linkBack links an identity to the account of the session in which that was begun. The
// browser may be signed in as somebody else by now: then nothing happens.
func (h *pages) linkBack(r *console.Request, a attempt, who authn.Outsider) error {
	pass, err := r.Require(authz.AccountEdit)
	if fault.Has(err, fault.Unauthenticated) || (err == nil && pass.Actor().Session != a.Session) {
		err = errStale
	}
	if err == nil {
		err = h.service.attach(r.Context(), pass, who)
	}
	if err != nil {
		return refused(r, err, listPath)
	}
	r.Redirect(listPath)
	return nil
}

type refusedPage struct{ Detail, Next string }

// refused shows why somebody was not let in; a failure of ours is for the usual page.
func refused(r *console.Request, err error, next string) error {
	e := fault.From(err)
	if e.Status() >= http.StatusInternalServerError {
		return err
	}
	return r.Show(refusedTemplate, e.Status(), "You are not signed in", refusedPage{e.Detail, "/sign-in?" + url.Values{"next": {next}}.Encode()})
}

type identitiesPage struct {
	Email, Provider string
	Identities      []shownIdentity
	Password        bool
	Wrong           string
}

type shownIdentity struct {
	ID                            id.Identity
	Issuer, Email, Subject, Since string
}

func (h *pages) list(r *console.Request) error { return h.show(r, http.StatusOK, "") }

func (h *pages) show(r *console.Request, status int, wrong string) error {
	pass, err := r.Require(authz.AccountRead) // the form that was refused had another
	if err != nil {
		return err
	}
	list, err := h.service.Identities(r.Context(), pass)
	if err != nil {
		return err
	}
	password, err := h.service.accounts.HasPassword(h.service.db.Reader(r.Context()), r.Pass.Actor().User)
	if err != nil {
		return err
	}
	p := identitiesPage{Email: r.Pass.Actor().Name, Password: password, Wrong: wrong}
	if h.service.SignsIn() {
		p.Provider = h.service.Name()
	}
	for _, i := range list {
		p.Identities = append(p.Identities, shownIdentity{i.ID, i.Issuer, i.Email, i.Subject, i.CreatedAt.Std().Format("2 January 2006")})
	}
	return r.Show(identitiesTemplate, status, "What you sign in with", p)
}

type onwardPage struct{ Provider, Email, To string }

// link begins to link a further identity. It takes a form of ours, and then a click, so
// that no other site can make somebody link an identity that is not theirs.
func (h *pages) link(r *console.Request) error {
	to, err := h.set(r, listPath, r.Pass.Actor().Session)
	if err != nil {
		return err
	}
	return r.Show(onwardTemplate, http.StatusOK, "Link "+h.service.Name(), onwardPage{h.service.Name(), r.Pass.Actor().Name, to})
}

func (h *pages) unlink(r *console.Request) error {
	identity, err := route.PathID[id.Identity]("identity", r.PostFormValue("identity"))
	if err == nil {
		err = h.service.Unlink(r.Context(), r.Pass, identity)
	}
	if fault.Has(err, fault.LastWayIn) {
		return h.show(r, http.StatusConflict, fault.From(err).Detail)
	}
	if err != nil && !fault.Has(err, fault.NotFound) { // it is gone already: the list shows it
		return err
	}
	r.Redirect(listPath)
	return nil
}
