package invitation

import (
	"context"
	"embed"
	"net/http"
	"net/url"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
)

//go:embed pages/*.html
var pageFiles embed.FS

var invitationTemplate = console.Parse(pageFiles, "pages/invitation.html")

type invitationPage struct {
	Closed     string
	Invitation Shown
	Until      string
	// Dead says why nobody can accept, although its time is not over.
	Dead string
	// Signed is the address of who is signed in; empty for nobody.
	Signed string
	// Mine says that the invitation is for them, Unproved that it would be, once their
	// address is confirmed.
	Mine, Unproved  bool
	Accept, Decline console.Form
	Switch          console.Form
	SignIn, SignUp  string
}

const path = "/accept-invitation"

// Pages adds those of who invites, and the page behind an invitation's link. That works before anybody has signed
// in: the id in the link is the secret.
func Pages(p *console.Pages, s *Service) {
	p.Handle("GET "+path, authz.Public, s.page)
	p.Handle("POST "+path, authz.InvitationAnswer, s.answerPage)
	p.Add(s.memberPages()...)
}

func (s *Service) page(r *console.Request) error {
	shown, err := s.ByLink(r.Context(), r.FormValue("organization"), r.FormValue("inviteToken"), r.PublicURL())
	if fault.Has(err, fault.NotFound) {
		return r.Show(invitationTemplate, http.StatusNotFound, "This invitation is gone", invitationPage{Closed: fault.From(err).Detail})
	}
	if err != nil {
		return err
	}
	p := invitationPage{Invitation: shown, Until: shown.ExpiresAt.Std().Format("2 January 2006, 15:04 MST")}
	if err := stands(s.db.Reader(r.Context()), shown.Invitation); fault.Has(err, fault.InvitationExpired) {
		p.Dead = fault.From(err).Detail
	} else if err != nil {
		return err
	}
	back := shown.path()
	signIn := "/sign-in?" + url.Values{"email": {shown.Email}, "next": {back}}.Encode()
	if actor := r.Pass.Actor(); actor.Kind == authn.Person {
		p.Signed = actor.Name
		if p.Mine, err = s.isFor(s.db.Reader(r.Context()), shown.Invitation, actor); err != nil {
			return err
		}
		p.Unproved = !p.Mine && authn.SameMailbox(actor.Name, shown.Email)
		p.Accept, p.Decline = answerForm(back, "accept", "Accept"), answerForm(back, "decline", "Decline")
		p.Decline.Quiet = true // it can be asked again
		p.Switch = console.Form{Action: "/sign-out", Hidden: []console.Hidden{{Name: "next", Value: signIn}}, Button: "Sign out and use the other account"}
	} else {
		p.SignIn = signIn
		p.SignUp = "/sign-up?" + url.Values{"inviteToken": {shown.ID}, "organization": {string(shown.Organization)}}.Encode()
	}
	return r.Show(invitationTemplate, http.StatusOK, "You are invited to "+shown.OrganizationName, p)
}

// answerForm is one button. What is answered is in the address, so that somebody whose
// session has ended comes back to it after signing in.
func answerForm(back, answer, words string) console.Form {
	return console.Form{Action: back, Hidden: []console.Hidden{{Name: "answer", Value: answer}}, Button: words}
}

func (s *Service) answerPage(r *console.Request) error {
	shown, err := s.ByLink(r.Context(), r.FormValue("organization"), r.FormValue("inviteToken"), r.PublicURL())
	if err != nil {
		return err
	}
	title, sentence := "Welcome to "+shown.OrganizationName, "You are a member of "+shown.OrganizationName+" now, with the role "+shown.RoleName+"."
	switch r.PostFormValue("answer") {
	case "accept":
		_, err = s.Accept(r.Context(), r.Pass, shown.Organization, shown.ID)
	case "decline":
		title, sentence = "You declined", "The invitation to "+shown.OrganizationName+" is gone. Who invited you can send another one."
		err = s.Decline(r.Context(), r.Pass, shown.Organization, shown.ID)
	default:
		checks := &fault.Checks{}
		checks.Add("answer", "must be accept or decline")
		err = checks.Err()
	}
	if err != nil {
		return err
	}
	return r.Show(invitationTemplate, http.StatusOK, title, invitationPage{Closed: sentence})
}

// ByLink reads an invitation for whoever has its link.
func (s *Service) ByLink(ctx context.Context, organization, invitation, publicURL string) (Shown, error) {
	gone := fault.New(fault.NotFound, "There is no such invitation: it was accepted, declined or taken back. Ask who invited you for a new one.")
	org, ok := id.Parse[id.Organization](organization)
	token, valid := id.Parse[string](invitation)
	if !ok || !valid {
		return Shown{}, gone
	}
	q := s.db.Reader(ctx)
	i, err := loadIn(q, org, token)
	if fault.Has(err, fault.NotFound) {
		return Shown{}, gone
	}
	if err != nil {
		return Shown{}, err
	}
	list, err := s.show(q, publicURL, i)
	if err == nil && len(list) == 0 {
		err = gone
	}
	if err != nil {
		return Shown{}, err
	}
	return list[0], nil
}
