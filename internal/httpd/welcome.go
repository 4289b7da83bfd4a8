package httpd

import (
	"embed"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/console"
)

//go:embed pages/*.html
var pageFiles embed.FS

var welcomeTemplate = console.Parse(pageFiles, "pages/welcome.html")

// welcome tells somebody who opens the address in a browser where they are; who is
// signed in goes on to the console.
func welcome(r *console.Request) error {
	if r.Pass.Actor().Kind == authn.Person {
		r.Redirect("/console/")
		return nil
	}
	return r.Show(welcomeTemplate, http.StatusOK, "Guildhall is running", nil)
}
