package apitoken_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func tokens(organization id.Organization) string {
	return "/organization/" + string(organization) + "/apiToken"
}

func roleID(organization id.Organization, name authz.RoleName) id.Role {
	r, _ := authz.LookupRole(name)
	return r.ID(organization)
}

func TestCreate(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		made := jane.Post(t, tokens(acme), map[string]any{
			"name": " ci ", "description": "For the pipeline", "scope": "ADMIN", "role_id": roleID(acme, authz.DevOps), "expires_at": apptest.Epoch.Add(time.Hour),
		}).Must(t, 201)
		secret := made.Text("token")
		if !authn.WellFormedAPIToken(secret) {
			t.Errorf("the secret is %q", secret)
		}
		listed := jane.Get(t, tokens(acme)).Must(t, 200)
		for field, want := range map[string]any{
			"name": "ci", "description": "For the pipeline", "role_name": "DEVOPS", "role_id": string(roleID(acme, authz.DevOps)), "hint": secret[60:],
			"created_by": "jane@example.com", "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z",
			"expires_at": "2026-03-01T13:00:00Z", "last_used_at": nil, "id": made.Text("id"),
		} {
			if made.Value(field) != want {
				t.Errorf("created: %s is %v, want %v", field, made.Value(field), want)
			}
			if got := listed.Value("results.0." + field); got != want {
				t.Errorf("listed: %s is %v, want %v", field, got, want)
			}
		}
		if _, ok := id.Parse[id.Token](made.Text("id")); !ok {
			t.Errorf("the id is %q", made.Text("id"))
		}

		// The secret is in that answer and nowhere else.
		events := jane.Get(t, "/organization/"+string(acme)+"/events").Must(t, 200)
		for place, text := range map[string]string{"list": string(listed.Body), "activity": string(events.Body), "log": s.Log.String()} {
			if strings.Contains(text, secret) || strings.Contains(text, secret[4:40]) {
				t.Errorf("the secret is in the %s", place)
			}
		}
		hash, err := store.Value[[]byte](s.DB.Reader(t.Context()), `SELECT token_hash FROM api_token WHERE id = $1`, made.Text("id"))
		if err != nil || string(hash) != string(authn.HashAPIToken(secret)) {
			t.Errorf("the database keeps %x (%v), want the hash of the secret", hash, err)
		}

		plain := jane.Post(t, tokens(acme), map[string]any{"name": "plain"}).Must(t, 201)
		if plain.Text("role_name") != "ADMIN" || plain.Value("expires_at") != nil || plain.Value("description") != "" {
			t.Errorf("without a role, an end and a description: %s", plain.Body)
		}
		jane.Post(t, tokens(acme), map[string]any{"name": "null", "role_id": nil, "expires_at": nil, "scope": nil}).Must(t, 201)
		s.Verify(t)
	})
}

func TestNames(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, other := jane.Organization(t, "Acme"), jane.Organization(t, "Other")
		first := jane.Token(t, acme, "Pipeline", authz.Viewer)
		for _, same := range []string{"Pipeline", "PIPELINE", " pipeline\t", "ｐｉｐｅｌｉｎｅ", "Pipe\u200dline"} {
			r := jane.Post(t, tokens(acme), map[string]any{"name": same}).Refused(t, 409, "name_taken")
			if r.Text("detail") != "Organization Api Token name is already taken" {
				t.Errorf("clients compare the detail: %q", r.Text("detail"))
			}
		}
		jane.Token(t, other, "Pipeline", authz.Viewer) // another organization's names are its own
		jane.Delete(t, tokens(acme)+"/"+string(first.TokenID)).Must(t, 204)
		jane.Token(t, acme, "PIPELINE", authz.Viewer) // free again
	})
}

func TestRefusals(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, other := jane.Organization(t, "Acme"), jane.Organization(t, "Other")
		for name, c := range map[string]struct {
			field string
			value any
		}{
			"no name": {"name", nil}, "blank name": {"name", " \u00a0"}, "invisible name": {"name", "\u200d"}, "filler": {"name", "\u3164"}, "name with a mark of direction": {"name", "a\u200fb"},
			"long name": {"name", strings.Repeat("x", 129)}, "HTML": {"name", "<b>"}, "number": {"name", 7}, "long description": {"description", strings.Repeat("x", 2001)},
			"the owner's role": {"role_id", roleID(acme, authz.Owner)}, "another organization's role": {"role_id", roleID(other, authz.Viewer)},
			"unknown role": {"role_id", id.New[string]()}, "role by name": {"role_id", "ADMIN"}, "empty role": {"role_id", ""},
			"now": {"expires_at", apptest.Epoch}, "a second ago": {"expires_at", apptest.Epoch.Add(-time.Second)}, "1970": {"expires_at", time.Unix(0, 0).UTC()},
			"before 1970": {"expires_at", "1969-12-31T23:59:59.999999Z"}, "year one": {"expires_at", "0001-01-01T00:00:00Z"}, "a day": {"expires_at", "2026-04-01"}, "a number": {"expires_at", 1800000000},
			"unknown scope": {"scope", "ALL"},
		} {
			body := map[string]any{"name": "Fine", "role_id": roleID(acme, authz.Viewer), c.field: c.value}
			r := jane.Post(t, tokens(acme), body).Must(t, 400)
			if !strings.HasPrefix(r.Text("errors.0.field"), c.field) {
				t.Errorf("%s: field %q, want %q: %s", name, r.Text("errors.0.field"), c.field, r.Body)
			}
		}
		if list := jane.Get(t, tokens(acme)).List("results"); len(list) != 0 {
			t.Errorf("a refused request left a token: %v", list)
		}
		jane.Post(t, tokens(acme), map[string]any{"name": "long", "expires_at": "9999-12-31T23:59:59Z"}).Must(t, 201)
	})
}

