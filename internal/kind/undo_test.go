package kind_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// undo takes an edit and a deletion back: the thing is as it was, and its secrets are
// those of today, sealed byte by byte.
func (l lived) undo(t *testing.T, s *apptest.Server, jane *witness, acme id.Organization, path string) {
	t.Helper()
	thing, organization := path[strings.LastIndex(path, "/")+1:], "/organization/"+string(acme)
	before := sealedText(t, s, thing)
	story := jane.ask(t, "GET", organization+"/history/"+thing, nil).Must(t, 200).List("results")
	first := story[len(story)-1].(body)["version"]
	s.Clock.Advance(time.Second)
	now := jane.ask(t, "POST", organization+"/history/"+thing+"/revert", body{"version": first}).Must(t, 200)
	if now.Value("reverts_to") != first {
		t.Errorf("the revert to %v answers %s", first, now.Body)
	}
	reverted := jane.ask(t, "GET", path, nil).Must(t, 200)
	l.holds(t, reverted, l.what)
	jane.ask(t, "DELETE", path, nil).Must(t, 204)
	kind := deletedKind(t, jane, organization, thing)
	if answer := jane.ask(t, "POST", organization+"/deleted/"+thing+"/restore", body{}).Must(t, 200); answer.Text("kind") != kind {
		t.Errorf("it was listed as %s and restored as %s", kind, answer.Body)
	}
	if restored := jane.ask(t, "GET", path, nil).Must(t, 200); string(restored.Body) != string(reverted.Body) {
		t.Errorf("deleted was  %s\nrestored was %s", reverted.Body, restored.Body)
	}
	if sealedText(t, s, thing) != before {
		t.Error("a revert or a restore changed the secrets")
	}
}

// deletedKind is what the list of deleted things calls a thing.
func deletedKind(t *testing.T, jane *witness, organization, thing string) string {
	t.Helper()
	for _, row := range jane.ask(t, "GET", organization+"/deleted?limit=1", nil).Must(t, 200).List("results") {
		if d := row.(body); d["id"] == thing {
			return d["kind"].(string)
		}
	}
	t.Errorf("%s is not listed as deleted", thing)
	return ""
}

// TestRevertOfWhatSecretsBelongTo: a revert does not send a secret to where it was not
// given for, and what a later version left empty is empty again.
func TestRevertOfWhatSecretsBelongTo(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		organization := "/organization/" + string(jane.Organization(t, "Acme"))
		revert := func(thing string) *apptest.Response {
			story := jane.Get(t, organization+"/history/"+thing).Must(t, 200).List("results")
			return jane.Post(t, organization+"/history/"+thing+"/revert", body{"version": story[len(story)-1].(body)["version"]})
		}

		login := func(url string) body {
			return body{"name": "Images", "kind": "GENERIC_CR", "url": url, "config": body{"username": "jane", "password": hidden("images")}}
		}
		images := jane.Post(t, organization+"/containerRegistry", login("https://old.example.com")).Must(t, 201).Text("id")
		jane.Put(t, organization+"/containerRegistry/"+images, login("https://new.example.com")).Must(t, 200)
		if r := revert(images).Refused(t, 400, "invalid_request"); !strings.Contains(string(r.Body), "config.password") {
			t.Errorf("the refusal says %s", r.Body)
		}

		key := jane.Post(t, organization+"/gcp/credentials", body{"name": "Cloud", "gcp_credentials": "eyJhIjoxfQ=="}).Must(t, 201).Text("id")
		jane.Put(t, organization+"/gcp/credentials/"+key, body{"name": "Cloud", "service_account_email": "a@b.iam.gserviceaccount.com",
			"workload_identity_provider_resource": pool}).Must(t, 200)
		if r := revert(key).Refused(t, 400, "invalid_request"); !strings.Contains(string(r.Body), "gcp_credentials") {
			t.Errorf("the refusal says %s", r.Body)
		}

		code := jane.Post(t, organization+"/gitToken", body{"name": "Code", "type": "GITHUB", "token": hidden("code")}).Must(t, 201).Text("id")
		jane.Put(t, organization+"/gitToken/"+code, body{"name": "Code", "type": "GITHUB", "expired_at": "2026-12-31"}).Must(t, 200)
		state, err := json.Marshal(revert(code).Must(t, 200).Value("state"))
		if err != nil || strings.Contains(string(state), "expired_at") {
			t.Errorf("reverted to %s (%v)", state, err)
		}
	})
}
