package audit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestPages asks for periods, things and both, in both directions, of a history whose
// clocks went back now and then, and compares with what is there.
func TestPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		random := rand.New(rand.NewPCG(7, 7)) // chosen, so that it fails again
		stream := string(s.Person(t, "jane@example.com").Organization(t, "Acme"))
		var things []audit.Reference
		for i := range 4 {
			things = append(things, audit.Reference{ID: id.New[string](), Name: fmt.Sprint("thing ", i)})
		}
		for range 120 {
			s.Clock.Advance(time.Duration(random.IntN(70)-15) * time.Minute)
			if random.IntN(20) == 0 {
				s.Clock.Advance(48 * time.Hour)
			}
			pass := authz.System(fmt.Sprint("actor ", random.IntN(3))).On(id.Organization(stream))
			entry := audit.Entry{Action: audit.ProjectUpdate, Target: things[random.IntN(4)], Project: things[random.IntN(4)]}
			if random.IntN(3) == 0 {
				entry.Action = audit.APITokenCreate
			}
			if err := store.Do(t.Context(), s.DB, pass, func(tx *store.Tx) error { return audit.Record(tx, stream, pass, entry) }); err != nil {
				t.Fatal(err)
			}
		}
		q := s.DB.Reader(t.Context())
		whole, err := audit.List(q, audit.Filter{Stream: stream}, 1000, "", "")
		if err != nil || len(whole.Events) < 121 {
			t.Fatalf("%d events, %v", len(whole.Events), err)
		}
		some := func() clock.Time {
			if random.IntN(3) == 0 {
				return 0
			}
			return whole.Events[random.IntN(len(whole.Events))].At + clock.Time(random.IntN(3)-1)
		}
		found := 0
		for range 200 {
			f := audit.Filter{Stream: stream, From: some(), To: some()}
			switch random.IntN(5) {
			case 0:
				f.TriggeredBy = fmt.Sprint("actor ", random.IntN(4))
			case 1:
				f.Project = things[random.IntN(4)].ID
			case 2:
				f.TargetType, f.TargetID = "PROJECT", things[random.IntN(4)].ID
			case 3:
				f.EventType, f.Project, f.TriggeredBy = "CREATE", things[random.IntN(4)].ID, "actor 1"
			}
			var want []int64
			for _, e := range whole.Events {
				if e.At >= f.From && (f.To == 0 || e.At <= f.To) && (f.TriggeredBy == "" || e.Actor.Name == f.TriggeredBy) &&
					(f.Project == "" || e.Project.ID == f.Project) && (f.TargetType == "" || e.Wire.TargetType == f.TargetType) &&
					(f.TargetID == "" || e.Target.ID == f.TargetID) && (f.EventType == "" || e.Wire.EventType == f.EventType) {
					want = append(want, e.Seq)
				}
			}
			found += len(want)
			if got := there(t, q, f); !slices.Equal(got, want) {
				t.Errorf("%+v: forth %v, want %v", f, got, want)
			}
			if got := back(t, q, f); !slices.Equal(got, want) {
				t.Errorf("%+v: back %v, want %v", f, got, want)
			}
		}
		if found < 1000 {
			t.Errorf("only %d events were asked for", found)
		}
	})
}

// there pages from the newest event to the oldest.
func there(t *testing.T, q store.Querier, f audit.Filter) (seqs []int64) {
	t.Helper()
	for token := ""; ; {
		page, err := audit.List(q, f, 7, token, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			seqs = append(seqs, e.Seq)
		}
		if token = page.Older; token == "" {
			return seqs
		}
	}
}

// back pages the other way, from the beginning of the chain.
func back(t *testing.T, q store.Querier, f audit.Filter) (seqs []int64) {
	t.Helper()
	const first = "ZTE" // the position 1
	for token := first; token != ""; {
		page, err := audit.List(q, f, 7, "", token)
		if err != nil {
			t.Fatal(err)
		}
		var part []int64
		for _, e := range page.Events {
			part = append(part, e.Seq)
		}
		seqs = append(part, seqs...)
		token = page.Newer
	}
	// Nothing is newer than the position 1 itself.
	if one := there(t, q, f); len(one) > 0 && one[len(one)-1] == 1 {
		seqs = append(seqs, 1)
	}
	return seqs
}

// TestNeverCalled: the wire has words for what none of our actions does; nothing is
// called by them, and a word that one has is looked for.
func TestNeverCalled(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		stream := string(s.Person(t, "jane@example.com").Organization(t, "Acme"))
		for _, c := range []struct {
			filter audit.Filter
			want   int
		}{
			{audit.Filter{EventType: "CREATE"}, 1}, {audit.Filter{EventType: "CREATE", TargetType: "ORGANIZATION"}, 1}, {audit.Filter{TargetType: "ORGANIZATION"}, 1},
			{audit.Filter{EventType: "DEPLOYED"}, 0}, {audit.Filter{TargetType: "CLUSTER"}, 0}, {audit.Filter{SubTargetType: "CREDIT_CARD"}, 0},
			{audit.Filter{EventType: "ACCEPT", TargetType: "ORGANIZATION"}, 0}, {audit.Filter{EventType: "DELETE"}, 0},
		} {
			c.filter.Stream = stream
			page, err := audit.List(s.DB.Reader(t.Context()), c.filter, 10, "", "")
			if err != nil || len(page.Events) != c.want {
				t.Errorf("%+v: %d events, %v", c.filter, len(page.Events), err)
			}
			facets, err := audit.Facets(s.DB.Reader(t.Context()), c.filter, audit.TargetLevel)
			if err != nil || facets == nil || len(facets) != c.want {
				t.Errorf("%+v: things %v, %v", c.filter, facets, err)
			}
		}
	})
}
