package apitoken_test

import (
	"context"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
)

func takeOver(t *testing.T, by *apptest.Caller, organization id.Organization, token id.Token) *apptest.Response {
	t.Helper()
	return by.Post(t, tokens(organization)+"/"+string(token)+"/takeOver", nil)
}

func removeMember(t *testing.T, by *apptest.Caller, organization id.Organization, user id.User) {
	t.Helper()
	by.Do(t, "DELETE", "/organization/"+string(organization)+"/member", map[string]any{"user_id": user}).Must(t, 204)
}

// active reads whether the list shows a token as awake.
func active(t *testing.T, by *apptest.Caller, organization id.Organization, token id.Token) bool {
	t.Helper()
	for _, row := range by.Get(t, tokens(organization)).Must(t, 200).List("results") {
		if row := row.(map[string]any); row["id"] == string(token) {
			return row["active"].(bool)
		}
	}
	t.Fatalf("the token %s is not listed", token)
	return false
}

// TestTakeOver: the token of somebody who left sleeps until an admin takes it over;
// it wakes with the very next request, bounded by the admin's rights.
func TestTakeOver(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		org := "/organization/" + string(acme)
		admin := s.Member(t, acme, "admin@example.com", authz.Admin)
		jane := s.Member(t, acme, "jane@example.com", authz.DevOps)
		token := jane.Token(t, acme, "ci", authz.DevOps)
		token.Get(t, org).Must(t, 200)
		if !active(t, admin, acme, token.TokenID) {
			t.Error("a token that works is not active")
		}
		removeMember(t, admin, acme, jane.ID)
		token.Get(t, org).Refused(t, 401, "unauthenticated")
		if active(t, admin, acme, token.TokenID) {
			t.Error("a token that sleeps is active")
		}
		s.Clock.Advance(time.Minute)
		taken := takeOver(t, admin, acme, token.TokenID).Must(t, 200)
		for field, want := range map[string]any{"id": string(token.TokenID), "name": "ci", "role_name": "DEVOPS", "created_by": admin.Email, "active": true,
			"created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:01:00Z", "hint": token.Credential[60:]} {
			if taken.Value(field) != want {
				t.Errorf("taken over: %s is %v, want %v", field, taken.Value(field), want)
			}
		}
		token.Post(t, org+"/project", map[string]any{"name": "one"}).Must(t, 200)
		event := admin.Get(t, org+"/events").Must(t, 200)
		if event.Text("events.1.action") != "api_token.take_over" || event.Text("events.1.target_name") != "ci" || event.Text("events.1.triggered_by") != admin.Email {
			t.Errorf("the event is %s", event.Body)
		}

		// Jane's coming back gives her nothing of it, and her leaving takes nothing.
		s.Join(t, acme, jane, authz.Viewer)
		token.Post(t, org+"/project", map[string]any{"name": "two"}).Must(t, 200)
		removeMember(t, jane, acme, jane.ID)
		token.Get(t, org).Must(t, 200)
		// From now on the admin's rights are its bound.
		demote(t, s, owner, acme, admin, authz.Viewer)
		token.Post(t, org+"/project", map[string]any{"name": "three"}).Refused(t, 403, "permission_missing")
		removeMember(t, owner, acme, admin.ID)
		token.Get(t, org).Refused(t, 401, "unauthenticated")
		takeOver(t, owner, acme, token.TokenID).Must(t, 200)
		token.Post(t, org+"/project", map[string]any{"name": "three"}).Must(t, 200)
		before := s.Verify(t).Events
		takeOver(t, owner, acme, token.TokenID).Must(t, 200) // hers already
		if s.Verify(t).Events != before {
			t.Error("taking over one's own token is an event")
		}
	})
}

