package bench_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// What happened in the organization with the long history, again and again: every
// event is about one of the projects, by one of the actors. One actor is rare.
const (
	projects  = 200
	actors    = 40
	rarely    = 20_000 // every so many events are by the rare actor
	rareActor = "rare@example.com"
	historyIs = 300 * 24 * time.Hour // long; the plan shows a year
)

// history is an organization with many events.
type history struct {
	owned
	events   int
	began    time.Time
	projects [projects]audit.Reference
}

// moment is when an event happened.
func (h *history) moment(i int) time.Time {
	return h.began.Add(historyIs / time.Duration(h.events) * time.Duration(i))
}

// remember makes an organization with n events. Recording them one by one takes
// minutes, so the rows are written in bulk with the payloads, digests and links that
// Record would have given them; a Write at the end signs the chain. TestHistory
// verifies it.
func (s *server) remember(tb testing.TB, n int) *history {
	tb.Helper()
	_, created := s.request(tb, http.MethodPost, "/organization", s.hot.owner, `{"name":"Long ago","plan":"ENTERPRISE_2025"}`)
	h := &history{owned: owned{id.Organization(text(tb, created, "id")), s.hot.owner}, events: n, began: time.Now().Add(-historyIs - time.Hour)}
	for i := range h.projects {
		h.projects[i] = audit.Reference{ID: id.New[string](), Name: fmt.Sprintf("Project %03d", i)}
	}
	var hash []byte
	var seq int64
	if err := s.raw.QueryRowContext(tb.Context(), "SELECT seq, hash FROM organization_head WHERE organization_id = '"+string(h.id)+"'").Scan(&seq, &hash); err != nil {
		tb.Fatal(err)
	}
	wires := audit.Wires()
	columns := strings.Split("organization_id seq id at action event_type target_type target_id target_name sub_target_type triggered_by actor_id origin "+
		"project_id project_name environment_id environment_name payload digest hash", " ")
	s.bulk(tb, "event", columns, n, func(i int) []any {
		p := h.event(i)
		payload, err := json.Marshal(p)
		if err != nil {
			panic(err) // it has no value that JSON does not have
		}
		digest, w := sha256.Sum256(payload), wires[p.Action]
		seq++
		hash = store.ChainHash(hash, seq, digest[:])
		return []any{
			p.Stream, seq, string(p.ID), int64(p.At), string(p.Action), w.EventType, w.TargetType, p.Target.ID, p.Target.Name, w.SubTargetType, p.Actor.Name,
			p.Actor.ID, p.Client.Origin, p.Project.ID, p.Project.Name, "", "", payload, digest[:], hash,
		}
	})
	set, values := "UPDATE organization_head SET seq = $2, hash = $3 WHERE organization_id = $1", []any{string(h.id), seq, hash}
	if _, err := s.raw.ExecContext(tb.Context(), set, values...); err != nil {
		tb.Fatal(err)
	}
	pass := authz.System("bench").On(h.id)
	entry := audit.Entry{Action: audit.OrganizationUpdate, Target: audit.Reference{ID: string(h.id), Name: "Long ago"}}
	if err := store.Do(tb.Context(), s.DB, pass, func(tx *store.Tx) error { return audit.Record(tx, string(h.id), pass, entry) }); err != nil {
		tb.Fatal(err)
	}
	if s.engine == "postgres" { // now, rather than by itself in the middle of a measurement
		if _, err := s.raw.ExecContext(tb.Context(), "VACUUM ANALYZE event"); err != nil {
			tb.Fatal(err)
		}
	}
	return h
}

func (h *history) event(i int) audit.Payload {
	actor := fmt.Sprintf("person%d@example.com", i%actors)
	if i%rarely == rarely/2 {
		actor = rareActor
	}
	action := audit.ProjectUpdate
	if i%11 == 0 {
		action = audit.ProjectCreate
	}
	project := h.projects[(i*7)%projects]
	return audit.Payload{
		Version: 1, ID: id.New[id.Event](), Stream: string(h.id), At: clock.At(h.moment(i)), Action: action, Target: project, Project: project,
		Actor:  audit.Who{Kind: authn.Person, ID: string(h.owner.id), User: h.owner.id, Name: actor},
		Client: authn.Client{Address: "192.0.2.7", UserAgent: "Terraform provider/1.0", Origin: "TERRAFORM_PROVIDER", RequestID: string(h.id)},
		Before: json.RawMessage(`{"name":"Before","description":"What it was called"}`), After: json.RawMessage(`{"name":"After","description":"What it is called"}`),
		Changed: []string{"description", "name"},
	}
}

// page gives the token of a page by following links.next.
func (h *history) page(tb testing.TB, s *server, number, size int) string {
	tb.Helper()
	const stride = 100 // the largest page
	token := ""
	for range (number - 1) * size / stride {
		path := fmt.Sprintf("/organization/%s/events?pageSize=%d&continueToken=%s", h.id, stride, token)
		_, body := s.request(tb, http.MethodGet, path, h.owner, "")
		var answer struct {
			Links struct{ Next string }
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			tb.Fatal(err)
		}
		next, err := url.Parse(answer.Links.Next)
		if err != nil || next.Query().Get("continueToken") == "" {
			break // a short history
		}
		token = next.Query().Get("continueToken")
	}
	return token
}

// questions are what is asked about the history, as queries.
func (h *history) questions(tb testing.TB, s *server) []question {
	tb.Helper()
	middle := h.moment(h.events / 2).Unix()
	return []question{
		{"page 1", ""},
		{"page 1,000", "&continueToken=" + h.page(tb, s, 1000, 20)},
		{"of one event type of two", "&eventType=CREATE"},
		{"of one project of 200", "&serviceProjectId=" + h.projects[3].ID},
		{"of one target of 200", "&targetType=PROJECT&targetId=" + h.projects[3].ID},
		{"by an actor of 1 in 20,000", "&triggeredBy=" + url.QueryEscape(rareActor)},
		{"in one hour, half-way", fmt.Sprintf("&fromTimestamp=%d&toTimestamp=%d", middle, middle+3600)},
		{"of a kind that never was here", "&eventType=ACCEPT"},
	}
}

type question struct{ name, query string }

// TestHistory verifies the chain that was written in bulk.
func TestHistory(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			s := start(t, engine, size{owners: 2, creators: 2, events: tiny.events})
			h := s.remember(t, tiny.events)
			report, err := audit.Verify(s.DB.Reader(t.Context()), s.HeadMAC())
			if err != nil || report.Events < int64(tiny.events) {
				t.Fatalf("%d events were verified, %v", report.Events, err)
			}
			for _, q := range h.questions(t, s) {
				_, body := s.request(t, http.MethodGet, fmt.Sprintf("/organization/%s/events?pageSize=20%s", h.id, q.query), h.owner, "")
				var answer struct{ Events []any }
				if err := json.Unmarshal(body, &answer); err != nil || (len(answer.Events) == 0) != strings.Contains(q.name, "never") && !strings.Contains(q.name, "1 in") {
					t.Errorf("%s: %d events, %v", q.name, len(answer.Events), err)
				}
			}
		})
	}
}
