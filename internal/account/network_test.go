package account_test

import (
	"fmt"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/config"
)

// TestOneNetwork: who has an IPv6 network changes the address with every request, and
// gets no more tries for that anywhere that a password can be guessed or a letter
// asked for.
func TestOneNetwork(t *testing.T) {
	apptest.EachWith(t, apptest.Options{Settings: func(c *config.Server) {
		c.TrustedProxies, c.Registration = []string{"127.0.0.1"}, "open"
	}}, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		n := 0
		from := func(c *apptest.Caller) *apptest.Caller {
			n++
			return c.With("X-Forwarded-For", fmt.Sprintf("2001:db8::%x", n))
		}
		guess := map[string]any{"current_password": "wrong password", "new_password": newPassword}
		for range 10 { // by who holds a stolen session
			from(jane).Post(t, "/account/password", guess).Refused(t, 400, "invalid_request")
		}
		from(jane).Post(t, "/account/password", guess).Refused(t, 429, "too_many_requests")
		from(jane).Do(t, "DELETE", "/account", map[string]any{"password": "wrong password"}).Refused(t, 429, "too_many_requests")
		// From no other network either, and the owner signs in meanwhile, also from this one.
		jane.With("X-Forwarded-For", "2001:db8:0:1::1").Post(t, "/account/password", guess).Refused(t, 429, "too_many_requests")
		from(s.Anonymous()).Post(t, "/auth/sign-in", map[string]any{"email": jane.Email, "password": apptest.Password}).Must(t, 200)

		for i := range 30 {
			from(s.Anonymous()).Post(t, "/auth/sign-up", map[string]any{"email": fmt.Sprintf("p%d@example.com", i), "password": apptest.Password}).Must(t, 200)
		}
		from(s.Anonymous()).Post(t, "/auth/sign-up", map[string]any{"email": "more@example.com", "password": apptest.Password}).Refused(t, 429, "too_many_requests")

		for range 99 { // and the sign-in
			from(s.Anonymous()).Post(t, "/auth/reset", map[string]any{"token": "wrong", "password": newPassword}).Refused(t, 404, "link_invalid")
		}
		from(s.Anonymous()).Post(t, "/auth/verify", map[string]any{"token": "wrong"}).Refused(t, 429, "too_many_requests")
	})
}
