package account_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// raw opens the database beside the server, for who looks or tampers.
func raw(t *testing.T, s *apptest.Server) *sql.DB {
	t.Helper()
	driver, source := "pgx", string(s.Storage.DatabaseURL)
	if s.Storage.Embedded() {
		driver, source = "sqlite", "file:"+s.Storage.DatabaseFile()+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// traces looks through every text and blob of the database for words, in any case.
func traces(t *testing.T, s *apptest.Server, words ...string) []string {
	t.Helper()
	db := raw(t, s)
	defer db.Close()
	tables, err := s.DB.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	seen := 0
	for _, table := range tables {
		rows, err := db.Query(`SELECT * FROM "` + table + `"`)
		if err != nil {
			t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				text := fmt.Sprint(v)
				if b, ok := v.([]byte); ok {
					text = string(b)
				}
				seen++
				for _, word := range words {
					if strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
						found = append(found, fmt.Sprintf("%s.%s: %q in %.300s", table, names[i], word, text))
					}
				}
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // the one connection is needed again here
			t.Fatal(err)
		}
	}
	if seen < 500 {
		t.Fatalf("only %d values were looked at", seen)
	}
	return found
}

// TestErase erases two people, one by themselves and one by the operator, who left
// traces wherever somebody can.
func TestErase(t *testing.T) {
	mailed(t, account.Open, func(t *testing.T, s *apptest.Server, post *mailtest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		path := "/organization/" + string(acme)
		jane := s.Member(t, acme, "Jane.Doe@example.com", authz.Admin)
		other := s.Member(t, acme, "mary-jane.doe@example.com", authz.Admin) // not the same person
		jane.Post(t, "/admin/userSignUp", map[string]any{
			"first_name": "Jane", "last_name": "Doë", "user_email": "private@home.example", "type_of_use": "WORK", "qovery_usage": "secret plans",
		}).Must(t, 200)
		jane.Put(t, "/account", map[string]any{"communication_email": "jd@letters.example"}).Must(t, 200)
		robot := jane.Token(t, acme, "Jane Doë's robot", authz.Admin)
		robot.Project(t, acme, "made by a robot")
		jane.With("User-Agent", "Netscape/4 of Jane").With("Idempotency-Key", "once").Post(t, path+"/project", map[string]any{"name": "hers"}).Must(t, 200)
		owner.Put(t, path, map[string]any{"name": "Acme", "description": "ask JANE.DOE@example.com", "admin_emails": []string{"ops@example.com", "jd@letters.example"}}).Must(t, 200)
		owner.Put(t, path, map[string]any{"name": "Acme", "description": "", "admin_emails": []string{"jane.doe@EXAMPLE.com", "ops@example.com"}}).Must(t, 200)
		elsewhere := owner.Organization(t, "Elsewhere")
		owner.Post(t, "/organization/"+string(elsewhere)+"/inviteMember", map[string]any{"email": "jane.doe@example.com", "role_id": authz.RoleID(elsewhere, authz.Viewer)}).Must(t, 201)
		operate(t, s, app.CommandUserChangeEmail, `{"email":"jane.doe@example.com","new_email":"doe@new.example"}`)
		jane.Email = "doe@new.example"
		jane = s.Again(t, jane)
		invite(t, jane, acme, "guest@example.com")
		skip(t, s, post)
		before := count(t, s, `SELECT COUNT(*) FROM event`)
		words := []string{"jane.doe@example", "doe@new.example", "jd@letters", "private@home", "Doë", "secret plans", "Netscape", "Jane Do"}
		if n := len(traces(t, s, words...)); n < 20 {
			t.Fatalf("only %d traces before the erasure", n)
		}
		others := payloads(t, s, `SELECT payload FROM event WHERE actor_id = $1 AND action <> 'organization.update' AND action <> 'invitation.create' ORDER BY organization_id, seq`, owner.ID)

		jane.Do(t, "DELETE", "/account", map[string]any{"password": "wrong password", "erase": true}).Refused(t, 400, "invalid_request")
		jane.Do(t, "DELETE", "/account", map[string]any{"password": apptest.Password, "erase": true}).Must(t, 204)
		jane.Get(t, "/account/export").Refused(t, 401, "unauthenticated")
		s.Clock.Advance(time.Second)
		again := s.Person(t, "doe@new.example") // before the job has run: somebody else by now
		work(t, s)
		if again.ID == jane.ID || again.Get(t, "/account").Must(t, 200).Text("email") != "doe@new.example" {
			t.Error("the address is not free for somebody else")
		}
		operate(t, s, app.CommandUserChangeEmail, `{"email":"doe@new.example","new_email":"somebody@else.example"}`)
		last := payloads(t, s, `SELECT payload FROM event WHERE organization_id = $1 AND action = 'account.create' ORDER BY seq DESC LIMIT 1`, store.Server)
		if !strings.Contains(last[0], "doe@new.example") {
			t.Errorf("the next owner of the address was taken out of the record: %s", last[0])
		}
		report := s.Verify(t)
		if report.Redacted < 10 || report.Erased != 0 {
			t.Errorf("%+v", report)
		}
		found := traces(t, s, "jane.doe@example", "jd@letters", "private@home", "Doë", "secret plans", "Netscape", "Jane Do")
		for _, f := range found {
			if !strings.Contains(f, "mary-jane") {
				t.Error(f)
			}
		}
		for _, f := range traces(t, s, string(jane.ID)) {
			if strings.HasPrefix(f, "event.") {
				t.Error(f)
			}
		}
		if now := payloads(t, s, `SELECT payload FROM event WHERE actor_id = $1 AND action <> 'organization.update' AND action <> 'invitation.create' ORDER BY organization_id, seq`, owner.ID); strings.Join(now, "\n") != strings.Join(others, "\n") {
			t.Error("events of another person changed that do not mention the erased one")
		}
		if n := count(t, s, `SELECT COUNT(*) FROM event WHERE triggered_by = 'mary-jane.doe@example.com' OR target_name = 'mary-jane.doe@example.com'`); n == 0 {
			t.Error("whose address ends with the erased one's was taken for them")
		}
		if got := owner.Get(t, path).Must(t, 200).List("admin_emails"); len(got) != 1 || got[0] != "ops@example.com" {
			t.Errorf("admin e-mails %v", got)
		}
		if n := len(owner.Get(t, "/organization/"+string(elsewhere)+"/inviteMember").Must(t, 200).List("results")); n != 0 {
			t.Errorf("%d invitations wait for the erased person", n)
		}
		if n := count(t, s, `SELECT COUNT(*) FROM event`); n <= before {
			t.Errorf("%d events after %d", n, before)
		}

		// The operator erases another; both can be told apart, and each is one.
		operate(t, s, app.CommandUserErase, `{"user":"mary-jane.doe@example.com","confirmed":"mary-jane.doe@example.com"}`)
		if found := traces(t, s, "mary-jane"); len(found) > 1 || (len(found) == 1 && !strings.HasPrefix(found[0], "job.")) {
			t.Error(found)
		}
		pseudonyms := payloads(t, s, `SELECT DISTINCT triggered_by FROM event WHERE triggered_by LIKE 'erased person%' AND triggered_by NOT LIKE '%robot' AND organization_id = $1`, acme)
		if len(pseudonyms) != 2 {
			t.Errorf("pseudonyms %v", pseudonyms)
		}
		if all := payloads(t, s, `SELECT DISTINCT target_id FROM event WHERE action = 'account.delete' AND target_name LIKE 'erased person%'`); len(all) != 2 || strings.Contains(strings.Join(all, ""), string(other.ID)) {
			t.Errorf("two erased people are %v", all)
		}
		for _, who := range []string{"mary-jane.doe@example.com", string(other.ID), string(jane.ID)} {
			if _, err := s.Run(t.Context(), app.CommandUserExport, json.RawMessage(`{"user":"`+who+`"}`)); err == nil || !strings.Contains(err.Error(), "no account") {
				t.Errorf("the export of somebody who was erased: %v", err)
			}
		}
		s.Clock.Advance(25 * time.Hour)
		work(t, s)
		s.Verify(t)
		for _, f := range traces(t, s, "mary-jane") {
			t.Error(f)
		}
		owner = s.Again(t, owner)
		answers := owner.Get(t, path+"/events?pageSize=100").Must(t, 200)
		for _, read := range []string{"/member", "/inviteMember", "/apiToken", "/targets?eventType=CREATE", ""} {
			answers.Body = append(answers.Body, owner.With("Accept", "application/json").Get(t, path+read).Body...)
		}
		for _, word := range append(words[:4], "mary-jane", string(jane.ID), string(other.ID)) {
			if strings.Contains(strings.ToLower(string(answers.Body)), word) && word != string(jane.ID) {
				t.Errorf("an answer says %q", word)
			}
		}
	})
}

func operate(t *testing.T, s *apptest.Server, command, in string) any {
	t.Helper()
	answer, err := s.Run(t.Context(), command, json.RawMessage(in))
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return answer
}

func payloads(t *testing.T, s *apptest.Server, query string, args ...any) []string {
	t.Helper()
	list, err := store.All(s.DB.Reader(t.Context()), query, func(scan store.Scan) (text string, err error) {
		var b []byte
		err = scan(&b)
		return string(b), err
	}, args...)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestEraseRefused: an owner stays, and the operator says the address again.
func TestEraseRefused(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{Settings: func(c *config.Server) { c.Registration = string(account.Open) }})
	jane := s.Person(t, "jane@example.com")
	jane.Organization(t, "Acme")
	jane.Do(t, "DELETE", "/account", map[string]any{"password": apptest.Password, "erase": true}).Refused(t, 403, "limit_reached")
	for _, in := range []string{`{"user":"jane@example.com","confirmed":""}`, `{"user":"jane@example.com","confirmed":"jane@example.com"}`, `{"user":"joe@example.com","confirmed":"joe@example.com"}`} {
		if _, err := s.Run(t.Context(), app.CommandUserErase, json.RawMessage(in)); err == nil {
			t.Errorf("%s was done", in)
		}
	}
	jane.Get(t, "/account").Must(t, 200)
	if r := s.Verify(t); r.Redacted != 0 {
		t.Errorf("%+v", r)
	}
}

// TestTamperingAfterErasure: what no erasure names was altered, and an erasure that
// was altered names nothing.
func TestTamperingAfterErasure(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		jane := s.Member(t, acme, "jane@example.com", authz.Admin)
		jane.Project(t, acme, "one")
		owner.Project(t, acme, "two")
		operate(t, s, app.CommandUserErase, `{"user":"jane@example.com","confirmed":"jane@example.com"}`)
		if r := s.Verify(t); r.Redacted == 0 {
			t.Fatalf("%+v", r)
		}
		db := raw(t, s)
		type event struct {
			seq     int64
			action  string
			payload []byte
		}
		var list []event
		rows, err := db.Query(`SELECT seq, action, payload FROM event WHERE organization_id = $1 ORDER BY seq`, acme)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var e event
			if err := rows.Scan(&e.seq, &e.action, &e.payload); err != nil {
				t.Fatal(err)
			}
			list = append(list, e)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // the one connection is needed again here
			t.Fatal(err)
		}
		set := func(seq int64, column string, value any) {
			t.Helper()
			if _, err := db.Exec(`UPDATE event SET `+column+` = $3 WHERE organization_id = $1 AND seq = $2`, acme, seq, value); err != nil {
				t.Fatal(err)
			}
		}
		first := int64(0) // that was redacted
		for _, e := range list {
			redacted := strings.Contains(string(e.payload), `"redacted":true`)
			if redacted && first == 0 {
				first = e.seq
			}
			set(e.seq, "payload", []byte(strings.Replace(string(e.payload), `"at":`, `"at": `, 1)))
			want := e.seq
			if e.action == string(audit.AccountErase) {
				want = first // without it nothing vouches for what it names
			}
			caught(t, s, acme, want, e.action)
			set(e.seq, "payload", e.payload)
			if redacted {
				set(e.seq, "triggered_by", "jane@example.com")
				caught(t, s, acme, e.seq, e.action)
				var p audit.Payload
				if err := json.Unmarshal(e.payload, &p); err != nil {
					t.Fatal(err)
				}
				set(e.seq, "triggered_by", p.Actor.Name)
			}
		}
	})
}

func caught(t *testing.T, s *apptest.Server, stream id.Organization, seq int64, what string) {
	t.Helper()
	_, err := audit.Verify(s.DB.Reader(t.Context()), s.HeadMAC())
	var bad *audit.BadEvent
	if !errors.As(err, &bad) || bad.Stream != string(stream) || bad.Seq != seq {
		t.Errorf("%s, event %d was altered: found %v", what, seq, err)
	}
}
