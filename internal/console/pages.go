package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// maxForm bounds the body of a form: a hundred pasted addresses fit. maxPublic bounds
// what anybody may send, maxHeld the one such form that carries another (see held.go).
const (
	maxForm   = 64 << 10
	maxPublic = 16 << 10
	maxHeld   = 2 * maxForm
)

// Pages is where features register their pages. A page's handler gets its pass the
// same way as an operation of the API, from the browser's session.
type Pages struct {
	mux    *http.ServeMux
	router *route.Router
	near   Neighbours
	rows   []Row
	// PublicURL stands in links and in the commands that pages show.
	PublicURL string
	// TLS says that this server does TLS itself, whatever its public URL says.
	TLS bool
	// Notice is what stands above every page; nil or empty for nothing.
	Notice func(ctx context.Context) string
}

// Neighbours are what the frame around a page asks of the features.
type Neighbours struct {
	// Organizations are those of the pass's holder, with their role; the pass is for
	// organization.list.
	Organizations func(ctx context.Context, pass authz.Pass) ([]Place, error)
	// Invitations are the ones that wait for them; the pass is for invitation.answer.
	Invitations func(ctx context.Context, pass authz.Pass) ([]Waiting, error)
	// Stewards are the addresses of the owner and the administrators.
	Stewards func(ctx context.Context, organization id.Organization) ([]string, error)
	// Now is the clock of the house.
	Now func() clock.Time
}

// Row registers a page or the form on it. The rail finds out by itself where the page
// belongs: see sections.go.
type Row struct {
	// Pattern is the method and path, such as "GET /console/organizations/{organizationId}/projects".
	// A form is sent to the address of the page that it is on.
	Pattern    string
	Permission authz.Permission
	// Scope is what the page is about; nil for the person's own account.
	Scope   route.Scope
	Handler Handler
}

// Handler shows a page or does what its form asks. A refusal that it returns becomes
// a page that says so.
type Handler func(r *Request) error

// NewPages registers pages with mux, behind router's rights.
func NewPages(mux *http.ServeMux, router *route.Router, publicURL string, near Neighbours) *Pages {
	p := &Pages{mux: mux, router: router, near: near, PublicURL: publicURL}
	mux.HandleFunc("GET /console/assets/{name}", serveAsset)
	p.own()
	return p
}

// Add registers pages, a row each.
func (p *Pages) Add(rows ...Row) {
	for _, row := range rows {
		if (row.Scope != nil) != strings.Contains(row.Pattern, "{"+organizationParameter+"}") {
			panic("console: " + row.Pattern + " has a scope and no organization in its path, or the other way round")
		}
		p.rows = append(p.rows, row)
		p.mux.HandleFunc(row.Pattern, func(w http.ResponseWriter, req *http.Request) { p.serve(w, req, row) })
	}
}

// Handle adds a page of a person's own account, or one that is public.
func (p *Pages) Handle(pattern string, permission authz.Permission, h Handler) {
	p.Add(Row{Pattern: pattern, Permission: permission, Handler: h})
}

// Rows lists what is registered.
func (p *Pages) Rows() []Row { return slices.Clone(p.rows) }

func (p *Pages) serve(w http.ResponseWriter, req *http.Request, row Row) {
	limit := int64(maxForm)
	switch {
	case row.Pattern == "POST "+signInPath:
		limit = maxHeld
	case row.Permission == authz.Public:
		limit = maxPublic
	}
	req.Body = http.MaxBytesReader(w, req.Body, limit)
	r := &Request{Request: req, w: w, pages: p, row: row}
	pass, err := r.admit(row.Permission, row.Scope)
	if fault.Has(err, fault.Unauthenticated) {
		r.signInFirst()
		return
	}
	r.Pass = pass
	if err == nil {
		err = r.parse()
	}
	if err == nil {
		r.remember()
		err = row.Handler(r)
	}
	if err != nil {
		r.fail(err)
	}
}

// organizationParameter is how the paths of pages name the organization. It is never
// taken from the session: two tabs in two organizations do not mix.
const organizationParameter = "organizationId"

// admit gives the pass. What the path names must lie in the organization that the
// path names, or it does not exist.
func (r *Request) admit(permission authz.Permission, scope route.Scope) (authz.Pass, error) {
	secret := r.pages.sessionSecret(r.Request)
	if scope == nil {
		return r.pages.router.AdmitPage(r.Request, permission, route.AccountScope, secret)
	}
	within := func(ctx context.Context, router *route.Router, param func(string) string) (authz.Scope, error) {
		found, err := scope(ctx, router, param)
		if named := param(organizationParameter); err == nil && named != "" && !strings.EqualFold(named, string(found.Organization)) {
			err = fault.New(fault.NotFound, "")
		}
		return found, err
	}
	return r.pages.router.AdmitPage(r.Request, permission, within, secret)
}

// signInFirst sends somebody whose session has ended to sign in, and back. A form that
// they sent is kept for them.
func (r *Request) signInFirst() {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.hold() {
		return
	}
	r.Redirect(signInPath + "?" + url.Values{"next": {r.here()}}.Encode())
}

// here is the address to come back to after signing in: that of the page, or of the
// page whose form was sent; the start where a form has no page at its address.
func (r *Request) here() string {
	_, pattern := r.pages.mux.Handler(&http.Request{Method: http.MethodGet, Host: r.Host, URL: r.URL})
	if !strings.HasPrefix(pattern, http.MethodGet+" ") || pattern == nothingHere {
		return "/"
	}
	return r.URL.RequestURI()
}
