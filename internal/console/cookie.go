package console

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// The cookies' names. Over HTTPS a prefix keeps other hosts of the domain from setting them.
const (
	sessionCookie = "session"
	themeCookie   = "theme"
	toastCookie   = "toast"
	lastCookie    = "last" // who was here, and in which organization
	plainPrefix   = "guildhall_"
	securePrefix  = "__Host-guildhall_"
)

const year = 365 * 24 * time.Hour

func (p *Pages) secure() bool { return p.TLS || strings.HasPrefix(p.PublicURL, "https://") }

func (p *Pages) cookieName(name string) string {
	if p.secure() {
		return securePrefix + name
	}
	return plainPrefix + name
}

func (p *Pages) sessionSecret(r *http.Request) string { return p.cookie(r, sessionCookie) }

func (p *Pages) cookie(r *http.Request, name string) string {
	if c, err := r.Cookie(p.cookieName(name)); err == nil {
		return c.Value
	}
	return ""
}

// SetSession gives the browser its session for a time.
func (r *Request) SetSession(secret string, life time.Duration) { r.Keep(sessionCookie, secret, life) }

// ClearSession takes it away, and with it the memory of who was here. What is shown
// after it stands without the frame.
func (r *Request) ClearSession() {
	r.Pass = authz.Pass{}
	r.Drop(sessionCookie)
	if r.Kept(lastCookie) != "" {
		r.Drop(lastCookie)
	}
}

// Keep lets the browser keep a value for a time; it comes back with every request.
func (r *Request) Keep(name, value string, life time.Duration) {
	r.setCookie(name, value, int(life.Seconds()))
}

// Kept is what the browser keeps under a name.
func (r *Request) Kept(name string) string { return r.pages.cookie(r.Request, name) }

// Drop lets the browser forget it.
func (r *Request) Drop(name string) { r.setCookie(name, "", -1) }

func (r *Request) setCookie(name, value string, maxAge int) {
	http.SetCookie(r.w, &http.Cookie{ //nolint:gosec // without Secure only where the server is reached over plain HTTP
		Name: r.pages.cookieName(name), Value: value, Path: "/", MaxAge: maxAge,
		Secure: r.pages.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// theme is the one that the person chose; empty for the system's.
func (r *Request) theme() string {
	if t := r.Kept(themeCookie); t == "light" || t == "dark" {
		return t
	}
	return ""
}

// chooseTheme keeps the choice in the browser: it is about a screen, not about a person.
func (r *Request) chooseTheme() error {
	if t := r.PostFormValue("theme"); t == "light" || t == "dark" {
		r.Keep(themeCookie, t, year)
	} else {
		r.Drop(themeCookie)
	}
	r.Redirect(r.Next(home))
	return nil
}

// remember notes where somebody is, for the next time they open the console. It is a
// hint: every page names its organization itself.
func (r *Request) remember() {
	actor := r.Pass.Actor()
	if actor.Kind != authn.Person || !strings.HasPrefix(r.URL.Path, home) || r.Method != http.MethodGet {
		return
	}
	user, organization := r.last()
	if here := r.Organization(); here != "" {
		organization = here
	} else if user != actor.User {
		organization = ""
	}
	if now := string(actor.User) + "." + string(organization); now != r.Kept(lastCookie) {
		r.Keep(lastCookie, now, year)
	}
}

func (r *Request) last() (id.User, id.Organization) {
	user, organization, _ := strings.Cut(r.Kept(lastCookie), ".")
	known, _ := id.Parse[id.User](user)
	place, _ := id.Parse[id.Organization](organization)
	return known, place
}

// Toast says on the next page what was just done.
type Toast struct {
	Words string
	// Link is where more about it is; it may be empty.
	Link, LinkWords string
}

type keptToast struct {
	Toast
	On string // the path of the page that is to say it: another tab does not
}

// maxToast leaves room in what a browser takes as one cookie.
const maxToast = 2400

func (r *Request) toast(to string, t Toast) {
	path, _, _ := strings.Cut(to, "?")
	if words := []rune(t.Words); len(words) > 240 {
		t.Words = string(words[:239]) + "…"
	}
	text, err := json.Marshal(keptToast{t, path})
	if err != nil || len(text) > maxToast {
		return // what was done is done; a toast is a courtesy
	}
	r.Keep(toastCookie, base64.RawURLEncoding.EncodeToString(text), time.Minute)
}

// takeToast gives the toast that is for this page, and forgets it.
func (r *Request) takeToast() *Toast {
	text, err := base64.RawURLEncoding.DecodeString(r.Kept(toastCookie))
	if err != nil || len(text) == 0 {
		return nil
	}
	var t keptToast
	if json.Unmarshal(text, &t) != nil || t.On != r.URL.Path {
		return nil
	}
	r.Drop(toastCookie)
	t.Link = Local(t.Link, "")
	return &t.Toast
}
