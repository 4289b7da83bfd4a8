package mail_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// each runs a test on both databases with an SMTP server of its own.
func each(t *testing.T, test func(t *testing.T, s *apptest.Server, box *mailtest.Server)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			box := mailtest.Start(t)
			test(t, apptest.Start(t, apptest.Storage(t, engine), apptest.Options{Settings: box.Settings}), box)
		})
	}
}

func path(organization id.Organization, more string) string {
	return "/organization/" + string(organization) + more
}

func invite(t testing.TB, by *apptest.Caller, organization id.Organization, email string) *apptest.Response {
	t.Helper()
	return by.Post(t, path(organization, "/inviteMember"), map[string]any{"email": email, "role": "ADMIN"}).Must(t, 201)
}

// waiting counts the letters and their jobs that are there.
func waiting(t testing.TB, s *apptest.Server) (letters, jobs int64) {
	t.Helper()
	q := s.DB.Reader(t.Context())
	letters, err := store.Value[int64](q, `SELECT COUNT(*) FROM mail`)
	if err != nil {
		t.Fatal(err)
	}
	jobs, err = store.Value[int64](q, `SELECT COUNT(*) FROM job WHERE kind = 'mail.send'`)
	if err != nil {
		t.Fatal(err)
	}
	return letters, jobs
}

// done fails the test unless no letter waits and the box is empty.
func done(t testing.TB, s *apptest.Server, box *mailtest.Server) {
	t.Helper()
	if letters, jobs := waiting(t, s); letters != 0 || jobs != 0 {
		t.Errorf("%d letters and %d jobs are left", letters, jobs)
	}
	box.Nothing(t)
}

// run sends what is due.
func run(t testing.TB, s *apptest.Server, want int) {
	t.Helper()
	if n, err := s.Jobs.RunDue(t.Context()); n != want || err != nil {
		t.Fatalf("%d jobs ran, %v; want %d", n, err, want)
	}
}

// TestLetters goes through the life of an organization and reads every letter of it.
func TestLetters(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		s.Jobs.Start()
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme & Söhne")
		jane := s.Person(t, "jane@example.com")

		made := invite(t, owner, acme, "jane@example.com")
		m := box.To(t, "jane@example.com").Says("You are invited to Acme & Söhne", "owner@example.com invites you", "role ADMIN", "for jane@example.com and lasts until 8 March 2026, 12:00 UTC")
		if m.Link() != made.Text("invitation_link") {
			t.Errorf("the letter's link is %q, want %q", m.Link(), made.Text("invitation_link"))
		}
		page, err := http.Get(m.Link())
		if err != nil {
			t.Fatal(err)
		}
		page.Body.Close()
		if page.StatusCode != 200 {
			t.Errorf("the link of the letter leads to %s", page.Status)
		}
		headers(t, m)

		resent := path(acme, "/inviteMember/"+made.Text("id"))
		owner.Post(t, resent+"/resend", nil).Must(t, 200)
		if again := box.To(t, "jane@example.com"); again.Link() != m.Link() || again.Header.Get("Message-ID") == m.Header.Get("Message-ID") {
			t.Errorf("resent: link %s, %s", again.Link(), again.Header.Get("Message-ID"))
		}
		many := owner.Post(t, path(acme, "/inviteMembers"), map[string]any{"emails": []string{"a@example.com", "owner@example.com", "b@example.com"}}).Must(t, 200)
		got := map[string]string{}
		for range 2 {
			m := box.Next(t).Says("role VIEWER")
			got[m.To] = m.Link()
		}
		if len(got) != 2 || got["a@example.com"] != many.Text("results.0.invitation.invitation_link") || got["b@example.com"] != many.Text("results.2.invitation.invitation_link") {
			t.Errorf("the letters to many: %v", got)
		}

		jane.Post(t, resent, nil).Must(t, 201)
		jane.Put(t, "/account", map[string]any{"communication_email": "letters@jane.example"}).Must(t, 200) // not proved: it gets none of these
		role := func(by *apptest.Caller, user id.User, role authz.RoleName) {
			by.Put(t, path(acme, "/member"), map[string]any{"user_id": user, "role_id": authz.RoleID(acme, role)}).Must(t, 200)
		}
		ci := owner.Token(t, acme, "ci", authz.Admin)
		role(ci, jane.ID, authz.Viewer)
		box.To(t, "jane@example.com").Says("Your role in Acme & Söhne is now VIEWER", "The API token ci changed your role", "from ADMIN to VIEWER")
		role(ci, jane.ID, authz.Viewer) // no change, no letter
		role(owner, jane.ID, authz.Admin)
		box.To(t, "jane@example.com").Says("owner@example.com changed your role", "from VIEWER to ADMIN")

		owner.Post(t, path(acme, "/transferOwnership"), map[string]any{"user_id": jane.ID}).Must(t, 204)
		both := map[string]*mailtest.Message{}
		for range 2 {
			m := box.Next(t)
			both[m.To] = m
		}
		both["jane@example.com"].Says("You own Acme & Söhne now", "owner@example.com made you the owner")
		both["owner@example.com"].Says("Acme & Söhne has a new owner", "You made jane@example.com the owner", "You stay in it as ADMIN")

		bob := s.Member(t, acme, "bob@example.com", authz.Viewer)
		jane.Delete(t, path(acme, "")).Must(t, 204)
		stewards(t, box, "Acme & Söhne was deleted", "jane@example.com deleted the organization", "Until 31 March 2026, 12:00 UTC, its owner or the operator of this server can bring it back")
		if _, err := s.Organizations.Restore(t.Context(), authz.System("operator"), "Acme & Söhne"); err != nil {
			t.Fatal(err)
		}
		stewards(t, box, "Acme & Söhne is back", "The operator of this server restored the organization")

		jane.Do(t, "DELETE", path(acme, "/member"), map[string]any{"user_id": bob.ID}).Must(t, 204)
		box.To(t, "bob@example.com").Says("You were removed from Acme & Söhne", "jane@example.com removed you")
		owner.Do(t, "DELETE", path(acme, "/member"), map[string]any{"user_id": owner.ID}).Must(t, 204) // of their own will
		s.Jobs.Stop()
		done(t, s, box)
		for _, m := range box.Messages() {
			if strings.Contains(s.Log.String(), "inviteToken=") || m.Link() != "" && strings.Contains(s.Log.String(), m.Link()) {
				t.Error("the log shows a link")
			}
		}
		s.Verify(t)
	})
}

