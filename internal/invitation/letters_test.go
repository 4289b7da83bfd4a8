package invitation_test

import (
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

// TestFewLettersToOne: inviting again and again fills nobody's mailbox, by whatever
// way and from however many organizations; other addresses are invited all the while.
func TestFewLettersToOne(t *testing.T) {
	box := mailtest.Start(t)
	apptest.EachWith(t, apptest.Options{Settings: box.Settings}, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, other := jane.Organization(t, "Acme"), jane.Organization(t, "Other")
		invite := func(path, email string) *apptest.Response {
			return jane.Post(t, path, map[string]any{"email": email})
		}
		one := "/organization/" + string(acme) + "/inviteMember"
		made := invite(one, "bob@example.com").Must(t, 201).Text("id")
		jane.Post(t, one+"/"+made+"/resend", nil).Must(t, 200)
		jane.Delete(t, one+"/"+made).Must(t, 204)
		made = invite(one, "BOB@example.com").Must(t, 201).Text("id")
		jane.Delete(t, one+"/"+made).Must(t, 204)
		invite("/organization/"+string(other)+"/inviteMember", "bob@example.com").Must(t, 201)
		made = invite(one, "bob@example.com").Must(t, 201).Text("id")
		jane.Post(t, one+"/"+made+"/resend", nil).Refused(t, 429, "too_many_requests")
		jane.Delete(t, one+"/"+made).Must(t, 204)
		invite(one, "bob@example.com").Refused(t, 429, "too_many_requests")
		bulk := jane.Post(t, one+"s", map[string]any{"emails": []string{"bob@example.com", "joe@example.com"}}).Must(t, 200)
		if bulk.Text("results.0.code") != "too_many_requests" || bulk.Text("results.1.invitation.email") != "joe@example.com" {
			t.Errorf("many at once: %s", bulk.Body)
		}
		s.Clock.Advance(5 * time.Minute)
		invite(one, "bob@example.com").Must(t, 201)
	})
}
