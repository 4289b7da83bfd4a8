package httpd_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const ifMatch, ifNone = "If-Match", "If-None-Match"

// TestReadingConditions asks every reading operation again for what it has answered.
func TestReadingConditions(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		for _, op := range s.HTTP.Table() {
			if op.Method != "GET" || op.Stream || op.ID == "exportMyAccount" { // a few times an hour, and never the same
				continue
			}
			path := fill(t, op, w.values(t, op, authz.Development))
			first := w.owner.Get(t, path).Must(t, op.Status)
			tag := first.Header.Get("ETag")
			if len(tag) < 10 || tag[0] != '"' || tag[len(tag)-1] != '"' {
				t.Errorf("%s: the ETag is %q", op.ID, tag)
				continue
			}
			for _, known := range []string{tag, "W/" + tag, `"other", W/"another" , ` + tag, "*"} {
				r := w.owner.With(ifNone, known).Get(t, path)
				if r.Status != 304 || len(r.Body) > 0 || r.Header.Get("ETag") != tag {
					t.Errorf("%s with %s: %d, ETag %s, %d bytes", op.ID, known, r.Status, r.Header.Get("ETag"), len(r.Body))
				}
			}
			r := w.owner.With(ifNone, `"other"`).With(ifMatch, tag).Get(t, path)
			if r.Status != op.Status || string(r.Body) != string(first.Body) || r.Header.Get("ETag") != tag {
				t.Errorf("%s with another ETag: %d %.200s", op.ID, r.Status, r.Body)
			}
			for _, stale := range []string{`"other"`, "W/" + tag} { // If-Match compares strongly
				w.owner.With(ifMatch, stale).Get(t, path).Refused(t, 412, "precondition_failed")
			}
			for _, wrong := range []string{"other", `"other`, `"a" "b"`, `*, "a"`} {
				if r := w.owner.With(ifNone, wrong).Get(t, path).Refused(t, 400, "invalid_request"); r.Text("errors.0.field") != ifNone {
					t.Errorf("%s with %s: %s", op.ID, wrong, r.Body)
				}
			}
		}
	})
}

// state is a print of everything that a Write numbers.
func state(t *testing.T, s *apptest.Server) string {
	t.Helper()
	heads, err := store.All(s.DB.Reader(t.Context()), `SELECT organization_id, seq FROM organization_head ORDER BY organization_id`,
		func(scan store.Scan) (h string, err error) {
			var seq int64
			err = scan(&h, &seq)
			return fmt.Sprint(h, seq), err
		})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(heads, " ") + fmt.Sprint(events(t, s))
}

// doing is who can do an operation, on what, with which body.
func (w *world) doing(t *testing.T, op route.Operation) (c *apptest.Caller, values map[string]string, body any) {
	t.Helper()
	w.renew(t)
	values, c = w.values(t, op, authz.Development), w.caller(t, op)
	switch op.ID {
	case "postAcceptInviteMember", "declineInviteMember":
		w.made++
		c = w.s.Person(t, fmt.Sprintf("invited%d@%s.example", w.made, w.mark))
		values["inviteId"] = w.invite(t, c.Email)
	case "restoreOrganization":
		values["deletedOrganizationId"] = w.deletedOrganization(t, c)
	case "endMySession":
		values["sessionId"] = w.session(t, c)
	case "unlinkMyIdentity":
		values["identityId"] = w.identity(t, c)
	}
	return c, values, w.body(t, op, false)
}

