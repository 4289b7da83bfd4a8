package member_test

import (
	"flag"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
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

// atOnce makes a crowd do something at the same moment. A refusal is an answer;
// anything else is not.
func atOnce(t *testing.T, do func(i int) error) (done int) {
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
	for _, err := range errs {
		if err == nil {
			done++
		} else if status := fault.From(err).Status(); status < 400 || status > 499 {
			t.Errorf("an answer that is no refusal: %v", err)
		}
	}
	return done
}

// TestNeverOwnerless: the owner transfers to many, leaves, is removed and is demoted,
// all at once; exactly one owner is left every time.
func TestNeverOwnerless(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		founder := s.Person(t, "founder@example.com")
		acme := founder.Organization(t, "Acme")
		people := map[id.User]*apptest.Caller{founder.ID: founder}
		for i := range 8 {
			c := s.Member(t, acme, fmt.Sprintf("heir%d@example.com", i), authz.Admin)
			people[c.ID] = c
		}
		owner, transfers, moved := founder.ID, 0, 0
		for round := range rounds(t) {
			var heirs []*apptest.Caller
			manage := map[id.User]authz.Pass{}
			for user, c := range people {
				manage[user] = pass(t, s, c, acme, authz.MemberManage)
				if user != owner {
					heirs = append(heirs, c)
				}
			}
			give, leave := pass(t, s, people[owner], acme, authz.OrganizationTransfer), pass(t, s, people[owner], acme, authz.OrganizationView)
			old := owner
			transfers += atOnce(t, func(i int) error {
				heir := heirs[i/4%len(heirs)]
				switch i % 4 {
				case 0:
					return s.Members.Transfer(t.Context(), give, heir.ID)
				case 1:
					return s.Members.SetRole(t.Context(), manage[heir.ID], old, authz.RoleID(acme, authz.Viewer))
				case 2:
					return s.Members.Remove(t.Context(), leave, old)
				}
				return s.Members.SetRole(t.Context(), manage[old], old, authz.RoleID(acme, authz.Developer))
			})
			owners, err := store.All(s.DB.Reader(t.Context()), `SELECT user_id FROM member WHERE organization_id = $1 AND role = 'OWNER'`,
				func(s store.Scan) (u id.User, err error) { return u, s(&u) }, acme)
			if err != nil || len(owners) != 1 {
				t.Fatalf("round %d: the owners are %v (%v)", round, owners, err)
			}
			if owner = owners[0]; owner != old {
				moved++
			}
			// Whoever was demoted or removed is an heir again in the next round.
			gone, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT 1 - COUNT(*) FROM member WHERE organization_id = $1 AND user_id = $2`, acme, old)
			if err != nil {
				t.Fatal(err)
			}
			if gone == 1 {
				s.Join(t, acme, people[old], authz.Admin)
			} else if old != owner {
				back := pass(t, s, people[owner], acme, authz.MemberManage)
				if err := s.Members.SetRole(t.Context(), back, old, authz.RoleID(acme, authz.Admin)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if moved == 0 {
			t.Errorf("the ownership never moved in %d changes; the test says little", transfers)
		}
		s.Verify(t)
	})
}
