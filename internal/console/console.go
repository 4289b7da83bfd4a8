// Package console is how pages look: the layout around every page, its styles, and
// the headers that go with them. What a page says is its feature's.
package console

import (
	"crypto/rand"
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

// Parse reads a page's template; a broken one does not start.
func Parse(from fs.FS, name string) Page {
	t := template.Must(template.ParseFS(files, "pages/layout.html", "pages/form.html"))
	text, err := fs.ReadFile(from, name)
	if err != nil {
		panic(err) // the file is embedded
	}
	template.Must(t.New("content").Parse(string(text)))
	return Page{t}
}

// render writes the page. The policy allows the page's own styles and forms, and
// nothing from elsewhere.
func (p Page) render(w http.ResponseWriter, r *http.Request, status int, title, notice string, data any) {
	nonce := rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	err := p.template.ExecuteTemplate(w, "layout.html", struct {
		Title, Nonce, Notice string
		Data                 any
	}{title, nonce, notice, data})
	if err != nil {
		slog.ErrorContext(r.Context(), "page could not be written", slog.Any("error", err))
	}
}
