package account_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func closeAccount(t *testing.T, c *apptest.Caller, password string) *apptest.Response {
	t.Helper()
	return c.Do(t, "DELETE", "/account", map[string]any{"password": password})
}

func count(t *testing.T, s *apptest.Server, query string, args ...any) int64 {
	t.Helper()
	n, err := store.Value[int64](s.DB.Reader(t.Context()), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const actionsIn = `SELECT COUNT(*) FROM event WHERE organization_id = $1 AND action = $2`

func TestCloseAccount(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme, left := owner.Organization(t, "Acme"), owner.Organization(t, "Left")
		jane := s.Member(t, acme, "jane@example.com", authz.Admin)
		s.Join(t, left, jane, authz.Admin)
		jane.Post(t, "/admin/userSignUp", map[string]any{
			"first_name": "Jane", "last_name": "Doe", "user_email": "private@example.com", "type_of_use": "WORK", "qovery_usage": "secret plans",
		}).Must(t, 200)
		robot, asleep := jane.Token(t, acme, "ci", authz.Admin), jane.Token(t, left, "ci", authz.Viewer)
		jane.Do(t, "DELETE", "/organization/"+string(left)+"/member", map[string]any{"user_id": jane.ID}).Must(t, 204)
		invitation := invite(t, jane, acme, "guest@example.com")
		skip(t, s, post)

		closeAccount(t, jane, "wrong password").Refused(t, 400, "invalid_request")
		jane.Do(t, "DELETE", "/account", map[string]any{"email": "jane@example.com"}).Refused(t, 400, "invalid_request") // a password is there, so it is asked for
		robot.Do(t, "DELETE", "/account", map[string]any{"password": apptest.Password}).Refused(t, 403, "person_required")
		closeAccount(t, jane, apptest.Password).Must(t, 204)

		for _, c := range []*apptest.Caller{jane, robot, asleep} {
			c.Get(t, "/organization").Refused(t, 401, "unauthenticated")
		}
		signIn(t, s, "jane@example.com", apptest.Password).Refused(t, 401, "bad_credentials")
		signIn(t, s, "deleted:"+string(jane.ID), "").Refused(t, 401, "bad_credentials")
		for query, want := range map[string]int64{
			`SELECT COUNT(*) FROM member WHERE user_id = $1`:                               0,
			`SELECT COUNT(*) FROM api_token WHERE created_by = $1`:                         0,
			`SELECT COUNT(*) FROM proof WHERE subject = $1`:                                0,
			`SELECT COUNT(*) FROM invitation WHERE inviter_id = $1`:                        1,
			`SELECT COUNT(*) FROM account WHERE id = $1`:                                   1,
			`SELECT COUNT(*) FROM event WHERE actor_id = $1 AND action = 'account.delete'`: 1,
		} {
			if n := count(t, s, query, jane.ID); n != want {
				t.Errorf("%s: %d, want %d", query, n, want)
			}
		}
		for action, want := range map[string][2]int64{"member.leave": {1, 1}, "api_token.delete": {1, 1}} {
			if a, b := count(t, s, actionsIn, acme, action), count(t, s, actionsIn, left, action); a != want[0] || b != want[1] {
				t.Errorf("%s: %d and %d events, want %v", action, a, b, want)
			}
		}
		row, err := store.Value[string](s.DB.Reader(t.Context()), `SELECT email || email_key || communication_email || first_name || last_name || nickname || picture_url || sign_up || password_hash FROM account WHERE id = $1`, jane.ID)
		if err != nil || strings.Contains(row, "@") || strings.Contains(strings.ToLower(row), "jane") || strings.Contains(row, "Doe") || strings.Contains(row, "argon") {
			t.Errorf("the row still says %q (%v)", row, err)
		}
		// Her invitation stays and names nobody; who is invited can come when somebody
		// else sends it again.
		if got := owner.Get(t, "/organization/"+string(acme)+"/inviteMember").Must(t, 200).Text("results.0.inviter"); got != "deleted account" {
			t.Errorf("the inviter is %q", got)
		}
		guest := s.Person(t, "guest@example.com")
		accept(t, guest, acme, invitation).Refused(t, 400, "invitation_expired")
		owner.Post(t, "/organization/"+string(acme)+"/inviteMember/"+invitation+"/resend", nil).Must(t, 200)
		accept(t, guest, acme, invitation).Must(t, 201)
		work(t, s)
		last := ""
		for _, m := range post.Messages() {
			if m.To == "jane@example.com" {
				last = m.Subject
			}
		}
		if last != "Your account was deleted" {
			t.Errorf("the last letter is %q", last)
		}
		// The address is free; whoever has it next inherits nothing.
		again := s.Person(t, "jane@example.com")
		if n := len(again.Get(t, "/organization").Must(t, 200).List("results")); again.ID == jane.ID || n != 0 {
			t.Errorf("the next owner of the address has %d organizations", n)
		}
		s.Verify(t)
	})
}

