package httpd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/httpd"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// The exerciser takes every operation of the route table through the same questions:
// who may call it, who learns of it, what it makes of bad input. A new operation is
// covered without a line here, as long as its path parameters and the fields of its
// body are known below.

// parameters makes the thing that a path parameter names, new each time, in the
// world's organization. Things in an environment are made in an environment of the
// mode; list those parameters in moded.
var parameters = map[string]func(t *testing.T, w *world, mode authz.Mode) string{
	"organizationId": func(_ *testing.T, w *world, _ authz.Mode) string { return string(w.organization) },
	"projectId": func(t *testing.T, w *world, _ authz.Mode) string {
		return string(w.owner.Project(t, w.organization, w.fresh("project")))
	},
	"apiTokenId": func(t *testing.T, w *world, _ authz.Mode) string {
		return string(w.owner.Token(t, w.organization, w.fresh("token"), authz.Viewer).TokenID)
	},
	"customRoleId": func(t *testing.T, w *world, _ authz.Mode) string {
		return w.owner.Post(t, "/organization/"+string(w.organization)+"/customRole", map[string]any{"name": w.fresh("role")}).Must(t, 201).Text("id")
	},
	"targetId":              func(t *testing.T, w *world, _ authz.Mode) string { return w.versioned(t) },
	"deletedId":             func(t *testing.T, w *world, _ authz.Mode) string { return w.deletedRole(t) },
	"deletedOrganizationId": func(t *testing.T, w *world, _ authz.Mode) string { return w.deletedOrganization(t, w.member(t)) },
	"inviteId":              func(t *testing.T, w *world, _ authz.Mode) string { return w.invite(t, w.guest()) },
	"sessionId":             func(t *testing.T, w *world, _ authz.Mode) string { return w.session(t, w.member(t)) },
	"identityId":            func(t *testing.T, w *world, _ authz.Mode) string { return w.identity(t, w.member(t)) },
}

// moded are the path parameters of things that have a mode.
var moded = map[string]bool{"environmentId": true, "applicationId": true, "databaseId": true}

// fields gives values for fields of bodies whose schema does not say enough to pass
// the rules behind it, by the field's name or, where operations differ, by operation
// and name. Those in needed are sent even where they may be left out.
var fields = map[string]func(t *testing.T, w *world) any{
	"name":                func(_ *testing.T, w *world) any { return w.fresh("name") },
	"role_id":             func(_ *testing.T, w *world) any { return roleID(w.organization, authz.Viewer) },
	"expires_at":          func(*testing.T, *world) any { return apptest.Epoch.Add(240 * time.Hour) },
	"admin_emails":        func(*testing.T, *world) any { return []string{"ops@example.com"} },
	"communication_email": func(_ *testing.T, w *world) any { return w.owner.Email },
	"user_email":          func(_ *testing.T, w *world) any { return w.owner.Email },
	"email":               func(_ *testing.T, w *world) any { return w.owner.Email },
	"password":            func(*testing.T, *world) any { return apptest.Password },
	"website_url":         func(*testing.T, *world) any { return "https://example.com" },
	"logo_url":            func(*testing.T, *world) any { return "https://example.com/logo.png" },
	"icon_url":            func(*testing.T, *world) any { return "https://example.com/icon.png" },
	"user_id":             func(t *testing.T, w *world) any { return w.member(t).ID },
	"emails":              func(_ *testing.T, w *world) any { return []string{w.guest(), w.guest()} },
	"cluster_permissions": func(*testing.T, *world) any { return []any{} },
	"project_permissions": func(t *testing.T, w *world) any {
		project := w.owner.Project(t, w.organization, w.fresh("project"))
		return []any{map[string]any{"project_id": project, "permissions": []any{map[string]any{"environment_type": "STAGING", "permission": "DEPLOYER"}}}}
	},
	"postInviteMember.email":     func(_ *testing.T, w *world) any { return w.guest() },
	"signUp.email":               func(_ *testing.T, w *world) any { return w.guest() },
	"signUp.organization_id":     func(*testing.T, *world) any { return nil }, // they go together, and with the address
	"signUp.invite_token":        func(*testing.T, *world) any { return nil },
	"requestPasswordReset.email": func(_ *testing.T, w *world) any { return w.guest() },
	"changeEmail.email":          func(_ *testing.T, w *world) any { return w.guest() },
	"verifyEmail.token":          func(t *testing.T, w *world) any { return w.signUpLink(t) },
	"resetPassword.token":        func(t *testing.T, w *world) any { return w.resetLink(t) },
	"current_password":           func(*testing.T, *world) any { return apptest.Password },
	"new_password":               func(*testing.T, *world) any { return apptest.Password },
	"revertToVersion.version":    func(_ *testing.T, w *world) any { return max(w.version, 1) },
}

