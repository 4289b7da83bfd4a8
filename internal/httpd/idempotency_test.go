package httpd_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const keyHeader, replayedHeader = "Idempotency-Key", "Idempotency-Replayed"

func same(t *testing.T, what string, first, again *apptest.Response) {
	t.Helper()
	if again.Status != first.Status || string(again.Body) != string(first.Body) {
		t.Errorf("%s: first %d %s\nagain %d %s", what, first.Status, first.Body, again.Status, again.Body)
	}
	if first.Header.Get(replayedHeader) != "" || again.Header.Get(replayedHeader) != "true" {
		t.Errorf("%s: %s is %q at first and %q again", what, replayedHeader, first.Header.Get(replayedHeader), again.Header.Get(replayedHeader))
	}
}

func TestRepeatedCreation(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		body := map[string]any{"name": "Acme", "plan": "FREE"}
		once := jane.With(keyHeader, "first key")
		first := once.Post(t, "/organization", body).Must(t, 201)
		recorded := events(t, s)
		for range 3 {
			same(t, "createOrganization", first, once.Post(t, "/organization", body))
		}
		if n := len(jane.Get(t, "/organization").List("results")); n != 1 || events(t, s) != recorded {
			t.Errorf("%d organizations, %d events more", n, events(t, s)-recorded)
		}
		jane.Post(t, "/organization", body).Refused(t, 409, "name_taken")                              // without the key it is a request of its own
		jane.With(keyHeader, "other key").Post(t, "/organization", body).Refused(t, 409, "name_taken") // so it is under another
		once.Post(t, "/organization", map[string]any{"name": "Acme", "plan": "TEAM_2025"}).Refused(t, 409, "idempotency_key_reused")
		once.Post(t, "/organization", `{"plan":"FREE", "name":"Acme"}`).Refused(t, 409, "idempotency_key_reused") // the text counts
		once.Post(t, "/organization?x=1", body).Refused(t, 409, "idempotency_key_reused")
		// The key is its caller's own.
		other := joe.With(keyHeader, "first key").Post(t, "/organization", map[string]any{"name": "Joe's", "plan": "FREE"}).Must(t, 201)
		if other.Header.Get(replayedHeader) != "" || other.Text("id") == first.Text("id") {
			t.Errorf("somebody else's key answers %s", other.Body)
		}
		// A refusal is not kept: the same key may be tried again.
		again := jane.With(keyHeader, "refused key")
		again.Post(t, "/organization", map[string]any{"name": "Joe's", "plan": "FREE"}).Refused(t, 409, "name_taken")
		joe.Delete(t, "/organization/"+other.Text("id")).Must(t, 204)
		again.Post(t, "/organization", map[string]any{"name": "Fresh", "plan": "FREE"}).Must(t, 201)
		// After a day the key is forgotten.
		s.Clock.Advance(24*time.Hour + time.Second)
		back, err := s.Accounts.Find(t.Context(), "jane@example.com")
		if err != nil {
			t.Fatal(err)
		}
		access, err := s.Accounts.Access(back, "")
		if err != nil {
			t.Fatal(err)
		}
		once.Credential = access.Token
		late := once.Post(t, "/organization", map[string]any{"name": "Next day", "plan": "FREE"}).Must(t, 201)
		if late.Header.Get(replayedHeader) != "" {
			t.Error("an answer is kept for longer than a day")
		}
		s.Verify(t)
	})
}

