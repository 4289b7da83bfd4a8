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

// welcome tells somebody who opens the address in a browser where they are.
func welcome(r *console.Request) error {
	signed := ""
	if actor := r.Pass.Actor(); actor.Kind == authn.Person {
		signed = actor.Name
	}
	return r.Show(welcomeTemplate, http.StatusOK, "Guildhall is running", struct{ Signed string }{signed})
}
