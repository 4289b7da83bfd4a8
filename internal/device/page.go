package device

import (
	"embed"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

//go:embed pages/*.html
var pageFiles embed.FS

var (
	codeTemplate    = console.Parse(pageFiles, "pages/code.html")
	approveTemplate = console.Parse(pageFiles, "pages/approve.html")
	doneTemplate    = console.Parse(pageFiles, "pages/done.html")
)

const path, codeTitle = "/device", "Sign a program in"

// Pages adds the pages on which programs are approved.
func Pages(p *console.Pages, s *Service) {
	p.Handle("GET "+path, authz.AccountRead, s.codeForm)
	p.Handle("POST "+path, authz.AccountRead, s.look)
	p.Handle("POST "+path+"/approve", authz.AccountEdit, s.approve)
	p.Handle("POST "+path+"/deny", authz.AccountEdit, s.deny)
}

type codePage struct {
	Email string
	Form  console.Form
}

// codeForm asks for the code, also where a link brought it: the person compares it with
// what their program shows.
func (s *Service) codeForm(r *console.Request) error {
	return r.Show(codeTemplate, http.StatusOK, codeTitle, newCodePage(r, r.FormValue("user_code")))
}

func newCodePage(r *console.Request, code string) codePage {
	if typed, ok := typedCode(code); ok {
		code = shownCode(typed)
	}
	return codePage{r.Pass.Actor().Name, console.Form{Action: path, Button: "Go on", Fields: []console.Field{{
		Name: "user_code", Label: "Code", Value: code, Autocomplete: "off", MaxLength: 64, Focus: true, Help: "As your program shows it, such as BCDF-GHJK.",
	}}}}
}

type approvePage struct {
	Email, Code, Client, Address, UserAgent, Since string
}

func (s *Service) look(r *console.Request) error {
	g, code, err := s.find(r.Context(), r.Pass, r.PostFormValue("user_code"))
	if err != nil {
		return again(r, err)
	}
	return r.Show(approveTemplate, http.StatusOK, "Is this yours?", approvePage{
		r.Pass.Actor().Name, shownCode(code), g.client, g.address, g.userAgent, g.createdAt.Std().Format("15:04 MST"),
	})
}

// again shows the form with what is wrong with the code.
func again(r *console.Request, err error) error {
	p := newCodePage(r, r.PostFormValue("user_code"))
	if !p.Form.Refuse(err) {
		return err
	}
	return r.Show(codeTemplate, fault.From(err).Status(), codeTitle, p)
}

func (s *Service) approve(r *console.Request) error { return s.settled(r, true) }

func (s *Service) deny(r *console.Request) error { return s.settled(r, false) }

func (s *Service) settled(r *console.Request, approve bool) error {
	if err := s.answer(r.Context(), r.Pass, r.PostFormValue("user_code"), approve); err != nil {
		return again(r, err)
	}
	title := "The program is not signed in"
	if approve {
		title = "The program is signed in"
	}
	return r.Show(doneTemplate, http.StatusOK, title, struct{ Approved bool }{approve})
}
