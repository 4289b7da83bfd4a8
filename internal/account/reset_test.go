package account_test

import (
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

const newPassword = "another horse battery"

func forgot(t *testing.T, s *apptest.Server, email string) *apptest.Response {
	t.Helper()
	return s.Anonymous().Post(t, "/auth/reset-request", map[string]any{"email": email})
}

func reset(t *testing.T, s *apptest.Server, token, password string) *apptest.Response {
	t.Helper()
	return s.Anonymous().Post(t, "/auth/reset", map[string]any{"token": token, "password": password})
}

// resetToken asks for a link and reads it in the letter.
func resetToken(t *testing.T, s *apptest.Server, post *mailtest.Server, email string) string {
	t.Helper()
	forgot(t, s, email).Must(t, 204)
	work(t, s)
	return token(t, s, post.To(t, email), "/reset")
}

func TestReset(t *testing.T) {
	mailed(t, account.Invited, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		s.Person(t, "jane@example.com")
		jane := as(t, s, "jane@example.com", apptest.Password)
		acme := jane.Organization(t, "Acme")
		robot := jane.Token(t, acme, "ci", authz.Viewer)
		alter(t, s, jane, `UPDATE account SET verified_at = 0 WHERE id = $1 AND CAST($2 AS BIGINT) > 0`)
		secret := resetToken(t, s, post, "jane@example.com")
		jane.Get(t, "/account").Must(t, 200) // asking changes nothing
		reset(t, s, secret, "short").Refused(t, 400, "invalid_request")
		reset(t, s, secret, newPassword).Must(t, 204)
		reset(t, s, secret, newPassword).Refused(t, 404, "link_invalid")
		jane.Get(t, "/account").Refused(t, 401, "unauthenticated")
		robot.Get(t, "/organization").Must(t, 200) // a token is no session: it is revoked by itself
		signIn(t, s, "jane@example.com", apptest.Password).Refused(t, 401, "bad_credentials")
		if as(t, s, "jane@example.com", newPassword).Get(t, "/account").Value("email_verified") != true {
			t.Error("who resets by mail has proved the address")
		}
		work(t, s)
		post.To(t, "jane@example.com").Says("Your password was changed", "jane@example.com")
		for action, want := range map[string]int64{"account.password": 1, "account.verify": 1} {
			if n := serverEvents(t, s, action); n != want {
				t.Errorf("%d events %s, want %d", n, action, want)
			}
		}
		s.Verify(t)
	})
}

// TestResetTellsNothing: one answer for every address, and the same work behind it.
func TestResetTellsNothing(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		s.Person(t, "jane@example.com")
		disabled := s.Person(t, "disabled@example.com")
		alter(t, s, disabled, `UPDATE account SET disabled_at = $2 WHERE id = $1`)
		jobs := map[int64]bool{}
		for _, email := range []string{"jane@example.com", "nobody@example.com", "disabled@example.com"} {
			before := rows(t, s, "job")
			if r := forgot(t, s, email).Must(t, 204); len(r.Body) != 0 {
				t.Errorf("%s: %s", email, r.Body)
			}
			jobs[rows(t, s, "job")-before] = true
		}
		if !maps.Equal(jobs, map[int64]bool{1: true}) {
			t.Errorf("the work that a request leaves differs: %v", jobs)
		}
		work(t, s)
		post.To(t, "jane@example.com")
		post.Nothing(t)
	})
}

// TestBreakIn tries a link where it does not belong.
func TestBreakIn(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		alter(t, s, joe, `UPDATE account SET verified_at = 0 WHERE id = $1 AND CAST($2 AS BIGINT) > 0`)
		ask := func(path, to, page string, c *apptest.Caller, body any) string {
			s.Clock.Advance(5 * time.Minute) // more letters
			if r := s.Again(t, c).Post(t, path, body); r.Status >= 300 {
				t.Fatalf("%s: %s", path, r.Body)
			}
			work(t, s)
			return token(t, s, post.To(t, to), page)
		}
		signUp := ask("/auth/sign-up", "new@example.com", "/verify", jane, map[string]any{"email": "new@example.com"})
		proof := ask("/account/verification", "joe@example.com", "/verify", joe, nil)
		change := ask("/account/email", "jane@new.example", "/verify", jane, map[string]any{"email": "jane@new.example", "password": apptest.Password})
		post.To(t, "jane@example.com").Says("jane@new.example")
		lost := ask("/auth/reset-request", "jane@example.com", "/reset", jane, map[string]any{"email": "jane@example.com"})

		for _, secret := range []string{signUp, proof, change} {
			reset(t, s, secret, newPassword).Refused(t, 404, "link_invalid")
		}
		verify(t, s, lost, apptest.Password).Refused(t, 404, "link_invalid")
		// Jane's link with Joe signed in, and the other way round: the password that counts is that of the link's account.
		s.Again(t, joe).Post(t, "/auth/verify", map[string]any{"token": change}).Refused(t, 400, "invalid_request")
		s.Again(t, jane).Post(t, "/auth/verify", map[string]any{"token": proof}).Refused(t, 400, "invalid_request")

		// A reset ends the other links of the account, and no other's.
		reset(t, s, lost, newPassword).Must(t, 204)
		verify(t, s, change, newPassword).Refused(t, 404, "link_invalid")
		verify(t, s, proof, apptest.Password).Must(t, 200)

		// So does a change of the password, and being disabled.
		work(t, s)
		post.To(t, "jane@example.com")
		lost = ask("/auth/reset-request", "jane@example.com", "/reset", jane, map[string]any{"email": "jane@example.com"})
		as(t, s, "jane@example.com", newPassword).Post(t, "/account/password", map[string]any{"current_password": newPassword, "new_password": apptest.Password}).Must(t, 204)
		reset(t, s, lost, newPassword).Refused(t, 404, "link_invalid")
		work(t, s)
		post.To(t, "jane@example.com")
		lost = ask("/auth/reset-request", "jane@example.com", "/reset", joe, map[string]any{"email": "jane@example.com"})
		alter(t, s, jane, `UPDATE account SET disabled_at = $2 WHERE id = $1`)
		reset(t, s, lost, newPassword).Refused(t, 404, "link_invalid")
		s.Verify(t)
	})
}

