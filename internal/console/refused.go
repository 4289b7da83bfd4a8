package console

import (
	"net/url"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/route"
)

var refusedPage = Parse(files, "pages/refused.html")

// refusal is what the page says about an error. A missing permission is explained:
// which one, who has it, and whom to ask.
type refusal struct {
	*route.Problem
	Roles    string
	Stewards []string
	Ask      string // a letter to them, for the mail program
	Home     string
}

var titles = map[int]string{403: "You may not do this", 404: "There is nothing here", 429: "Too often"}

func (r *Request) fail(err error) {
	problem := route.NewProblem(r.Context(), r.URL.Path, err)
	for name, values := range problem.GetHeaders() {
		r.w.Header()[name] = values
	}
	page := refusal{Problem: problem, Home: "/"}
	title := problem.Title
	if strings.HasPrefix(r.URL.Path, home) {
		page.Home = home
		if words, ok := titles[problem.Status]; ok {
			title = words
		}
		// What was refused has no pass; the frame needs to know who asks.
		if pass, err := r.admit(authz.AccountRead, nil); err == nil && r.Pass.Head() == "" {
			r.Pass = pass
		}
	}
	if problem.Permission != "" {
		page.explain(r)
	}
	if err := r.Show(refusedPage, problem.Status, title, page); err != nil {
		r.Pass = authz.Pass{} // without the frame, whose own questions failed
		_ = r.Show(refusedPage, problem.Status, title, page)
	}
}

func (page *refusal) explain(r *Request) {
	var names []string
	for _, role := range authz.RolesWith(authz.Permission(page.Permission)) {
		names = append(names, string(role))
	}
	page.Roles = strings.Join(names, ", ")
	if r.pages.near.Stewards == nil || r.Organization() == "" {
		return
	}
	stewards, err := r.pages.near.Stewards(r.Context(), r.Organization())
	if err != nil || len(stewards) == 0 {
		return // the page says enough without
	}
	page.Stewards = stewards
	body := "I need the permission " + page.Permission + " for\n" + strings.TrimSuffix(r.PublicURL(), "/") + r.URL.Path + "\n"
	page.Ask = "mailto:" + url.PathEscape(strings.Join(stewards[:min(len(stewards), 5)], ",")) +
		"?subject=" + url.PathEscape("Permission "+page.Permission) + "&body=" + url.PathEscape(body)
}
