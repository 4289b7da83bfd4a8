package report_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/report"
	"github.com/guildhall-dev/guildhall/internal/store"
)

var operator = authz.System("operator")

func each(t *testing.T, test func(t *testing.T, s *apptest.Server, box *mailtest.Server)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			box := mailtest.Start(t)
			test(t, apptest.Start(t, apptest.Storage(t, engine), apptest.Options{Settings: box.Settings}), box)
		})
	}
}

// at moves the clock forward to a moment; the test's clock starts on Sunday, 1 March 2026, 12:00.
func at(t testing.TB, s *apptest.Server, moment string) {
	t.Helper()
	to, err := time.Parse("2006-01-02 15:04:05", moment)
	if err != nil || to.Before(s.Clock.Now()) {
		t.Fatalf("the clock cannot go to %s (%v)", moment, err)
	}
	s.Clock.Advance(to.Sub(s.Clock.Now()))
}

// work begins what is due and runs every job, and gives the letters that came of it.
func work(t testing.TB, s *apptest.Server, box *mailtest.Server) map[string][]*mailtest.Message {
	t.Helper()
	if err := s.Reports.Plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	return finish(t, s, box)
}

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

// to lists who got letters, and how many where it was not one.
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

func founded(t testing.TB, by *apptest.Caller, name, plan string, addresses ...string) id.Organization {
	t.Helper()
	return apptest.OrganizationID(by.Post(t, "/organization", map[string]any{"name": name, "plan": plan, "admin_emails": addresses}).Must(t, 201))
}

// TestWeek: a week's report tells of exactly that week, also what happened in its first
// and its last moment, and says the same when it is sent late.
func TestWeek(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late %t", late), func(t *testing.T) {
			each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
				jane := s.Person(t, "jane@example.com")
				acme := founded(t, jane, "Acme & Söhne", "TEAM_2025", "ops@acme.example", "boss@acme.example", "OPS@acme.example")
				jane.Project(t, acme, "Old")
				ci := jane.Token(t, acme, "ci", authz.Admin)
				at(t, s, "2026-03-01 23:59:59")
				jane = s.Again(t, jane)
				jane.Project(t, acme, "Sunday") // the last second of the week before

				at(t, s, "2026-03-02 00:00:00")
				monday := jane.Project(t, acme, "Monday")
				s.Member(t, acme, "joe@example.com", authz.Viewer)
				jim := s.Member(t, acme, "jim@example.com", authz.Viewer)
				jane.Token(t, acme, "two", authz.Viewer)
				jane.Delete(t, "/organization/"+string(acme)+"/apiToken/"+string(ci.TokenID)).Must(t, 204)
				jane.Token(t, acme, "three", authz.Viewer)
				at(t, s, "2026-03-08 23:59:59")
				jane = s.Again(t, jane)
				jane.Project(t, acme, "Last second")
				jane.Delete(t, "/project/"+string(monday)).Must(t, 204)
				jane.Post(t, "/organization/"+string(acme)+"/inviteMember", map[string]any{"email": "new@example.com"}).Must(t, 201)
				finish(t, s, box) // the invitation's letter

				at(t, s, "2026-03-09 00:00:00") // the next week's affairs
				jane.Project(t, acme, "Next week")
				jane.Token(t, acme, "four", authz.Viewer)
				jane.Do(t, "DELETE", "/organization/"+string(acme)+"/member", map[string]any{"user_id": jim.ID}).Must(t, 204)
				finish(t, s, box)

				if got := to(work(t, s, box)); got != "" {
					t.Errorf("before six o'clock: %s", got)
				}
				at(t, s, "2026-03-09 05:59:59")
				if got := to(work(t, s, box)); got != "" {
					t.Errorf("a second before six: %s", got)
				}
				if late {
					at(t, s, "2026-03-14 05:59:59")
				} else {
					at(t, s, "2026-03-09 06:00:00")
				}
				letters := work(t, s, box)
				if got := to(letters); got != "boss@acme.example, ops@acme.example" {
					t.Fatalf("letters to %s", got)
				}
				m := letters["ops@acme.example"][0]
				// Events of the week: 3 projects made or gone, 2 members, 3 of tokens, 1 invitation, and 1 deletion.
				m.Says("Usage of Acme & Söhne, 2 to 8 March 2026", "end of 8 March 2026 (UTC)", "admin e-mail of the organization Acme & Söhne")
				for _, line := range []string{"People: 3 (+2)", "API tokens: 2 (+1)", "Projects: 3 (+1)", "Events: 9 (+5 against the week before)", "with the plan Team"} {
					if !strings.Contains(m.Text, line) {
						t.Errorf("the report does not say %q:\n%s", line, m.Text)
					}
				}
				if got := to(work(t, s, box)); got != "" {
					t.Errorf("a second time: %s", got)
				}
				s.Verify(t)
			})
		})
	}
}

