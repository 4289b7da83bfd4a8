package takeout_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/takeout"
)

// personal are columns that may name a person, by what such columns are called.
var personal = regexp.MustCompile(`(^|_)(user|person|member|owner|inviter|creator|email|address|nickname|subject|actor|author)(_|$)|_by$|_name$|^name$|^target_|user_agent|picture|sign_up|password|phone`)

// exceptions are such columns that an export does not give, with the reason.
var exceptions = map[string]string{
	"account.email_key":               "the address once more, to compare",
	"account.password_hash":           "a secret's hash; it says nothing of the person",
	"announcement.subject":            "the operator's words to organizations",
	"announcement_letter.address_key": "given as announcements_received",
	"api_token.name_key":              "the name once more, to compare",
	"api_token.token_hash":            "a secret's hash",
	"device_grant.user_hash":          "the hash of a code that was typed",
	"environment.name":                "an organization's",
	"event_subject.subject_id":        "by which events are found; within their content",
	"event.environment_name":          "within the event's content",
	"event.project_name":              "within the event's content",
	"event.target_id":                 "by which events are found; within their content",
	"event.target_name":               "within the event's content",
	"event.target_type":               "says what kind of thing, not who",
	"event.sub_target_type":           "says what kind of thing, not who",
	"event.triggered_by":              "by which events are found; within their content",
	"event.actor_id":                  "by which events are found; within their content",
	"idempotency.answer":              "sealed, kept for a day, what the person was answered already",
	"invitation.email_key":            "the address once more, to compare",
	"object.name":                     "an organization's",
	"object.name_key":                 "an organization's",
	"organization.name":               "an organization's",
	"organization.name_key":           "an organization's",
	"report_subscription.address_key": "the address once more, to compare",
	"role.name":                       "an organization's",
	"role.name_key":                   "an organization's",
	"role_grant.target_id":            "a project or cluster",
	"role_grant.target_kind":          "a project or cluster",
	"schema_migration.name":           "ours",
	"setting.name":                    "the server's",
	"refresh_grant.session_id":        "a session, which is given",
}

// referring are the foreign keys to accounts, which an export must follow whatever they are called.
func referring(t *testing.T, s *apptest.Server, table string) []string {
	t.Helper()
	columns, err := store.All(s.DB.Reader(t.Context()), `SELECT "from" FROM pragma_foreign_key_list($1) WHERE "table" = 'account'`,
		func(scan store.Scan) (c string, err error) { return c, scan(&c) }, table)
	if err != nil {
		t.Fatal(err)
	}
	return columns
}

// TestNothingIsForgotten walks the schema: whatever column may name a person is
// exported, or an exception with a reason. A new table fails here until somebody decides.
func TestNothingIsForgotten(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	exported := takeout.Columns()
	tables, err := s.DB.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, table := range tables {
		columns, err := store.All(s.DB.Reader(t.Context()), `SELECT name FROM pragma_table_info($1)`, func(scan store.Scan) (c string, err error) { return c, scan(&c) }, table)
		if err != nil {
			t.Fatal(err)
		}
		refer := referring(t, s, table)
		for _, column := range columns {
			if table != "account" && !personal.MatchString(column) && !slices.Contains(refer, column) {
				continue
			}
			looked++
			if name := table + "." + column; !exported[name] && exceptions[name] == "" {
				t.Errorf("%s may name a person: export it in internal/takeout/parts.go (and think of its erasure in internal/account/erasing.go), or name the reason why not in exceptions", name)
			}
		}
	}
	if looked < 50 {
		t.Errorf("only %d columns were looked at", looked)
	}
}

