package httpd_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// accountLevel says what the operations that are no organization's answer to a
// stranger and to the stranger's API token: their own data, or a refusal.
var accountLevel = map[string]struct{ person, token int }{
	"getAccountInformation":      {200, 403},
	"editAccountInformation":     {200, 403},
	"listOrganization":           {200, 200}, // the token: exactly its own
	"createOrganization":         {201, 403},
	"getUserSignUp":              {200, 403},
	"createUserSignUp":           {200, 403},
	"listMyInvitations":          {200, 403},
	"listMySessions":             {200, 403},
	"exportMyAccount":            {200, 403},
	"endMySession":               {404, 403},
	"endMyOtherSessions":         {204, 403},
	"signOut":                    {204, 403},
	"listMyIdentities":           {200, 403},
	"unlinkMyIdentity":           {404, 403},
	"getAuthorizationServer":     {200, 200},
	"signIn":                     {200, 200},
	"signUp":                     {200, 200},
	"verifyEmail":                {200, 200},
	"requestPasswordReset":       {204, 204},
	"resetPassword":              {204, 204},
	"sendVerification":           {204, 403},
	"changePassword":             {204, 403},
	"changeEmail":                {204, 403},
	"deleteAccount":              {204, 403},
	"getJwks":                    {200, 200},
	"getHeadKeys":                {200, 200},
	"listMyDeletedOrganizations": {200, 403},
	"restoreOrganization":        {404, 403},
	// The id of an invitation is a bearer secret, which the exerciser hands to the
	// stranger: they are told which address it is for, and nothing else (invitation/answer.go).
	"postAcceptInviteMember": {403, 403},
	"declineInviteMember":    {403, 403},
}

// silent fails the test where an answer holds a name or an id of a world. The path
// that was asked is the caller's own word and may come back.
func (w *world) silent(t *testing.T, what string, r *apptest.Response, asked ...string) {
	t.Helper()
	text := string(r.Body)
	var problem map[string]any
	if json.Unmarshal(r.Body, &problem) == nil && r.Status >= 400 {
		delete(problem, "path")
		text = fmt.Sprint(problem)
	}
	text = strings.ToLower(text + fmt.Sprint(r.Header))
	if strings.Contains(text, strings.ToLower(w.mark)) {
		t.Errorf("%s: the answer names something of %s: %s", what, w.mark, r.Body)
	}
	for _, id := range w.ids {
		if strings.Contains(text, strings.ToLower(id)) && !slices.Contains(asked, id) {
			t.Errorf("%s: the answer holds the id %s of %s: %s", what, id, w.mark, r.Body)
		}
	}
}

// rest tells how often each thing of a world changed, to see that it stays so.
func (w *world) rest(t *testing.T) string {
	t.Helper()
	seq, err := store.Value[int64](w.s.DB.Reader(t.Context()), `SELECT seq FROM organization_head WHERE organization_id = $1`, w.organization)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(seq)
}

// TestIsolation: whoever stands outside an organization can do nothing in it and
// learns nothing of it, whatever the operation.
func TestIsolation(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		victim, stranger := newWorld(t, s, "xanadu"), newWorld(t, s, "mallory")
		token := stranger.owner.Token(t, stranger.organization, "admin", authz.Admin)
		for _, op := range s.HTTP.Table() {
			scoped := strings.Contains(op.Path, "{")
			expected, known := accountLevel[op.ID]
			if !scoped && !known {
				t.Errorf("%s belongs to no organization: say in accountLevel, at the top of internal/httpd/isolation_test.go, what a stranger gets", op.ID)
				continue
			}
			values := victim.values(t, op, authz.Development)
			before := victim.rest(t)
			for name, c := range map[string]struct {
				caller *apptest.Caller
				status int
			}{
				"another owner": {stranger.caller(t, op), expected.person}, "another ADMIN token": {token, expected.token}, "anonymous": {s.Anonymous(), 401},
			} {
				if scoped && !known && c.status != 401 {
					c.status = 404
				}
				if op.Permission == authz.Public {
					c.status = expected.person
				}
				what := name + " calls " + op.ID
				r := c.caller.Do(t, op.Method, fill(t, op, values), stranger.body(t, op, false))
				if r.Status != c.status {
					t.Errorf("%s: %d, want %d: %s", what, r.Status, c.status, r.Body)
				}
				sound(t, what, r)
				victim.silent(t, what, r)
				if want := map[string]string{"another owner": "wrong_account", "another ADMIN token": "person_required"}[name]; scoped && c.status == 403 && r.Text("code") != want {
					t.Errorf("%s: refused with %s, want %s", what, r.Text("code"), want)
				}
				// The same with a body that is wrong: validation must not answer before the guard.
				if schema(t, op) != nil && scoped {
					r := c.caller.Do(t, op.Method, fill(t, op, values), `{"name":7}`)
					if r.Status != c.status {
						t.Errorf("%s with a wrong body: %d, want %d", what, r.Status, c.status)
					}
					victim.silent(t, what, r)
				}
			}
			if after := victim.rest(t); after != before {
				t.Errorf("%s: something of the victim changed", op.ID)
			}
		}
		s.Verify(t)
	})
}