func TestResetLinkExpires(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		s.Person(t, "jane@example.com")
		older := resetToken(t, s, post, "jane@example.com")
		newer := resetToken(t, s, post, "jane@example.com")
		reset(t, s, older, newPassword).Refused(t, 404, "link_invalid")
		s.Clock.Advance(account.ResetLife)
		reset(t, s, newer, newPassword).Refused(t, 404, "link_invalid")
		last := resetToken(t, s, post, "jane@example.com")
		s.Clock.Advance(account.ResetLife - time.Microsecond)
		reset(t, s, last, newPassword).Must(t, 204)
	})
}

// TestResetOnce: of many at once with one link, one sets the password.
func TestResetOnce(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		s.Person(t, "jane@example.com")
		secret := resetToken(t, s, post, "jane@example.com")
		const visitors = 30
		passwords := make([]string, visitors)
		statuses := make([]int, visitors)
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range visitors {
			passwords[i] = newPassword + string(rune('a'+i))
			all.Go(func() {
				<-start
				r, err := s.Anonymous().Try("POST", "/auth/reset", map[string]any{"token": secret, "password": passwords[i]})
				if err != nil {
					t.Error(err)
					return
				}
				statuses[i] = r.Status
			})
		}
		close(start)
		all.Wait()
		count := map[int]int{}
		for i, status := range statuses {
			count[status]++
			if status == 204 {
				signIn(t, s, "jane@example.com", passwords[i]).Must(t, 200)
			}
		}
		if count[204] != 1 || count[404] != visitors-1 || serverEvents(t, s, "account.password") != 1 {
			t.Errorf("the answers are %v, with %d events", count, serverEvents(t, s, "account.password"))
		}
		s.Verify(t)
	})
}

func TestResetWithoutMail(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		signUp(t, s, map[string]any{"email": "jane@example.com", "password": apptest.Password}).Must(t, 200)
		for _, email := range []string{"jane@example.com", "nobody@example.com"} {
			forgot(t, s, email).Refused(t, 403, "mail_disabled")
		}
		jane, secret, err := s.Accounts.ResetLink(t.Context(), authz.System("operator"), "JANE@example.com")
		if err != nil {
			t.Fatal(err)
		}
		reset(t, s, secret, newPassword).Must(t, 204)
		reset(t, s, secret, newPassword).Refused(t, 404, "link_invalid")
		if as(t, s, jane.Email, newPassword).Get(t, "/account").Value("email_verified") != false {
			t.Error("a link that the operator handed over proves no address")
		}
		if _, err := s.Accounts.SetPassword(t.Context(), authz.System("operator"), "jane@example.com", apptest.Password); err != nil {
			t.Fatal(err)
		}
		signIn(t, s, "jane@example.com", newPassword).Refused(t, 401, "bad_credentials")
		signIn(t, s, "jane@example.com", apptest.Password).Must(t, 200)
		s.Verify(t)
	})
}

func TestChangePassword(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		s.Person(t, "jane@example.com")
		jane, elsewhere := as(t, s, "jane@example.com", apptest.Password), as(t, s, "jane@example.com", apptest.Password)
		change := func(c *apptest.Caller, current, password string) *apptest.Response {
			return c.Post(t, "/account/password", map[string]any{"current_password": current, "new_password": password})
		}
		if r := change(jane, "wrong", newPassword).Refused(t, 400, "invalid_request"); r.Text("errors.0.field") != "current_password" {
			t.Errorf("%s", r.Body)
		}
		if r := change(jane, apptest.Password, "short").Refused(t, 400, "invalid_request"); r.Text("errors.0.field") != "new_password" {
			t.Errorf("%s", r.Body)
		}
		change(jane, apptest.Password, newPassword).Must(t, 204)
		for _, c := range []*apptest.Caller{jane, elsewhere} {
			c.Get(t, "/account").Refused(t, 401, "unauthenticated")
		}
		jane = as(t, s, "jane@example.com", newPassword)
		change(jane, newPassword, apptest.Password).Must(t, 204) // in the same microsecond, and another change all the same
		jane.Get(t, "/account").Refused(t, 401, "unauthenticated")
		work(t, s)
		post.To(t, "jane@example.com").Says("Your password was changed")
		post.To(t, "jane@example.com").Says("Your password was changed")
		jane = as(t, s, "jane@example.com", apptest.Password)
		for range 10 {
			change(jane, "wrong", newPassword).Refused(t, 400, "invalid_request")
		}
		change(jane, apptest.Password, newPassword).Refused(t, 429, "too_many_requests")
		s.Verify(t)
	})
}