// needed are sent even where they may be left out: without a role_id it is an ADMIN
// token, which not everybody can give.
var needed = map[string]bool{
	"role_id": true, "password": true, "token": true, "url": true, "gcp_credentials": true, "scaleway_secret_key": true,
	"type": true, "role_arn": true, "vsphere_user": true, "vsphere_password": true,
}

func roleID(organization id.Organization, name authz.RoleName) id.Role {
	role, _ := authz.LookupRole(name)
	return role.ID(organization)
}

// world is an organization with people in every role. Its mark is in the name of
// everything in it, so that it can be looked for where it must not be.
type world struct {
	s            *apptest.Server
	mark         string
	owner        *apptest.Caller
	people       map[authz.RoleName]*apptest.Caller
	organization id.Organization
	ids          []string
	made         int
	version      int64 // of the thing that versioned made last
}

// roomy lets one person own an organization per question, and stay signed in.
var roomy = apptest.Options{Settings: func(c *config.Server) {
	c.MaxOrganizationsPerUser, c.AccessTokenLife = 100_000, 24*time.Hour
	withMail(c)
}}

func newWorld(t *testing.T, s *apptest.Server, mark string) *world {
	t.Helper()
	w := &world{s: s, mark: mark, people: map[authz.RoleName]*apptest.Caller{}}
	for _, role := range authz.RoleNames {
		w.people[role] = s.Person(t, strings.ToLower(string(role))+"@"+mark+".example")
		w.ids = append(w.ids, string(w.people[role].ID))
		w.people[role].Post(t, "/admin/userSignUp", map[string]any{
			"first_name": mark, "last_name": string(role), "user_email": w.people[role].Email, "type_of_use": "WORK", "qovery_usage": mark,
		}).Must(t, 200)
	}
	w.owner = w.people[authz.Owner]
	w.renew(t)
	return w
}

// renew gives the same people another organization: the old one may be ruined.
func (w *world) renew(t *testing.T) {
	t.Helper()
	w.organization = w.owner.Organization(t, w.fresh("organization"))
	w.ids = append(w.ids, string(w.organization))
	for _, role := range authz.RoleNames[1:] {
		w.s.Join(t, w.organization, w.people[role], role)
	}
}

func (w *world) fresh(kind string) string {
	w.made++
	return fmt.Sprintf("%s %s %d", w.mark, kind, w.made)
}

// member makes a person who is a VIEWER of the organization.
func (w *world) member(t *testing.T) *apptest.Caller {
	t.Helper()
	w.made++
	c := w.s.Member(t, w.organization, fmt.Sprintf("member%d@%s.example", w.made, w.mark), authz.Viewer)
	w.ids = append(w.ids, string(c.ID))
	return c
}

// guest is an address to invite. It does not hold the world's mark: who has an
// invitation's id is told the address that it is for, and nothing else.
func (w *world) guest() string {
	w.made++
	return fmt.Sprintf("guest%d@guests.example", w.made)
}

// invite gives the id of a new invitation.
func (w *world) invite(t *testing.T, email string) string {
	t.Helper()
	body := map[string]any{"email": email, "role_id": roleID(w.organization, authz.Viewer)}
	return w.owner.Post(t, "/organization/"+string(w.organization)+"/inviteMember", body).Must(t, 201).Text("id")
}

// session gives the id of a new session of a person's.
func (w *world) session(t *testing.T, c *apptest.Caller) string {
	t.Helper()
	w.s.Anonymous().Post(t, "/auth/sign-in", map[string]any{"email": c.Email, "password": apptest.Password}).Must(t, 200)
	return c.Get(t, "/account/sessions").Must(t, 200).Text("results.0.id")
}

