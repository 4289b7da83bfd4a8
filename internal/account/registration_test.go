package account_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// mailed runs a test on both databases, with a mail server.
func mailed(t *testing.T, registration account.Registration, test func(t *testing.T, s *apptest.Server, post *mailtest.Server)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			post := mailtest.Start(t)
			test(t, apptest.Start(t, apptest.Storage(t, engine), apptest.Options{Settings: func(c *config.Server) {
				post.Settings(c)
				c.Registration = string(registration)
			}}), post)
		})
	}
}

// silent runs a test on both databases, without mail.
func silent(t *testing.T, registration account.Registration, test func(t *testing.T, s *apptest.Server)) {
	t.Helper()
	apptest.EachWith(t, apptest.Options{Settings: func(c *config.Server) { c.Registration = string(registration) }}, test)
}

// work runs every job that is due, letters included.
func work(t *testing.T, s *apptest.Server) {
	t.Helper()
	for {
		n, err := s.Jobs.RunDue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// skip passes over the letters of a test's beginning.
func skip(t *testing.T, s *apptest.Server, post *mailtest.Server) {
	t.Helper()
	work(t, s)
	for range post.Messages() {
		post.Next(t)
	}
}

// token is the secret of a letter's link, which must lead to a page of this server.
func token(t *testing.T, s *apptest.Server, m *mailtest.Message, page string) string {
	t.Helper()
	u, err := url.Parse(m.Link())
	if err != nil || u.Scheme+"://"+u.Host != s.URL || u.Path != page || len(u.Query().Get("token")) < 26 {
		t.Fatalf("the letter %q leads to %q (%v), want %s%s", m.Subject, m.Link(), err, s.URL, page)
	}
	return u.Query().Get("token")
}

func signUp(t *testing.T, s *apptest.Server, body map[string]any) *apptest.Response {
	t.Helper()
	return s.Anonymous().Post(t, "/auth/sign-up", body)
}

func verify(t *testing.T, s *apptest.Server, token, password string) *apptest.Response {
	t.Helper()
	return s.Anonymous().Post(t, "/auth/verify", map[string]any{"token": token, "password": password})
}

// invite gives the id of a new invitation of an owner's.
func invite(t *testing.T, owner *apptest.Caller, organization id.Organization, email string) string {
	t.Helper()
	return owner.Post(t, "/organization/"+string(organization)+"/inviteMember", map[string]any{"email": email}).Must(t, 201).Text("id")
}

func accept(t *testing.T, c *apptest.Caller, organization id.Organization, invitation string) *apptest.Response {
	t.Helper()
	return c.Post(t, "/organization/"+string(organization)+"/inviteMember/"+invitation, nil)
}

// as signs in and gives the caller.
func as(t *testing.T, s *apptest.Server, email, password string) *apptest.Caller {
	t.Helper()
	c := s.Anonymous()
	c.Scheme, c.Email, c.Credential = "Bearer", email, signIn(t, s, email, password).Must(t, 200).Text("access_token")
	c.ID = id.User(c.Get(t, "/account").Must(t, 200).Text("id"))
	return c
}

func TestSignUpByMail(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		if out := signUp(t, s, map[string]any{"email": " Jane+git@example.com "}).Must(t, 200).Text("outcome"); out != "letter_sent" {
			t.Errorf("the outcome is %q", out)
		}
		if n := people(t, s); n != 0 {
			t.Errorf("%d accounts before the address was proved", n)
		}
		work(t, s)
		letter := post.To(t, "Jane+git@example.com").Says("Jane+git@example.com", "24 hours")
		secret := token(t, s, letter, "/verify")
		verify(t, s, secret, "short").Refused(t, 400, "invalid_request") // and the link stays good
		r := verify(t, s, secret, apptest.Password).Must(t, 200)
		if r.Text("outcome") != "account_created" || r.Text("email") != "Jane+git@example.com" {
			t.Errorf("%s", r.Body)
		}
		verify(t, s, secret, apptest.Password).Refused(t, 404, "link_invalid")
		jane := as(t, s, "jane+GIT@example.com", apptest.Password)
		if jane.Get(t, "/account").Value("email_verified") != true {
			t.Error("the address was proved and is not verified")
		}
		if n := count(t, s, `SELECT COUNT(*) FROM event WHERE action = 'account.create' AND actor_id = $1 AND target_id = $1`, jane.ID); n != 1 {
			t.Errorf("%d events say that Jane made her account", n)
		}
		post.Nothing(t)
		s.Verify(t)
		if log := s.Log.String(); strings.Contains(log, secret) || strings.Contains(log, apptest.Password) {
			t.Error("the log holds a secret")
		}
		dump, err := store.All(s.DB.Reader(t.Context()), `SELECT payload FROM event WHERE organization_id = $1`, func(scan store.Scan) (b []byte, err error) { return b, scan(&b) }, store.Server)
		if err != nil || slices.ContainsFunc(dump, func(b []byte) bool { return strings.Contains(string(b), secret) }) {
			t.Errorf("an event holds the link's secret (%v)", err)
		}
	})
}

