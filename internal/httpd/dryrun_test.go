package httpd_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/httpd"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// undry are the writes without a dry run: what a stranger does to get in.
var undry = []string{"requestPasswordReset", "resetPassword", "signIn", "signUp", "verifyEmail"}

// TestEveryWriteHasADryRun: a new write has one, or a sentence and a line above.
func TestEveryWriteHasADryRun(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	var without []string
	for _, op := range httpd.Table() {
		described := doc.Paths.Value(op.Path).GetOperation(op.Method)
		param := described.Parameters.GetByInAndName("query", "dry_run") != nil && described.Parameters.GetByInAndName("header", "Prefer") != nil
		_, answer := described.Extensions["x-guildhall-dry-run"]
		if !op.Writes() {
			if param || answer || op.NoDryRun != "" {
				t.Errorf("%s reads, and speaks of a dry run", op.ID)
			}
			continue
		}
		if op.NoDryRun != "" {
			without = append(without, op.ID)
		}
		if has := op.NoDryRun == ""; param != has || answer != has {
			t.Errorf("%s: has a dry run %t, its description says %t and %t", op.ID, has, param, answer)
		}
	}
	slices.Sort(without)
	if !slices.Equal(without, undry) {
		t.Errorf("without a dry run are %v, want %v", without, undry)
	}
}

var (
	someID   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	onceOnly = regexp.MustCompile(`("token"|"hint"|"invitation_link"):"[^"]*"`)
)

// modulo is a document without what differs each time: the ids that are not in know,
// and what is handed out once.
func modulo(text []byte, known ...string) string {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return string(text)
	}
	text, _ = json.Marshal(v)
	masked := onceOnly.ReplaceAllString(string(text), `$1:"once"`)
	return someID.ReplaceAllStringFunc(masked, func(id string) string {
		if slices.Contains(known, id) {
			return id
		}
		return "some id"
	})
}

// recorded gives what events say that came after so many, without ids and in any order.
func recorded(t *testing.T, s *apptest.Server, known map[string]bool) (changes []string) {
	t.Helper()
	err := store.Each(s.DB.Reader(t.Context()), `SELECT id, payload FROM event WHERE payload IS NOT NULL`, func(scan store.Scan) error {
		var id string
		var text []byte
		if err := scan(&id, &text); err != nil || known[id] {
			return err
		}
		known[id] = true
		var p struct {
			Stream, Action string
			Target         struct{ Name string }
			Before, After  json.RawMessage
			Changed        []string
		}
		if err := json.Unmarshal(text, &p); err != nil {
			return err
		}
		changes = append(changes, change(p.Action, p.Target.Name, p.Before, p.After, p.Changed))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(changes)
	return changes
}

func change(action, name string, before, after json.RawMessage, changed []string) string {
	return fmt.Sprint(action, " ", name, " ", modulo(before), " ", modulo(after), " ", len(changed), changed)
}

func foreseenChanges(dry route.DryRun) (changes []string) {
	for _, c := range dry.Changes {
		changes = append(changes, change(c.Action, c.TargetName, c.Before, c.After, c.Changed))
	}
	slices.Sort(changes)
	return changes
}

func dryOf(t *testing.T, r *apptest.Response) (dry route.DryRun) {
	t.Helper()
	if err := json.Unmarshal(r.Must(t, 200).Body, &dry); err != nil || !dry.DryRun || r.Header.Get("Preference-Applied") != "dry-run" {
		t.Fatalf("%s is no dry run: %v %s", r.Request, err, r.Body)
	}
	return dry
}

// TestDryRunOfEveryWrite asks each write for its dry run and then does it: nothing
// changed at first, and what was said came true.
func TestDryRunOfEveryWrite(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w, stranger := newWorld(t, s, "acme"), s.Person(t, "stranger@example.com")
		for i, op := range s.HTTP.Table() {
			if !op.Writes() {
				continue
			}
			w.renew(t)
			who, values := w.caller(t, op), w.values(t, op, authz.Development)
			if slices.Contains([]string{"postAcceptInviteMember", "declineInviteMember"}, op.ID) {
				who = s.Person(t, w.guest())
				values["inviteId"] = w.invite(t, who.Email)
			} else if _, session := values["sessionId"]; session {
				values["sessionId"] = w.session(t, who)
			} else if _, identity := values["identityId"]; identity {
				values["identityId"] = w.identity(t, who)
			} else if _, deleted := values["deletedOrganizationId"]; deleted {
				values["deletedOrganizationId"] = w.deletedOrganization(t, who)
			}
			path, body := fill(t, op, values), w.body(t, op, true)
			before, known := s.Digest(t), map[string]bool{}
			recorded(t, s, known)
			asks, query := who, "?dry_run=true"
			if i%2 == 0 {
				asks, query = who.With("Prefer", "respond-async, Dry-Run; x=y"), ""
			}
			answer := asks.Do(t, op.Method, path+query, body)
			for _, c := range []*apptest.Caller{stranger, s.Anonymous(), w.people[authz.Viewer]} {
				r := c.Do(t, op.Method, path+"?dry_run=true", body)
				if sound(t, "dry "+op.ID, r); r.Status < 400 || op.NoDryRun != "" || (c != stranger && r.Status == 403) {
					continue
				}
				if really := c.Do(t, op.Method, path, body); really.Status != r.Status || really.Text("code") != r.Text("code") {
					t.Errorf("%s: refused with %d %s, and dry with %d %s", op.ID, really.Status, really.Text("code"), r.Status, r.Text("code"))
				}
			}
			if s.Digest(t) != before {
				t.Errorf("the dry run of %s changed the database", op.ID)
			}
			if op.NoDryRun != "" {
				answer.Refused(t, 501, "no_dry_run")
				continue
			}
			dry := dryOf(t, answer)
			really := who.Do(t, op.Method, path, body)
			if really.Status != op.Status {
				t.Errorf("%s: %d %s", op.ID, really.Status, really.Body)
			}
			same := op.ID == "revertToVersion" || modulo(dry.Answer) == modulo(really.Body) // the version that a revert makes is read after it
			if dry.Status != really.Status || !same {
				t.Errorf("%s: foreseen %d %s\nand really %d %s", op.ID, dry.Status, dry.Answer, really.Status, really.Body)
			}
			if events := recorded(t, s, known); !slices.Equal(events, foreseenChanges(dry)) {
				t.Errorf("%s: foreseen\n%s\nand recorded\n%s", op.ID, strings.Join(foreseenChanges(dry), "\n"), strings.Join(events, "\n"))
			}
		}
		s.Verify(t)
	})
}