// TestGrants: nobody makes a token that may do more than they may themselves.
func TestGrants(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		callers := map[string]*apptest.Caller{"OWNER": owner}
		for _, name := range authz.RoleNames[1:] {
			callers[string(name)] = s.Member(t, acme, strings.ToLower(string(name))+"@example.com", name)
		}
		callers["ADMIN token"] = owner.Token(t, acme, "admin", authz.Admin)
		callers["DEVOPS token"] = owner.Token(t, acme, "devops", authz.DevOps)
		callers["VIEWER token"] = owner.Token(t, acme, "viewer", authz.Viewer)
		callers["ADMIN token of DEVOPS"] = func() *apptest.Caller {
			c := s.Member(t, acme, "falls@example.com", authz.Admin)
			token := c.Token(t, acme, "falls", authz.Admin)
			demote(t, s, owner, acme, c, authz.DevOps)
			return token
		}()
		all := []authz.RoleName{authz.Admin, authz.DevOps, authz.Developer, authz.Billing, authz.Viewer}
		below := []authz.RoleName{authz.DevOps, authz.Developer, authz.Viewer}
		for name, may := range map[string][]authz.RoleName{
			"OWNER": all, "ADMIN": all, "DEVOPS": below, "ADMIN token": all, "DEVOPS token": below, "ADMIN token of DEVOPS": below,
			"DEVELOPER": nil, "BILLING": nil, "VIEWER": nil, "VIEWER token": nil,
		} {
			for _, role := range all {
				r := callers[name].Post(t, tokens(acme), map[string]any{"name": name + " makes " + string(role), "role_id": roleID(acme, role)})
				switch {
				case slices.Contains(may, role):
					r.Must(t, 201)
				case may == nil:
					r.Refused(t, 403, "permission_missing")
				default:
					if d := r.Refused(t, 403, "cannot_grant").Text("detail"); !strings.Contains(d, string(role)) {
						t.Errorf("the refusal does not name the role: %q", d)
					}
				}
			}
		}
		// Without a role a token is an ADMIN, which DEVOPS cannot give.
		callers["DEVOPS"].Post(t, tokens(acme), map[string]any{"name": "no role"}).Refused(t, 403, "cannot_grant")
		// Behind a token's token stands the person.
		r := callers["ADMIN token"].Post(t, tokens(acme), map[string]any{"name": "grandchild"}).Must(t, 201)
		if r.Text("created_by") != "owner@example.com" {
			t.Errorf("created by %q", r.Text("created_by"))
		}
	})
}

func demote(t *testing.T, s *apptest.Server, by *apptest.Caller, organization id.Organization, c *apptest.Caller, role authz.RoleName) {
	t.Helper()
	if err := s.Members.SetRole(t.Context(), passOf(t, s, by, organization, authz.MemberManage), c.ID, authz.RoleID(organization, role)); err != nil {
		t.Fatal(err)
	}
}

