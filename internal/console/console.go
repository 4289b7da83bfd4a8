// Package console is how pages look and how a browser talks to them: the design
// system, the frame around every page, forms, the session's cookie. What a page says
// is its feature's.
package console

import (
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
)

//go:embed pages/*.html
var files embed.FS

// Page is a template that a feature fills with its own data.
type Page struct{ template *template.Template }

// Parse reads a page's template; a broken one does not start. Beside its content a
// page may define "lead", one line that says what it is for, and "actions", the
// buttons at its head. All get the page's data.
func Parse(from fs.FS, name string) Page {
	t := template.Must(template.New("").Funcs(functions).ParseFS(files, "pages/layout.html", "pages/frame.html", "pages/form.html", "pages/parts.html"))
	text, err := fs.ReadFile(from, name)
	if err != nil {
		panic(err) // the file is embedded
	}
	template.Must(t.New("content").Parse(string(text)))
	return Page{t}
}

// policy allows our own style and script, forms to us, and nothing from elsewhere.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// view is what the layout gets.
type view struct {
	Title, Notice string
	// Theme is "light" or "dark" where the person chose one.
	Theme  string
	Style  string
	Script string
	Frame  *frame // nil for a page that stands alone
	Toast  *Toast
	Here   string // the address of the page, to come back to
	Data   any
}

func (p Page) render(w http.ResponseWriter, r *http.Request, status int, v view) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	w.WriteHeader(status)
	v.Style, v.Script = style.path, script.path
	if err := p.template.ExecuteTemplate(w, "layout.html", v); err != nil {
		slog.ErrorContext(r.Context(), "page could not be written", slog.Any("error", err))
	}
}