// TestTokenStaysHome: a token does nothing in its creator's other organizations.
func TestTokenStaysHome(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		away := newWorld(t, s, "xanadu")
		home := away.owner.Organization(t, "Home")
		token := away.owner.Token(t, home, "admin", authz.Admin)
		for _, op := range s.HTTP.Table() {
			if !strings.Contains(op.Path, "{") {
				continue
			}
			path, body := fill(t, op, away.values(t, op, authz.Development)), away.body(t, op, false)
			want := 404
			if answer, known := accountLevel[op.ID]; known {
				want = answer.token
			}
			before := away.rest(t)
			r := token.Do(t, op.Method, path, body)
			if r.Status != want || away.rest(t) != before {
				t.Errorf("%s: %d: %s", op.ID, r.Status, r.Body)
			}
		}
	})
}

// TestForeignParts names things of another organization behind the caller's own: in
// the rest of the path, in the query, in the body.
func TestForeignParts(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		victim, stranger := newWorld(t, s, "xanadu"), newWorld(t, s, "mallory")
		tried := map[string]int{}
		for _, op := range s.HTTP.Table() {
			names := route.PathParameters(op.Path)
			for i := 1; i < len(names); i++ {
				values := stranger.values(t, op, authz.Development)
				if !isID(values[names[i]]) {
					continue
				}
				values[names[i]] = victim.values(t, op, authz.Development)[names[i]]
				before := victim.rest(t)
				r := stranger.owner.Do(t, op.Method, fill(t, op, values), stranger.body(t, op, false))
				if r.Status != 404 || victim.rest(t) != before {
					t.Errorf("%s with another's %s: %d: %s", op.ID, names[i], r.Status, r.Body)
				}
				victim.silent(t, op.ID, r)
				tried["path"]++
			}
			foreign := append(slices.Clone(victim.ids), string(roleID(victim.organization, authz.Viewer)))
			for _, p := range described(t, op).Parameters {
				named := slices.Contains([]string{"scope", "actor"}, p.Value.Name) || strings.HasSuffix(strings.ToLower(p.Value.Name), "id")
				if p.Value.In != "query" || !named {
					continue
				}
				for _, id := range foreign {
					path, _, _ := strings.Cut(fill(t, op, stranger.values(t, op, authz.Development)), "?")
					query := demanded(t, op)
					query.Set("targetType", "PROJECT")
					query.Set(p.Value.Name, id)
					path += "?" + query.Encode()
					r := stranger.owner.Do(t, op.Method, path, stranger.body(t, op, false))
					sound(t, op.ID, r)
					victim.silent(t, op.ID+" with another's "+p.Value.Name, r, id)
					tried["query"]++
				}
			}
			for _, property := range references(schema(t, op)) {
				for _, id := range foreign {
					body := stranger.body(t, op, true).(map[string]any)
					body[property] = id
					r := stranger.owner.Do(t, op.Method, fill(t, op, stranger.values(t, op, authz.Development)), body)
					if r.Status < 400 || r.Status >= 500 {
						t.Errorf("%s takes another's %s: %d: %s", op.ID, property, r.Status, r.Body)
					}
					victim.silent(t, op.ID+" with another's "+property, r)
					tried["body"]++
				}
			}
		}
		for _, place := range []string{"path", "query", "body"} {
			if tried[place] == 0 {
				t.Errorf("no id was tried in the %s: this test says nothing of it", place)
			}
		}
	})
}

