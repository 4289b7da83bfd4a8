package report

import (
	"embed"
	"mime"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

//go:embed pages/*.html
var pageFiles embed.FS

var unsubscribeTemplate = console.Parse(pageFiles, "pages/unsubscribe.html")

type unsubscribePage struct {
	Address, Organization string
	Kind                  Kind
	Ended                 bool
	Form                  console.Form
}

// Pages adds the page behind the link in every report. The link's token is the secret:
// whoever has it may unsubscribe the address, signed in or not. Mail providers POST
// there for their users, from elsewhere and without a cookie (RFC 8058), so the rim
// lets such requests through to this path.
func Pages(p *console.Pages, s *Service) {
	p.Handle("GET "+path, authz.Public, s.page)
	p.Handle("POST "+path, authz.Public, s.answer)
}

// UnsubscribePattern is the one pattern that takes forms from elsewhere.
const UnsubscribePattern = "POST " + path

// The answers of our own form, and the one that mail providers send.
const (
	answerField    = "answer"
	unsubscribe    = "unsubscribe"
	subscribeAgain = "subscribe"
	oneClickField  = "List-Unsubscribe"
	oneClick       = "One-Click"
)

func (s *Service) page(r *console.Request) error {
	b, name, err := s.find(r.Context(), r.FormValue("token"))
	if err != nil {
		return err
	}
	return show(r, b, name)
}

func (s *Service) answer(r *console.Request) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
		if err := r.ParseMultipartForm(maxMultipart); err != nil {
			return fault.New(fault.Malformed, "The form did not arrive whole.").Because(err)
		}
	}
	b, name, err := s.find(r.Context(), r.FormValue("token"))
	if err != nil {
		return err
	}
	want := false
	switch {
	case r.PostFormValue(oneClickField) == oneClick, r.PostFormValue(answerField) == unsubscribe:
	case r.PostFormValue(answerField) == subscribeAgain:
		want = true
	default:
		checks := &fault.Checks{}
		checks.Add(answerField, "must be %s or %s", unsubscribe, subscribeAgain)
		return checks.Err()
	}
	if err := s.set(r.Context(), r.Pass.Actor().Client, b, want); err != nil {
		return err
	}
	if b.endedAt = 0; !want {
		b.endedAt = s.db.Now()
	}
	return show(r, b, name)
}

// maxMultipart is more than the body of a form may have.
const maxMultipart = 32 << 10

func show(r *console.Request, b subscription, name string) error {
	p := unsubscribePage{Address: b.address, Organization: name, Kind: b.kind, Ended: b.endedAt != 0}
	answer, words, title := unsubscribe, "Unsubscribe", "Unsubscribe?"
	if p.Ended {
		answer, words, title = subscribeAgain, "Get them again", "Unsubscribed"
	}
	p.Form = console.Form{Action: path, Hidden: []console.Hidden{{Name: "token", Value: r.FormValue("token")}, {Name: answerField, Value: answer}}, Button: words}
	return r.Show(unsubscribeTemplate, http.StatusOK, title, p)
}
