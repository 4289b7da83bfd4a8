package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// Request is a request for a page, and its answer.
type Request struct {
	*http.Request
	Pass   authz.Pass
	w      http.ResponseWriter
	pages  *Pages
	row    Row
	crumbs []Crumb
	known  *mine
}

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

// Require gives a pass for more than the page itself needs, about the same thing.
func (r *Request) Require(permission authz.Permission) (authz.Pass, error) {
	return r.admit(permission, r.row.Scope)
}

// RequireIn gives a pass for something in the same organization.
func (r *Request) RequireIn(permission authz.Permission, scope route.Scope) (authz.Pass, error) {
	return r.admit(permission, scope)
}

// Can tells whether the person may do something about what the page is about, so that
// only that is offered. Whether it is done is for the service to decide.
func (r *Request) Can(permission authz.Permission) bool { return r.Pass.Also(permission) }

// Organization is the one that the path names; empty on other pages.
func (r *Request) Organization() id.Organization {
	organization, _ := id.Parse[id.Organization](r.PathValue(organizationParameter))
	return organization
}

// At is the address of a page of this organization, such as At("projects").
func (r *Request) At(parts ...string) string { return At(r.Organization(), parts...) }

// At is the address of a page of an organization; without parts of its overview.
func At(organization id.Organization, parts ...string) string {
	to := organizationsPath + "/" + string(organization)
	for _, part := range parts {
		for word := range strings.SplitSeq(part, "/") {
			to += "/" + url.PathEscape(word)
		}
	}
	return to
}

// Now is the moment of the request, for what is shown beside times.
func (r *Request) Now() clock.Time { return r.pages.near.Now() }

// Moment is a time as pages show it, for the part "moment".
func (r *Request) Moment(at clock.Time) Moment { return Moment{At: at, Now: r.Now()} }

// Crumb adds a step to the breadcrumb, between the section and the page's title.
func (r *Request) Crumb(words, to string) { r.crumbs = append(r.crumbs, Crumb{words, to}) }

// Show answers with a page. Under /console it stands in the frame.
func (r *Request) Show(p Page, status int, title string, data any) error {
	v := view{Title: title, Theme: r.theme(), Here: r.here(), Data: data}
	if r.pages.Notice != nil {
		v.Notice = r.pages.Notice(r.Context())
	}
	if r.framed() {
		frame, err := r.frame(title)
		if err != nil {
			return err
		}
		v.Frame = frame
	}
	v.Toast = r.takeToast()
	p.render(r.w, r.Request, status, v)
	return nil
}

// framed tells whether the page stands in the frame: those of the console, for
// somebody who is signed in.
func (r *Request) framed() bool {
	return strings.HasPrefix(r.URL.Path, home) && r.Pass.Actor().Kind == authn.Person && r.pages.near.Organizations != nil
}

// Say answers our script with whether what was typed will do, and a few words.
func (r *Request) Say(good bool, words string) error {
	r.w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(r.w).Encode(struct { // the browser has gone when this fails
		Good  bool   `json:"good"`
		Words string `json:"words"`
	}{good, words})
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

// Stream answers with what is written piece by piece, such as a long file.
func (r *Request) Stream(s route.Stream) error { return s.Answer(r.Context(), r.w, r.Method) }

// Anew asks again whether the person may still have the page, for an answer that goes
// on for long, and gives the pass for how it is now.
func (r *Request) Anew(ctx context.Context) (authz.Pass, error) {
	again := *r
	again.Request = r.WithContext(ctx)
	return again.admit(r.row.Permission, r.row.Scope)
}

// Redirect sends the browser on, with a GET.
func (r *Request) Redirect(to string) { http.Redirect(r.w, r.Request, to, http.StatusSeeOther) }

// Done ends a form that did what it should: the browser goes on, and is told there.
func (r *Request) Done(to string, t Toast) error {
	r.toast(to, t)
	r.Redirect(to)
	return nil
}

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
