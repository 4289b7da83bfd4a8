package audit_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// world is what the changes below happen in; each leaves it ready for the next.
type world struct {
	s             *apptest.Server
	jane, joe     *apptest.Caller // the owner and a developer
	robot         *apptest.Caller // an API token of Jane's
	kim           *apptest.Caller // belongs nowhere
	organization  id.Organization
	project       string
	invitation    string
	role          string // a custom role
	token, secret string
	secrets       []string // what no event may hold
	outside       *outside
}

func (w *world) path(rest string) string { return "/organization/" + string(w.organization) + rest }

// change is what a step should have recorded.
type change struct {
	stream        string
	actor         audit.Who
	client        authn.Client
	target        audit.Reference
	project       audit.Reference
	before, after []byte // the thing as the API shows it; nil where there was or is none
	changed       []string
}

// step makes one change of the product.
type step struct {
	action audit.Action
	do     func(t *testing.T, w *world) change
}

const (
	requestID = "request-0001"
	address   = "127.0.0.1"
)

// client is where the requests of with come from.
func client(agent, origin string) authn.Client {
	return authn.Client{Address: address, UserAgent: agent, Origin: origin, RequestID: requestID}
}

func with(c *apptest.Caller, agent string) *apptest.Caller {
	return c.With("User-Agent", agent).With("X-Request-Id", requestID)
}

func person(c *apptest.Caller) audit.Who {
	return audit.Who{Kind: authn.Person, ID: string(c.ID), User: c.ID, Name: c.Email}
}

func operator(reason string) (audit.Who, authn.Client) {
	return audit.Who{Kind: authn.System, Name: reason}, authn.Client{Origin: "QOVERY_INTERNAL"}
}

const (
	cli       = "CLI 1.0"
	terraform = "Terraform provider/0.53.0 (linux_amd64)"
	browser   = "curl/8.5.0"
)

// steps are the changes that the product makes, in an order in which they can happen.
var steps = slices.Concat(beginning, settings, people, entering, accounts, operating, ending, rotation)