// references are the properties of a body that name something by its id.
func references(s *openapi3.Schema) []string {
	var names []string
	if s == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if p := s.Properties[name].Value; p.Type.Is("string") && !outside[name] && (p.Format == "uuid" || strings.HasSuffix(name, "_id")) {
			names = append(names, name)
		}
	}
	return names
}

// TestDeadCredentials: what is unknown, expired, revoked or of a deleted
// organization is a 401 everywhere, and nobody at all where anybody may call.
func TestDeadCredentials(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		gone := newWorld(t, s, "gone")
		dead := map[string]*apptest.Caller{
			"token of a deleted organization": gone.owner.Token(t, gone.organization, "admin", authz.Admin),
			"revoked token":                   w.owner.Token(t, w.organization, "revoked", authz.Admin),
			"garbage":                         s.Anonymous(), "token of nobody": s.Anonymous(), "JWT of nobody": s.Anonymous(), "Basic": s.Anonymous(),
		}
		dead["garbage"].Scheme, dead["garbage"].Credential = "Bearer", "garbage"
		dead["token of nobody"].Scheme, dead["token of nobody"].Credential = "Token", authn.NewAPIToken()
		dead["JWT of nobody"].Scheme, dead["JWT of nobody"].Credential = "Bearer", "eyJhbGciOiJub25lIn0.e30."
		dead["Basic"].Scheme, dead["Basic"].Credential = "Basic", "am9lOnBhc3N3b3Jk"
		short := w.owner.Post(t, "/organization/"+string(w.organization)+"/apiToken", map[string]any{"name": "short", "expires_at": apptest.Epoch.Add(time.Minute)}).Must(t, 201)
		expired := *dead["revoked token"]
		expired.Credential = short.Text("token")
		dead["expired token"] = &expired
		for _, c := range dead { // those that are known are known to the caches as well
			c.Get(t, "/organization")
		}
		gone.owner.Delete(t, "/organization/"+string(gone.organization)).Must(t, 204)
		w.owner.Delete(t, "/organization/"+string(w.organization)+"/apiToken/"+string(dead["revoked token"].TokenID)).Must(t, 204)
		s.Clock.Advance(time.Minute)
		for _, op := range s.HTTP.Table() {
			path, body := fill(t, op, w.values(t, op, authz.Development)), w.body(t, op, false)
			before := events(t, s)
			for name, c := range dead {
				if op.Permission == authz.Public {
					body = w.body(t, op, false) // what it holds may work once
				}
				r := c.Do(t, op.Method, path, body)
				want := 401
				if op.Permission == authz.Public {
					want = op.Status
				}
				if r.Status != want {
					t.Errorf("%s calls %s: %d, want %d: %s", name, op.ID, r.Status, want, r.Body)
				}
				if r.Status == 401 && r.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s calls %s: 401 without WWW-Authenticate", name, op.ID)
				}
				sound(t, name+" calls "+op.ID, r)
				if strings.Contains(string(r.Body), c.Credential) {
					t.Errorf("%s calls %s: the answer repeats the credential", name, op.ID)
				}
			}
			if after := events(t, s); after != before && op.Permission != authz.Public {
				t.Errorf("%s: %d events were written", op.ID, after-before)
			}
		}
		for _, c := range dead {
			if strings.Contains(s.Log.String(), c.Credential) {
				t.Error("the log holds a credential")
			}
		}
	})
}

// TestListsAreOwn: what needs no organization shows the caller's own, and no more.
func TestListsAreOwn(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		first, second := jane.Organization(t, "First"), jane.Organization(t, "Second")
		joe := s.Person(t, "joe@example.com")
		other := joe.Organization(t, "Other")
		s.Join(t, other, jane, authz.Viewer)
		s.Join(t, first, joe, authz.Viewer)
		for name, c := range map[string]struct {
			caller *apptest.Caller
			want   []any
		}{
			"person":          {jane, []any{string(first), string(second), string(other)}},
			"other person":    {joe, []any{string(first), string(other)}},
			"token":           {jane.Token(t, second, "ci", authz.Viewer), []any{string(second)}},
			"token elsewhere": {joe.Token(t, other, "ci", authz.Admin), []any{string(other)}},
			"nobody's member": {s.Person(t, "eve@example.com"), nil},
		} {
			var got []any
			for _, row := range c.caller.Get(t, "/organization").Must(t, 200).List("results") {
				got = append(got, row.(map[string]any)["id"])
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s lists %v, want %v", name, got, c.want)
			}
		}
	})
}
