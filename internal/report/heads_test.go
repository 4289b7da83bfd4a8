package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
)

// TestHeads: a report holds the signed head of the record, and a letter that was kept, as
// it came or as its words, is one that the record is held against.
func TestHeads(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := founded(t, jane, "Acme", "TEAM_2025", "ops@acme.example")
		at(t, s, "2026-03-09 06:00:00")
		letters := work(t, s, box)
		m := letters["ops@acme.example"][0]
		for name, text := range map[string][]byte{"its words": []byte(m.Text), "its source": m.Raw} {
			noted, err := audit.ReadNoted(bytes.NewReader(text))
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, text)
			}
			for _, n := range noted {
				if n.Stream != string(acme) || n.Seq != 1 || n.Key == "" {
					t.Errorf("%s: %+v", name, n)
				}
				if err := audit.VerifyNoted(s.DB.Reader(t.Context()), n.Key, noted); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
}

// TestNoHeads: without the setting, reports hold none.
func TestNoHeads(t *testing.T) {
	box := mailtest.Start(t)
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{Settings: func(c *config.Server) {
		box.Settings(c)
		c.MailHeads = false
	}})
	founded(t, s.Person(t, "jane@example.com"), "Acme", "TEAM_2025", "ops@acme.example")
	at(t, s, "2026-03-09 06:00:00")
	if m := work(t, s, box)["ops@acme.example"][0]; strings.Contains(m.Text, "signed head") {
		t.Errorf("%s", m.Text)
	}
}
