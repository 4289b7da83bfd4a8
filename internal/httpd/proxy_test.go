package httpd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/config"
)

// TestClientBehindProxy: events and the slowing-down of tries know the client that a
// trusted proxy names; from anybody else the header is only text.
func TestClientBehindProxy(t *testing.T) {
	for name, trusted := range map[string][]string{"trusted": {"127.0.0.1", "10.0.0.0/8"}, "not trusted": {"10.0.0.0/8"}} {
		t.Run(name, func(t *testing.T) {
			behind := trusted[0] == "127.0.0.1"
			o := apptest.Options{Settings: func(s *config.Server) { s.TrustedProxies = trusted }}
			apptest.EachWith(t, o, func(t *testing.T, s *apptest.Server) {
				jane := s.Person(t, "jane@example.com").With("X-Forwarded-For", "10.6.6.6, 198.51.100.1, 10.0.0.3")
				acme := jane.Organization(t, "Acme")
				want := "127.0.0.1"
				if behind {
					want = "198.51.100.1"
				}
				events := jane.Get(t, "/organization/"+string(acme)+"/events").Must(t, 200)
				if !strings.Contains(string(events.Body), `"ip_address":"`+want+`"`) {
					t.Errorf("the event is not from %s: %s", want, events.Body)
				}

				guess := func(forwarded string) int {
					return s.Anonymous().With("X-Forwarded-For", forwarded).
						Post(t, "/auth/sign-in", map[string]string{"email": "jane@example.com", "password": "wrong"}).Status
				}
				// One party: what it writes itself, and the last 64 bits of its address, change nothing.
				last := 0
				for i := range 11 {
					last = guess(fmt.Sprintf("192.0.2.%d, 2001:db8:1:1::%d", i, i))
				}
				if last != 429 {
					t.Errorf("the eleventh try of one client: %d", last)
				}
				want429 := 429
				if behind {
					want429 = 401
				}
				if got := guess("2001:db8:1:2::1"); got != want429 {
					t.Errorf("another client's first try: %d, want %d", got, want429)
				}
			})
		})
	}
}
