package mail_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const secret = "Zm9yLWphbmUtb25seQ"

var letter = mail.Letter{
	Subject: "A letter", Heading: "A letter", Paragraphs: []string{"With something to do."},
	Action: &mail.Action{Label: "Do it", URL: "/do?token=" + secret}, Notes: []string{"Or not."},
}

// send queues a letter as a change would.
func send(t testing.TB, a *app.App, to string, l mail.Letter) {
	t.Helper()
	if err := store.Do(t.Context(), a.DB, authz.System("test"), func(tx *store.Tx) error {
		tx.Unaudited("test")
		return a.Mail.Send(tx, to, l)
	}); err != nil {
		t.Fatal(err)
	}
}

// outcomes are the counted ends of letters, such as "refused 1".
func outcomes(t testing.TB, s *apptest.Server) string {
	t.Helper()
	var ends []string
	for l := range strings.SplitSeq(string(s.Anonymous().Get(t, "/metrics").Must(t, 200).Body), "\n") {
		if rest, ok := strings.CutPrefix(l, `guildhall_letters_total{outcome="`); ok {
			ends = append(ends, strings.Replace(rest, `"}`, "", 1))
		}
	}
	return strings.Join(ends, ", ")
}

// TestAway: a server that is away for a while gets the letter once.
func TestAway(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		box.Down()
		send(t, s.App, "jane@example.com", letter)
		for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			run(t, s, 1)
			run(t, s, 0)
			s.Clock.Advance(pause)
		}
		box.Up(t)
		run(t, s, 1)
		if m := box.To(t, "jane@example.com").Says("With something to do."); m.Link() != s.URL+letter.Action.URL {
			t.Errorf("the link is %s", m.Link())
		}
		s.Clock.Advance(time.Hour)
		run(t, s, 0)
		done(t, s, box)
		if got := outcomes(t, s); got != "sent 1" {
			t.Errorf("counted: %s", got)
		}
		quiet(t, s)
	})
}

// quiet fails the test if the log or a job tells what is in a letter.
func quiet(t testing.TB, s *apptest.Server) {
	t.Helper()
	errs, err := store.All(s.DB.Reader(t.Context()), `SELECT last_error || payload FROM job`, func(s store.Scan) (text string, err error) { return text, s(&text) })
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(errs, s.Log.String()) {
		if strings.Contains(text, secret) || strings.Contains(text, "something to do") {
			t.Errorf("the letter shows in %s", text)
		}
	}
}

// TestRefusals: what is refused for now is tried again, what is refused for good is not.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		stage mailtest.Stage
		code  int
		again bool
	}{
		"greylisted recipient": {mailtest.Recipient, 451, true},
		"unknown recipient":    {mailtest.Recipient, 550, false},
		"sender for now":       {mailtest.Sender, 421, true},
		"sender for good":      {mailtest.Sender, 553, true}, // the operator can mend the settings
		"content for now":      {mailtest.End, 452, true},
		"content for good":     {mailtest.End, 554, false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
				box.Answer(func(stage mailtest.Stage, _ string) error {
					if stage != c.stage {
						return nil
					}
					// A filter that quotes what it dislikes.
					return mailtest.Refuse(c.code, "not this: "+s.URL+letter.Action.URL+" today")
				})
				send(t, s.App, "jane@example.com", letter)
				run(t, s, 1)
				box.Answer(nil)
				s.Clock.Advance(time.Second)
				if c.again {
					run(t, s, 1)
					box.To(t, "jane@example.com")
				} else {
					run(t, s, 0)
					if got := outcomes(t, s); got != "refused 1" || !strings.Contains(s.Log.String(), "refused for good") {
						t.Errorf("counted %q; log:\n%s", got, s.Log)
					}
				}
				done(t, s, box)
				if c.stage == mailtest.End {
					quiet(t, s)
				}
			})
		})
	}
}