// TestSignUpTellsNothing: with mail, the answer to a sign-up is the same whether the
// address has an account, is invited, or neither; what there is to say is in the letter.
func TestSignUpTellsNothing(t *testing.T) {
	mailed(t, account.Invited, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		invite(t, owner, acme, "invited@example.com")
		disabled := s.Person(t, "disabled@example.com")
		alter(t, s, disabled, `UPDATE account SET disabled_at = $2 WHERE id = $1`)
		skip(t, s, post)
		var first map[string]any
		jobs := map[int64]bool{}
		for _, email := range []string{"owner@example.com", "OWNER@example.com", "invited@example.com", "nobody@example.com", "disabled@example.com"} {
			before := rows(t, s, "job")
			r := signUp(t, s, map[string]any{"email": email}).Must(t, 200)
			jobs[rows(t, s, "job")-before] = true // the same work, so the same time
			got := map[string]any{"body": string(r.Body), "type": r.Header.Get("Content-Type"), "cookie": r.Header.Get("Set-Cookie")}
			if first == nil {
				first = got
			}
			if !maps.Equal(first, got) {
				t.Errorf("%s gets %v, not %v", email, got, first)
			}
		}
		if !maps.Equal(jobs, map[int64]bool{1: true}) {
			t.Errorf("the work that a sign-up leaves differs: %v", jobs)
		}
		work(t, s)
		letters := map[string]string{}
		for range 3 {
			m := post.Next(t)
			letters[m.To+" "+m.Subject] = m.Link()
		}
		post.Nothing(t)
		for _, want := range []string{"owner@example.com You have an account already", "invited@example.com Finish your sign-up"} {
			if letters[want] == "" {
				t.Errorf("no letter %q in %v", want, letters)
			}
		}
		// Nobody's link got through, and the invitation that was taken back closes the one that did.
		u, _ := url.Parse(letters["invited@example.com Finish your sign-up"])
		list := owner.Get(t, "/organization/"+string(acme)+"/inviteMember").Must(t, 200)
		owner.Delete(t, "/organization/"+string(acme)+"/inviteMember/"+list.Text("results.0.id")).Must(t, 204)
		verify(t, s, u.Query().Get("token"), apptest.Password).Refused(t, 403, "registration_closed")
		invite(t, owner, acme, "invited@example.com")
		verify(t, s, u.Query().Get("token"), apptest.Password).Must(t, 200)
		s.Verify(t)
	})
}

// rows counts a table.
func rows(t *testing.T, s *apptest.Server, table string) int64 {
	t.Helper()
	queries := map[string]string{"job": `SELECT COUNT(*) FROM job`, "proof": `SELECT COUNT(*) FROM proof`, "member": `SELECT COUNT(*) FROM member`, "api_token": `SELECT COUNT(*) FROM api_token`}
	n, err := store.Value[int64](s.DB.Reader(t.Context()), queries[table])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSignUpLinkDies(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		ask := func(email string) string {
			signUp(t, s, map[string]any{"email": email}).Must(t, 200)
			work(t, s)
			return token(t, s, post.To(t, email), "/verify")
		}
		older, newer := ask("jane@example.com"), ask("jane@example.com")
		verify(t, s, older, apptest.Password).Refused(t, 404, "link_invalid")
		s.Clock.Advance(account.SignUpLife - time.Microsecond)
		late := ask("late@example.com")
		s.Anonymous().Get(t, "/healthz").Must(t, 200)
		s.Clock.Advance(time.Microsecond)
		verify(t, s, newer, apptest.Password).Refused(t, 404, "link_invalid")
		s.Person(t, "late@example.com") // the operator was quicker
		verify(t, s, late, apptest.Password).Refused(t, 409, "email_taken")
		for _, wrong := range []string{"", "x", strings.ToLower(late), late + "A", late[:25], "' OR 1=1 --", "\x00", strings.Repeat("A", 200)} {
			if r := verify(t, s, wrong, apptest.Password); r.Status != 404 && r.Status != 400 {
				t.Errorf("%q gets %d", wrong, r.Status)
			}
		}
	})
}

