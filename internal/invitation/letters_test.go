package invitation_test

import (
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

// TestFewLettersToOne: inviting again and again fills nobody's mailbox, by whatever
// way. What was refused is not counted; other addresses and organizations go on.
func TestFewLettersToOne(t *testing.T) {
	box := mailtest.Start(t)
	apptest.EachWith(t, apptest.Options{Settings: box.Settings}, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, other := jane.Organization(t, "Acme"), jane.Organization(t, "Other")
		invite := func(path, email string) *apptest.Response {
			return jane.Post(t, path, map[string]any{"email": email})
		}
		one := "/organization/" + string(acme) + "/inviteMember"
		made := ""
		for n := range 10 { // two letters each
			email := "bob@example.com"
			if n%2 == 1 {
				email = "BOB@example.com"
			}
			made = invite(one, email).Must(t, 201).Text("id")
			for range 3 {
				invite(one, email).Refused(t, 409, "already_invited")
			}
			jane.Post(t, one+"/"+made+"/resend", nil).Must(t, 200)
			if n < 9 {
				jane.Delete(t, one+"/"+made).Must(t, 204)
			}
		}
		jane.Post(t, one+"/"+made+"/resend", nil).Refused(t, 429, "too_many_requests")
		jane.Delete(t, one+"/"+made).Must(t, 204)
		invite(one, "bob@example.com").Refused(t, 429, "too_many_requests")
		invite("/organization/"+string(other)+"/inviteMember", "bob@example.com").Must(t, 201)
		bulk := jane.Post(t, one+"s", map[string]any{"emails": []string{"bob@example.com", "joe@example.com"}}).Must(t, 200)
		if bulk.Text("results.0.code") != "too_many_requests" || bulk.Text("results.1.invitation.email") != "joe@example.com" {
			t.Errorf("many at once: %s", bulk.Body)
		}
		s.Clock.Advance(10 * time.Minute)
		invite(one, "bob@example.com").Must(t, 201)
	})
}
