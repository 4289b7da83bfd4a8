package invitation_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// The table of invitations: each way in which an invitation reaches somebody, times
// each case of who they are and of what became of it. A new way is a line in ways, a
// new case a line in cases.

// invited is an invitation on its way to Bob.
type invited struct {
	s            *apptest.Server
	jane         *apptest.Caller // the owner, who invites
	bob          *apptest.Caller // who is invited, unless the case says otherwise
	organization id.Organization
	path         string // of the invitation, as who was invited knows it
}

// ways are how an invitation reaches somebody. Each invites an address and gives what
// the invited person then has: the path of the invitation.
var ways = map[string]func(t *testing.T, w *invited, email string) string{
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
	_, token, _ := strings.Cut(link, "inviteToken=")
	token, _, _ = strings.Cut(token, "&")
	return path(w.organization, token)
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

// cases are what becomes of an invitation, by who is invited and when.
var cases = map[string]struct {
	plan string // ENTERPRISE_2025 where nothing is said
	run  func(t *testing.T, w *invited, invite func(email string) string)
}{
	"existing": {run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite("BOB@Example.com")
		if mine := w.bob.Get(t, "/account/invitations").Must(t, 200); !strings.HasSuffix(w.path, mine.Text("results.0.id")) {
			t.Errorf("it does not wait for Bob: %s", mine.Body)
		}
		w.bob.Post(t, w.path, nil).Must(t, 201)
		w.joined(t, w.bob)
		if w.pending(t) != 0 {
			t.Error("an accepted invitation is pending")
		}
	}},
	"other address": {run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite(w.bob.Email)
		other := w.s.Person(t, "bob@home.example")
		for _, path := range []string{w.path, w.path + "/decline"} {
			refused := other.Post(t, path, nil).Refused(t, 403, "wrong_account")
			for _, want := range []string{w.bob.Email, other.Email} { // which is meant, and which is signed in
				if !strings.Contains(refused.Text("detail"), want) {
					t.Errorf("the refusal does not say %s: %s", want, refused.Body)
				}
			}
		}
		other.Get(t, w.path).Refused(t, 404, "not_found")
		w.outside(t, other)
		w.waits(t, "PENDING") // nothing is used up
		w.bob.Post(t, w.path, nil).Must(t, 201)
		w.joined(t, w.bob)
	}},
	"seats full": {plan: "USER_2025", run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite(w.bob.Email)
		joe := w.s.Member(t, w.organization, "joe@example.com", authz.Viewer) // the second of two seats
		refused := w.bob.Post(t, w.path, nil).Refused(t, 403, "limit_reached")
		if !strings.Contains(refused.Text("detail"), "2 seats") {
			t.Errorf("the refusal does not say the seats: %s", refused.Body)
		}
		w.waits(t, "PENDING")
		// Nor does anybody else fit, one by one or together with others.
		w.jane.Post(t, path(w.organization), map[string]any{"email": "eve@example.com"}).Refused(t, 403, "limit_reached")
		many := w.jane.Post(t, "/organization/"+string(w.organization)+"/inviteMembers", map[string]any{"emails": []string{"eve@example.com", "ann@example.com"}}).Must(t, 200)
		if many.Text("results.0.code") != "limit_reached" || many.Text("results.1.code") != "limit_reached" {
			t.Errorf("the outcomes are %s", many.Body)
		}
		w.jane.Do(t, "DELETE", "/organization/"+string(w.organization)+"/member", map[string]any{"user_id": joe.ID}).Must(t, 204)
		w.bob.Post(t, w.path, nil).Must(t, 201)
		w.joined(t, w.bob)
	}},
	"expired": {run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite(w.bob.Email)
		w.s.Clock.Advance(life)
		w.jane, w.bob = w.s.Again(t, w.jane), w.s.Again(t, w.bob)
		w.bob.Post(t, w.path, nil).Refused(t, 400, "invitation_expired")
		w.waits(t, "EXPIRED")
		w.jane.Post(t, w.path+"/resend", nil).Must(t, 200)
		w.bob.Post(t, w.path, nil).Must(t, 201) // under the same id
		w.joined(t, w.bob)
	}},
	"removed": {run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite(w.bob.Email)
		w.jane.Delete(t, w.path).Must(t, 204)
		for _, path := range []string{w.path, w.path + "/decline"} {
			w.bob.Post(t, path, nil).Refused(t, 404, "not_found")
		}
		w.jane.Post(t, w.path+"/resend", nil).Refused(t, 404, "not_found")
		w.outside(t, w.bob)
		w.path = invite(w.bob.Email) // and once more
		w.bob.Post(t, w.path, nil).Must(t, 201)
		w.joined(t, w.bob)
	}},
	"twice": {run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite(w.bob.Email)
		w.jane.Post(t, path(w.organization), map[string]any{"email": "BOB@example.com"}).Refused(t, 409, "already_invited")
		many := w.jane.Post(t, "/organization/"+string(w.organization)+"/inviteMembers", map[string]any{"emails": []string{w.bob.Email}}).Must(t, 200)
		if many.Text("results.0.code") != "already_invited" {
			t.Errorf("the outcome is %s", many.Body)
		}
		w.waits(t, "PENDING")
		w.bob.Post(t, w.path, nil).Must(t, 201)
		w.bob.Post(t, w.path, nil).Refused(t, 404, "not_found") // used up
		w.jane.Post(t, path(w.organization), map[string]any{"email": w.bob.Email}).Refused(t, 409, "already_invited")
		w.joined(t, w.bob)
	}},
	"declined": {run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite(w.bob.Email)
		w.bob.Post(t, w.path+"/decline", nil).Must(t, 204)
		w.bob.Post(t, w.path, nil).Refused(t, 404, "not_found")
		w.bob.Post(t, w.path+"/decline", nil).Refused(t, 404, "not_found")
		w.outside(t, w.bob)
		if w.pending(t) != 0 {
			t.Error("a declined invitation is pending")
		}
		w.path = invite(w.bob.Email) // it can be asked again
		w.bob.Post(t, w.path, nil).Must(t, 201)
		w.joined(t, w.bob)
	}},
}

func TestTable(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			for caseName, c := range cases {
				for way, invite := range ways {
					t.Run(caseName+" by "+way, func(t *testing.T) {
						s := apptest.Start(t, apptest.Storage(t, engine), apptest.Options{})
						w := &invited{s: s, jane: s.Person(t, "jane@example.com"), bob: s.Person(t, "bob@example.com")}
						plan := c.plan
						if plan == "" {
							plan = "ENTERPRISE_2025"
						}
						w.organization = apptest.OrganizationID(w.jane.Post(t, "/organization", map[string]any{"name": "Acme", "plan": plan}).Must(t, 201))
						c.run(t, w, func(email string) string { return invite(t, w, email) })
						s.Verify(t)
					})
				}
			}
		})
	}
}