var beginning = []step{
	{audit.AccountCreate, func(t *testing.T, w *world) change {
		w.jane = w.s.Person(t, "jane@example.com")
		who, from := operator("test")
		return change{
			stream: store.Server, actor: who, client: from, target: audit.Reference{ID: string(w.jane.ID), Name: w.jane.Email},
			after: w.jane.Get(t, "/account").Must(t, 200).Body,
		}
	}},
	{audit.AccountSignIn, func(t *testing.T, w *world) change {
		r := with(w.s.Anonymous(), terraform).Post(t, "/auth/sign-in", map[string]any{"email": "JANE@example.com", "password": apptest.Password}).Must(t, 200)
		w.secrets = append(w.secrets, r.Text("access_token"))
		return change{
			stream: store.Server, actor: person(w.jane), client: client(terraform, "TERRAFORM_PROVIDER"),
			target: audit.Reference{ID: string(w.jane.ID), Name: w.jane.Email},
		}
	}},
	{audit.AccountSignOut, func(t *testing.T, w *world) change {
		laptop := *w.jane
		laptop.Credential = w.secrets[len(w.secrets)-1]
		with(&laptop, cli).Post(t, "/auth/sign-out", nil).Must(t, 204)
		return change{
			stream: store.Server, actor: person(w.jane), client: client(cli, "CLI"), target: audit.Reference{ID: string(w.jane.ID), Name: w.jane.Email},
		}
	}},
	{audit.AccountUpdate, func(t *testing.T, w *world) change {
		before := w.jane.Get(t, "/account").Must(t, 200).Body
		r := with(w.jane, cli).Put(t, "/account", map[string]any{"communication_email": "post@example.com"}).Must(t, 200)
		return change{
			stream: store.Server, actor: person(w.jane), client: client(cli, "CLI"), target: audit.Reference{ID: string(w.jane.ID), Name: w.jane.Email},
			before: before, after: r.Body, changed: []string{"communication_email"},
		}
	}},
	{audit.OrganizationCreate, func(t *testing.T, w *world) change {
		r := with(w.jane, cli).Post(t, "/organization", map[string]any{"name": "Acme", "plan": "ENTERPRISE_2025", "admin_emails": []string{"ops@example.com"}}).Must(t, 201)
		w.organization = apptest.OrganizationID(r)
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client(cli, "CLI"),
			target: audit.Reference{ID: string(w.organization), Name: "Acme"}, after: r.Body,
		}
	}},
	{audit.OrganizationUpdate, func(t *testing.T, w *world) change {
		before := w.jane.Get(t, w.path("")).Must(t, 200).Body
		r := with(w.jane, browser).Put(t, w.path(""), map[string]any{"name": "Acme Two", "admin_emails": nil}).Must(t, 200)
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client(browser, "API"),
			target: audit.Reference{ID: string(w.organization), Name: "Acme Two"},
			before: before, after: r.Body, changed: []string{"admin_emails", "name", "updated_at"},
		}
	}},
	{audit.APITokenCreate, func(t *testing.T, w *world) change {
		r := with(w.jane, terraform).With("Idempotency-Key", "once").Post(t, w.path("/apiToken"), map[string]any{"name": "robot"}).Must(t, 201)
		w.token, w.secret = r.Text("id"), r.Text("token")
		w.secrets = append(w.secrets, w.secret)
		robot := *w.jane
		robot.Credential, robot.Scheme, robot.TokenID, robot.Email = w.secret, "Token", id.Token(w.token), "robot"
		w.robot = &robot
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client(terraform, "TERRAFORM_PROVIDER"),
			target: audit.Reference{ID: w.token, Name: "robot"}, after: without(t, r.Body, "token"),
		}
	}},
	{audit.ProjectCreate, func(t *testing.T, w *world) change {
		r := with(w.robot, cli).Post(t, w.path("/project"), map[string]any{"name": "Web", "description": "<b>&"}).Must(t, 200)
		w.project = r.Text("id")
		self := audit.Reference{ID: w.project, Name: "Web"}
		return change{
			stream: string(w.organization), actor: audit.Who{Kind: authn.APIToken, ID: w.token, User: w.jane.ID, Name: "robot"},
			client: client(cli, "CLI"), target: self, project: self, after: r.Body,
		}
	}},
	{audit.EventsExport, func(t *testing.T, w *world) change {
		with(w.jane, cli).Get(t, w.path("/events/export?format=csv&eventType=CREATE")).Must(t, 200)
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client(cli, "CLI"), target: audit.Reference{ID: string(w.organization), Name: "Acme Two"},
			after: []byte(`{"format":"csv","filter":"eventType=CREATE","everything_visible":true}`),
		}
	}},
	{audit.ProjectUpdate, func(t *testing.T, w *world) change {
		before := w.jane.Get(t, "/project/"+w.project).Must(t, 200).Body
		r := with(w.jane, "").Put(t, "/project/"+w.project, map[string]any{"name": "Web site"}).Must(t, 200)
		self := audit.Reference{ID: w.project, Name: "Web site"}
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client("", "API"), target: self, project: self,
			before: before, after: r.Body, changed: []string{"name", "updated_at"},
		}
	}},
	{audit.ProjectDelete, func(t *testing.T, w *world) change {
		before := w.jane.Get(t, "/project/"+w.project).Must(t, 200).Body
		with(w.jane, cli).Delete(t, "/project/"+w.project).Must(t, 204)
		self := audit.Reference{ID: w.project, Name: "Web site"}
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client(cli, "CLI"), target: self, project: self, before: before,
		}
	}},
	{audit.ProjectRestore, func(t *testing.T, w *world) change {
		w.restore(t, w.project)
		self := audit.Reference{ID: w.project, Name: "Web site"}
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client(cli, "CLI"), target: self, project: self,
			after: w.jane.Get(t, "/project/"+w.project).Must(t, 200).Body,
		}
	}},
}

var ending = []step{
	{audit.APITokenDelete, func(t *testing.T, w *world) change {
		list := w.jane.Get(t, w.path("/apiToken")).Must(t, 200)
		before, err := json.Marshal(list.Value("results.0"))
		if err != nil {
			t.Fatal(err)
		}
		with(w.jane, cli).Delete(t, w.path("/apiToken/"+w.token)).Must(t, 204)
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client(cli, "CLI"),
			target: audit.Reference{ID: w.token, Name: "robot"}, before: before,
		}
	}},
	{audit.APITokenRestore, func(t *testing.T, w *world) change {
		w.restore(t, w.token)
		list := w.jane.Get(t, w.path("/apiToken")).Must(t, 200)
		after, err := json.Marshal(list.Value("results.0"))
		if err != nil {
			t.Fatal(err)
		}
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client(cli, "CLI"),
			target: audit.Reference{ID: w.token, Name: "robot"}, after: after,
		}
	}},
	{audit.OrganizationDelete, func(t *testing.T, w *world) change {
		before := w.jane.Get(t, w.path("")).Must(t, 200).Body
		with(w.jane, cli).Delete(t, w.path("")).Must(t, 204)
		return change{
			stream: string(w.organization), actor: person(w.jane), client: client(cli, "CLI"),
			target: audit.Reference{ID: string(w.organization), Name: "Acme Two"}, before: before,
		}
	}},
	{audit.OrganizationRestore, func(t *testing.T, w *world) change {
		if _, err := w.s.Run(t.Context(), app.CommandOrganizationRestore, json.RawMessage(`{"name":"acme two"}`)); err != nil {
			t.Fatal(err)
		}
		who, from := operator("operator")
		return change{
			stream: string(w.organization), actor: who, client: from, target: audit.Reference{ID: string(w.organization), Name: "Acme Two"},
			after: w.jane.Get(t, w.path("")).Must(t, 200).Body,
		}
	}},
	{audit.OrganizationPurge, func(t *testing.T, w *world) change {
		w.s.Clock.Advance(w.s.Settings.DeletionGrace)
		runJobs(t, w.s)
		who, from := operator("purge of deleted organizations")
		return change{stream: store.Server, actor: who, client: from, target: audit.Reference{ID: string(w.organization), Name: "Acme Two"}}
	}},
}