// TestWritingConditions holds every operation that changes something to If-Match: with
// a stale ETag it changes nothing, with the current one it is done, and the ETag of its
// answer is the one to go on with.
func TestWritingConditions(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		rows := map[string]route.Operation{}
		for _, op := range s.HTTP.Table() {
			rows[op.ID] = op
		}
		for _, op := range s.HTTP.Table() {
			if op.Method == "GET" {
				continue
			}
			matched := s.HTTP.Router().Matched(op)
			if matched == "" {
				if op.Permission != authz.Public {
					t.Errorf("%s changes something and has no ETag to match: name a reading operation in Matches", op.ID)
				}
				continue
			}
			c, values, body := w.doing(t, op)
			path, reads := fill(t, op, values), fill(t, rows[matched], values)
			before := state(t, s)
			for _, stale := range []string{`"stale"`, `W/"stale", "other"`} {
				c.With(ifMatch, stale).Do(t, op.Method, path, body).Refused(t, 412, "precondition_failed")
			}
			was := c.Get(t, reads)
			known := was.Header.Get("ETag")
			if was.Status == 200 {
				c.With(ifNone, known).Do(t, op.Method, path, body).Refused(t, 412, "precondition_failed")
			} else {
				known = "*"
			}
			if after := state(t, s); after != before {
				t.Errorf("%s changes something all the same:\n%s\n%s", op.ID, before, after)
			}
			if was.Status != 200 {
				continue
			}
			done := c.With(ifMatch, `"stale", `+known).Do(t, op.Method, path, body).Must(t, op.Status)
			now := done.Header.Get("ETag")
			shown := reads
			if op.Shows != "" {
				with := maps.Clone(values)
				if names := route.PathParameters(rows[op.Shows].Path); with[names[len(names)-1]] == "" || op.Status == 201 {
					with[names[len(names)-1]] = done.Text("id")
				}
				shown = fill(t, rows[op.Shows], with)
			}
			if op.Method == "PUT" || op.Shows != "" {
				if now == "" {
					t.Errorf("%s: the answer has no ETag", op.ID)
				}
			}
			// Whoever ends their own credential cannot look any more.
			if r := c.Get(t, shown); r.Status == 200 && r.Header.Get("ETag") != now {
				t.Errorf("%s: answers the ETag %s, and then it is %s\n%s\n%s", op.ID, now, r.Header.Get("ETag"), done.Body, r.Body)
			} else if r.Status == 404 && now != "" {
				t.Errorf("%s: answers the ETag %s of what is not there", op.ID, now)
			}
		}
		s.Verify(t)
	})
}

// TestConditionsOfAnEditor goes through what an editor does with ETags.
func TestConditionsOfAnEditor(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		path := "/organization/" + string(acme)
		bob := s.Member(t, acme, "bob@example.com", authz.Admin)
		eve := s.Member(t, acme, "eve@example.com", authz.Viewer)

		// Two editors: who comes second learns of the first.
		hers, his := jane.Get(t, path).Header.Get("ETag"), bob.Get(t, path).Header.Get("ETag")
		next := jane.With(ifMatch, hers).Put(t, path, map[string]any{"name": "Acme 2"}).Must(t, 200).Header.Get("ETag")
		bob.With(ifMatch, his).Put(t, path, map[string]any{"name": "Acme 3"}).Refused(t, 412, "precondition_failed")
		jane.With(ifMatch, next).Put(t, path, map[string]any{"name": "Acme 4"}).Must(t, 200)
		// What a caller may not read has no ETag to them; what they see of it has its own.
		if card := eve.Get(t, path).Header.Get("ETag"); card == jane.Get(t, path).Header.Get("ETag") {
			t.Error("the card and the whole have one ETag")
		}
		jane.With(ifMatch, eve.Get(t, path).Header.Get("ETag")).Put(t, path, map[string]any{"name": "Acme 5"}).Refused(t, 412, "precondition_failed")
		// Rights come first: who may not learns nothing from a condition.
		eve.With(ifMatch, `"stale"`).Put(t, path, map[string]any{"name": "Eve's"}).Refused(t, 403, "permission_missing")
		s.Person(t, "joe@example.com").With(ifMatch, `"stale"`).Put(t, path, map[string]any{"name": "Joe's"}).Refused(t, 404, "not_found")

		// Being seen is no edit.
		members := jane.Get(t, path+"/member").Header.Get("ETag")
		s.Clock.Advance(5 * time.Minute)
		eve.Get(t, path).Must(t, 200)
		role := map[string]any{"user_id": eve.ID, "role_id": roleID(acme, authz.Developer)}
		jane.With(ifMatch, members).Put(t, path+"/member", role).Must(t, 200)
		jane.With(ifMatch, members).Put(t, path+"/member", role).Refused(t, 412, "precondition_failed")

		// Repeated under one key it is done once, and answers again.
		steps := jane.Get(t, path+"/onboarding").Header.Get("ETag")
		once := jane.With(keyHeader, "k").With(ifMatch, steps)
		first := once.Post(t, path+"/onboarding", map[string]any{"status": "COMPLETED"}).Must(t, 200)
		same(t, "updateOrganizationOnboarding", first, once.Post(t, path+"/onboarding", map[string]any{"status": "COMPLETED"}))

		// Only where there is nothing yet.
		record := map[string]any{"first_name": "J", "last_name": "D", "user_email": "jane@example.com", "type_of_use": "WORK", "qovery_usage": "x"}
		jane.With(ifNone, "*").Post(t, "/admin/userSignUp", record).Must(t, 200)
		jane.With(ifNone, "*").Post(t, "/admin/userSignUp", record).Refused(t, 412, "precondition_failed")
		jane.With(ifNone, "*").Post(t, path+"/project", map[string]any{"name": "shop"}).Must(t, 200)
		s.Anonymous().With(ifMatch, `"x"`).Post(t, "/auth/sign-in", map[string]any{"email": jane.Email, "password": apptest.Password}).Refused(t, 412, "precondition_failed")
		s.Verify(t)
	})
}