func TestTakeOverRefusals(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme, other := owner.Organization(t, "Acme"), owner.Organization(t, "Other")
		admin := s.Member(t, acme, "admin@example.com", authz.Admin)
		token := owner.Token(t, acme, "ci", authz.Admin)
		for _, role := range []authz.RoleName{authz.DevOps, authz.Developer, authz.Billing, authz.Viewer} {
			c := s.Member(t, acme, string(role)+"@example.com", role)
			if p := takeOver(t, c, acme, token.TokenID).Refused(t, 403, "permission_missing").Text("permission"); p != "member.manage" {
				t.Errorf("%s lacks %q", role, p)
			}
		}
		takeOver(t, token, acme, token.TokenID).Refused(t, 403, "person_required")
		takeOver(t, admin.Token(t, acme, "theirs", authz.Admin), acme, token.TokenID).Refused(t, 403, "person_required")
		takeOver(t, s.Person(t, "stranger@example.com"), acme, token.TokenID).Refused(t, 404, "not_found")
		takeOver(t, owner, other, token.TokenID).Refused(t, 404, "not_found")
		takeOver(t, owner, acme, id.New[id.Token]()).Refused(t, 404, "not_found")
		owner.Post(t, tokens(acme)+"/ci/takeOver", nil).Refused(t, 400, "invalid_request")
		if list := owner.Get(t, tokens(acme)).Must(t, 200); list.Text("results.0.created_by") != owner.Email {
			t.Errorf("a refused take-over was made: %s", list.Body)
		}
		takeOver(t, admin, acme, token.TokenID).Must(t, 200) // what an ADMIN token may, an admin may
		s.Verify(t)
	})
}

// TestRevokeSleeping: a token that sleeps is revoked like any other, and stays dead
// when its creator comes back.
func TestRevokeSleeping(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		admin := s.Member(t, acme, "admin@example.com", authz.Admin)
		jane := s.Member(t, acme, "jane@example.com", authz.DevOps)
		dead, sleeping := jane.Token(t, acme, "dead", authz.DevOps), jane.Token(t, acme, "sleeping", authz.DevOps)
		removeMember(t, jane, acme, jane.ID)
		admin.Delete(t, tokens(acme)+"/"+string(dead.TokenID)).Must(t, 204)
		s.Join(t, acme, jane, authz.DevOps)
		dead.Get(t, "/organization").Refused(t, 401, "unauthenticated")
		sleeping.Get(t, "/organization").Must(t, 200)
		takeOver(t, admin, acme, dead.TokenID).Refused(t, 404, "not_found")
		s.Verify(t)
	})
}

// TestActiveAndExpired: the list says of a token whether it is let in.
func TestActiveAndExpired(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		made := owner.Post(t, tokens(acme), map[string]any{"name": "ci", "expires_at": apptest.Epoch.Add(time.Minute)}).Must(t, 201)
		if made.Value("active") != true {
			t.Errorf("a new token: %s", made.Body)
		}
		s.Clock.Advance(time.Minute)
		if active(t, owner, acme, id.Token(made.Text("id"))) {
			t.Error("an expired token is active")
		}
		if taken := takeOver(t, owner, acme, id.Token(made.Text("id"))).Must(t, 200); taken.Value("active") != false {
			t.Errorf("taking over woke an expired token: %s", taken.Body)
		}
	})
}

// TestTakenOverMeanwhile: a change that a token had begun under its old creator's
// rights is not made once somebody else stands behind it.
func TestTakenOverMeanwhile(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		admin := s.Member(t, acme, "admin@example.com", authz.Admin)
		token := owner.Token(t, acme, "ci", authz.Admin)
		begun := passOf(t, s, token, acme, authz.MemberManage)
		takeOver(t, admin, acme, token.TokenID).Must(t, 200)
		err := s.Members.SetRole(context.Background(), begun, admin.ID, authz.RoleID(acme, authz.Viewer))
		if !fault.Has(err, fault.RightsChanged) {
			t.Errorf("a change begun before the take-over: %v", err)
		}
		admin.Get(t, tokens(acme)).Must(t, 200)
	})
}

// passOf is a pass as a request that is on its way would hold it.
func passOf(t *testing.T, s *apptest.Server, c *apptest.Caller, organization id.Organization, p authz.Permission) authz.Pass {
	t.Helper()
	actor, err := s.Authenticator.Authenticate(t.Context(), c.Scheme+" "+c.Credential)
	if err != nil {
		t.Fatal(err)
	}
	actor.Client.Origin = "API" // as a request would have
	pass, err := s.Authorizer.Require(t.Context(), actor, p, authz.Scope{Organization: organization, Kind: authz.KindOrganization})
	if err != nil {
		t.Fatal(err)
	}
	return pass
}