// runJobs runs every job that is due.
func runJobs(t *testing.T, s *apptest.Server) {
	t.Helper()
	for {
		n, err := s.Jobs.RunDue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// without is a document less one of its fields.
func without(t *testing.T, document []byte, field string) []byte {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(document, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, field)
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestEveryChangeIsRecorded makes every change of the product and finds exactly one
// event of it in the whole database, with all that happened in it and no secret.
func TestEveryChangeIsRecorded(t *testing.T) {
	o := newOutside(t)
	apptest.EachWith(t, o.trusting(), func(t *testing.T, s *apptest.Server) {
		w := &world{s: s, secrets: []string{apptest.Password}, outside: o}
		seen := w.play(t, steps)
		missing := map[audit.Action]string{
			audit.MemberAdd:        "recorded by the test's own Join only",
			audit.AccountErase:     "one event of several that an erasure leaves: TestErase of package account",
			audit.AnnouncementSend: onlyByLetter, audit.ReportUnsubscribe: onlyByLetter, audit.ReportSubscribe: onlyByLetter,
		}
		for action := range audit.Wires() {
			if !slices.Contains(seen, action) && missing[action] == "" {
				t.Errorf("%s: no step makes this change", action)
			}
		}
	})
}

// play makes changes and holds the event of each.
func (w *world) play(t *testing.T, steps []step) (seen []audit.Action) {
	t.Helper()
	for _, step := range steps {
		w.s.Clock.Advance(30 * time.Second)
		ready(t, w, step.action)
		w.outside.ready(t, w, step.action)
		before := events(t, w.s)
		want := step.do(t, w)
		got := fresh(t, w.s, before)
		if len(got) != 1 {
			t.Fatalf("%s: %d events, want 1", step.action, len(got))
		}
		check(t, step.action, got[0], want)
		seen = append(seen, step.action)
		for _, e := range events(t, w.s) {
			secret(t, e, w.secrets)
		}
		w.s.Verify(t)
	}
	return seen
}

func check(t *testing.T, action audit.Action, got recorded, want change) {
	t.Helper()
	wire := audit.Wires()[action]
	p := got.Payload
	for field, pair := range map[string][2]any{
		"action":             {p.Action, action},
		"version":            {p.Version, 1},
		"stream":             {p.Stream, want.stream},
		"actor":              {p.Actor, want.actor},
		"client":             {p.Client, want.client},
		"target":             {p.Target, want.target},
		"project":            {p.Project, want.project},
		"environment":        {p.Environment, audit.Reference{}},
		"before":             {plain(t, p.Before), plain(t, want.before)},
		"after":              {plain(t, p.After), plain(t, want.after)},
		"changed":            {p.Changed, want.changed},
		"column event_type":  {got.EventType, wire.EventType},
		"column target_type": {got.TargetType, wire.TargetType},
		"column part":        {got.SubTargetType, wire.SubTargetType},
		"column target":      {audit.Reference{ID: got.TargetID, Name: got.TargetName}, want.target},
		"column project":     {audit.Reference{ID: got.ProjectID, Name: got.ProjectName}, want.project},
		"column actor":       {got.TriggeredBy + " " + got.ActorID, want.actor.Name + " " + want.actor.ID},
		"column origin":      {got.Origin, want.client.Origin},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %s\n got %v\nwant %v", action, field, pair[0], pair[1])
		}
	}
}

// plain is a document as values, so that spacing and order do not count.
func plain(t *testing.T, document []byte) any {
	t.Helper()
	if document == nil {
		return nil
	}
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatalf("%v: %s", err, document)
	}
	return v
}

// secret looks for secrets in an event, as they are and as they could be encoded.
func secret(t *testing.T, e recorded, secrets []string) {
	t.Helper()
	for _, s := range secrets {
		sum := sha256.Sum256([]byte(s))
		for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString(sum[:])} {
			if strings.Contains(string(e.raw), form) {
				t.Errorf("the event %d (%s) holds a secret: %s", e.Seq, e.Action, e.raw)
			}
		}
	}
}
