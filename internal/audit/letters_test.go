package audit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/announcement"
	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const onlyByLetter = "needs mail, see TestLettersAreRecorded"

const contact = "ops@example.com"

// TestLettersAreRecorded makes the changes that need a mail server.
func TestLettersAreRecorded(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			box := mailtest.Start(t)
			s := apptest.Start(t, apptest.Storage(t, engine), apptest.Options{Settings: box.Settings})
			w := &world{s: s, outside: &outside{}, jane: s.Person(t, "jane@example.com")}
			w.organization = apptest.OrganizationID(w.jane.Post(t, "/organization", map[string]any{"name": "Acme", "plan": "FREE", "admin_emails": []string{contact}}).Must(t, 201))
			s.Clock.Advance(8 * 24 * time.Hour) // a week with Acme in it is over
			if _, err := s.Run(t.Context(), app.CommandReport, json.RawMessage(`{"organization":"Acme","kind":"weekly","send":true}`)); err != nil {
				t.Fatal(err)
			}
			runJobs(t, s)
			_, token, _ := strings.Cut(box.To(t, contact).Link(), "?token=")
			w.secrets = []string{apptest.Password, token}
			w.play(t, []step{
				{audit.AnnouncementSend, announce},
				onLink(audit.ReportUnsubscribe, token, "unsubscribe", false),
				onLink(audit.ReportSubscribe, token, "subscribe", true),
			})
		})
	}
}

func announce(t *testing.T, w *world) change {
	made, err := w.s.Run(t.Context(), app.CommandAnnounce, json.RawMessage(`{"kind":"outage","subject":"Down","message":"We are at it.","all":true}`))
	if err != nil {
		t.Fatal(err)
	}
	runJobs(t, w.s)
	who, from := operator("operator")
	return change{
		stream: store.Server, actor: who, client: from, target: audit.Reference{ID: made.(announcement.Sent).ID, Name: "Down"},
		after: []byte(`{"kind":"outage","subject":"Down","message":"We are at it."}`),
	}
}

func onLink(action audit.Action, token, answer string, subscribed bool) step {
	return step{action, func(t *testing.T, w *world) change {
		w.program(browser).Post(t, "/unsubscribe?token="+token, "answer="+answer).Must(t, 200)
		subscription, err := store.Value[string](w.s.DB.Reader(t.Context()), `SELECT id FROM report_subscription WHERE organization_id = $1`, w.organization)
		if err != nil {
			t.Fatal(err)
		}
		return change{
			stream: string(w.organization), actor: audit.Who{Kind: "system", Name: "unsubscribe link"}, client: client(browser, "API"),
			target: audit.Reference{ID: subscription, Name: contact}, changed: []string{"subscribed"},
			before: fmt.Appendf(nil, `{"kind":"weekly","subscribed":%t}`, !subscribed), after: fmt.Appendf(nil, `{"kind":"weekly","subscribed":%t}`, subscribed),
		}
	}}
}
