package account_test

import (
	"context"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestOperatorEndsSessions: a session that the operator ends has ended with the next
// request, and nobody else's.
func TestOperatorEndsSessions(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		joe := s.Person(t, "joe@example.com")
		signed := func(email string) *apptest.Caller {
			t.Helper()
			c := *jane
			c.Credential = signIn(t, s, email, apptest.Password).Must(t, 200).Text("access_token")
			return &c
		}
		first, second, third, other := signed(jane.Email), signed(jane.Email), signed(jane.Email), signed(joe.Email)
		list, err := s.Accounts.SessionsOf(t.Context(), operator, "JANE@example.com")
		if err != nil || len(list) != 3 || list[0].Kind != "api" || list[0].Address != "127.0.0.1" || list[0].ExpiresAt.IsZero() {
			t.Fatalf("%+v, %v", list, err)
		}
		of := string(first.Get(t, "/account/sessions").Must(t, 200).Body)
		which := ""
		for _, one := range list {
			if strings.Contains(of, `{"id":"`+string(one.ID)+`","kind":"api","current":true`) {
				which = string(one.ID)
			}
		}
		for name, end := range map[string]func(ctx context.Context) error{
			"no id":     func(ctx context.Context) error { return s.Accounts.EndSessionOf(ctx, operator, jane.Email, "x") },
			"another's": func(ctx context.Context) error { return s.Accounts.EndSessionOf(ctx, operator, joe.Email, which) },
			"nobody's": func(ctx context.Context) error {
				return s.Accounts.EndSessionOf(ctx, operator, "no@example.com", which)
			},
			"all of nobody's": func(ctx context.Context) error {
				_, err := s.Accounts.EndSessionsOf(ctx, operator, "no@example.com")
				return err
			},
			"list of nobody's": func(ctx context.Context) error {
				_, err := s.Accounts.SessionsOf(ctx, operator, "no@example.com")
				return err
			},
		} {
			refused(t, name, fault.NotFound, end)
		}
		if err := s.Accounts.EndSessionOf(t.Context(), operator, jane.Email, which); err != nil {
			t.Fatal(err)
		}
		first.Get(t, "/account").Must(t, 401)
		second.Get(t, "/account").Must(t, 200)
		refused(t, "twice", fault.NotFound, func(ctx context.Context) error { return s.Accounts.EndSessionOf(ctx, operator, jane.Email, which) })
		if n, err := s.Accounts.EndSessionsOf(t.Context(), operator, string(jane.ID)); n != 2 || err != nil {
			t.Errorf("%d ended, %v", n, err)
		}
		second.Get(t, "/account").Must(t, 401)
		third.Get(t, "/account").Must(t, 401)
		other.Get(t, "/account").Must(t, 200)
		refused(t, "none left", fault.NotFound, func(ctx context.Context) error {
			_, err := s.Accounts.EndSessionsOf(ctx, operator, jane.Email)
			return err
		})
		if n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM event WHERE action = 'account.sign_out' AND triggered_by = 'operator' AND target_id = $1`, jane.ID); n != 2 || err != nil {
			t.Errorf("%d events, %v", n, err)
		}
		for name, err := range map[string]error{
			"list": func() error { _, err := s.Accounts.SessionsOf(t.Context(), authz.Pass{}, jane.Email); return err }(),
			"end":  s.Accounts.EndSessionOf(t.Context(), authz.Pass{}, jane.Email, which),
			"all":  func() error { _, err := s.Accounts.EndSessionsOf(t.Context(), authz.Pass{}, jane.Email); return err }(),
		} {
			if err == nil || !strings.Contains(err.Error(), "only the operator") {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.Verify(t)
	})
}
