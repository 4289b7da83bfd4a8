package account_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestSignUpOnce: of many at once with one link, one makes the account.
func TestSignUpOnce(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		signUp(t, s, map[string]any{"email": "jane@example.com"}).Must(t, 200)
		work(t, s)
		secret := token(t, s, post.To(t, "jane@example.com"), "/verify")
		const visitors = 30
		statuses := make([]int, visitors)
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range visitors {
			all.Go(func() {
				<-start
				r, err := s.Anonymous().Try("POST", "/auth/verify", map[string]any{"token": secret, "password": apptest.Password})
				if err != nil {
					t.Error(err)
					return
				}
				statuses[i] = r.Status
			})
		}
		close(start)
		all.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		if count[200] != 1 || count[404] != visitors-1 || people(t, s) != 1 {
			t.Errorf("the answers are %v, and there are %d accounts", count, people(t, s))
		}
		s.Verify(t)
	})
}

// TestSignUpAtOnceWithoutMail: of many who ask for one address one gets it.
func TestSignUpAtOnceWithoutMail(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		statuses := make([]int, 5) // as many as the limit of an address lets through
		var all sync.WaitGroup
		for i := range statuses {
			all.Go(func() {
				r, err := s.Anonymous().Try("POST", "/auth/sign-up", map[string]any{"email": "jane@example.com", "password": apptest.Password})
				if err != nil {
					t.Error(err)
					return
				}
				statuses[i] = r.Status
			})
		}
		all.Wait()
		made := 0
		for _, status := range statuses {
			if status == 200 {
				made++
			} else if status != 409 {
				t.Errorf("the answers are %v", statuses)
			}
		}
		if made != 1 || people(t, s) != 1 {
			t.Errorf("the answers are %v, and there are %d accounts", statuses, people(t, s))
		}
		s.Verify(t)
	})
}

// TestProofsEnd: the links that prove an address end with their time and with the
// account's credentials, and what is over is removed.
func TestProofsEnd(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		jane := s.Person(t, "jane@example.com")
		alter(t, s, jane, `UPDATE account SET verified_at = 0 WHERE id = $1 AND CAST($2 AS BIGINT) > 0`)
		ask := func() (proof, change string) {
			s.Clock.Advance(5 * time.Minute)
			c := s.Again(t, jane)
			c.Post(t, "/account/verification", nil).Must(t, 204)
			work(t, s)
			proof = token(t, s, post.To(t, "jane@example.com"), "/verify")
			changeEmail(t, c, "jane@new.example", apptest.Password).Must(t, 204)
			work(t, s)
			change = token(t, s, post.To(t, "jane@new.example"), "/verify")
			post.To(t, "jane@example.com")
			return proof, change
		}
		olderProof, olderChange := ask()
		proof, change := ask()
		for _, secret := range []string{olderProof, olderChange} {
			verify(t, s, secret, apptest.Password).Refused(t, 404, "link_invalid")
		}
		s.Clock.Advance(account.VerifyLife)
		for _, secret := range []string{proof, change} {
			verify(t, s, secret, apptest.Password).Refused(t, 404, "link_invalid")
		}
		proof, change = ask()
		alter(t, s, jane, `UPDATE account SET credentials_changed_at = $2 WHERE id = $1`)
		for _, secret := range []string{proof, change} {
			verify(t, s, secret, apptest.Password).Refused(t, 404, "link_invalid")
		}
		proof, change = ask()
		alter(t, s, jane, `UPDATE account SET disabled_at = $2 WHERE id = $1`)
		for _, secret := range []string{proof, change} {
			verify(t, s, secret, apptest.Password).Refused(t, 404, "link_invalid")
		}
		if n := rows(t, s, "proof"); n != 2 {
			t.Errorf("%d links are kept", n)
		}
		s.Clock.Advance(account.VerifyLife)
		err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
			tx.Unaudited("test")
			return s.Accounts.DropExpired(tx)
		})
		if err != nil || rows(t, s, "proof") != 0 {
			t.Errorf("%d links are kept after their end (%v)", rows(t, s, "proof"), err)
		}
	})
}

// TestAddressChangesHands: an account is asked for at the moment at which its address
// becomes free, or is taken by another account. Neither waits for the other for ever.
func TestAddressChangesHands(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		for i := range 15 {
			leaver := s.Person(t, fmt.Sprintf("leaver%d@example.com", i))
			mover := s.Person(t, fmt.Sprintf("mover%d@example.com", i))
			wanted := fmt.Sprintf("wanted%d@example.com", i)
			s.Clock.Advance(time.Minute) // more tries
			var all sync.WaitGroup
			start := make(chan struct{})
			for _, email := range []string{leaver.Email, wanted, mover.Email} {
				all.Go(func() {
					<-start
					r, err := s.Anonymous().Try("POST", "/auth/sign-up", map[string]any{"email": email, "password": apptest.Password})
					if err != nil || (r.Status != 200 && r.Status != 409) {
						t.Errorf("the sign-up of %s: %+v (%v)", email, r, err)
					}
				})
			}
			all.Go(func() {
				<-start
				if r, err := leaver.Try("DELETE", "/account", map[string]any{"password": apptest.Password}); err != nil || r.Status != 204 {
					t.Errorf("the end of an account: %+v (%v)", r, err)
				}
			})
			all.Go(func() {
				<-start
				if _, err := s.Accounts.SetEmail(t.Context(), authz.System("operator"), mover.Email, wanted); err != nil && !fault.Has(err, fault.EmailTaken) {
					t.Errorf("a change of address: %v", err)
				}
			})
			close(start)
			all.Wait()
		}
		s.Verify(t)
	})
}

// TestLettersToProvedAddress: where somebody says that messages are to go gets no letter about an organization, for nobody has proved it.
func TestLettersToProvedAddress(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		joe, eve := s.Member(t, acme, "joe@example.com", authz.Viewer), s.Member(t, acme, "eve@example.com", authz.Viewer)
		joe.Put(t, "/account", map[string]any{"communication_email": "victim@example.com"}).Must(t, 200)
		alter(t, s, eve, `UPDATE account SET verified_at = 0 WHERE id = $1 AND CAST($2 AS BIGINT) > 0`)
		skip(t, s, post)
		for _, who := range []*apptest.Caller{joe, eve} {
			owner.Put(t, "/organization/"+string(acme)+"/member", map[string]any{"user_id": who.ID, "role_id": authz.RoleID(acme, authz.Admin)}).Must(t, 200)
		}
		work(t, s)
		post.To(t, "joe@example.com").Says("Your role in Acme changed")
		post.Nothing(t)
	})
}
