package account

import (
	"embed"
	"errors"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

//go:embed pages/*.html
var pageFiles embed.FS

var setupTemplate = console.Parse(pageFiles, "pages/setup.html")

type setupPage struct {
	title       string
	Link, Email string
	Wrong       map[string]string // what is wrong with which field
	Closed      string
	Done        bool
	Token, URL  string
	Expires     string
}

// maxForm bounds the body of a form.
const maxForm = 16 << 10

// Pages adds the setup form. publicURL stands in the commands that it shows.
func Pages(mux *http.ServeMux, s *Service, r *route.Router, publicURL string) {
	mux.HandleFunc("GET /setup", func(w http.ResponseWriter, req *http.Request) {
		token := req.URL.Query().Get("token")
		p := setupPage{title: "Set up Guildhall", Link: token}
		if err := s.SetupOpen(req.Context(), token); err != nil {
			p.refused(err)
		}
		render(w, req, p)
	})
	mux.HandleFunc("POST /setup", func(w http.ResponseWriter, req *http.Request) {
		req.Body = http.MaxBytesReader(w, req.Body, maxForm)
		p := setupPage{title: "Set up Guildhall", Link: req.PostFormValue("token"), Email: req.PostFormValue("email"), URL: publicURL}
		pass, err := r.Admit(req, authz.Public, authz.Scope{})
		if err != nil {
			route.WriteProblem(w, req, err)
			return
		}
		a, access, err := s.Setup(req.Context(), pass, p.Link, p.Email, req.PostFormValue("password"))
		if err != nil {
			p.refused(err)
		} else {
			p.title, p.Done, p.Email, p.Token = "Guildhall is set up", true, a.Email, access.Token
			p.Expires = access.ExpiresAt.Std().Format("15:04 MST")
		}
		render(w, req, p)
	})
}

// refused keeps what was typed and says what is wrong, where it is wrong.
func (p *setupPage) refused(err error) {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Invalid {
		p.Closed = fault.From(err).Detail
		return
	}
	p.Wrong = map[string]string{}
	for _, field := range f.Fields {
		p.Wrong[field.Field] = field.Message
	}
}

func render(w http.ResponseWriter, r *http.Request, p setupPage) {
	status := http.StatusOK
	switch {
	case p.Closed != "":
		status = http.StatusNotFound
	case p.Wrong != nil:
		status = http.StatusBadRequest
	}
	setupTemplate.Render(w, r, status, p.title, p)
}
