package audit_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestPurgeKeepsTheChain purges an organization: what its events said is gone, the
// chains verify, and the erased events are counted.
func TestPurgeKeepsTheChain(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		organization := jane.Organization(t, "Acme")
		purged, kept := string(organization), jane.Organization(t, "Kept")
		for _, name := range []string{"one", "two", "three"} {
			jane.Project(t, organization, name)
		}
		jane.Project(t, kept, "one of the other")
		jane.Delete(t, "/organization/"+purged).Must(t, 204)

		before := s.Verify(t)
		s.Clock.Advance(s.Settings.DeletionGrace - time.Second)
		if n, err := s.Jobs.RunDue(t.Context()); n != 0 || err != nil {
			t.Fatalf("%d jobs ran before the time of grace was over: %v", n, err)
		}
		s.Clock.Advance(time.Second)
		runJobs(t, s)
		after := s.Verify(t)
		if before.Erased != 0 || after.Erased != 5 || after.Events != before.Events+1 || after.Streams != before.Streams {
			t.Errorf("before the purge %+v\nafter it         %+v, want 5 erased and one event more", before, after)
		}
		for _, e := range events(t, s) {
			switch erased := strings.HasPrefix(e.place, purged); {
			case erased && (e.raw != nil || e.TargetID+e.TargetName+e.TriggeredBy+e.ActorID+e.Origin+e.ProjectID+e.ProjectName != ""):
				t.Errorf("the purge left something of event %s: %+v", e.place, e)
			case !erased && e.raw == nil:
				t.Errorf("the purge erased the event %s of another stream", e.place)
			}
		}

		i := intrude(t, s)
		i.remember()
		for what, tamper := range map[string]func(){
			"digest":  func() { i.corrupt(purged, 3, "digest") },
			"link":    func() { i.corrupt(purged, 3, "hash") },
			"removed": func() { i.remove(purged, 3, 3) },
			"swapped": func() { i.swap(purged, 3, 4) },
		} {
			tamper()
			if _, bad := i.verify(); bad == nil || bad.Seq != 3 || bad.Stream != purged {
				t.Errorf("an erased event, %s: found %v", what, bad)
			}
			i.restore()
		}
		// Only the server's own record of the purge makes the erasure right.
		i.remove(store.Server, 2, 2)
		if _, bad := i.verify(); bad == nil || bad.Seq != 2 || bad.Stream != store.Server {
			t.Errorf("the record of the purge was removed: found %v", bad)
		}
	})
}

// TestNothingElseIsRecorded: what changes nothing leaves no event.
func TestNothingElseIsRecorded(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		organization := jane.Organization(t, "Acme")
		path := "/organization/" + string(organization)
		jane.Organization(t, "Taken")
		project := "/project/" + string(jane.Project(t, organization, "Web"))
		viewer := s.Member(t, organization, "viewer@example.com", authz.Viewer)
		stranger := s.Person(t, "stranger@example.com")
		once := jane.With("Idempotency-Key", "once")
		first := once.Post(t, path+"/apiToken", map[string]any{"name": "robot"}).Must(t, 201)

		before := len(events(t, s))
		if again := once.Post(t, path+"/apiToken", map[string]any{"name": "robot"}).Must(t, 201); string(again.Body) != string(first.Body) {
			t.Errorf("first %s\nagain %s", first.Body, again.Body)
		}
		for _, read := range []string{"/account", "/organization", path, path + "/project", path + "/apiToken", path + "/events", path + "/targets", path + "/availableRole", project} {
			jane.Get(t, read).Must(t, 200)
		}
		jane.Put(t, path, map[string]any{"name": "taken"}).Refused(t, 409, "name_taken")
		jane.Put(t, path, map[string]any{"name": ""}).Refused(t, 400, "invalid_request")
		jane.Post(t, path+"/project", map[string]any{"name": "WEB"}).Refused(t, 409, "name_taken")
		jane.Post(t, path+"/apiToken", map[string]any{"name": "Robot"}).Refused(t, 409, "name_taken")
		jane.Put(t, "/account", map[string]any{"communication_email": "nobody"}).Refused(t, 400, "invalid_request")
		viewer.Put(t, path, map[string]any{"name": "Mine"}).Refused(t, 403, "permission_missing")
		viewer.Delete(t, project).Refused(t, 403, "permission_missing")
		stranger.Delete(t, path).Refused(t, 404, "not_found")
		stranger.Put(t, project, map[string]any{"name": "Mine"}).Refused(t, 404, "not_found")
		s.Anonymous().Delete(t, path).Refused(t, 401, "unauthenticated")
		s.Anonymous().Post(t, "/auth/sign-in", map[string]any{"email": "jane@example.com", "password": "wrong password"}).Refused(t, 401, "bad_credentials")
		if _, err := s.Run(t.Context(), app.CommandOrganizationRestore, json.RawMessage(`{"name":"Acme"}`)); err == nil {
			t.Error("an organization that is not deleted was restored")
		}
		if _, err := s.Run(t.Context(), app.CommandBootstrap, json.RawMessage(
			`{"email":"new@example.com","password":"correct horse battery","organization":"Acme"}`)); err == nil {
			t.Error("a bootstrap took a name that is taken")
		}
		if after := events(t, s); len(after) != before {
			t.Errorf("%d events where nothing changed: %+v", len(after)-before, after[before:])
		}
		s.Verify(t)
	})
}
