package history_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// whole is an answer as values, less when things were changed last.
func whole(t *testing.T, r *apptest.Response) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(r.Body, &v); err != nil {
		t.Fatalf("%s: %v", r.Request, err)
	}
	strip(v)
	return v
}

func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "updated_at")
		for _, inner := range v {
			strip(inner)
		}
	case []any:
		for _, inner := range v {
			strip(inner)
		}
	}
}

// snapshot is every answer about an organization that the route table has, but its record.
func (p *place) snapshot(t *testing.T, by *apptest.Caller, values map[string]string) map[string]*apptest.Response {
	t.Helper()
	answers := map[string]*apptest.Response{}
	values["organizationId"] = string(p.organization)
	for _, op := range p.s.HTTP.Table() {
		path := op.Path
		for _, name := range route.PathParameters(op.Path) {
			value, ok := values[name]
			if !ok {
				value = "{}"
			}
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		}
		past := strings.Contains(op.Path, "/events") || strings.Contains(op.Path, "/targets") || strings.Contains(op.Path, "/deleted")
		if op.Method != "GET" || !strings.Contains(op.Path, "{") || strings.Contains(path, "{}") || strings.Contains(path, "/access/") || past {
			continue
		}
		answers[op.ID] = by.Get(t, path).Must(t, 200)
	}
	return answers
}

func compare(t *testing.T, got, want map[string]*apptest.Response) {
	t.Helper()
	if len(want) < 8 || len(got) != len(want) {
		t.Fatalf("%d answers, then %d", len(want), len(got))
	}
	for id := range want {
		same(t, id, got[id], want[id])
	}
}

// TestDeletedOrganization: while it is deleted, nothing of it answers and its tokens are
// nobody's; its owner brings it back, and everything is as it was.
func TestDeletedOrganization(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p, other := newPlace(t, s, "acme"), newPlace(t, s, "evil")
		values := map[string]string{"projectId": string(p.owner.Project(t, p.organization, "Web")), "customRoleId": p.role(t, "Testers")}
		s.Member(t, p.organization, "custom@acme.example", authz.RoleName(values["customRoleId"]))
		values["inviteId"] = p.owner.Post(t, p.path("/inviteMember"), map[string]any{"email": "guest@example.com"}).Must(t, 201).Text("id")
		token, admins := p.owner.Token(t, p.organization, "ci", authz.Admin), p.admin.Token(t, p.organization, "other", authz.Viewer)
		before := p.snapshot(t, p.owner, values)
		token.Get(t, "/organization").Must(t, 200)
		p.owner.Delete(t, p.path("")).Must(t, 204)
		for _, c := range []*apptest.Caller{token, admins} {
			c.Get(t, "/organization").Must(t, 401)
		}
		for id, r := range before {
			_, path, _ := strings.Cut(r.Request, " ")
			if r := p.owner.Get(t, path); r.Status != 404 {
				t.Errorf("%s of the deleted organization: %d", id, r.Status)
			}
		}
		restore := "/account/deletedOrganizations/" + string(p.organization) + "/restore"
		for name, c := range map[string]*apptest.Caller{"an admin": p.admin, "another owner": other.owner} {
			if list := c.Get(t, "/account/deletedOrganizations").Must(t, 200).List("results"); len(list) != 0 {
				t.Errorf("%s lists %v", name, list)
			}
			c.Post(t, restore, nil).Refused(t, 404, "not_found")
		}
		s.Anonymous().Post(t, restore, nil).Must(t, 401)
		other.owner.Token(t, other.organization, "ci", authz.Admin).Post(t, restore, nil).Refused(t, 403, "person_required")
		other.owner.Post(t, "/organization", map[string]any{"name": "ACME", "plan": "FREE"}).Refused(t, 409, "name_taken")
		list := p.owner.Get(t, "/account/deletedOrganizations").Must(t, 200)
		if len(list.List("results")) != 1 || list.Text("results.0.id") != string(p.organization) || list.Text("results.0.restorable_until") != "2026-03-31T12:00:00Z" {
			t.Errorf("%s", list.Body)
		}
		p.owner.Post(t, restore, nil).Must(t, 200)
		compare(t, p.snapshot(t, p.owner, values), before)
		token.Get(t, "/organization").Must(t, 200)
		p.owner.Post(t, restore, nil).Must(t, 404) // it is there
		if e := p.owner.Get(t, p.path("/events?pageSize=1")); e.Text("events.0.action") != "organization.restore" || e.Text("events.0.triggered_by") != p.owner.Email {
			t.Errorf("%s", e.Body)
		}
		p.owner.Delete(t, p.path("")).Must(t, 204)
		s.Clock.Advance(s.Settings.DeletionGrace)
		s.Again(t, p.owner).Post(t, restore, nil).Must(t, 404)
		s.Verify(t)
	})
}

