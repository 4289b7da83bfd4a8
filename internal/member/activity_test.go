package member_test

import (
	"context"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
)

// TestLastActivity: a member's last activity moves with the requests that they send in
// person, once a batch, and never backwards.
func TestLastActivity(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		bob := s.Member(t, acme, "bob@example.com", authz.DevOps)
		token := bob.Token(t, acme, "ci", authz.DevOps)
		flush := func() {
			t.Helper()
			if err := s.Authenticator.FlushUsage(t.Context(), authz.System("test")); err != nil {
				t.Fatal(err)
			}
		}
		flush()
		last := func(want time.Duration) {
			t.Helper()
			members := jane.Get(t, "/organization/"+string(acme)+"/member").Must(t, 200)
			if got, at := members.Text("results.1.last_activity_at"), apptest.Epoch.Add(want).Format(time.RFC3339); got != at {
				t.Errorf("last active at %s, want %s", got, at)
			}
		}
		last(0) // when he joined
		s.Clock.Advance(time.Minute)
		token.Get(t, "/organization").Must(t, 200) // his token's use is not his
		flush()
		last(0)
		bob.Get(t, "/account").Must(t, 200)
		s.Clock.Advance(time.Minute)
		bob.Get(t, "/organization").Must(t, 200)
		last(0) // not written yet
		flush()
		last(2 * time.Minute)
		flush() // nothing new
		last(2 * time.Minute)

		s.Clock.Advance(time.Minute)
		bob.Get(t, "/organization").Must(t, 200)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Authenticator.FlushUsage(cancelled, authz.System("test")); err == nil {
			t.Error("a batch was written under a context that had ended")
		}
		flush() // the batch that failed goes with the next one
		last(3 * time.Minute)

		s.Clock.Advance(-2 * time.Minute) // the clock of a machine is set back, within a batch and after it
		bob.Get(t, "/organization").Must(t, 200)
		flush()
		last(3 * time.Minute)
		s.Clock.Advance(4 * time.Minute)
		bob.Get(t, "/organization").Must(t, 200)
		s.Clock.Advance(-time.Minute)
		bob.Get(t, "/organization").Must(t, 200)
		flush()
		last(5 * time.Minute)

		// A refused request is activity all the same, and coming back is as well.
		s.Clock.Advance(2 * time.Minute)
		bob.Delete(t, "/organization/"+string(acme)).Refused(t, 403, "permission_missing")
		flush()
		last(6 * time.Minute)
		remove(t, jane, acme, bob.ID).Must(t, 204)
		s.Clock.Advance(time.Minute)
		s.Join(t, acme, bob, authz.Viewer)
		last(7 * time.Minute)
		s.Verify(t)
	})
}