func TestList(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		jane := s.Member(t, acme, "jane@work.example", authz.DevOps)
		if err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
			tx.Unaudited("test")
			_, err := tx.Exec(`UPDATE account SET first_name = 'Jane', last_name = 'Straße' WHERE id = $1`, jane.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		owner.Token(t, acme, "Zulu pipeline", authz.Viewer)
		jane.Token(t, acme, "Alpha pipeline", authz.Viewer)
		jane.Token(t, acme, "100% _of_ it", authz.Viewer)
		for query, want := range map[string]string{
			"": "Zulu pipeline,Alpha pipeline,100% _of_ it", "?name=PIPE": "Zulu pipeline,Alpha pipeline", "?name=ｐｉｐｅ": "Zulu pipeline,Alpha pipeline", "?name=%25": "100% _of_ it",
			"?name=_": "100% _of_ it", "?name=nothing": "", "?name=": "Zulu pipeline,Alpha pipeline,100% _of_ it", "?creatorName=jane": "Alpha pipeline,100% _of_ it",
			"?creatorName=WORK.example": "Alpha pipeline,100% _of_ it", "?creatorName=strasse": "Alpha pipeline,100% _of_ it", "?creatorName=Jane%20Str": "Alpha pipeline,100% _of_ it",
			"?creatorName=owner": "Zulu pipeline", "?name=pipeline&creatorName=jane": "Alpha pipeline", "?creatorName=nobody": "", "?other=x": "Zulu pipeline,Alpha pipeline,100% _of_ it",
		} {
			var names []string
			for _, row := range owner.Get(t, tokens(acme)+query).Must(t, 200).List("results") {
				names = append(names, row.(map[string]any)["name"].(string))
			}
			if got := strings.Join(names, ","); got != want {
				t.Errorf("%q lists %q, want %q", query, got, want)
			}
		}
		owner.Get(t, tokens(acme)+"?name="+strings.Repeat("x", 129)).Refused(t, 400, "invalid_request")
	})
}

func TestLastUse(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		token := jane.Token(t, acme, "ci", authz.Viewer)
		jane.Token(t, acme, "never used", authz.Viewer)
		used := func() any { return jane.Get(t, tokens(acme)).Must(t, 200).Value("results.0.last_used_at") }
		flush := func() {
			t.Helper()
			if err := s.Authenticator.FlushUsage(t.Context(), authz.System("test")); err != nil {
				t.Fatal(err)
			}
		}
		flush()
		if used() != nil {
			t.Errorf("used before its first use: %v", used())
		}
		s.Clock.Advance(time.Minute)
		token.Get(t, "/organization").Must(t, 200)
		s.Clock.Advance(time.Minute)
		token.Get(t, "/organization/"+string(acme)).Must(t, 200)
		s.Clock.Advance(time.Minute)
		jane.Get(t, "/organization").Must(t, 200) // a person's use is not the token's
		flush()
		flush()
		if got := used(); got != "2026-03-01T12:02:00Z" {
			t.Errorf("last used at %v, want the last use", got)
		}
		if got := jane.Get(t, tokens(acme)).Value("results.1.last_used_at"); got != nil {
			t.Errorf("the other token was used at %v", got)
		}
		token.Get(t, "/organization").Must(t, 200)
		jane.Delete(t, tokens(acme)+"/"+string(token.TokenID)).Must(t, 204)
		flush() // of a token that is gone by now
		s.Verify(t)
	})
}

func TestDelete(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme, other := jane.Organization(t, "Acme"), jane.Organization(t, "Other")
		token, stays := jane.Token(t, acme, "ci", authz.Admin), jane.Token(t, other, "ci", authz.Admin)
		token.Get(t, "/organization").Must(t, 200)
		jane.Delete(t, tokens(acme)+"/"+string(stays.TokenID)).Refused(t, 404, "not_found")
		jane.Delete(t, tokens(acme)+"/"+id.New[string]()).Refused(t, 404, "not_found")
		jane.Delete(t, tokens(acme)+"/ci").Refused(t, 400, "invalid_request")
		token.Delete(t, tokens(acme)+"/"+string(token.TokenID)).Must(t, 204) // it may end itself
		token.Get(t, "/organization").Refused(t, 401, "unauthenticated")
		token.Post(t, "/organization/"+string(acme)+"/project", map[string]any{"name": "p"}).Refused(t, 401, "unauthenticated")
		jane.Delete(t, tokens(acme)+"/"+string(token.TokenID)).Refused(t, 404, "not_found")
		stays.Get(t, "/organization").Must(t, 200)
		event := jane.Get(t, "/organization/"+string(acme)+"/events").Must(t, 200)
		if event.Text("events.0.action") != "api_token.delete" || event.Text("events.0.target_name") != "ci" || event.Text("events.0.triggered_by") != "ci" || event.Text("events.0.change") != "" {
			t.Errorf("the event is %s", event.Body)
		}
		s.Verify(t)
	})
}

func TestLimit(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		if err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
			tx.Unaudited("test")
			for i := range 999 {
				name := fmt.Sprint("token ", i)
				if _, err := tx.Exec(`INSERT INTO api_token (id, organization_id, name, name_key, description, role, token_hash, hint, created_by, created_at, updated_at, expires_at, last_used_at)
					VALUES ($1, $2, $3, $3, '', 'VIEWER', $4, '', $5, 0, 0, 0, 0)`, id.New[string](), acme, name, authn.HashAPIToken(name), jane.ID); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		jane.Token(t, acme, "the last", authz.Viewer)
		jane.Post(t, tokens(acme), map[string]any{"name": "one more"}).Refused(t, 403, "limit_reached")
		jane.Token(t, jane.Organization(t, "Other"), "elsewhere", authz.Viewer)
	})
}
