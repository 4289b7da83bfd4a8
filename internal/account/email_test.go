package account_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

func changeEmail(t *testing.T, c *apptest.Caller, email, password string) *apptest.Response {
	t.Helper()
	return c.Post(t, "/account/email", map[string]any{"email": email, "password": password})
}

func TestChangeEmail(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		jane := s.Person(t, "jane@example.com")
		changeEmail(t, jane, "jane@new.example", "wrong password").Refused(t, 400, "invalid_request")
		changeEmail(t, jane, "jane@example.com", apptest.Password).Refused(t, 400, "invalid_request")
		changeEmail(t, jane, "no address", apptest.Password).Refused(t, 400, "invalid_request")
		changeEmail(t, jane, "jane@new.example", apptest.Password).Must(t, 204)
		work(t, s)
		secret := token(t, s, post.To(t, "jane@new.example").Says("jane@example.com", "jane@new.example"), "/verify")
		post.To(t, "jane@example.com").Says("jane@new.example", "If it was not you")
		if got := jane.Get(t, "/account").Text("email"); got != "jane@example.com" {
			t.Errorf("the address is %s before it was proved", got)
		}
		lost := resetToken(t, s, post, "jane@example.com")
		// Who reads the new address and is somebody else cannot be made to lend it.
		verify(t, s, secret, "").Refused(t, 400, "invalid_request")
		if r := verify(t, s, secret, apptest.Password).Must(t, 200); r.Text("outcome") != "email_changed" || r.Text("email") != "jane@new.example" {
			t.Errorf("%s", r.Body)
		}
		verify(t, s, secret, apptest.Password).Refused(t, 404, "link_invalid")
		reset(t, s, lost, newPassword).Refused(t, 404, "link_invalid") // it went to an address that is not theirs any more
		r := jane.Get(t, "/account").Must(t, 200)
		if r.Text("email") != "jane@new.example" || r.Text("communication_email") != "jane@new.example" {
			t.Errorf("%s", r.Body)
		}
		signIn(t, s, "jane@new.example", apptest.Password).Must(t, 200)
		signIn(t, s, "jane@example.com", apptest.Password).Refused(t, 401, "bad_credentials")
		work(t, s)
		post.To(t, "jane@example.com").Says("Your address was changed", "jane@new.example")
		s.Person(t, "jane@example.com") // it is free
		if n := serverEvents(t, s, "account.email"); n != 1 {
			t.Errorf("%d events for 1 change", n)
		}
		s.Verify(t)
	})
}

// TestEmailTaken: of two who ask for one address the first who proves it has it, and
// whether it is taken is told to nobody before.
func TestEmailTaken(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		const wanted = "wanted@example.com"
		var secrets []string
		for _, email := range []string{"jane@example.com", "joe@example.com"} {
			changeEmail(t, s.Person(t, email), wanted, apptest.Password).Must(t, 204)
			work(t, s)
			secrets = append(secrets, token(t, s, post.To(t, wanted), "/verify"))
			post.To(t, email)
		}
		statuses := make([]int, len(secrets))
		var all sync.WaitGroup
		for i, secret := range secrets {
			all.Go(func() {
				if r, err := s.Anonymous().Try("POST", "/auth/verify", map[string]any{"token": secret, "password": apptest.Password}); err != nil {
					t.Error(err)
				} else {
					statuses[i] = r.Status
				}
			})
		}
		all.Wait()
		if statuses[0]+statuses[1] != 200+409 {
			t.Errorf("the answers are %v", statuses)
		}
		eve := s.Person(t, "eve@example.com")
		changeEmail(t, eve, wanted, apptest.Password).Must(t, 204)
		work(t, s)
		s.Verify(t)
	})
}

// TestOperatorChangesEmail: where no mail is sent, the operator changes an address.
func TestOperatorChangesEmail(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		signUp(t, s, map[string]any{"email": "jane@example.com", "password": apptest.Password}).Must(t, 200)
		jane := as(t, s, "jane@example.com", apptest.Password)
		changeEmail(t, jane, "jane@new.example", apptest.Password).Refused(t, 403, "mail_disabled")
		operator := authz.System("operator")
		s.Person(t, "joe@example.com")
		if _, err := s.Accounts.SetEmail(t.Context(), operator, "jane@example.com", "JOE@example.com"); !fault.Has(err, fault.EmailTaken) {
			t.Errorf("another's address: %v", err)
		}
		if _, err := s.Accounts.SetEmail(t.Context(), operator, "nobody@example.com", "x@example.com"); !fault.Has(err, fault.NotFound) {
			t.Errorf("nobody: %v", err)
		}
		if _, err := s.Accounts.SetEmail(t.Context(), operator, "jane@example.com", "no address"); !fault.Has(err, fault.Invalid) {
			t.Errorf("no address: %v", err)
		}
		if _, err := s.Accounts.SetEmail(t.Context(), operator, "jane@example.com", "jane@new.example"); err != nil {
			t.Fatal(err)
		}
		if r := jane.Get(t, "/account").Must(t, 200); r.Text("email") != "jane@new.example" || r.Value("email_verified") != true {
			t.Errorf("%s", r.Body)
		}
		s.Verify(t)
	})
}

// TestLettersToAddresses takes unusual addresses through everything that a letter is sent for.
func TestLettersToAddresses(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		long := strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 47)+".", 3) + strings.Repeat("c", 45)
		long = long[:min(len(long), 254)]
		for _, email := range []string{"jane+tag+more@example.com", "jörg@müller.example", "用户@例子.example", "o'brien@example.com", "x_y-z.9@sub.domain.example", long} {
			s.Clock.Advance(10 * time.Minute)
			signUp(t, s, map[string]any{"email": email}).Must(t, 200)
			work(t, s)
			verify(t, s, token(t, s, post.Next(t).Says(email), "/verify"), apptest.Password).Must(t, 200)
			forgot(t, s, email).Must(t, 204)
			work(t, s)
			reset(t, s, token(t, s, post.Next(t).Says(email), "/reset"), newPassword).Must(t, 204)
			work(t, s)
			post.Next(t).Says("password was changed", email)
			jane := as(t, s, email, newPassword)
			jane.Do(t, "DELETE", "/account", map[string]any{"password": newPassword}).Must(t, 204)
			work(t, s)
			post.Next(t).Says("account was deleted", email)
		}
		for _, email := range []string{
			"jane@example.com\r\nBcc: eve@example.com", "jane@example.com\nSubject: x", "jane@example.com,eve@example.com", "Jane <jane@example.com>",
			"jane@example.com\u202e", "ja\u200bne@example.com", "jane@@example.com", long + "c", "\x00@example.com", "jane",
		} {
			for _, path := range []string{"/auth/sign-up", "/auth/reset-request"} {
				s.Anonymous().Post(t, path, map[string]any{"email": email}).Must(t, 400)
			}
		}
		work(t, s)
		post.Nothing(t)
		s.Verify(t)
	})
}