// identity gives the id of a new identity of a person's, as a sign-in through a provider leaves it.
func (w *world) identity(t *testing.T, c *apptest.Caller) string {
	t.Helper()
	identity := id.New[string]()
	if err := store.Do(t.Context(), w.s.DB, authz.System("test"), func(tx *store.Tx) error {
		tx.Unaudited("test")
		_, err := tx.Exec(`INSERT INTO identity (id, user_id, issuer, subject, email, created_at) VALUES ($1, $2, 'https://login.example.com', $1, $3, $4)`,
			identity, c.ID, c.Email, tx.Now())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return identity
}

// values makes everything that an operation's path names.
func (w *world) values(t *testing.T, op route.Operation, mode authz.Mode) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, name := range route.PathParameters(op.Path) {
		maker, ok := parameters[name]
		if special, known := among(op.Path, name); known {
			maker, ok = special, true
		}
		if !ok {
			t.Fatalf("%s has the path parameter {%s}, which the exerciser does not know: teach it in parameters, at the top of internal/httpd/exerciser_test.go", op.ID, name)
		}
		values[name] = maker(t, w, mode)
		if isID(values[name]) {
			w.ids = append(w.ids, values[name])
		}
	}
	return values
}

func modesOf(op route.Operation) []authz.Mode {
	for _, name := range route.PathParameters(op.Path) {
		if moded[name] {
			return authz.Modes[1:]
		}
	}
	return authz.Modes[:1]
}

// fill is an operation's address, with the parameters that its query must have.
func fill(t *testing.T, op route.Operation, values map[string]string) string {
	t.Helper()
	path := op.Path
	for name, value := range values {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	if query := demanded(t, op); len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// demanded are the parameters without which an operation's query is refused.
func demanded(t *testing.T, op route.Operation) url.Values {
	t.Helper()
	query := url.Values{}
	for _, p := range described(t, op).Parameters {
		if p.Value.In == "query" && p.Value.Required {
			query.Set(p.Value.Name, fmt.Sprint(p.Value.Schema.Value.Enum[0]))
		}
	}
	return query
}

var description = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := httpd.Document()
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(text)
})

// described is an operation as our own description has it.
func described(t *testing.T, op route.Operation) *openapi3.Operation {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	found := doc.Paths.Value(op.Path)
	if found == nil || found.GetOperation(op.Method) == nil {
		t.Fatalf("%s %s is not described", op.Method, op.Path)
	}
	return found.GetOperation(op.Method)
}

// schema is that of an operation's body; nil where it takes none.
func schema(t *testing.T, op route.Operation) *openapi3.Schema {
	t.Helper()
	body := described(t, op).RequestBody
	if body == nil {
		return nil
	}
	return body.Value.Content["application/json"].Schema.Value
}

// body makes what our description asks for; with everything also what it allows.
func (w *world) body(t *testing.T, op route.Operation, everything bool) any {
	t.Helper()
	s := schema(t, op)
	if s == nil {
		return nil
	}
	body := w.sample(t, op, "", s, everything)
	if err := s.VisitJSON(plain(t, body), openapi3.VisitAsRequest()); err != nil {
		t.Fatalf("%s: the exerciser's body breaks our description: %v", op.ID, err)
	}
	return body
}

func plain(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) sample(t *testing.T, op route.Operation, name string, s *openapi3.Schema, everything bool) any {
	t.Helper()
	value, known := fields[op.ID+"."+name]
	if !known {
		value, known = fields[name]
	}
	switch {
	case known:
		return value(t, w)
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is("object"):
		out := map[string]any{}
		for _, property := range slices.Sorted(maps.Keys(s.Properties)) {
			if everything || needed[property] || slices.Contains(s.Required, property) {
				out[property] = w.sample(t, op, property, s.Properties[property].Value, everything)
			}
		}
		return out
	case s.Type.Is("array"):
		return []any{w.sample(t, op, name, s.Items.Value, everything)}
	case s.Type.Is("boolean"):
		return true
	case s.Type.Is("integer"), s.Type.Is("number"):
		if s.Min != nil {
			return *s.Min
		}
		return 1
	case s.Type.Is("string") && s.Format == "":
		return w.fresh("text")
	}
	t.Fatalf("%s: the exerciser has no value for the field %q (%v, format %q): teach it in fields, at the top of internal/httpd/exerciser_test.go", op.ID, name, s.Type, s.Format)
	return nil
}

// events counts what was ever recorded.
func events(t *testing.T, s *apptest.Server) int64 {
	t.Helper()
	n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM event`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sound fails the test where an answer is a failure of ours, or a refusal that is
// not in the form of all refusals.
func sound(t *testing.T, what string, r *apptest.Response) {
	t.Helper()
	if r.Status >= 500 && r.Status != http.StatusNotImplemented {
		t.Errorf("%s: %d\n%.500s", what, r.Status, r.Body)
		return
	}
	if r.Status < 400 {
		return
	}
	var p struct {
		Status    int
		Error     string
		Code      fault.Code
		Message   string
		Detail    string
		Errors    []fault.Field
		Path      string
		Timestamp time.Time
		RequestID string `json:"request_id"`
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &p); err != nil || json.Unmarshal(r.Body, &keys) != nil {
		t.Errorf("%s: %d with a body that is not ours (%v): %.300s", what, r.Status, err, r.Body)
		return
	}
	for _, key := range []string{"status", "error", "code", "message", "detail", "errors", "path", "timestamp", "request_id"} {
		if value, ok := keys[key]; !ok || string(value) == "null" || string(value) == `""` {
			t.Errorf("%s: the refusal has no %s: %s", what, key, r.Body)
		}
	}
	entry := fault.Lookup(p.Code)
	switch {
	case p.Status != r.Status || entry.Status != r.Status || entry.Title != p.Error:
		t.Errorf("%s: HTTP says %d, the body %d %q, the catalogue %d %q for %s", what, r.Status, p.Status, p.Error, entry.Status, entry.Title, p.Code)
	case !slices.Contains(fault.Catalogue(), p.Code):
		t.Errorf("%s: the code %q is not in the catalogue", what, p.Code)
	case p.Message != p.Detail || p.Timestamp.IsZero() || p.Timestamp.Location() != time.UTC:
		t.Errorf("%s: %s", what, r.Body)
	case p.RequestID != r.Header.Get("X-Request-Id"):
		t.Errorf("%s: the body names the request %q, the header %q", what, p.RequestID, r.Header.Get("X-Request-Id"))
	}
	for _, f := range p.Errors {
		if f.Field == "" || f.Message == "" {
			t.Errorf("%s: a field without a word: %s", what, r.Body)
		}
	}
}

// inside asks the handler without a network between: for what a client could not
// send whole, because the server stops reading.
func inside(s *apptest.Server, c *apptest.Caller, method, path string, body []byte) *apptest.Response {
	req := httptest.NewRequest(method, path, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if c.Credential != "" {
		req.Header.Set("Authorization", c.Scheme+" "+c.Credential)
	}
	for name, values := range c.Header {
		req.Header[name] = values
	}
	ctx, leave := context.WithCancel(req.Context())
	defer leave()
	rec := httptest.NewRecorder()
	s.HTTP.Handler().ServeHTTP(leaving{rec, leave}, req.WithContext(ctx))
	return &apptest.Response{Status: rec.Code, Header: rec.Header(), Body: rec.Body.Bytes(), Request: method + " " + path}
}

// leaving is a client that leaves a stream, which has no end, when its first piece is there.
type leaving struct {
	*httptest.ResponseRecorder
	leave func()
}

func (l leaving) Flush() {
	if l.Header().Get("Content-Type") == "text/event-stream" {
		l.leave()
	}
}

// actorOf is who a caller's credential stands for.
func actorOf(t *testing.T, s *apptest.Server, c *apptest.Caller) authn.Actor {
	t.Helper()
	actor, err := s.Authenticator.Authenticate(t.Context(), c.Scheme+" "+c.Credential)
	if err != nil {
		t.Fatal(err)
	}
	actor.Client.Origin = "API" // as a request would have
	return actor
}
