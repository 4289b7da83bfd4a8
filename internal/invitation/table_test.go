package invitation_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
)

// The table of invitations: each way in which an invitation reaches somebody, times
// each case of who they are and of what became of it. A new way is a line in ways, a
// new case a line in cases.

// cases are what becomes of an invitation, by who is invited and when.
var cases = map[string]struct {
	plan string // ENTERPRISE_2025 where nothing is said
	run  func(t *testing.T, w *invited, invite func(email string) string)
}{
	"new": {run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite("new@example.com")
		w.signUp(t, "new@example.com").Send(t, "/accept-invitation", map[string]string{"answer": "accept"}).Must(t, 200, "You are a member of Acme", "DEVELOPER")
		w.joined(t, w.account(t, "new@example.com"))
		if w.pending(t) != 0 {
			t.Error("an accepted invitation is pending")
		}
	}},
	"existing": {run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite("BOB@Example.com")
		if mine := w.bob.Get(t, "/account/invitations").Must(t, 200); !strings.HasSuffix(w.path, mine.Text("results.0.id")) {
			t.Errorf("it does not wait for Bob: %s", mine.Body)
		}
		w.signIn(t, w.bob.Email).Send(t, "/accept-invitation", map[string]string{"answer": "accept"}).Must(t, 200, "You are a member of Acme", "DEVELOPER")
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
		page := w.signIn(t, other.Email).Must(t, 200, w.bob.Email, other.Email)
		if page.Has("/accept-invitation") {
			t.Errorf("the page lets the wrong account answer: %s", page.Text)
		}
		page = page.Send(t, "/sign-out", nil).Must(t, 200) // how to switch: to the sign-in, and back
		if page.Value("email") != w.bob.Email {
			t.Errorf("the page signs in %q", page.Value("email"))
		}
		if page = page.Send(t, "/sign-in", map[string]string{"password": apptest.Password}); !page.Has("/accept-invitation") {
			t.Errorf("the right account cannot answer: %s", page.Text)
		}
		w.outside(t, other)
		w.waits(t, "PENDING") // nothing is used up
		w.bob.Post(t, w.path, nil).Must(t, 201)
		w.joined(t, w.bob)
	}},
	"registration closed": {run: func(t *testing.T, w *invited, invite func(string) string) {
		w.path = invite("new@example.com")
		w.noAccount(t, "eve@example.com")
		b := w.s.Browser()
		form := b.Open(t, w.link).Link("Create an account")
		b.Open(t, form).Must(t, 200)
		w.jane.Delete(t, w.path).Must(t, 204) // and the invited person is one of many strangers
		b.Open(t, w.link).Must(t, 404, "There is no such invitation")
		b.Open(t, form).Must(t, 404, "There is no such invitation")
		w.noAccount(t, "new@example.com")
		w.path = invite("new@example.com")
		w.signUp(t, "new@example.com").Send(t, "/accept-invitation", map[string]string{"answer": "accept"}).Must(t, 200, "You are a member of Acme")
		w.joined(t, w.account(t, "new@example.com"))
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
		w.s.Browser().Open(t, w.link).Must(t, 200, "has expired", w.jane.Email)
		w.jane.Post(t, w.path+"/resend", nil).Must(t, 200)
		if w.post != nil {
			if link := w.letter(t, w.bob.Email, "You are invited to Acme"); link != w.link {
				t.Errorf("sent again it leads to %s, before to %s", link, w.link)
			}
		}
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
		w.s.Browser().Open(t, w.link).Must(t, 404, "taken back")
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
		w.signIn(t, w.bob.Email).Send(t, "/accept-invitation", map[string]string{"answer": "decline"}).Must(t, 200, "The invitation to Acme is gone")
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
						plan := c.plan
						if plan == "" {
							plan = "ENTERPRISE_2025"
						}
						w := start(t, engine, way, plan)
						c.run(t, w, func(email string) string { return invite(t, w, email) })
						w.s.Verify(t)
					})
				}
			}
		})
	}
}