// TestRestoreEach deletes a thing of every kind and brings it back.
func TestRestoreEach(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p, other := newPlace(t, s, "acme"), newPlace(t, s, "evil")
		values := map[string]string{"projectId": string(p.owner.Project(t, p.organization, "Web")), "customRoleId": p.role(t, "Testers")}
		role := values["customRoleId"]
		p.owner.Put(t, p.path("/customRole/"+role), map[string]any{"name": "Testers", "cluster_permissions": []any{}, "project_permissions": []any{
			map[string]any{"project_id": values["projectId"], "is_admin": true},
		}}).Must(t, 200)
		joe := s.Member(t, p.organization, "joe@acme.example", authz.Developer)
		s.Member(t, p.organization, "kim@acme.example", authz.Viewer)
		values["inviteId"] = p.owner.Post(t, p.path("/inviteMember"), map[string]any{"email": "guest@example.com"}).Must(t, 201).Text("id")
		invitation := p.target(t)
		token := p.owner.Token(t, p.organization, "ci", authz.Developer)
		joes := p.admin.Token(t, p.organization, "second", authz.Developer)
		before := p.snapshot(t, p.owner, values)

		things := []struct {
			kind, id string
			delete   func() *apptest.Response
		}{
			{"member", string(joe.ID), func() *apptest.Response {
				return p.admin.Do(t, "DELETE", p.path("/member"), map[string]any{"user_id": joe.ID})
			}},
			{"role", role, func() *apptest.Response { return p.owner.Delete(t, p.path("/customRole/"+role)) }},
			{"invitation", invitation, func() *apptest.Response { return p.owner.Delete(t, p.path("/inviteMember/"+values["inviteId"])) }},
			{"api_token", string(token.TokenID), func() *apptest.Response { return p.owner.Delete(t, p.path("/apiToken/"+string(token.TokenID))) }},
			{"project", values["projectId"], func() *apptest.Response { return p.owner.Delete(t, "/project/"+values["projectId"]) }},
		}
		viewer := s.Member(t, other.organization, "viewer@evil.example", authz.Viewer)
		var ids []string
		for _, thing := range things {
			s.Clock.Advance(time.Second)
			thing.delete().Must(t, 204)
			ids = append([]string{thing.id}, ids...)
			if got := p.gone(t, p.admin); !slices.Equal(got, ids) {
				t.Errorf("%s: the list has %v, want %v", thing.kind, got, ids)
			}
			for name, c := range map[string]*apptest.Caller{"another owner": other.owner, "anonymous": s.Anonymous(), "a viewer elsewhere": viewer} {
				if r := p.restore(t, c, thing.id, ""); r.Status != 404 && r.Status != 401 {
					t.Errorf("%s restores the %s: %d", name, thing.kind, r.Status)
				}
				other.restore(t, other.owner, thing.id, "").Must(t, 404)
			}
			if r := p.owner.Get(t, p.story(thing.id)).Must(t, 200); r.Text("kind") != thing.kind || r.Value("results.0.exists") != false {
				t.Errorf("%s: %s", thing.kind, r.Body)
			}
		}
		token.Get(t, "/organization").Must(t, 401)
		joe.Get(t, p.path("")).Must(t, 404)
		joes.Get(t, "/organization").Must(t, 200)
		one := p.owner.Get(t, p.path("/deleted?limit=3")).Must(t, 200)
		two := p.owner.Get(t, p.path("/deleted?limit=3&after="+one.Text("next"))).Must(t, 200)
		if len(one.List("results")) != 3 || len(two.List("results")) != 2 || two.Has("next") || two.Text("results.1.id") != string(joe.ID) {
			t.Errorf("%s %s", one.Body, two.Body)
		}
		for _, thing := range things {
			if r := p.restore(t, p.owner, thing.id, "").Must(t, 200); r.Text("id") != thing.id || r.Text("kind") != thing.kind {
				t.Errorf("%s: %s", thing.kind, r.Body)
			}
			p.restore(t, p.owner, thing.id, "").Must(t, 404) // once
			if r := p.owner.Get(t, p.story(thing.id)).Must(t, 200); r.Text("results.0.action") != thing.kind+".restore" || r.Value("results.0.exists") != true {
				t.Errorf("%s: %s", thing.kind, r.Body)
			}
		}
		compare(t, p.snapshot(t, p.owner, values), before)
		if got := p.gone(t, p.owner); len(got) != 0 {
			t.Errorf("still listed: %v", got)
		}
		token.Get(t, "/organization").Must(t, 200)
		joe.Get(t, p.path("")).Must(t, 200)

		// After the time of grace nothing is left, not in the database either.
		for _, thing := range things {
			thing.delete().Must(t, 204)
		}
		s.Clock.Advance(s.Settings.DeletionGrace)
		p.owner = s.Again(t, p.owner)
		for _, thing := range things {
			p.restore(t, p.owner, thing.id, "").Must(t, 404)
		}
		if got := p.gone(t, p.owner); len(got) != 0 {
			t.Errorf("listed after the time of grace: %v", got)
		}
		rows := func() int64 {
			n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT (SELECT COUNT(*) FROM deleted_row) + (SELECT COUNT(*) FROM object WHERE deleted_at <> 0)`)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if rows() != int64(len(things)) {
			t.Errorf("%d rows are kept of %d things", rows(), len(things))
		}
		if err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
			return object.PurgeDeleted(tx, tx.Now().Add(time.Millisecond-s.Settings.DeletionGrace))
		}); err != nil || rows() != 0 {
			t.Errorf("%d rows are left (%v)", rows(), err)
		}
		s.Verify(t)
	})
}

// TestNamesAreFree: who deletes and makes anew under the same name succeeds; a restore
// under a name that was taken says so, and takes another.
func TestNamesAreFree(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p := newPlace(t, s, "acme")
		for kind, c := range map[string]struct {
			make   func() string
			delete func(thing string)
			name   func(thing string) string
		}{
			"project": {
				func() string { return string(p.owner.Project(t, p.organization, "Web")) },
				func(thing string) { p.owner.Delete(t, "/project/"+thing).Must(t, 204) },
				func(thing string) string { return p.owner.Get(t, "/project/"+thing).Must(t, 200).Text("name") },
			},
			"role": {
				func() string { return p.role(t, "Testers") },
				func(thing string) { p.owner.Delete(t, p.path("/customRole/"+thing)).Must(t, 204) },
				func(thing string) string {
					return p.owner.Get(t, p.path("/customRole/"+thing)).Must(t, 200).Text("name")
				},
			},
			"api_token": {
				func() string { return string(p.owner.Token(t, p.organization, "ci", authz.Viewer).TokenID) },
				func(thing string) { p.owner.Delete(t, p.path("/apiToken/"+thing)).Must(t, 204) },
				func(thing string) string {
					for _, row := range p.owner.Get(t, p.path("/apiToken")).Must(t, 200).List("results") {
						if row := row.(map[string]any); row["id"] == thing {
							return row["name"].(string)
						}
					}
					return ""
				},
			},
		} {
			first := c.make()
			c.delete(first)
			second := c.make()
			p.restore(t, p.owner, first, "").Refused(t, 409, "name_taken")
			p.restore(t, p.owner, first, "a\nb").Refused(t, 400, "invalid_request")
			p.restore(t, p.owner, first, "Old "+kind).Must(t, 200)
			if c.name(first) != "Old "+kind || c.name(second) == "" {
				t.Errorf("%s: %q beside %q", kind, c.name(first), c.name(second))
			}
		}
		for range 2 {
			invited := p.owner.Post(t, p.path("/inviteMember"), map[string]any{"email": "guest@example.com"}).Must(t, 201).Text("id")
			first := p.target(t)
			p.owner.Delete(t, p.path("/inviteMember/"+invited)).Must(t, 204)
			p.owner.Post(t, p.path("/inviteMember"), map[string]any{"email": "guest@example.com"}).Must(t, 201)
			p.restore(t, p.owner, first, "").Refused(t, 409, "already_invited")
			p.owner.Delete(t, p.path("/inviteMember/"+p.owner.Get(t, p.path("/inviteMember")).Text("results.0.id"))).Must(t, 204)
		}
	})
}

// TestNoGainByRestore: a restore gives nothing that the restorer lacks at that moment.
func TestNoGainByRestore(t *testing.T) {
	apptest.EachWith(t, apptest.Options{Settings: func(c *config.Server) { c.MaxOrganizationsPerUser = 3 }}, func(t *testing.T, s *apptest.Server) {
		p := newPlace(t, s, "acme")
		devops := s.Member(t, p.organization, "devops@acme.example", authz.DevOps)
		admin := p.owner.Token(t, p.organization, "admin", authz.Admin)
		plain := p.owner.Token(t, p.organization, "plain", authz.DevOps)
		for _, token := range []*apptest.Caller{admin, plain} {
			devops.Delete(t, p.path("/apiToken/"+string(token.TokenID))).Must(t, 204)
		}
		p.restore(t, devops, string(admin.TokenID), "").Refused(t, 403, "cannot_grant")
		p.restore(t, devops, string(plain.TokenID), "").Must(t, 200)
		devops.Delete(t, p.path("/apiToken/"+string(plain.TokenID))).Must(t, 204)
		s.Clock.Advance(time.Second)

		// Demoted since: not even listed.
		set := func(who *apptest.Caller, role authz.RoleName) {
			p.owner.Put(t, p.path("/member"), map[string]any{"user_id": who.ID, "role_id": authz.RoleID(p.organization, role)}).Must(t, 200)
		}
		web := string(p.owner.Project(t, p.organization, "Web"))
		p.admin.Delete(t, "/project/"+web).Must(t, 204)
		set(p.admin, authz.Developer)
		set(devops, authz.Viewer)
		for _, c := range []*apptest.Caller{p.admin, devops} {
			for _, thing := range []string{web, string(plain.TokenID)} {
				p.restore(t, c, thing, "").Refused(t, 404, "not_found")
			}
			if got := p.gone(t, c); len(got) != 0 {
				t.Errorf("%s lists %v", c.Email, got)
			}
		}
		set(p.admin, authz.Admin)
		p.restore(t, p.admin, web, "").Must(t, 200)

		// A role that is gone gives nothing, and says what to restore first.
		role := p.role(t, "Testers")
		joe := s.Member(t, p.organization, "joe@acme.example", authz.RoleName(role))
		p.owner.Do(t, "DELETE", p.path("/member"), map[string]any{"user_id": joe.ID}).Must(t, 204)
		p.owner.Delete(t, p.path("/customRole/"+role)).Must(t, 204)
		p.restore(t, p.owner, string(joe.ID), "").Refused(t, 409, "not_restorable")
		p.restore(t, p.owner, role, "").Must(t, 200)
		// The limit of organizations is the person's, and an invitation that waits has the seat.
		for n := range 3 {
			joe.Organization(t, fmt.Sprintf("joe %d", n))
		}
		p.restore(t, p.owner, string(joe.ID), "").Refused(t, 403, "limit_reached")
		joe.Delete(t, "/organization/"+joe.Get(t, "/organization").Text("results.0.id")).Must(t, 204)
		p.owner.Post(t, p.path("/inviteMember"), map[string]any{"email": joe.Email}).Must(t, 201)
		p.restore(t, p.owner, string(joe.ID), "").Refused(t, 409, "already_invited")
		p.owner.Delete(t, p.path("/inviteMember/"+p.owner.Get(t, p.path("/inviteMember")).Text("results.0.id"))).Must(t, 204)
		p.restore(t, p.owner, string(joe.ID), "").Must(t, 200)

		// Who closes the account cannot be brought back, nor their tokens.
		p.owner.Do(t, "DELETE", p.path("/member"), map[string]any{"user_id": devops.ID}).Must(t, 204)
		devops.Do(t, "DELETE", "/account", map[string]any{"password": apptest.Password}).Must(t, 204)
		p.restore(t, p.owner, string(devops.ID), "").Must(t, 404)
		s.Verify(t)
	})
}
