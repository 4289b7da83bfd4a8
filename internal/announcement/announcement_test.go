package announcement_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/announcement"
	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

var operator = authz.System("operator")

func each(t *testing.T, test func(t *testing.T, s *apptest.Server, box *mailtest.Server)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			box := mailtest.Start(t)
			test(t, apptest.Start(t, apptest.Storage(t, engine), apptest.Options{Settings: func(c *config.Server) {
				box.Settings(c)
				c.MaxOrganizationsPerUser = 1000
			}}), box)
		})
	}
}

func founded(t testing.TB, by *apptest.Caller, name string, addresses ...string) id.Organization {
	t.Helper()
	return apptest.OrganizationID(by.Post(t, "/organization", map[string]any{"name": name, "plan": "FREE", "admin_emails": addresses}).Must(t, 201))
}

// finish runs every job and gives the letters that came of it, by recipient.
func finish(t testing.TB, s *apptest.Server, box *mailtest.Server) map[string][]*mailtest.Message {
	t.Helper()
	before := len(box.Messages())
	for {
		n, err := s.Jobs.RunDue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	letters := map[string][]*mailtest.Message{}
	for range len(box.Messages()) - before {
		m := box.Next(t)
		letters[m.To] = append(letters[m.To], m)
	}
	return letters
}

func to(letters map[string][]*mailtest.Message) string {
	var list []string
	for address, all := range letters {
		if len(all) != 1 {
			address = fmt.Sprintf("%s x%d", address, len(all))
		}
		list = append(list, address)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func count(t testing.TB, s *apptest.Server, query string) int64 {
	t.Helper()
	n, err := store.Value[int64](s.DB.Reader(t.Context()), query)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAnnounce: every admin contact gets one letter, however many organizations name
// it; who has no admin e-mail is told through the owner; deleted organizations are not.
func TestAnnounce(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		founded(t, jane, "Acme", "ops@example.com", "Both@example.com")
		founded(t, jane, "Beta", "both@EXAMPLE.com")
		founded(t, joe, "Unnamed")
		gone := founded(t, joe, "Gone", "gone@example.com")
		joe.Put(t, "/account", map[string]any{"communication_email": "letters@joe.example"}).Must(t, 200)
		joe.Delete(t, "/organization/"+string(gone)).Must(t, 204)
		finish(t, s, box)

		from, until := apptest.Epoch.Add(48*time.Hour), apptest.Epoch.Add(50*time.Hour)
		d := announcement.Draft{
			Kind: announcement.Maintenance, Subject: " New disks ", Message: "We change the disks.\r\n\r\nNothing can be deployed.\n\n\n\nSorry.", All: true, From: &from, Until: &until,
		}
		dry, err := s.Announcements.Send(t.Context(), operator, d, true)
		if err != nil || dry.ID != "" || dry.Letters != 3 || dry.Organizations != 3 || !strings.Contains(dry.Text, "We change the disks.\n\nNothing can be") {
			t.Errorf("dry: %+v, %v", dry, err)
		}
		if got := to(finish(t, s, box)); got != "" || count(t, s, `SELECT COUNT(*) FROM announcement`) != 0 {
			t.Errorf("a dry run sent letters to %q", got)
		}
		sent, err := s.Announcements.Send(t.Context(), operator, d, false)
		if err != nil || sent.ID == "" || sent.Letters != 3 || sent.Organizations != 3 {
			t.Fatalf("%+v, %v", sent, err)
		}
		letters := finish(t, s, box)
		if got := strings.ToLower(to(letters)); got != "both@example.com, letters@joe.example, ops@example.com" {
			t.Errorf("letters to %s", got)
		}
		m := letters["letters@joe.example"][0].Says("Maintenance: New disks", "maintenance from 3 March 2026, 12:00 UTC, until 3 March 2026, 14:00 UTC.",
			"We change the disks.", "Nothing can be deployed.", "Sorry.", "admin e-mail of the organization Unnamed, or its owner's where it names none", "cannot be unsubscribed")
		if m.Header.Get("List-Unsubscribe") != "" {
			t.Error("an announcement can be unsubscribed from")
		}
		list, err := s.Announcements.List(t.Context(), operator, 10)
		if err != nil || len(list) != 1 || list[0].ID != sent.ID || list[0].Subject != "New disks" || list[0].Letters != 3 || list[0].FinishedAt == nil || !list[0].From.Equal(from) || list[0].Organization != "" {
			t.Errorf("listed: %+v, %v", list, err)
		}
		if n := count(t, s, `SELECT COUNT(*) FROM announcement_letter`); n != 0 {
			t.Errorf("%d addresses are kept", n)
		}
		if n := count(t, s, `SELECT COUNT(*) FROM event WHERE organization_id = '`+store.Server+`' AND action = 'announcement.send' AND target_name = 'New disks' AND triggered_by = 'operator'`); n != 1 {
			t.Errorf("%d events", n)
		}

		d = announcement.Draft{Kind: announcement.Outage, Subject: "The network is down", Message: "We are at it.", Organization: "acme"}
		if sent, err = s.Announcements.Send(t.Context(), operator, d, false); err != nil || sent.Letters != 2 || sent.Organizations != 1 {
			t.Errorf("to one: %+v, %v", sent, err)
		}
		letters = finish(t, s, box)
		if got := strings.ToLower(to(letters)); got != "both@example.com, ops@example.com" {
			t.Errorf("to one: letters to %s", got)
		}
		letters["ops@example.com"][0].Says("Outage: The network is down", "tells of an outage", "We are at it.")
		s.Verify(t)
	})
}

// TestInParts: more letters than a part holds all go out, each once, also when a job
// runs twice; an organization that is deleted on the way gets none.
func TestInParts(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		jane := s.Person(t, "jane@example.com")
		for n := range 7 {
			var addresses []string
			for a := range 49 {
				addresses = append(addresses, fmt.Sprintf("a%d-%d@example.com", n, a))
			}
			founded(t, jane, fmt.Sprintf("Wide %d", n), append(addresses, "all@example.com")...)
		}
		for n := range 60 {
			founded(t, jane, fmt.Sprintf("Narrow %d", n), fmt.Sprintf("narrow%d@example.com", n), "all@example.com")
		}
		last := founded(t, jane, "Last", "last@example.com")
		box.Down() // the letters themselves are another test's
		d := announcement.Draft{Kind: announcement.Outage, Subject: "All of you", Message: "Hello.", All: true}
		sent, err := s.Announcements.Send(t.Context(), operator, d, false)
		want := 7*49 + 60 + 1
		if err != nil || sent.Letters != want+1 || sent.Organizations != 68 {
			t.Fatalf("%+v, %v", sent, err)
		}
		if err := store.Do(t.Context(), s.DB, operator, func(tx *store.Tx) error { // as a lost lease would
			tx.Unaudited("test")
			_, err := tx.Exec(`INSERT INTO job (id, kind, lane, payload, due_at, leased_to, attempts, last_error, created_at)
				SELECT $1, kind, lane, payload, due_at, leased_to, attempts, last_error, created_at FROM job WHERE kind = 'announcement.send'`, id.New[string]())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		jane.Delete(t, "/organization/"+string(last)).Must(t, 204)
		const letters = 16 // that one look at the queue tries to send
		ran, err := s.Jobs.RunDue(t.Context())
		if parts := ran - letters - 1; err != nil || parts != 3 { // 350 letters and 120, at most 200 at a time
			t.Errorf("%d parts, %v", parts, err)
		}
		if n := count(t, s, `SELECT letters FROM announcement`); n != int64(want) {
			t.Errorf("%d letters, want %d", n, want)
		}
		if n := count(t, s, `SELECT COUNT(*) FROM mail`); n != int64(want)+1 { // and one about the deletion
			t.Errorf("%d letters wait, want %d", n, want+1)
		}
	})
}

// TestRefusals: what cannot be announced is refused with the field, and nothing is left.
func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, _ *mailtest.Server) {
		whole := func(change func(d *announcement.Draft)) announcement.Draft {
			d := announcement.Draft{Kind: announcement.Maintenance, Subject: "Disks", Message: "We change them.", All: true}
			change(&d)
			return d
		}
		soon, later, past := apptest.Epoch.Add(time.Hour), apptest.Epoch.Add(2*time.Hour), apptest.Epoch.Add(-time.Hour)
		longAgo := past.Add(-time.Hour)
		for name, c := range map[string]struct {
			draft announcement.Draft
			says  string
		}{
			"nobody there":     {whole(func(*announcement.Draft) {}), "nobody to write to"},
			"no kind":          {whole(func(d *announcement.Draft) { d.Kind = "party" }), "kind must be outage or maintenance"},
			"no subject":       {whole(func(d *announcement.Draft) { d.Subject = "  a " }), "subject must have at least 3"},
			"two lines":        {whole(func(d *announcement.Draft) { d.Subject = "Disks\nBcc: x@example.com" }), "be one line"},
			"long subject":     {whole(func(d *announcement.Draft) { d.Subject = strings.Repeat("x", 151) }), "subject must have at most 150"},
			"no message":       {whole(func(d *announcement.Draft) { d.Message = " \n" }), "message is required"},
			"long message":     {whole(func(d *announcement.Draft) { d.Message = strings.Repeat("x", 10_001) }), "message must have at most 10000"},
			"NUL":              {whole(func(d *announcement.Draft) { d.Message = "a\x00b" }), "message must not contain"},
			"to nobody":        {whole(func(d *announcement.Draft) { d.All = false }), "organization must be named"},
			"to all and one":   {whole(func(d *announcement.Draft) { d.Organization = "Acme" }), "organization must be named"},
			"no such one":      {whole(func(d *announcement.Draft) { d.All, d.Organization = false, "Acme" }), "no organization"},
			"half a time":      {whole(func(d *announcement.Draft) { d.From = &soon }), "go together"},
			"the wrong way":    {whole(func(d *announcement.Draft) { d.From, d.Until = &later, &soon }), "until must lie after from"},
			"over":             {whole(func(d *announcement.Draft) { d.From, d.Until = &longAgo, &past }), "until must lie in the future"},
			"an outage's time": {whole(func(d *announcement.Draft) { d.Kind, d.From, d.Until = announcement.Outage, &soon, &later }), "from is for maintenance"},
		} {
			_, err := s.Announcements.Send(t.Context(), operator, c.draft, false)
			words := fmt.Sprint(err)
			for _, f := range fault.From(err).Fields {
				words += " " + f.Field + " " + f.Message
			}
			if err == nil || fault.From(err).Status() >= 500 || !strings.Contains(words, c.says) {
				t.Errorf("%s: %s", name, words)
			}
		}
		if n := count(t, s, `SELECT COUNT(*) FROM announcement`) + count(t, s, `SELECT COUNT(*) FROM job`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		for name, err := range map[string]error{
			"send": func() error {
				_, err := s.Announcements.Send(t.Context(), authz.Pass{}, announcement.Draft{}, false)
				return err
			}(),
			"list": func() error { _, err := s.Announcements.List(t.Context(), authz.Pass{}, 1); return err }(),
		} {
			if err == nil || !strings.Contains(err.Error(), "only the operator") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.Announcements.List(t.Context(), operator, 1001); !fault.Has(err, fault.Invalid) {
			t.Errorf("a long list: %v", err)
		}
	})
}

// TestOff: without mail there is no announcement. One that was made before waits for it,
// and after three days it is news no more.
func TestOff(t *testing.T) {
	for _, late := range []bool{false, true} {
		storage, box, now := apptest.Storage(t, "sqlite"), mailtest.Start(t), clock.NewManual(apptest.Epoch)
		d := announcement.Draft{Kind: announcement.Outage, Subject: "Down", Message: "We are at it.", All: true}
		with := func(settings func(*config.Server), do func(a *app.App)) {
			t.Helper()
			c := config.Defaults()
			settings(&c)
			a, err := app.Open(t.Context(), storage, c, app.Options{Clock: now, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			do(a)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
		run := func(a *app.App) {
			t.Helper()
			for range 3 {
				if _, err := a.Jobs.RunDue(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		with(box.Settings, func(a *app.App) {
			if _, err := a.Run(t.Context(), app.CommandBootstrap, []byte(`{"email":"jane@example.com","password":"correct horse battery","organization":"Acme"}`)); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Announcements.Send(t.Context(), operator, d, false); err != nil {
				t.Fatal(err)
			}
		})
		with(func(*config.Server) {}, func(a *app.App) {
			if _, err := a.Announcements.Send(t.Context(), operator, d, true); !fault.Has(err, fault.Invalid) || !strings.Contains(err.Error(), "Mail is not set up") {
				t.Errorf("without mail: %v", err)
			}
			run(a)
		})
		now.Advance(time.Hour)
		if late {
			now.Advance(72 * time.Hour)
		}
		with(box.Settings, func(a *app.App) {
			run(a)
			list, err := a.Announcements.List(t.Context(), operator, 1)
			if err != nil || list[0].FinishedAt == nil || (list[0].Letters == 0) != late {
				t.Errorf("late %t: %+v, %v", late, list, err)
			}
		})
		if got := len(box.Messages()); (got == 1) == late {
			t.Errorf("late %t: %d letters", late, got)
		}
	}
}