// TestOwnerStays: the owner of an organization cannot go, and is told of which.
func TestOwnerStays(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, gone := jane.Organization(t, "Acme"), jane.Organization(t, "Gone")
		heir := s.Member(t, acme, "heir@example.com", authz.Viewer)
		s.Join(t, s.Person(t, "joe@example.com").Organization(t, "Other"), jane, authz.Admin)
		jane.Delete(t, "/organization/"+string(gone)).Must(t, 204)
		detail := closeAccount(t, jane, apptest.Password).Refused(t, 403, "limit_reached").Text("detail")
		if !strings.Contains(detail, `"Acme"`) || !strings.Contains(detail, `"Gone" (deleted, gone for good on 31 March 2026)`) || strings.Contains(detail, "Other") {
			t.Errorf("the refusal says %q", detail)
		}
		jane.Post(t, "/organization/"+string(acme)+"/transferOwnership", map[string]any{"user_id": heir.ID}).Must(t, 204)
		if detail := closeAccount(t, jane, apptest.Password).Refused(t, 403, "limit_reached").Text("detail"); strings.Contains(detail, "Acme") {
			t.Errorf("the refusal says %q", detail)
		}
		jane.Get(t, "/account").Must(t, 200) // nothing was done
		s.Clock.Advance(31 * 24 * time.Hour)
		work(t, s)
		closeAccount(t, s.Again(t, jane), apptest.Password).Must(t, 204)
		if n := count(t, s, `SELECT COUNT(*) FROM member WHERE organization_id = $1 AND role = 'OWNER'`, acme); n != 1 {
			t.Errorf("Acme has %d owners", n)
		}
		if secret, err := s.Accounts.SetupToken(t.Context(), authz.System("test")); secret != "" || err != nil {
			t.Errorf("a server whose people have gone is open to the first who comes (%v)", err)
		}
		s.Verify(t)
	})
}

// TestCloseAndInherit: somebody goes while they are made the owner, in many
// organizations at once; none is ever without an owner who is there.
func TestCloseAndInherit(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		for range 12 {
			owner := s.Person(t, id.New[string]()+"@example.com")
			heir := s.Person(t, id.New[string]()+"@example.com")
			var organizations []id.Organization
			for range 3 {
				organization := owner.Organization(t, id.New[string]())
				s.Join(t, organization, heir, authz.Viewer)
				organizations = append(organizations, organization)
			}
			statuses := make([]int, len(organizations)+1)
			var all sync.WaitGroup
			start := make(chan struct{})
			try := func(i int, c *apptest.Caller, method, path string, body any) {
				all.Go(func() {
					<-start
					r, err := c.Try(method, path, body)
					if err != nil {
						t.Error(err)
						return
					}
					statuses[i] = r.Status
				})
			}
			for i, organization := range organizations {
				try(i, owner, "POST", "/organization/"+string(organization)+"/transferOwnership", map[string]any{"user_id": heir.ID})
			}
			try(len(organizations), heir, "DELETE", "/account", map[string]any{"password": apptest.Password})
			close(start)
			all.Wait()
			closed := statuses[len(organizations)] == 204
			for i, organization := range organizations {
				wanted := owner.ID
				if statuses[i] == 204 {
					wanted = heir.ID
				}
				got, err := store.Value[id.User](s.DB.Reader(t.Context()), `SELECT user_id FROM member WHERE organization_id = $1 AND role = 'OWNER'`, organization)
				if err != nil || got != wanted || (closed && got == heir.ID) {
					t.Errorf("the answers are %v, and %s is owned by %s (%v)", statuses, organization, got, err)
				}
				if statuses[i] != 204 && statuses[i] != 404 {
					t.Errorf("a transfer gets %d", statuses[i])
				}
			}
			if !closed && statuses[len(organizations)] != 403 {
				t.Errorf("the deletion gets %d", statuses[len(organizations)])
			}
		}
		s.Verify(t)
	})
}

// TestCloseWithoutPassword: an account that has none is deleted by typing its address.
func TestCloseWithoutPassword(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		alter(t, s, jane, `UPDATE account SET password_hash = '' WHERE id = $1 AND CAST($2 AS BIGINT) > 0`)
		for _, body := range []map[string]any{{}, {"password": ""}, {"password": apptest.Password}, {"email": "joe@example.com"}} {
			jane.Do(t, "DELETE", "/account", body).Refused(t, 400, "invalid_request")
		}
		jane.Do(t, "DELETE", "/account", map[string]any{"email": "JANE@example.com"}).Must(t, 204)
		s.Verify(t)
	})
}
