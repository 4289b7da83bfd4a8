package account_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func signIn(t *testing.T, s *apptest.Server, email, password string) *apptest.Response {
	t.Helper()
	return s.Anonymous().Post(t, "/auth/sign-in", map[string]any{"email": email, "password": password})
}

// alter changes an account past the services; $1 is its id, $2 a moment from now.
func alter(t *testing.T, s *apptest.Server, c *apptest.Caller, statement string) {
	t.Helper()
	if err := store.Do(t.Context(), s.DB, authz.System("test").As(authn.Account{ID: c.ID, Email: c.Email}), func(tx *store.Tx) error {
		tx.Unaudited("test")
		if _, err := tx.Exec(statement, c.ID, tx.Now()+1); err != nil {
			return err
		}
		return tx.Touch(string(c.ID), true)
	}); err != nil {
		t.Fatal(err)
	}
}

func serverEvents(t *testing.T, s *apptest.Server, action string) int64 {
	t.Helper()
	n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM event WHERE organization_id = $1 AND action = $2`, store.Server, action)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSignIn(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "Jane@example.com")
		for _, email := range []string{"Jane@example.com", "JANE@EXAMPLE.COM", " jane@example.com ", "ｊａｎｅ@example.com"} {
			r := signIn(t, s, email, apptest.Password).Must(t, 200)
			if r.Text("token_type") != "Bearer" || r.Value("expires_in") != 3600.0 || r.Text("expires_at") != "2026-03-01T13:00:00Z" {
				t.Errorf("%q: %s", email, r.Body)
			}
			other := *jane
			other.Credential = r.Text("access_token")
			if got := other.Get(t, "/account").Must(t, 200).Text("id"); got != string(jane.ID) {
				t.Errorf("%q signs in as %s", email, got)
			}
		}
		if n := serverEvents(t, s, "account.sign_in"); n != 4 {
			t.Errorf("%d events for 4 sign-ins", n)
		}
		s.Verify(t)
	})
}

// TestOneAnswer: whether an account is there, is disabled or has a password is not
// to be learned from a refused sign-in.
func TestOneAnswer(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "jane@example.com")
		disabled, without := s.Person(t, "disabled@example.com"), s.Person(t, "without@example.com")
		alter(t, s, disabled, `UPDATE account SET disabled_at = $2 WHERE id = $1`)
		alter(t, s, without, `UPDATE account SET password_hash = '' WHERE id = $1 AND CAST($2 AS BIGINT) > 0`)
		same := func(what string, of func(email, password string) *apptest.Response) {
			t.Helper()
			var first map[string]any
			for _, c := range [][2]string{
				{"jane@example.com", "wrong password"}, {"nobody@example.com", apptest.Password}, {"disabled@example.com", apptest.Password},
				{"disabled@example.com", "wrong password"}, {"without@example.com", ""}, {"without@example.com", apptest.Password},
				{"jane@example.com", ""}, {"jane@example.com", strings.ToUpper(apptest.Password)}, {"no address", apptest.Password}, {"", ""},
				{"jane@example.com", strings.Repeat("ä", 1024)}, {"' OR 1=1 --", "' OR 1=1 --"},
			} {
				r := of(c[0], c[1])
				var body map[string]any
				if err := json.Unmarshal(r.Body, &body); err != nil {
					t.Fatal(err)
				}
				if body["request_id"] == "" || body["timestamp"] == "" {
					t.Errorf("%s: no request id or time: %s", what, r.Body)
				}
				delete(body, "request_id")
				delete(body, "timestamp")
				body["headers"] = fmt.Sprint(r.Header.Get("WWW-Authenticate"), r.Header.Get("Retry-After"), r.Header.Get("Content-Type"))
				if first == nil {
					first = body
				}
				if !maps.EqualFunc(first, body, func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
					t.Errorf("%s: %q differs: %v, not %v", what, c[0], body, first)
				}
			}
		}
		same("refused", func(email, password string) *apptest.Response {
			return signIn(t, s, email, password).Refused(t, 401, "bad_credentials")
		})
		if n := serverEvents(t, s, "account.sign_in"); n != 0 {
			t.Errorf("%d events of sign-ins that were refused", n)
		}
		if log := s.Log.String(); strings.Contains(log, apptest.Password) || strings.Contains(log, "wrong password") {
			t.Error("the log holds a password")
		}
	})
}

func TestTooManySignIns(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		limited := func(email string, seconds string) {
			t.Helper()
			r := signIn(t, s, email, apptest.Password).Refused(t, 429, "too_many_requests")
			if got := r.Header.Get("Retry-After"); got != seconds {
				t.Errorf("%s: Retry-After %q, want %q", email, got, seconds)
			}
		}
		for _, email := range []string{"jane@example.com", "nobody@example.com"} { // known or not
			for range 10 {
				signIn(t, s, email, "wrong password").Refused(t, 401, "bad_credentials")
			}
			limited(email, "30")
		}
		limited("JANE@example.com", "30") // the same account
		s.Person(t, "joe@example.com")    // and another one
		signIn(t, s, "joe@example.com", apptest.Password).Must(t, 200)
		jane.Get(t, "/account").Must(t, 200) // who is signed in stays so
		s.Clock.Advance(29 * time.Second)
		limited("jane@example.com", "1")
		s.Clock.Advance(time.Second)
		signIn(t, s, "jane@example.com", apptest.Password).Must(t, 200)
		for range 10 { // a success gives all tries back
			signIn(t, s, "jane@example.com", "wrong password").Refused(t, 401, "bad_credentials")
		}
		limited("jane@example.com", "30")

		// One address has a number of tries for all accounts together.
		s.Clock.Advance(time.Hour / 2)
		for i := range 100 {
			signIn(t, s, fmt.Sprintf("person%d@example.com", i), "wrong password").Refused(t, 401, "bad_credentials")
		}
		limited("somebody.else@example.com", "1")
		limited("joe@example.com", "1")
		s.Clock.Advance(time.Second)
		signIn(t, s, "joe@example.com", apptest.Password).Must(t, 200)
	})
}

func TestAccountInformation(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		got := jane.Get(t, "/account").Must(t, 200)
		for field, want := range map[string]string{
			"id": string(jane.ID), "email": "jane@example.com", "communication_email": "jane@example.com", "first_name": "", "last_name": "",
			"nickname": "", "profile_picture_url": "", "created_at": "2026-03-01T12:00:00Z",
		} {
			if got.Value(field) != want {
				t.Errorf("%s is %v, want %q", field, got.Value(field), want)
			}
		}
		for _, c := range []struct{ body, want string }{
			{`{"communication_email":"work@example.com"}`, "work@example.com"},
			{`{}`, "work@example.com"},
			{`{"communication_email":" private@example.com "}`, "private@example.com"},
			{`{"communication_email":"jane+news@example.com","email":"other@example.com","id":"x","first_name":"Eve"}`, "jane+news@example.com"},
		} {
			r := jane.Put(t, "/account", c.body).Must(t, 200)
			if r.Text("communication_email") != c.want || r.Text("email") != "jane@example.com" || r.Text("first_name") != "" {
				t.Errorf("%s makes %s", c.body, r.Body)
			}
			if again := jane.Get(t, "/account"); string(again.Body) != string(r.Body) {
				t.Errorf("edited %s\nread   %s", r.Body, again.Body)
			}
		}
		events := serverEvents(t, s, "account.update")
		for _, wrong := range []string{"", "nobody", "a@example.com\r\nBcc: b@example.com", strings.Repeat("a", 250) + "@example.com", "jane\u202e@example.com", "Jane <jane@example.com>"} {
			r := jane.Put(t, "/account", map[string]any{"communication_email": wrong}).Refused(t, 400, "invalid_request")
			if r.Text("errors.0.field") != "communication_email" {
				t.Errorf("%q: %s", wrong, r.Body)
			}
		}
		jane.Put(t, "/account", `{"communication_email":7}`).Refused(t, 400, "invalid_request")
		if serverEvents(t, s, "account.update") != events || events != 3 {
			t.Errorf("%d events for 3 changes", events)
		}
		if joe.Get(t, "/account").Text("communication_email") != "joe@example.com" {
			t.Error("somebody else's account was changed")
		}
		signIn(t, s, "jane@example.com", apptest.Password).Must(t, 200) // messages go elsewhere, the sign-in stays
		s.Verify(t)
	})
}

// TestPersonRequired: an API token is no person, however much it may do.
func TestPersonRequired(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		token := jane.Token(t, jane.Organization(t, "Acme"), "ci", authz.Admin)
		token.Get(t, "/account").Refused(t, 403, "person_required")
		token.Put(t, "/account", map[string]any{"communication_email": "x@example.com"}).Refused(t, 403, "person_required")
		token.Post(t, "/organization", map[string]any{"name": "Mine", "plan": "FREE"}).Refused(t, 403, "person_required")
		s.Anonymous().Get(t, "/account").Refused(t, 401, "unauthenticated")
		s.Anonymous().Put(t, "/account", map[string]any{}).Refused(t, 401, "unauthenticated")
		alter(t, s, jane, `UPDATE account SET disabled_at = $2 WHERE id = $1`)
		jane.Get(t, "/account").Refused(t, 401, "unauthenticated")
		token.Get(t, "/organization").Refused(t, 401, "unauthenticated")
	})
}

func TestAddresses(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "jane@example.com")
		for _, c := range []struct{ email, password, code string }{
			{"JANE@example.com", apptest.Password, "email_taken"}, {"ｊａｎｅ@example.com", apptest.Password, "email_taken"}, {"nobody", apptest.Password, "invalid_request"},
			{"joe@example.com", "short", "invalid_request"}, {"", "", "invalid_request"}, {"joe@example.com", "12345678\x00", "invalid_request"},
		} {
			_, err := s.Accounts.Create(t.Context(), authz.System("test"), c.email, c.password)
			if err == nil || !strings.HasPrefix(err.Error(), c.code) {
				t.Errorf("%q: %v, want %s", c.email, err, c.code)
			}
		}
		if n := serverEvents(t, s, "account.create"); n != 1 {
			t.Errorf("%d events for 1 account", n)
		}
		if _, err := s.Accounts.Find(t.Context(), "JANE@example.com"); err != nil {
			t.Error(err)
		}
		if _, err := s.Accounts.Find(t.Context(), "joe@example.com"); err == nil {
			t.Error("a refused account is there")
		}
	})
}