// stewards reads a letter that goes to the two who look after the organization.
func stewards(t *testing.T, box *mailtest.Server, words ...string) {
	t.Helper()
	to := map[string]bool{}
	for range 2 {
		m := box.Next(t).Says(words...)
		to[m.To] = true
	}
	if !to["jane@example.com"] || !to["owner@example.com"] {
		t.Errorf("the letters went to %v", to)
	}
}

func headers(t *testing.T, m *mailtest.Message) {
	t.Helper()
	for name, want := range map[string]string{
		"From": `"Guildhall" <guildhall@sender.example>`, "To": "<jane@example.com>", "Auto-Submitted": "auto-generated",
		"Date": "Sun, 01 Mar 2026 12:00:00 +0000", "MIME-Version": "1.0", "User-Agent": "", "X-Mailer": "",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if id := m.Header.Get("Message-ID"); !strings.HasSuffix(id, "@sender.example>") || len(id) < 40 {
		t.Errorf("Message-ID: %s", id)
	}
	if m.Sender != "guildhall@sender.example" || m.UTF8 {
		t.Errorf("the envelope is from %s, SMTPUTF8 %t", m.Sender, m.UTF8)
	}
	for l := range strings.SplitSeq(string(m.Raw), "\n") {
		if len(l) > 200 {
			t.Errorf("a line has %d characters: %s", len(l), l)
		}
	}
}

// TestWithoutMail: nothing is queued, and everything goes by link.
func TestWithoutMail(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		jane := s.Member(t, acme, "jane@example.com", authz.Viewer)
		if made := invite(t, owner, acme, "bob@example.com"); made.Text("invitation_link") == "" {
			t.Errorf("no link: %s", made.Body)
		}
		owner.Put(t, path(acme, "/member"), map[string]any{"user_id": jane.ID, "role_id": authz.RoleID(acme, authz.Admin)}).Must(t, 200)
		owner.Post(t, path(acme, "/transferOwnership"), map[string]any{"user_id": jane.ID}).Must(t, 204)
		jane.Do(t, "DELETE", path(acme, "/member"), map[string]any{"user_id": owner.ID}).Must(t, 204)
		if letters, jobs := waiting(t, s); letters != 0 || jobs != 0 || s.Mail.Enabled() {
			t.Errorf("%d letters, %d jobs, enabled %t", letters, jobs, s.Mail.Enabled())
		}
		jane.Delete(t, path(acme, "")).Must(t, 204)
		if letters, jobs := waiting(t, s); letters != 0 || jobs != 0 {
			t.Errorf("%d letters, %d jobs", letters, jobs)
		}
	})
}

// TestNotOfARefusal: where the change does not happen, no letter tells of it.
func TestNotOfARefusal(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		invite(t, owner, acme, "bob@example.com")
		owner.Post(t, path(acme, "/inviteMember"), map[string]any{"email": "bob@example.com"}).Refused(t, 409, "already_invited")
		owner.Do(t, "DELETE", path(acme, "/member"), map[string]any{"user_id": owner.ID}).Refused(t, 403, "limit_reached")
		once := owner.With("Idempotency-Key", "again")
		for range 3 {
			once.Post(t, path(acme, "/inviteMember"), map[string]any{"email": "carol@example.com"}).Must(t, 201)
		}
		run(t, s, 2)
		box.To(t, "bob@example.com")
		box.To(t, "carol@example.com")
		done(t, s, box)
	})
}

// settings is a server's configuration of mail through a box.
func settings(box *mailtest.Server) config.Server {
	c := config.Defaults()
	box.Settings(&c)
	return c
}