// TestManyEditors lets all read the same and write at once: one of them does, whatever
// is edited, and nobody overwrites.
func TestManyEditors(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) { editors(t, s, s) })
}

func TestEditorsOnTwoNodes(t *testing.T) {
	storage := apptest.Storage(t, "postgres")
	o := apptest.Options{Settings: roomy.Settings, RealClock: true}
	editors(t, apptest.Start(t, storage, o), apptest.Start(t, storage, o))
}

func editors(t *testing.T, nodes ...*apptest.Server) {
	t.Helper()
	jane := nodes[0].Person(t, "jane@example.com")
	acme := jane.Organization(t, "Acme")
	bob := nodes[0].Member(t, acme, "bob@example.com", authz.Viewer)
	path := "/organization/" + string(acme)
	for what, c := range map[string]struct {
		path, reads string
		body        func(i int) map[string]any
	}{
		"organization": {path, path, func(i int) map[string]any { return map[string]any{"name": fmt.Sprint("Acme ", i)} }},
		"project":      {"/project/" + string(jane.Project(t, acme, "shop")), "", func(i int) map[string]any { return map[string]any{"name": fmt.Sprint("Shop ", i)} }},
		"account": {"/account", "/account", func(i int) map[string]any {
			return map[string]any{"communication_email": fmt.Sprintf("jane%d@example.com", i)}
		}},
		"member": {path + "/member", path + "/member", func(i int) map[string]any {
			return map[string]any{"user_id": bob.ID, "role_id": roleID(acme, []authz.RoleName{authz.Developer, authz.DevOps}[i%2])}
		}},
	} {
		reads := c.reads
		if reads == "" {
			reads = c.path
		}
		tag := jane.Get(t, reads).Header.Get("ETag")
		before := state(t, nodes[0])
		got := together(t, 50, func(i int) (*apptest.Response, error) {
			return jane.At(nodes[i%2]).With(ifMatch, tag).Try("PUT", c.path, c.body(i))
		})
		if got["200"] != 1 || got["412 precondition_failed"] != 49 {
			t.Errorf("%s: the answers are %v", what, got)
		}
		if state(t, nodes[0]) == before {
			t.Errorf("%s: nothing has changed", what)
		}
	}
	nodes[1].Verify(t)
}