func TestRepeatedToken(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme, other := owner.Organization(t, "Acme"), owner.Organization(t, "Other")
		admin := s.Member(t, acme, "admin@example.com", authz.Admin)
		path := "/organization/" + string(acme) + "/apiToken"
		once := admin.With(keyHeader, "k")
		body := map[string]any{"name": "ci"}
		first := once.Post(t, path, body).Must(t, 201)
		again := once.Post(t, path, body)
		same(t, "createOrganizationApiToken", first, again)
		if len(first.Text("token")) != 64 || len(owner.Get(t, path).List("results")) != 1 {
			t.Errorf("the token is %q, and the list %s", first.Text("token"), owner.Get(t, path).Body)
		}
		owner.With(keyHeader, "k").Post(t, "/organization/"+string(other)+"/apiToken", body).Must(t, 201)
		// What is kept is sealed: the database does not know the token.
		kept, err := store.All(s.DB.Reader(t.Context()), `SELECT answer FROM idempotency`, func(scan store.Scan) (b []byte, err error) { return b, scan(&b) })
		if err != nil || len(kept) != 2 {
			t.Fatalf("%d kept answers, %v", len(kept), err)
		}
		for _, answer := range kept {
			if strings.Contains(string(answer), first.Text("token")) || strings.Contains(string(answer), "qov_") {
				t.Error("a kept answer holds the token as it is")
			}
		}
		// A key of a person and the same of their token are two.
		token := &apptest.Caller{Scheme: "Token", Credential: first.Text("token")}
		r := token.At(s).With(keyHeader, "k").Post(t, path, map[string]any{"name": "by the token"}).Must(t, 201)
		if r.Header.Get(replayedHeader) != "" {
			t.Error("a token gets its creator's answer")
		}

		// Who has lost the right gets no answer from before, the secret least of all.
		pass, err := s.Authorizer.Require(t.Context(), actorOf(t, s, owner), authz.MemberManage, authz.Scope{Organization: acme, Kind: authz.KindOrganization})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Members.SetRole(t.Context(), pass, admin.ID, authz.RoleID(acme, authz.Viewer)); err != nil {
			t.Fatal(err)
		}
		refused := once.Post(t, path, body).Refused(t, 403, "permission_missing")
		if strings.Contains(string(refused.Body), first.Text("token")) {
			t.Error("the refusal holds the token")
		}
		owner.Delete(t, "/organization/"+string(acme)).Must(t, 204)
		once.Post(t, path, body).Refused(t, 404, "not_found")
		s.Verify(t)
	})
}

func TestKeys(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		path := "/organization/" + string(acme) + "/project"
		for name, c := range map[string]struct {
			key string
			ok  bool
		}{
			"256 characters": {strings.Repeat("k", 256), false}, "255 characters": {strings.Repeat("k", 255), true}, "one character": {"k", true}, "UUID": {id.New[string](), true},
			"all of ASCII": {` !"#$%&'()*+,-./:;<=>?@[\]^_{|}~`, true}, "umlaut": {"ä", false}, "emoji": {"😀", false}, "invalid UTF-8": {"\xff", false}, "tab inside": {"a\tb", false},
		} {
			r := jane.With(keyHeader, c.key).Post(t, path, map[string]any{"name": "key: " + name})
			if c.ok {
				r.Must(t, 200)
			} else if r.Refused(t, 400, "invalid_request").Text("errors.0.field") != keyHeader {
				t.Errorf("%s: %s", name, r.Body)
			}
		}
		jane.With(keyHeader, "too long").Post(t, path, `{"name":"`+strings.Repeat("x", 300<<10)+`"}`).Refused(t, 413, "body_too_large")
		// An operation that anybody may call has no keys: there is nobody they would belong to.
		for _, password := range []string{"wrong password", apptest.Password} {
			s.Anonymous().With(keyHeader, "k").Post(t, "/auth/sign-in", map[string]any{"email": "jane@example.com", "password": password})
		}
		if n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM idempotency WHERE idempotency_key = 'k' AND actor_id <> $1`, jane.ID); err != nil || n != 0 {
			t.Errorf("%d answers are kept for nobody (%v)", n, err)
		}
	})
}

// TestRepeatedAtOnce: of many of the same at the same time one does it, and all get its answer.
func TestRepeatedAtOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		once := jane.With(keyHeader, "k")
		answers := make([]*apptest.Response, 40)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				r, err := once.Try("POST", "/organization", `{"name":"Acme","plan":"FREE"}`)
				if err != nil {
					t.Error(err)
					return
				}
				answers[i] = r
			})
		}
		all.Wait()
		firsts := 0
		for _, r := range answers {
			if r == nil || r.Status != 201 || string(r.Body) != string(answers[0].Body) {
				t.Fatalf("one of them gets %v, another %s", r, answers[0].Body)
			}
			if r.Header.Get(replayedHeader) == "" {
				firsts++
			}
		}
		if n := len(jane.Get(t, "/organization").List("results")); firsts != 1 || n != 1 {
			t.Errorf("%d did it, and there are %d organizations", firsts, n)
		}
		s.Verify(t)
	})
}