func TestExport(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		path := "/organization/" + string(acme)
		jane := s.Member(t, acme, "Jane@example.com", authz.Admin)
		jane.Post(t, "/admin/userSignUp", map[string]any{
			"first_name": "Jane", "last_name": "Doe", "user_email": "private@home.example", "type_of_use": "WORK", "qovery_usage": "secret plans",
		}).Must(t, 200)
		robot := jane.Token(t, acme, "robot", authz.Admin)
		robot.Project(t, acme, "made by a robot")
		jane.Delete(t, path+"/apiToken/"+string(robot.TokenID)).Must(t, 204)
		secret := jane.Token(t, acme, "second", authz.Viewer)
		jane.With("Idempotency-Key", "once").Post(t, path+"/project", map[string]any{"name": "hers"}).Must(t, 200)
		jane.Post(t, path+"/inviteMember", map[string]any{"email": "guest@example.com", "role_id": authz.RoleID(acme, authz.Viewer)}).Must(t, 201)
		other := owner.Organization(t, "Other")
		invitation := owner.Post(t, "/organization/"+string(other)+"/inviteMember", map[string]any{"email": "jane@example.com", "role_id": authz.RoleID(other, authz.Viewer)}).Must(t, 201)
		owner.Put(t, path, map[string]any{"name": "Acme", "admin_emails": []string{"JANE@example.com"}}).Must(t, 200)
		owner.With("User-Agent", "the owner's own").Put(t, path+"/member", map[string]any{"user_id": jane.ID, "role_id": authz.RoleID(acme, authz.Developer)}).Must(t, 200)
		s.Anonymous().Post(t, "/auth/sign-in", map[string]any{"email": "jane@example.com", "password": apptest.Password}).Must(t, 200)

		r := jane.Get(t, "/account/export").Must(t, 200)
		for part, want := range map[string]int{
			"account": 1, "identities": 0, "sessions": 1, "memberships": 1, "invitations_sent": 1, "invitations_received": 1, "api_tokens": 1,
			"kept_answers": 1, "admin_contact_of": 1, "device_grants": 0,
		} {
			if n := len(r.List("held." + part)); n != want {
				t.Errorf("%s: %d rows, want %d", part, n, want)
			}
		}
		for path, want := range map[string]string{
			"email": "Jane@example.com", "held.account.0.first_name": "Jane", "held.account.0.sign_up.request.qovery_usage": "secret plans",
			"held.memberships.0.organization_name": "Acme", "held.api_tokens.0.name": "second", "held.invitations_sent.0.email": "guest@example.com",
			"held.invitations_received.0.organization_name": "Other", "held.memberships.0.joined_at": "2026-03-01T12:00:00Z",
		} {
			if got := r.Text(path); got != want {
				t.Errorf("%s is %q, want %q", path, got, want)
			}
		}
		all := string(r.Body)
		var e takeout.Export
		if err := json.Unmarshal(r.Body, &e); err != nil {
			t.Fatal(err)
		}
		own, done := map[string]bool{}, map[string]bool{}
		for _, event := range e.Events {
			if event.Own {
				own[event.Action] = true
			} else {
				done[event.Action] = true
			}
			if event.Own != (event.Content != nil) {
				t.Errorf("%+v", event)
			}
		}
		for _, action := range []string{"project.create", "api_token.create", "api_token.delete", "invitation.create", "account.update"} {
			if !own[action] {
				t.Errorf("no %s among what she did: %v", action, own)
			}
		}
		if !strings.Contains(all, "made by a robot") {
			t.Error("what her deleted token did is missing")
		}
		for _, action := range []string{"member.role", "invitation.create"} {
			if !done[action] {
				t.Errorf("no %s among what was done to her: %v", action, done)
			}
		}
		for _, word := range []string{"argon2", secret.Credential, invitation.Text("id"), "the owner's own", "owner@example.com"} {
			if word == "" || strings.Contains(all, word) {
				t.Errorf("the export holds %q", word)
			}
		}

		answer, err := s.Run(t.Context(), app.CommandUserExport, json.RawMessage(`{"user":"jane@EXAMPLE.com"}`))
		if err != nil {
			t.Fatal(err)
		}
		if of := answer.(takeout.Export); of.UserID != jane.ID || len(of.Events) != len(e.Events) || len(of.Held) != len(e.Held) {
			t.Errorf("the operator's export has %d events and %d parts, hers %d and %d", len(of.Events), len(of.Held), len(e.Events), len(e.Held))
		}
		if _, err := s.Run(t.Context(), app.CommandUserExport, json.RawMessage(`{"user":"nobody@example.com"}`)); err == nil {
			t.Error("somebody who is not there was exported")
		}
		secret.Get(t, "/account/export").Refused(t, 403, "person_required")
		for range 4 {
			jane.Get(t, "/account/export").Must(t, 200)
		}
		jane.Get(t, "/account/export").Refused(t, 429, "too_many_requests")
	})
}

// TestDownload: the page of the account leads to the file.
func TestDownload(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	s.Person(t, "jane@example.com")
	b := s.Browser()
	b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": "jane@example.com", "password": apptest.Password})
	b.Open(t, "/console/account").Must(t, 200, "Download everything that is kept about you")
	file := b.Open(t, "/console/account/export")
	var e takeout.Export
	if err := json.Unmarshal([]byte(file.Source), &e); err != nil || e.Email != "jane@example.com" || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%v, %+v", err, file.Header)
	}
}
