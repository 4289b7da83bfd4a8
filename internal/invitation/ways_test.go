package invitation_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

// invited is an invitation on its way to Bob.
type invited struct {
	s            *apptest.Server
	jane         *apptest.Caller // the owner, who invites
	bob          *apptest.Caller // who is invited, unless the case says otherwise
	organization id.Organization
	post         *mailtest.Server // nil where the server sends no mail
	link         string           // of the invitation's page, as who was invited knows it
	path         string           // of the invitation in the API
}

// start makes the organization that invites, on a plan.
func start(t *testing.T, engine, way, plan string) *invited {
	t.Helper()
	w := &invited{}
	w.s = apptest.Start(t, apptest.Storage(t, engine), apptest.Options{Settings: func(c *config.Server) {
		c.Registration = "invited"
		if way == "mail" {
			w.post = mailtest.Start(t)
			w.post.Settings(c)
		}
	}})
	w.jane, w.bob = w.s.Person(t, "jane@example.com"), w.s.Person(t, "bob@example.com")
	w.organization = apptest.OrganizationID(w.jane.Post(t, "/organization", map[string]any{"name": "Acme", "plan": plan}).Must(t, 201))
	return w
}

// ways are how an invitation reaches somebody. Each invites an address and gives what
// the invited person then has: the path of the invitation.
var ways = map[string]func(t *testing.T, w *invited, email string) string{
	// The letter that the server sends; the link in the answer is not looked at.
	"mail": func(t *testing.T, w *invited, email string) string {
		t.Helper()
		w.jane.Post(t, path(w.organization), map[string]any{"email": email, "role_id": authz.RoleID(w.organization, authz.Developer)}).Must(t, 201)
		return linked(t, w, w.letter(t, email, "You are invited to Acme"))
	},
	// The link that the inviter passes on.
	"link": func(t *testing.T, w *invited, email string) string {
		t.Helper()
		r := w.jane.Post(t, path(w.organization), map[string]any{"email": email, "role_id": authz.RoleID(w.organization, authz.Developer)}).Must(t, 201)
		return linked(t, w, r.Text("invitation_link"))
	},
	// The same, of many addresses invited at once, one of them wrong.
	"bulk": func(t *testing.T, w *invited, email string) string {
		t.Helper()
		r := w.jane.Post(t, "/organization/"+string(w.organization)+"/inviteMembers", map[string]any{
			"emails": []string{"nobody", email}, "role_id": authz.RoleID(w.organization, authz.Developer),
		}).Must(t, 200)
		if r.Text("results.0.code") != "invalid_request" || r.Text("results.1.code") != "" {
			t.Fatalf("the outcomes are %s", r.Body)
		}
		return linked(t, w, r.Text("results.1.invitation.invitation_link"))
	},
}

// linked follows a link without an account, and gives the invitation's path.
func linked(t *testing.T, w *invited, link string) string {
	t.Helper()
	page := w.s.Anonymous().Get(t, strings.TrimPrefix(link, w.s.URL)).Must(t, 200)
	if !strings.Contains(string(page.Body), "Acme") || !strings.Contains(string(page.Body), w.jane.Email) {
		t.Errorf("the page behind the link does not say who invites where")
	}
	w.link = link
	_, token, _ := strings.Cut(link, "inviteToken=")
	token, _, _ = strings.Cut(token, "&")
	return path(w.organization, token)
}

// letter has the letters sent, finds the one to an address, and gives the link in it.
func (w *invited) letter(t *testing.T, email, subject string) string {
	t.Helper()
	w.send(t)
	for {
		if m := w.post.Next(t); m.To == email && m.Subject == subject {
			return m.Link()
		}
	}
}

// send runs every job that is due, the letters.
func (w *invited) send(t *testing.T) {
	t.Helper()
	for {
		if n, err := w.s.Jobs.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			return
		}
	}
}

// signIn goes from the invitation's page to the sign-in and comes back to it.
func (w *invited) signIn(t *testing.T, email string) *consoletest.Page {
	t.Helper()
	b := w.s.Browser()
	page := b.Open(t, b.Open(t, w.link).Must(t, 200).Link("Sign in")).Send(t, "/sign-in", map[string]string{"email": email, "password": apptest.Password})
	if !strings.HasSuffix(w.link, page.Path) {
		t.Fatalf("after the sign-in: %s", page.Path)
	}
	return page.Must(t, 200, "Acme", w.jane.Email)
}

// signUp makes an account from the invitation's page, as somebody does who has none,
// and comes back to it; with mail by way of a further letter.
func (w *invited) signUp(t *testing.T, email string) *consoletest.Page {
	t.Helper()
	b, password := w.s.Browser(), map[string]string{"password": apptest.Password}
	page := b.Open(t, b.Open(t, w.link).Must(t, 200, "Acme", w.jane.Email, email, "DEVELOPER").Link("Create an account")).Must(t, 200)
	if w.post == nil {
		page = page.Send(t, "/sign-up", password)
	} else {
		page.Send(t, "/sign-up", nil).Must(t, 200, email)
		page = b.Open(t, w.letter(t, email, "Finish your sign-up")).Send(t, "/verify", password)
	}
	if !strings.HasSuffix(w.link, page.Path) {
		t.Fatalf("after the sign-up: %s", page.Path)
	}
	return page.Must(t, 200, "Acme", w.jane.Email)
}

// account gives the caller of an account that was made in a browser.
func (w *invited) account(t *testing.T, email string) *apptest.Caller {
	t.Helper()
	c := w.s.Anonymous()
	c.Email, c.Scheme = email, "Bearer"
	return w.s.Again(t, c)
}

// noAccount fails the test if an address without an invitation can get an account.
func (w *invited) noAccount(t *testing.T, email string) {
	t.Helper()
	asked := map[string]any{"email": email}
	if w.post == nil {
		asked["password"] = apptest.Password
	}
	r := w.s.Anonymous().Post(t, "/auth/sign-up", asked)
	if w.post == nil {
		r.Refused(t, 403, "registration_closed")
	} else { // whether there is a letter is not for who asks
		r.Must(t, 200)
		w.send(t)
		w.post.Nothing(t)
	}
	if _, err := w.s.Accounts.Find(t.Context(), email); err == nil {
		t.Errorf("%s got an account", email)
	}
}

// joined fails the test unless somebody is a member in the role that was offered.
func (w *invited) joined(t *testing.T, c *apptest.Caller) {
	t.Helper()
	c.Get(t, "/organization/"+string(w.organization)).Must(t, 200)
	members := w.jane.Get(t, "/organization/"+string(w.organization)+"/member").Must(t, 200)
	for _, row := range members.List("results") {
		if row := row.(map[string]any); row["email"] == c.Email && row["role_name"] == "DEVELOPER" {
			return
		}
	}
	t.Errorf("%s did not join: %s", c.Email, members.Body)
}

// waits fails the test unless Bob's invitation is there as it was, and he is outside.
func (w *invited) waits(t *testing.T, status string) {
	t.Helper()
	if r := w.jane.Get(t, w.path).Must(t, 200); r.Text("invitation_status") != status {
		t.Errorf("the invitation is %s, want %s", r.Text("invitation_status"), status)
	}
	w.outside(t, w.bob)
}

func (w *invited) outside(t *testing.T, c *apptest.Caller) {
	t.Helper()
	c.Get(t, "/organization/"+string(w.organization)).Refused(t, 404, "not_found")
}

func (w *invited) pending(t *testing.T) int {
	t.Helper()
	return len(w.jane.Get(t, path(w.organization)).Must(t, 200).List("results"))
}