// TestSignUpWithoutMail: the account is made at once, and its address is unproved.
func TestSignUpWithoutMail(t *testing.T) {
	silent(t, account.Open, func(t *testing.T, s *apptest.Server) {
		signUp(t, s, map[string]any{"email": "jane@example.com", "password": "short"}).Refused(t, 400, "invalid_request")
		signUp(t, s, map[string]any{"email": "jane@example.com"}).Refused(t, 400, "invalid_request")
		if out := signUp(t, s, map[string]any{"email": "jane@example.com", "password": apptest.Password}).Must(t, 200).Text("outcome"); out != "account_created" {
			t.Errorf("the outcome is %q", out)
		}
		signUp(t, s, map[string]any{"email": "JANE@example.com", "password": apptest.Password}).Refused(t, 409, "email_taken")
		jane := as(t, s, "jane@example.com", apptest.Password)
		if jane.Get(t, "/account").Value("email_verified") != false {
			t.Error("an unproved address is verified")
		}
		jane.Organization(t, "Jane's")
		jane.Post(t, "/account/verification", nil).Refused(t, 403, "mail_disabled")

		// An invitation for the address is not listed; its link lets the account in.
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		invitation := invite(t, owner, acme, "Jane@Example.com")
		if n := len(jane.Get(t, "/account/invitations").Must(t, 200).List("results")); n != 0 {
			t.Errorf("an unproved address is told of %d invitations", n)
		}
		accept(t, jane, acme, invitation).Must(t, 201)
		s.Verify(t)
	})
}

// TestSignUpByInvitation: where only the invited may register and no mail is sent, the
// invitation's link is the way in, for the invited address.
func TestSignUpByInvitation(t *testing.T) {
	silent(t, account.Invited, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme, other := owner.Organization(t, "Acme"), s.Person(t, "other@example.com").Organization(t, "Other")
		invitation := invite(t, owner, acme, "jane@example.com")
		with := func(email string, organization id.Organization, invitation string) map[string]any {
			return map[string]any{"email": email, "password": apptest.Password, "organization_id": organization, "invite_token": invitation}
		}
		signUp(t, s, map[string]any{"email": "jane@example.com", "password": apptest.Password}).Refused(t, 403, "registration_closed")
		signUp(t, s, with("eve@example.com", acme, invitation)).Refused(t, 403, "wrong_account")
		signUp(t, s, with("jane@example.com", other, invitation)).Refused(t, 404, "not_found")
		signUp(t, s, with("jane@example.com", acme, id.New[string]())).Refused(t, 404, "not_found")
		signUp(t, s, map[string]any{"email": "jane@example.com", "password": apptest.Password, "invite_token": invitation}).Refused(t, 400, "invalid_request")
		if n := people(t, s); n != 2 {
			t.Fatalf("%d accounts after refusals", n)
		}
		s.Clock.Advance(10 * time.Minute) // more tries
		signUp(t, s, with("JANE@example.com", acme, invitation)).Must(t, 200)
		jane := as(t, s, "jane@example.com", apptest.Password)
		accept(t, jane, acme, invitation).Must(t, 201)
		signUp(t, s, with("jane@example.com", acme, invitation)).Refused(t, 404, "not_found") // used

		// What the link proved is this invitation: another organization's is not shown.
		mallory := s.Person(t, "mallory@example.com")
		trap := mallory.Organization(t, "Trap")
		bait := invite(t, mallory, trap, "victim@example.com")
		invite(t, owner, acme, "victim@example.com")
		signUp(t, s, with("victim@example.com", trap, bait)).Must(t, 200)
		fake := as(t, s, "victim@example.com", apptest.Password)
		if n := len(fake.Get(t, "/account/invitations").Must(t, 200).List("results")); n != 0 {
			t.Errorf("an account made with another's invitation learns of %d", n)
		}
		expired := invite(t, owner, acme, "late@example.com")
		s.Clock.Advance(7 * 24 * time.Hour)
		signUp(t, s, with("late@example.com", acme, expired)).Refused(t, 400, "invitation_expired")
		s.Verify(t)
	})
}

