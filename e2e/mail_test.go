package e2e_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

func mailbox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: mailbox")
	}
	box, err := mailtest.Run(mailtest.Options{})
	ts.Check(err)
	ts.Defer(box.Down)
	storyOf(ts).box = box
	ts.Setenv("SMTP_URL", box.URL())
}

func letter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: letter ADDRESS")
	}
	s := storyOf(ts)
	i := slices.IndexFunc(s.others, func(m *mailtest.Message) bool { return m.To == args[0] })
	for i < 0 {
		m := s.box.Wait(patience)
		if m == nil {
			ts.Fatalf("no letter to %s came, but %s", args[0], addressees(s.others))
		}
		s.others = append(s.others, m)
		if m.To == args[0] {
			i = len(s.others) - 1
		}
	}
	m := s.others[i]
	s.others = slices.Delete(s.others, i, i+1)
	ts.Setenv("LINK", m.Link())
	fmt.Fprintf(ts.Stdout(), "%s\n\n%s", m.Subject, m.Text)
}

func addressees(letters []*mailtest.Message) (list []string) {
	for _, m := range letters {
		list = append(list, m.To+": "+m.Subject)
	}
	return list
}

func noLetter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: noletter")
	}
	s := storyOf(ts)
	if m := s.box.Wait(0); m != nil {
		s.others = append(s.others, m)
	}
	if len(s.others) > 0 {
		ts.Fatalf("letters came: %s", addressees(s.others))
	}
}

// database opens the place's database behind Guildhall's back.
func (p place) database() (*sql.DB, error) {
	if p.url != "" {
		return sql.Open("pgx", p.url)
	}
	return sql.Open("sqlite", "file:"+p.sqlite()+"?_pragma=busy_timeout(10000)")
}

// TestKilledWhileSending kills the server in the middle of a letter: before the SMTP
// server has it, it goes out afterwards; from the moment of the hand-over on, it does
// not go out again.
func TestKilledWhileSending(t *testing.T) {
	for _, engine := range engines {
		for stage, warned := range map[mailtest.Stage]bool{mailtest.Recipient: false, mailtest.End: true} {
			t.Run(engine+", "+string(stage), func(t *testing.T) {
				box, p := mailtest.Start(t), newPlace(t, engine)
				made := p.bootstrap(t, "jane@example.com", "Acme")
				reached, release := make(chan struct{}), make(chan struct{})
				box.Answer(func(at mailtest.Stage, _ string) error {
					if at == stage {
						close(reached)
						<-release
					}
					return nil
				})
				flags := []string{"--smtp-url=" + box.URL(), "--mail-from=guildhall@example.com"}
				s := p.serve(t, flags...)
				client{url: s.URL, credential: made["access_token"]}.do(t, 201, "POST", "/organization/"+made["organization_id"]+"/inviteMember",
					map[string]string{"email": "bob@example.com"})
				<-reached
				s.kill()
				close(release)
				box.Answer(nil)
				p.forgetLeases(t)

				s = p.serve(t, flags...)
				m := box.Next(t)
				if err := p.untilSent(); err != nil {
					t.Error(err)
				}
				finish(t, s)
				if n := len(box.Messages()); n != 1 || m.To != "bob@example.com" {
					t.Errorf("%d letters came, the first to %s; want one", n, m.To)
				}
				if got := strings.Contains(s.log.String(), "may or may not have gone"); got != warned {
					t.Errorf("warned %t, want %t\n%s", got, warned, s.log.String())
				}
			})
		}
	}
}

// forgetLeases spares a test the two minutes after which a dead server's jobs are taken.
func (p place) forgetLeases(t *testing.T) {
	t.Helper()
	db, err := p.database()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE job SET leased_to = 0`); err != nil {
		t.Fatal(err)
	}
}

// untilSent waits until no letter waits.
func (p place) untilSent() error {
	db, err := p.database()
	if err != nil {
		return err
	}
	defer db.Close()
	return until(func() error {
		var letters, jobs int
		err := db.QueryRow(`SELECT (SELECT COUNT(*) FROM mail), (SELECT COUNT(*) FROM job WHERE kind = 'mail.send')`).Scan(&letters, &jobs)
		if err == nil && letters+jobs > 0 {
			err = fmt.Errorf("%d letters and %d jobs are left", letters, jobs)
		}
		return err
	})
}