// TestDryRunAsked: how it is asked for, and what goes together with it.
func TestDryRunAsked(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		tokens := "/organization/" + string(acme) + "/apiToken"
		body := map[string]any{"name": "ci"}
		jane.Post(t, tokens+"?dry_run=yes", body).Refused(t, 400, "invalid_request")
		jane.Post(t, tokens+"?dry_run=", body).Refused(t, 400, "invalid_request")
		jane.Get(t, tokens+"?dry_run=true").Must(t, 200) // nothing to take back
		s.Anonymous().Post(t, "/oauth/token?dry_run=true", "").Refused(t, 501, "no_dry_run")

		dry := jane.Post(t, tokens+"?dry_run=true", body)
		if dryOf(t, dry); dry.Text("answer.token") != route.Masked || strings.Contains(string(dry.Body), "qov_") {
			t.Errorf("a dry run hands a token out: %s", dry.Body)
		}
		link := jane.Post(t, "/organization/"+string(acme)+"/inviteMember?dry_run=true", map[string]any{"email": "bob@example.com"})
		if dryOf(t, link); strings.Contains(string(link.Body), "inviteToken") {
			t.Errorf("a dry run hands a link out: %s", link.Body)
		}

		// With a key: the dry run keeps nothing under it, and tells what it would answer.
		once := jane.With(keyHeader, "k")
		dryOf(t, once.Post(t, tokens+"?dry_run=true", body))
		made := once.Post(t, tokens+"?dry_run=false", body).Must(t, 201)
		if made.Header.Get(replayedHeader) != "" {
			t.Error("a dry run used the key up")
		}
		again := once.Post(t, tokens+"?dry_run=true", body)
		kept := dryOf(t, again)
		if again.Header.Get(replayedHeader) != "true" || again.Text("answer.id") != made.Text("id") || len(kept.Changes) > 0 || again.Text("answer.token") != route.Masked {
			t.Errorf("a dry run under a key that was used: %s", again.Body)
		}
		once.Post(t, tokens+"?dry_run=true", map[string]any{"name": "cd"}).Refused(t, 409, "idempotency_key_reused")
		jane.Post(t, tokens+"?dry_run=true", body).Refused(t, 409, "name_taken")
		// A wrong password is counted in a dry run too, or it could be guessed in one.
		for range 20 {
			r := jane.Post(t, "/account/password?dry_run=true", map[string]any{"current_password": "wrong", "new_password": "correct horse"})
			if r.Status == 429 {
				return
			}
		}
		t.Error("passwords can be guessed in dry runs")
	})
}
