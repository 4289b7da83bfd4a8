package invitation_test

import (
	"flag"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const crowd = 200

var patience = flag.Duration("patience", 2*time.Minute, "how long a race may take before it is content with fewer rounds")

// rounds counts the rounds of a race: a hundred, fewer where time is short or the
// machine slow.
func rounds(t *testing.T) iter.Seq[int] {
	most, least := 100, 25
	if testing.Short() {
		most, least = 4, 4
	}
	return func(yield func(int) bool) {
		begin, round := time.Now(), 0
		for ; round < most && (round < least || time.Since(begin) < *patience); round++ {
			if !yield(round) {
				return
			}
		}
		t.Logf("%d rounds of %d at once in %s", round, crowd, time.Since(begin).Round(time.Millisecond))
	}
}

// atOnce makes a crowd do something at the same moment, and tells who did it. A
// refusal is an answer; anything else is not.
func atOnce(t *testing.T, do func(i int) error) (done []int) {
	t.Helper()
	errs := make([]error, crowd)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	for i, err := range errs {
		if err == nil {
			done = append(done, i)
		} else if status := fault.From(err).Status(); status < 400 || status > 499 {
			t.Errorf("an answer that is no refusal: %v", err)
		}
	}
	return done
}

func pass(t *testing.T, s *apptest.Server, c *apptest.Caller, p authz.Permission, scope authz.Scope) authz.Pass {
	t.Helper()
	actor, err := s.Authenticator.Authenticate(t.Context(), c.Scheme+" "+c.Credential)
	if err != nil {
		t.Fatal(err)
	}
	actor.Client.Origin = "API" // as a request would have
	pass, err := s.Authorizer.Require(t.Context(), actor, p, scope)
	if err != nil {
		t.Fatal(err)
	}
	return pass
}

func inviting(t *testing.T, s *apptest.Server, c *apptest.Caller, organization id.Organization) authz.Pass {
	t.Helper()
	return pass(t, s, c, authz.MemberInvite, authz.Scope{Organization: organization, Kind: authz.KindOrganization})
}

// alone takes everybody but the owner out of an organization, and puts it on a plan.
func alone(t *testing.T, s *apptest.Server, organization id.Organization, plan string) {
	t.Helper()
	by := authz.System("test").On(organization)
	if err := store.Do(t.Context(), s.DB, by, func(tx *store.Tx) error {
		for _, text := range []string{`DELETE FROM member WHERE organization_id = $1 AND role <> 'OWNER'`, `DELETE FROM invitation WHERE organization_id = $1`} {
			if _, err := tx.Exec(text, organization); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`UPDATE organization SET plan = $2 WHERE id = $1`, organization, plan); err != nil {
			return err
		}
		return audit.Record(tx, string(organization), by, audit.Entry{Action: audit.MemberRemove, Target: audit.Reference{Name: "everybody"}})
	}); err != nil {
		t.Fatal(err)
	}
}

func putPlan(t *testing.T, s *apptest.Server, organization id.Organization, plan string) {
	t.Helper()
	if err := store.Do(t.Context(), s.DB, authz.System("test").On(organization), func(tx *store.Tx) error {
		tx.Unaudited("test")
		_, err := tx.Exec(`UPDATE organization SET plan = $2 WHERE id = $1`, organization, plan)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// taken counts the members and the invitations of an organization.
func taken(t *testing.T, s *apptest.Server, organization id.Organization) (members, pending int64) {
	t.Helper()
	q := s.DB.Reader(t.Context())
	members, err := store.Value[int64](q, `SELECT COUNT(*) FROM member WHERE organization_id = $1`, organization)
	if err != nil {
		t.Fatal(err)
	}
	if pending, err = store.Value[int64](q, `SELECT COUNT(*) FROM invitation WHERE organization_id = $1`, organization); err != nil {
		t.Fatal(err)
	}
	return members, pending
}

// TestRacesAccept: one invitation, accepted and declined by a crowd at once, makes
// one membership at most, and is used up once.
func TestRacesAccept(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		bob := s.Person(t, "bob@example.com")
		viewer := authz.RoleID(acme, authz.Viewer)
		for round := range rounds(t) {
			i, err := s.Invitations.Create(t.Context(), inviting(t, s, jane, acme), bob.Email, viewer)
			if err != nil {
				t.Fatal(err)
			}
			answering := pass(t, s, bob, authz.InvitationAnswer, authz.Scope{})
			done := atOnce(t, func(n int) error {
				if round%4 == 3 && n%8 == 7 {
					return s.Invitations.Decline(t.Context(), answering, acme, i.ID)
				}
				_, err := s.Invitations.Accept(t.Context(), answering, acme, i.ID)
				return err
			})
			if len(done) != 1 {
				t.Fatalf("round %d: %d of %d were served", round, len(done), crowd)
			}
			want := int64(2)
			if round%4 == 3 && done[0]%8 == 7 {
				want = 1
			}
			if members, pending := taken(t, s, acme); members != want || pending != 0 {
				t.Fatalf("round %d: %d members, want %d; %d invitations", round, members, want, pending)
			}
			alone(t, s, acme, "ENTERPRISE_2025")
		}
		s.Verify(t)
	})
}

// TestRacesSeats: a crowd invites and accepts at once; every seat of the plan is
// taken and none twice, also where more were invited than a later plan has seats.
func TestRacesSeats(t *testing.T) {
	const seats, invited = 10, 20
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		viewer := authz.RoleID(acme, authz.Viewer)
		people := make([]*apptest.Caller, invited)
		answering := make([]authz.Pass, invited)
		for i := range people {
			people[i] = s.Person(t, fmt.Sprintf("person%d@example.com", i))
			answering[i] = pass(t, s, people[i], authz.InvitationAnswer, authz.Scope{})
		}
		for round := range rounds(t) {
			before := 3
			if round%2 == 1 { // more were invited than there are seats now
				before = invited
			}
			alone(t, s, acme, "ENTERPRISE_2025")
			may := inviting(t, s, jane, acme)
			var emails []string
			for _, c := range people[:before] {
				emails = append(emails, c.Email)
			}
			waiting, err := s.Invitations.CreateMany(t.Context(), may, emails, viewer)
			if err != nil {
				t.Fatal(err)
			}
			putPlan(t, s, acme, "TEAM_2025")
			done := atOnce(t, func(n int) error {
				if n%2 == 0 {
					_, err := s.Invitations.Create(t.Context(), may, fmt.Sprintf("new%d@example.com", n), viewer)
					return err
				}
				who := n / 2 % before
				_, err := s.Invitations.Accept(t.Context(), answering[who], acme, waiting[who].Invitation.ID)
				return err
			})
			invites := 0
			for _, n := range done {
				if n%2 == 0 {
					invites++
				}
			}
			members, pending := taken(t, s, acme)
			if before == invited {
				if members != seats || invites != 0 {
					t.Fatalf("round %d: %d members and %d new invitations; there are %d seats, and %d were invited before", round, members, invites, seats, before)
				}
			} else if members != 1+int64(before) || members+pending != seats || invites != seats-1-before {
				t.Fatalf("round %d: %d members, %d pending, %d new invitations; there are %d seats", round, members, pending, invites, seats)
			}
		}
		s.Verify(t)
	})
}
