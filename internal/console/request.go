package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// maxForm bounds the body of a form.
const maxForm = 16 << 10

// Pages is where features register their pages. A page's handler gets its pass the
// same way as an operation of the API, from the browser's session.
type Pages struct {
	mux    *http.ServeMux
	router *route.Router
	// PublicURL stands in links and in the commands that pages show.
	PublicURL string
	// TLS says that this server does TLS itself, whatever its public URL says.
	TLS bool
	// Notice is what stands above every page; nil or empty for nothing.
	Notice func(ctx context.Context) string

	patterns []string
}

// NewPages registers pages with mux, behind router's rights.
func NewPages(mux *http.ServeMux, router *route.Router, publicURL string) *Pages {
	return &Pages{mux: mux, router: router, PublicURL: publicURL}
}

// Request is a request for a page, and its answer.
type Request struct {
	*http.Request
	Pass  authz.Pass
	w     http.ResponseWriter
	pages *Pages
}

// Handler shows a page or does what its form asks. A refusal that it returns becomes
// a page that says so.
type Handler func(r *Request) error

// Handle adds a page or a form under a pattern such as "GET /sign-in". Pages that
// need a person send others to sign in first, and bring them back.
func (p *Pages) Handle(pattern string, permission authz.Permission, h Handler) {
	p.patterns = append(p.patterns, pattern)
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
		req.Body = http.MaxBytesReader(w, req.Body, maxForm)
		r := &Request{Request: req, w: w, pages: p}
		pass, err := p.router.AdmitPage(req, permission, p.sessionSecret(req))
		if fault.Has(err, fault.Unauthenticated) {
			r.Redirect("/sign-in?" + url.Values{"next": {r.here()}}.Encode())
			return
		}
		r.Pass = pass
		if err == nil {
			err = r.parse()
		}
		if err == nil {
			err = h(r)
		}
		if err != nil {
			r.fail(err)
		}
	})
}

// Patterns lists what was added.
func (p *Pages) Patterns() []string { return p.patterns }

// parse reads the form, so that a body that is too large or broken is said to be so,
// and no page has to think of what no database keeps.
func (r *Request) parse() error {
	err := r.ParseForm()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fault.New(fault.TooLarge, "")
	case err != nil && r.Method != http.MethodGet: // a broken query is for the page to judge
		return fault.New(fault.Malformed, "The form did not arrive whole; go back and send it again.").Because(err)
	}
	return route.CheckValues(r.PostForm)
}

// Require gives a pass for more than the page itself needs.
func (r *Request) Require(permission authz.Permission) (authz.Pass, error) {
	return r.pages.router.AdmitPage(r.Request, permission, r.pages.sessionSecret(r.Request))
}

// here is the address to come back to after signing in: that of the page, or of the
// page whose form was sent; the start where a form has no page at its address.
func (r *Request) here() string {
	_, pattern := r.pages.mux.Handler(&http.Request{Method: http.MethodGet, Host: r.Host, URL: r.URL})
	if !strings.HasPrefix(pattern, http.MethodGet+" ") {
		return "/"
	}
	return r.URL.RequestURI()
}

var refusedPage = Parse(files, "pages/refused.html")

func (r *Request) fail(err error) {
	problem := route.NewProblem(r.Context(), r.URL.Path, err)
	for name, values := range problem.GetHeaders() {
		r.w.Header()[name] = values
	}
	_ = r.Show(refusedPage, problem.Status, problem.Title, problem) // it never fails
}

// Show answers with a page.
func (r *Request) Show(p Page, status int, title string, data any) error {
	notice := ""
	if r.pages.Notice != nil {
		notice = r.pages.Notice(r.Context())
	}
	p.render(r.w, r.Request, status, title, notice, data)
	return nil
}

// Download answers with a file to keep.
func (r *Request) Download(name, mediaType string, content []byte) {
	header := r.w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	header.Set("Cache-Control", "no-store")
	_, _ = r.w.Write(content) // the browser has gone when this fails
}

// Redirect sends the browser on, with a GET.
func (r *Request) Redirect(to string) { http.Redirect(r.w, r.Request, to, http.StatusSeeOther) }

// PublicURL is the address of the server as its clients know it.
func (r *Request) PublicURL() string { return r.pages.PublicURL }

// Next is where the form "next" of a request leads: a path of this server, or fallback.
func (r *Request) Next(fallback string) string { return Local(r.FormValue("next"), fallback) }

// Local is next where that is a path of this server, else fallback.
func Local(next, fallback string) string {
	if u, err := url.Parse(next); err != nil || !strings.HasPrefix(next, "/") || u.Host != "" || u.Scheme != "" || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, "//") {
		return fallback
	}
	return next
}

// The cookies' names. Over HTTPS a prefix keeps other hosts of the domain from setting them.
const (
	sessionCookie = "session"
	plainPrefix   = "guildhall_"
	securePrefix  = "__Host-guildhall_"
)

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

// ClearSession takes it away.
func (r *Request) ClearSession() { r.Drop(sessionCookie) }

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