// TestNoAnswer: when the server took the letter and said nothing, or this server ended
// at that moment, the letter is not sent again.
func TestNoAnswer(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		marked := func() (n int64) {
			n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM mail WHERE handed_over_at <> 0`)
			if err != nil {
				t.Error(err)
			}
			return n
		}
		var before, at int64
		box.Answer(func(stage mailtest.Stage, _ string) error {
			switch stage {
			case mailtest.Recipient:
				before = marked()
			case mailtest.End:
				at = marked()
				return mailtest.ErrHangUp
			}
			return nil
		})
		send(t, s.App, "jane@example.com", letter)
		run(t, s, 1)
		box.To(t, "jane@example.com")
		if before != 0 || at != 1 {
			t.Errorf("marked %d at the recipient, %d at the end; want 0 and 1: a crash would lose or repeat the letter", before, at)
		}
		s.Clock.Advance(time.Hour)
		run(t, s, 0)
		done(t, s, box)

		box.Answer(nil)
		send(t, s.App, "john@example.com", letter)
		err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
			tx.Unaudited("what a crash leaves")
			_, err := tx.Exec(`UPDATE mail SET handed_over_at = $1`, tx.Now())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		run(t, s, 1)
		done(t, s, box)
		if got := outcomes(t, s); got != "unknown 2" || strings.Count(s.Log.String(), "may or may not have gone") != 2 {
			t.Errorf("counted %q; log:\n%s", got, s.Log)
		}
		quiet(t, s)
	})
}

// TestGivenUp: three days are enough.
func TestGivenUp(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		box.Down()
		send(t, s.App, "jane@example.com", letter)
		tries := 0
		for range 100 {
			n, err := s.Jobs.RunDue(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tries += n
			s.Clock.Advance(time.Hour)
		}
		if got := outcomes(t, s); got != "given_up 1" || tries < 60 || tries > 80 || !strings.Contains(s.Log.String(), "given up") {
			t.Errorf("counted %q after %d tries", got, tries)
		}
		done(t, s, box)
	})
}

// TestSlowServer: a conversation that hangs holds up no other letter and no other job.
func TestSlowServer(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		reached, release := make(chan struct{}), make(chan struct{})
		box.Answer(func(stage mailtest.Stage, address string) error {
			if stage == mailtest.Recipient && address == "slow@example.com" {
				reached <- struct{}{}
				<-release
			}
			return nil
		})
		ran := make(chan struct{})
		s.Jobs.Handle("other", func(context.Context, []byte) error { close(ran); return nil })
		s.Jobs.Start()
		send(t, s.App, "slow@example.com", letter)
		<-reached
		for range 20 {
			send(t, s.App, "jane@example.com", letter)
		}
		for range 20 {
			box.To(t, "jane@example.com")
		}
		if err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
			tx.Unaudited("test")
			return s.Jobs.Enqueue(tx, "other", 1, tx.Now())
		}); err != nil {
			t.Fatal(err)
		}
		<-ran
		close(release)
		box.To(t, "slow@example.com")
		s.Jobs.Stop()
		done(t, s, box)
	})
}

// TestWithinASecond: the first try begins at once.
func TestWithinASecond(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		s.Jobs.Start()
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		for n := range 5 {
			began := time.Now()
			invite(t, owner, acme, string(rune('a'+n))+"@example.com")
			box.Next(t)
			if took := time.Since(began); took > time.Second {
				t.Errorf("the letter came after %s", took)
			}
		}
	})
}

// TestSwitchedOff: letters from before mail was switched off wait, and are named.
func TestSwitchedOff(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			box := mailtest.Start(t)
			storage := apptest.Storage(t, engine)
			var log bytes.Buffer
			now := clock.NewManual(apptest.Epoch)
			with := func(c config.Server, do func(a *app.App)) {
				a, err := app.Open(t.Context(), storage, c, app.Options{Clock: now, Log: slog.New(slog.NewTextHandler(&log, nil))})
				if err != nil {
					t.Fatal(err)
				}
				do(a)
				if err := a.Close(); err != nil {
					t.Fatal(err)
				}
			}
			with(settings(box), func(a *app.App) { send(t, a, "jane@example.com", letter) })
			with(config.Defaults(), func(a *app.App) {
				if n, err := a.Jobs.RunDue(t.Context()); n != 1 || err != nil {
					t.Fatal(n, err)
				}
				if !strings.Contains(log.String(), "mail is not set up any more") {
					t.Errorf("log:\n%s", &log)
				}
			})
			box.Nothing(t)
			with(settings(box), func(a *app.App) {
				now.Advance(time.Second)
				if n, err := a.Jobs.RunDue(t.Context()); n != 1 || err != nil {
					t.Fatal(n, err)
				}
				box.To(t, "jane@example.com")
			})
			if len(box.Messages()) != 1 {
				t.Errorf("%d letters came", len(box.Messages()))
			}
		})
	}
}

// TestSealed: who reads the disk does not read the letters that wait.
func TestSealed(t *testing.T) {
	box := mailtest.Start(t)
	storage := apptest.Storage(t, "sqlite")
	s := apptest.Start(t, storage, apptest.Options{Settings: box.Settings})
	box.Down()
	send(t, s.App, "jane@example.com", letter)
	run(t, s, 1)
	err := filepath.WalkDir(storage.Data, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(p)
		for _, trace := range []string{secret, "something to do", "jane@example.com"} {
			if bytes.Contains(text, []byte(trace)) {
				t.Errorf("%s holds %q", p, trace)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// And a letter that was put in another's place stays shut.
	send(t, s.App, "eve@example.com", letter)
	err = store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
		tx.Unaudited("an intruder")
		_, err := tx.Exec(`UPDATE mail SET sealed = (SELECT MIN(sealed) FROM mail)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	box.Up(t)
	s.Clock.Advance(time.Minute)
	run(t, s, 2)
	if len(box.Messages()) != 1 {
		t.Errorf("%d letters were opened, want the one in its own place", len(box.Messages()))
	}
}

func TestTrial(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		got, err := s.Mail.Test(t.Context(), "jane@example.com")
		if err != nil || got.To != "jane@example.com" || got.Server != box.Address() || got.Encrypted || !strings.HasPrefix(got.Answer, "250 ") {
			t.Errorf("%+v, %v", got, err)
		}
		box.To(t, "jane@example.com").Says("Mail works")
		box.Answer(func(stage mailtest.Stage, _ string) error {
			if stage == mailtest.Recipient {
				return mailtest.Refuse(550, "we know nobody of that name")
			}
			return nil
		})
		for address, want := range map[string]string{
			"john@example.com":                 "550 5.7.1 we know nobody of that name",
			"no address":                       "no address that a letter can go to",
			"a@example.com\r\nBcc: b@evil.com": "no address that a letter can go to",
		} {
			var f *fault.Error
			if _, err := s.Mail.Test(t.Context(), address); !errors.As(err, &f) || !strings.Contains(f.Detail, want) {
				t.Errorf("%q: %v, want %q", address, err, want)
			}
		}
		done(t, s, box)
		box.Down()
		var f *fault.Error
		if _, err := s.Mail.Test(t.Context(), "jane@example.com"); !errors.As(err, &f) || !strings.Contains(f.Detail, "cannot be reached") {
			t.Errorf("a server that is away: %v", err)
		}
	})
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		if _, err := s.Mail.Test(t.Context(), "jane@example.com"); !fault.Has(err, fault.Invalid) || !strings.Contains(err.Error(), "--smtp-url") {
			t.Errorf("without settings: %v", err)
		}
	})
}