// TestMonth: a month is reported on the first of the next one, whatever day that is.
func TestMonth(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := founded(t, jane, "Acme", "FREE", "ops@acme.example")
		at(t, s, "2026-03-31 23:59:59")
		jane = s.Again(t, jane)
		jane.Project(t, acme, "March")
		if got := to(work(t, s, box)); got != "ops@acme.example" { // Tuesday: Monday's report of the week, late
			t.Errorf("on Tuesday: %s", got)
		}
		at(t, s, "2026-04-01 06:00:00")
		letters := work(t, s, box)
		if got := to(letters); got != "ops@acme.example" {
			t.Fatalf("letters to %s", got)
		}
		letters["ops@acme.example"][0].Says("Usage of Acme, March 2026", "Projects", "1 (+1)", "2 (+2 against the month before)")
	})
}

// TestWhoGetsReports: admin e-mails, or the owner; nobody of an organization that is
// deleted, or was not there in the period.
func TestWhoGetsReports(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		jane, joe, shut := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com"), s.Person(t, "shut@example.com")
		founded(t, jane, "Named", "FREE", "named@example.com", "shared@example.com")
		founded(t, jane, "Shared", "FREE", "shared@example.com")
		founded(t, joe, "Unnamed", "FREE")
		founded(t, shut, "Shut out", "FREE")
		gone := founded(t, jane, "Gone", "FREE", "gone@example.com")
		joe.Put(t, "/account", map[string]any{"communication_email": "letters@joe.example"}).Must(t, 200)
		if _, err := s.Accounts.Disable(t.Context(), operator, "shut@example.com"); err != nil {
			t.Fatal(err)
		}
		jane.Delete(t, "/organization/"+string(gone)).Must(t, 204)
		at(t, s, "2026-03-02 00:00:00")
		jane = s.Again(t, jane)
		founded(t, jane, "Too new", "FREE", "new@example.com")
		at(t, s, "2026-03-02 06:00:00")
		finish(t, s, box)
		if got := to(work(t, s, box)); got != "letters@joe.example, named@example.com, shared@example.com x2" {
			t.Errorf("letters to %s", got)
		}
	})
}

// TestTooLate: what was missed for long is left out, and there is never more than the
// newest period's.
func TestTooLate(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		founded(t, s.Person(t, "jane@example.com"), "Acme", "FREE", "ops@acme.example")
		at(t, s, "2026-03-28 06:00:00") // Saturday: the Monday before is five days ago
		if got := to(work(t, s, box)); got != "" {
			t.Errorf("late: %s", got)
		}
		at(t, s, "2026-04-06 06:00:00") // Monday; the first was five days ago
		letters := work(t, s, box)
		if got := to(letters); got != "ops@acme.example" {
			t.Fatalf("letters to %s", got)
		}
		letters["ops@acme.example"][0].Says("30 March to 5 April 2026", "People", "1 (unchanged)", "0 (as many as in the week before)")

		// Begun, and then no mail server took it until it was too late.
		at(t, s, "2026-04-13 06:00:00")
		if err := s.Reports.Plan(t.Context()); err != nil {
			t.Fatal(err)
		}
		at(t, s, "2026-04-18 06:00:00")
		if got := to(finish(t, s, box)); got != "" || !strings.Contains(s.Log.String(), "too late and are left out") {
			t.Errorf("begun and late: %s", got)
		}
	})
}

// TestOff: with mail or the setting off nothing is begun.
func TestOff(t *testing.T) {
	box := mailtest.Start(t)
	for name, settings := range map[string]func(*config.Server){
		"no mail":      func(*config.Server) {},
		"off":          func(c *config.Server) { box.Settings(c); c.UsageReports = []string{"off"} },
		"monthly only": func(c *config.Server) { box.Settings(c); c.UsageReports = []string{"monthly"} },
	} {
		s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{Settings: settings})
		founded(t, s.Person(t, "jane@example.com"), "Acme", "FREE", "ops@acme.example")
		at(t, s, "2026-03-09 06:00:00")
		if got := to(work(t, s, box)); got != "" {
			t.Errorf("%s: letters to %s", name, got)
		}
	}
}

// TestManyInParts: more organizations than fit into a part all get theirs, each once,
// also when a job runs twice.
func TestManyInParts(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			box := mailtest.Start(t)
			s := apptest.Start(t, apptest.Storage(t, engine), apptest.Options{Settings: func(c *config.Server) {
				box.Settings(c)
				c.MaxOrganizationsPerUser = 100
			}})
			jane := s.Person(t, "jane@example.com")
			many(t, jane)
			at(t, s, "2026-03-02 06:00:00")
			if err := s.Reports.Plan(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := store.Do(t.Context(), s.DB, operator, func(tx *store.Tx) error { // as a lost lease would
				tx.Unaudited("test")
				_, err := tx.Exec(`INSERT INTO job (id, kind, lane, payload, due_at, leased_to, attempts, last_error, created_at)
					SELECT $1, kind, lane, payload, due_at, leased_to, attempts, last_error, created_at FROM job WHERE kind = 'report.send' AND payload LIKE '%weekly%'`, id.New[string]())
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if letters := finish(t, s, box); len(letters) != organizations || strings.Contains(to(letters), " x") {
				t.Errorf("%d addresses: %s", len(letters), to(letters))
			}
		})
	}
}

