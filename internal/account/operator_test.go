package account_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

var operator = authz.System("operator")

// TestDisable: who is disabled is out with the next request, by every way in, and after
// enabling everything works as before.
func TestDisable(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		robot := jane.Token(t, acme, "ci", authz.Admin)
		joe := s.Member(t, acme, "joe@example.com", authz.Admin)
		in := func(status int) {
			t.Helper()
			jane.Get(t, "/account").Must(t, status)
			jane.Get(t, "/organization/"+string(acme)).Must(t, status)
			jane.Put(t, "/organization/"+string(acme), map[string]any{"name": "Acme"}).Must(t, status)
			robot.Get(t, "/organization/"+string(acme)+"/project").Must(t, status)
			signIn(t, s, "jane@example.com", apptest.Password).Must(t, status)
			joe.Get(t, "/organization/"+string(acme)).Must(t, 200)
		}
		in(200)
		d, err := s.Accounts.Disable(t.Context(), operator, "JANE@example.com")
		if err != nil || d.DisabledAt == nil || d.Email != "jane@example.com" || len(d.Places) != 1 || d.Places[0].Role != "OWNER" || d.Places[0].Tokens != 1 {
			t.Fatalf("%+v, %v", d, err)
		}
		in(401)
		refused(t, "twice", fault.Invalid, func(ctx context.Context) error {
			_, err := s.Accounts.Disable(ctx, operator, "jane@example.com")
			return err
		})
		if d, err = s.Accounts.Enable(t.Context(), operator, string(jane.ID)); err != nil || d.DisabledAt != nil {
			t.Fatalf("%+v, %v", d, err)
		}
		in(200)
		refused(t, "enabled twice", fault.Invalid, func(ctx context.Context) error {
			_, err := s.Accounts.Enable(ctx, operator, "jane@example.com")
			return err
		})
		actions := map[string]int{}
		if err := store.Each(s.DB.Reader(t.Context()), `SELECT action, triggered_by, target_id FROM event WHERE organization_id = $1`, func(scan store.Scan) error {
			var action, by, target string
			err := scan(&action, &by, &target)
			if target == string(jane.ID) && by == "operator" {
				actions[action]++
			}
			return err
		}, store.Server); err != nil || actions["account.disable"] != 1 || actions["account.enable"] != 1 {
			t.Errorf("events %v, %v", actions, err)
		}
		s.Verify(t)
	})
}

// TestOwnLimit: a person's own limit holds in place of the server's, with the next request.
func TestOwnLimit(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		create := func(n, status int) {
			t.Helper()
			jane.Post(t, "/organization", map[string]any{"name": fmt.Sprint("Team ", n), "plan": "FREE"}).Must(t, status)
		}
		limit := func(n int64) {
			t.Helper()
			if d, err := s.Accounts.SetOrganizationLimit(t.Context(), operator, "jane@example.com", n); err != nil || d.OrganizationLimit != n {
				t.Fatalf("%+v, %v", d, err)
			}
		}
		limit(1)
		create(1, 201)
		create(2, 403)
		limit(7)
		for n := 2; n <= 7; n++ {
			create(n, 201)
		}
		create(8, 403)
		limit(0)
		create(8, 403)
		for _, n := range []int64{-1, 1_000_001} {
			refused(t, fmt.Sprint(n), fault.Invalid, func(ctx context.Context) error {
				_, err := s.Accounts.SetOrganizationLimit(ctx, operator, "jane@example.com", n)
				return err
			})
		}
	})
}

// TestAccountList goes through everybody in parts, and searches.
func TestAccountList(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for n := range 5 {
			s.Person(t, fmt.Sprintf("p%d@example.com", n))
		}
		jane := s.Person(t, "Jane@Example.com")
		list := func(text, after string, limit int) (string, bool) {
			t.Helper()
			found, more, err := s.Accounts.List(t.Context(), operator, text, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, a := range found {
				names = append(names, strings.ToLower(strings.Split(a.Email, "@")[0]))
			}
			return strings.Join(names, " "), more
		}
		for _, c := range []struct {
			text, after string
			limit       int
			want        string
			more        bool
		}{
			{"", "", 10, "jane p0 p1 p2 p3 p4", false}, {"", "", 6, "jane p0 p1 p2 p3 p4", false}, {"", "", 2, "jane p0", true},
			{"", "p0@example.com", 2, "p1 p2", true}, {"", "p2@example.com", 2, "p3 p4", false}, {"", "p4@example.com", 2, "", false},
			{"JANE@", "", 10, "jane", false}, {"p3", "", 10, "p3", false}, {"%", "", 10, "", false}, {string(jane.ID), "", 10, "jane", false},
			{"example", "p0@example.com", 1, "p1", true},
		} {
			if got, more := list(c.text, c.after, c.limit); got != c.want || more != c.more {
				t.Errorf("%+v: %q, more %t", c, got, more)
			}
		}
	})
}

// TestOperatorOnly: no request reaches what is the operator's, and nobody who is not
// there is found.
func TestOperatorOnly(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "jane@example.com")
		for name, call := range calls(s) {
			if err := call(t.Context(), authz.Pass{}, "jane@example.com"); err == nil || !strings.Contains(err.Error(), "only the operator") {
				t.Errorf("%s: %v", name, err)
			}
			if name != "list" {
				refused(t, name, fault.NotFound, func(ctx context.Context) error { return call(ctx, operator, "nobody@example.com") })
				refused(t, name, fault.NotFound, func(ctx context.Context) error { return call(ctx, operator, "01a20f27-016f-7e79-8fcb-189b8ff69da2") })
			}
		}
	})
}

func calls(s *apptest.Server) map[string]func(context.Context, authz.Pass, string) error {
	detail := func(f func(context.Context, authz.Pass, string) (account.Detail, error)) func(context.Context, authz.Pass, string) error {
		return func(ctx context.Context, p authz.Pass, who string) error {
			_, err := f(ctx, p, who)
			return err
		}
	}
	return map[string]func(context.Context, authz.Pass, string) error{
		"show": detail(s.Accounts.Show), "disable": detail(s.Accounts.Disable), "enable": detail(s.Accounts.Enable),
		"limit": func(ctx context.Context, p authz.Pass, who string) error {
			_, err := s.Accounts.SetOrganizationLimit(ctx, p, who, 3)
			return err
		},
		"list": func(ctx context.Context, p authz.Pass, who string) error {
			_, _, err := s.Accounts.List(ctx, p, who, "", 1)
			return err
		},
	}
}

func refused(t *testing.T, name string, code fault.Code, call func(context.Context) error) {
	t.Helper()
	if err := call(t.Context()); !fault.Has(err, code) {
		t.Errorf("%s: %v, want %s", name, err, code)
	}
}
