package bench_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// other is a request that is measured alone, without something to compare it with.
type other struct {
	name        string
	connections int
	status      int
	next        build
}

// invited is an invitation that waits for a person.
type invited struct {
	organization id.Organization
	invitation   string
	person       person
	inviter      id.User // the owner: who may not invite gives nothing
}

// others are the requests of everyday life beside those that are compared.
func (s *server) others() []other {
	return []other{
		{fmt.Sprintf("list mine (%d organizations)", (s.size.many+s.size.cold)/s.size.owners), 8, http.StatusOK, func(out []byte) []byte {
			return s.ask(out, "/organization", s.many[s.read.Add(1)%int64(len(s.many))].owner)
		}},
		{"invite", 8, http.StatusCreated, func(out []byte) []byte {
			n := s.sent.Add(1)
			o := s.many[n%int64(len(s.many))]
			return s.post(out, "/organization/"+string(o.id)+"/inviteMember", o.owner, fmt.Sprintf(`{"email":"new%d@example.com","role":"VIEWER"}`, n))
		}},
		{"accept an invitation", 8, http.StatusCreated, func(out []byte) []byte {
			i := s.invited[(s.accepted.Add(1)-1)%int64(len(s.invited))] // each once: the server refuses the second time
			return s.post(out, "/organization/"+string(i.organization)+"/inviteMember/"+i.invitation, i.person, "")
		}},
		{"may I? (access/explain)", 8, http.StatusOK, func(out []byte) []byte {
			o := s.many[s.read.Add(1)%int64(len(s.many))]
			return s.ask(out, "/organization/"+string(o.id)+"/access/explain?permission=project.create", o.owner)
		}},
	}
}

// pages are the requests for 20 events of a long history.
func (s *server) pages(tb testing.TB) []other {
	tb.Helper()
	h := s.remember(tb, s.size.events)
	var list []other
	for _, q := range h.questions(tb, s) {
		path := "/organization/" + string(h.id) + "/events?pageSize=20" + q.query
		list = append(list, other{"20 events: " + q.name, 1, http.StatusOK, func(out []byte) []byte { return s.ask(out, path, h.owner) }})
	}
	return list
}

// invite lets n invitations wait, for the people who create and to organizations that
// they do not belong to.
func (s *server) invite(tb testing.TB, n int) {
	tb.Helper()
	n = min(n, len(s.people)*len(s.many))
	now := clock.At(time.Now())
	for i := range n {
		who, round := i%len(s.people), i/len(s.people)
		into := s.many[(who+round)%len(s.many)]
		s.invited = append(s.invited, invited{into.id, uuid.NewString(), s.people[who], into.owner.id})
	}
	columns := []string{"id", "organization_id", "email", "email_key", "role", "inviter_id", "created_at", "updated_at", "expires_at"}
	s.bulk(tb, "invitation", columns, n, func(i int) []any {
		w := s.invited[i]
		return []any{w.invitation, string(w.organization), w.person.email, w.person.email, "VIEWER", string(w.inviter), int64(now), int64(now), int64(now.Add(24 * time.Hour))}
	})
}

// measure does one kind of request b.N times.
func (s *server) measure(b *testing.B, o other) {
	b.Helper()
	all := connect(b, s.address, o.connections, o.status, o.next)
	b.ReportAllocs()
	b.ResetTimer()
	done, err := all.turn(int64(b.N), 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(done.rate(), "req/s")
	results.other(names[s.engine], o, done)
}

// TestOthers does a few of each.
func TestOthers(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			s := start(t, engine, tiny)
			for _, o := range append(s.others(), s.pages(t)...) {
				if _, err := connect(t, s.address, o.connections, o.status, o.next).turn(10, 0); err != nil {
					t.Errorf("%s: %v", o.name, err)
				}
			}
		})
	}
}