// organizations is more than fits into a part.
const organizations = 23

func many(t testing.TB, by *apptest.Caller) {
	t.Helper()
	for n := range organizations {
		founded(t, by, fmt.Sprintf("Company %02d", n), "FREE", fmt.Sprintf("ops%02d@example.com", n))
	}
}

// TestTwoNodes: two nodes on one database begin and send at the same time, and every
// address gets one letter; a node that starts later finds it done.
func TestTwoNodes(t *testing.T) {
	box := mailtest.Start(t)
	storage := apptest.Storage(t, "postgres")
	options := apptest.Options{Settings: func(c *config.Server) {
		box.Settings(c)
		c.MaxOrganizationsPerUser = 100
	}}
	nodes := []*apptest.Server{apptest.Start(t, storage, options), apptest.Start(t, storage, options)}
	many(t, nodes[0].Person(t, "jane@example.com"))
	errs := make(chan error)
	for _, s := range nodes {
		at(t, s, "2026-03-02 06:00:00")
	}
	for _, s := range nodes {
		go func() {
			for range 5 {
				if err := s.Reports.Plan(t.Context()); err != nil {
					errs <- err
					return
				}
			}
			s.Jobs.Start()
			errs <- nil
		}()
	}
	for range nodes {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int{}
	for range organizations {
		got[box.Next(t).To]++
	}
	for _, s := range nodes {
		s.Jobs.Stop()
	}
	for _, s := range append(nodes, apptest.Start(t, storage, options)) {
		if s.Clock.Now().Equal(apptest.Epoch) {
			at(t, s, "2026-03-02 07:00:00")
		}
		if extra := to(work(t, s, box)); extra != "" {
			t.Errorf("once more to %s", extra)
		}
	}
	box.Nothing(t)
	if len(got) != organizations {
		t.Errorf("%d addresses: %v", len(got), got)
	}
}

// TestShow: the operator sees a report with those who would get it, and can send it again.
func TestShow(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		founded(t, s.Person(t, "jane@example.com"), "Acme", "FREE", "ops@acme.example")
		refused := func(name string, code fault.Code, pass authz.Pass, which string, kind report.Kind, send bool) {
			t.Helper()
			if _, err := s.Reports.Show(t.Context(), pass, which, kind, send); !fault.Has(err, code) {
				t.Errorf("%s: %v", name, err)
			}
		}
		refused("no such kind", fault.Invalid, operator, "Acme", "daily", false)
		refused("no such organization", fault.NotFound, operator, "Nobody", report.Weekly, false)
		refused("not there yet", fault.Invalid, operator, "Acme", report.Weekly, true)
		if _, err := s.Reports.Show(t.Context(), authz.Pass{}, "Acme", report.Weekly, false); err == nil || !strings.Contains(err.Error(), "only the operator") {
			t.Errorf("not the operator: %v", err)
		}
		at(t, s, "2026-03-02 00:00:00")
		shown, err := s.Reports.Show(t.Context(), operator, "ACME", report.Weekly, false)
		if err != nil || shown.People != (report.Count{Now: 1, Change: 1}) || !slices.Equal(shown.Recipients, []string{"ops@acme.example"}) || shown.Letters != 0 {
			t.Errorf("%+v, %v", shown, err)
		}
		if got := to(finish(t, s, box)); got != "" {
			t.Errorf("showing sent letters to %s", got)
		}
		for range 2 {
			shown, err = s.Reports.Show(t.Context(), operator, "Acme", report.Weekly, true)
			if got := to(finish(t, s, box)); err != nil || shown.Letters != 1 || got != "ops@acme.example" {
				t.Errorf("%+v, %v, letters to %s", shown, err, got)
			}
		}
		at(t, s, "2026-03-02 06:00:00")
		if got := to(work(t, s, box)); got != "" {
			t.Errorf("what the operator sent goes out again, to %s", got)
		}
		if _, err := s.Organizations.PurgeNow(t.Context(), operator, "Acme", "Acme"); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{`SELECT COUNT(*) FROM usage_report`, `SELECT COUNT(*) FROM report_subscription`} {
			if n, err := store.Value[int64](s.DB.Reader(context.Background()), table); n != 0 || err != nil {
				t.Errorf("after the purge, %s: %d, %v", table, n, err)
			}
		}
	})
}
