package console

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// A session can end while somebody fills in a form. What they typed is then carried
// by the form to sign in with, and sent when they have signed in. It lives in the page
// only, never in the server; it is taken from a form's body alone, and forms from
// other sites are refused before they get here (see decision 29).

const heldField = "held"

// held is a form that waits for its person.
type held struct {
	Path string  `json:"path"`
	Body string  `json:"body"`
	User id.User `json:"user"` // who was here when it was filled in, where that is known
}

var heldPage, sendPage = Parse(files, "pages/held.html"), Parse(files, "pages/send.html")

// hold answers a form that came without a session by asking to sign in, with the form
// inside. It is false for what must not be kept in a page: passwords, and what is no
// form of a page of the console.
func (r *Request) hold() bool {
	if !strings.HasPrefix(r.URL.Path, home) || r.parse() != nil || len(r.PostForm) == 0 || r.here() == "/" {
		return false
	}
	for name := range r.PostForm {
		if strings.Contains(name, "password") {
			return false
		}
	}
	user, _ := r.last()
	text, err := json.Marshal(held{r.URL.RequestURI(), r.PostForm.Encode(), user})
	if err != nil {
		return false
	}
	form := Form{
		Action: signInPath, Button: "Sign in and send the form",
		Hidden: []Hidden{{"next", r.here()}, {heldField, base64.RawURLEncoding.EncodeToString(text)}},
		Fields: []Field{
			{Name: "email", Label: "E-mail address", Type: "email", Autocomplete: "username", MaxLength: authn.MaxEmail, Focus: true},
			{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password", MaxLength: authn.MaxPassword},
		},
	}
	_ = r.Show(heldPage, http.StatusUnauthorized, "Sign in again", struct { // it never fails without a frame
		Form, Again Form
		SignIn      string
	}{form, Form{Action: r.URL.RequestURI(), Hidden: hidden(r.PostForm), Button: "I have signed in: send the form", Quiet: true}, signInPath})
	return true
}

func hidden(values url.Values) []Hidden {
	var list []Hidden
	for name, all := range values {
		for _, value := range all {
			list = append(list, Hidden{name, value})
		}
	}
	return list
}

// Held is what a form to sign in carries on, where it has a form inside.
func (r *Request) Held() []Hidden {
	if text := r.PostFormValue(heldField); text != "" {
		return []Hidden{{heldField, text}}
	}
	return nil
}

// Onward ends a sign-in as a user: the form that waited is sent, or the browser goes
// to where it wanted to. The form of somebody else is shown, not sent.
func (r *Request) Onward(user id.User, fallback string) error {
	text := r.PostFormValue(heldField)
	if text == "" {
		r.Redirect(r.Next(fallback))
		return nil
	}
	var waiting held
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(decoded, &waiting)
	}
	values, wrong := url.ParseQuery(waiting.Body)
	if err != nil || wrong != nil || !r.takesForm(waiting.Path) || route.CheckValues(values) != nil {
		return fault.New(fault.Malformed, "The form that waited did not arrive whole. You are signed in; fill it in again.")
	}
	page := struct {
		Form  Form
		Same  bool
		Shown []Hidden
		Back  string
	}{Form{Action: waiting.Path, Hidden: hidden(values), Button: "Send the form"}, waiting.User == user, hidden(values), r.Next(fallback)}
	return r.Show(sendPage, http.StatusOK, "You are signed in", page)
}

// takesForm tells whether a path is one of ours under the console.
func (r *Request) takesForm(path string) bool {
	u, err := url.Parse(path)
	if err != nil || Local(path, "") == "" {
		return false
	}
	return r.pages.takesForm(u, r.Host)
}