// TestUnprovedAddress: with mail, an account whose address was never proved accepts
// nothing before it is, and whoever reads the mail of an address does not prove it for
// an account that is somebody else's.
func TestUnprovedAddress(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		jane := s.Person(t, "jane@example.com")
		alter(t, s, jane, `UPDATE account SET verified_at = 0 WHERE id = $1 AND CAST($2 AS BIGINT) > 0`)
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		invitation := invite(t, owner, acme, "jane@example.com")
		skip(t, s, post)
		accept(t, jane, acme, invitation).Refused(t, 403, "wrong_account")
		jane.Post(t, "/account/verification", nil).Must(t, 204)
		work(t, s)
		secret := token(t, s, post.To(t, "jane@example.com"), "/verify")
		verify(t, s, secret, "not the password").Refused(t, 400, "invalid_request")
		verify(t, s, secret, "").Refused(t, 400, "invalid_request")
		owner.Post(t, "/auth/verify", map[string]any{"token": secret}).Refused(t, 400, "invalid_request")
		jane.Token(t, jane.Organization(t, "Jane's"), "ci", "ADMIN").Post(t, "/auth/verify", map[string]any{"token": secret}).Refused(t, 400, "invalid_request")
		if out := jane.Post(t, "/auth/verify", map[string]any{"token": secret}).Must(t, 200).Text("outcome"); out != "email_verified" {
			t.Errorf("the outcome is %q", out)
		}
		accept(t, s.Again(t, jane), acme, invitation).Must(t, 201)
		jane.Post(t, "/account/verification", nil).Must(t, 204) // nothing to do
		work(t, s)
		post.Nothing(t)
		if n := serverEvents(t, s, "account.verify"); n != 1 {
			t.Errorf("%d events for 1 proof", n)
		}
		s.Verify(t)
	})
}

func TestTooManySignUps(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		for range 5 {
			signUp(t, s, map[string]any{"email": "jane@example.com"}).Must(t, 200)
		}
		// One bucket for a kind of letter, whatever the spelling, account or none.
		for _, email := range []string{"jane@example.com", "JANE@example.com"} {
			if r := signUp(t, s, map[string]any{"email": email}).Refused(t, 429, "too_many_requests"); r.Header.Get("Retry-After") != "300" {
				t.Errorf("wait %s", r.Header.Get("Retry-After"))
			}
			s.Anonymous().Post(t, "/auth/reset-request", map[string]any{"email": email}).Must(t, 204) // another kind
		}
		for i := range 30 - 9 {
			signUp(t, s, map[string]any{"email": string(rune('a'+i)) + "@example.com"}).Must(t, 200)
		}
		signUp(t, s, map[string]any{"email": "z@example.com"}).Refused(t, 429, "too_many_requests")
		s.Clock.Advance(10 * time.Second)
		signUp(t, s, map[string]any{"email": "z@example.com"}).Must(t, 200)
		s.Clock.Advance(5 * time.Minute)
		signUp(t, s, map[string]any{"email": "jane@example.com"}).Must(t, 200)
		work(t, s)
		if n := len(post.Messages()); n != 6+21+1 {
			t.Errorf("%d letters", n)
		}
	})
}

// TestLookAlikes: an address that only looks like the invited one is another's, also
// where it is proved.
func TestLookAlikes(t *testing.T) {
	mailed(t, account.Invited, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		invitation := invite(t, owner, acme, "joe@strasse.example")
		skip(t, s, post)
		signUp(t, s, map[string]any{"email": "joe@straße.example"}).Must(t, 200)
		work(t, s)
		post.Nothing(t)
		signUp(t, s, map[string]any{"email": "joe@straße.example", "organization_id": acme, "invite_token": invitation}).Refused(t, 403, "wrong_account")
		mallory := s.Person(t, "joe@straße.example") // proved
		if n := len(mallory.Get(t, "/account/invitations").Must(t, 200).List("results")); n != 0 {
			t.Errorf("the look-alike is told of %d invitations", n)
		}
		accept(t, mallory, acme, invitation).Refused(t, 403, "wrong_account")
		s.Verify(t)
	})
}

// TestLookAlikeReadsNoInvitation: who has an account that looks like the invited
// address is not sent the link of the invitation when the invited person signs up.
func TestLookAlikeReadsNoInvitation(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		s.Person(t, "joe@straße.example")
		invitation := invite(t, owner, acme, "joe@strasse.example")
		skip(t, s, post)
		signUp(t, s, map[string]any{"email": "joe@strasse.example", "organization_id": acme, "invite_token": invitation}).Must(t, 200)
		work(t, s)
		post.Nothing(t) // not even that somebody tried
		signUp(t, s, map[string]any{"email": "JOE@straße.example"}).Must(t, 200)
		work(t, s)
		post.Next(t).Says("You have an account already")
	})
}
