package route

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// DryRun is the answer of a dry run: that of the write, and what it would have done.
type DryRun struct {
	DryRun bool            `json:"dry_run" doc:"Always true: nothing was changed."`
	Status int             `json:"status" doc:"The HTTP status that the write would have answered." example:"201"`
	Answer json.RawMessage `json:"answer,omitempty" doc:"The body that the write would have answered; left out where it has none. Ids that it would make and times are others when it is done, and what is handed out once is masked."`
	Foresight
}

// Foresight is what a write would do.
type Foresight struct {
	Changes    []ForeseenChange   `json:"changes" doc:"Each event that the write would record."`
	Access     ForeseenAccess     `json:"access" doc:"Who would gain and lose which access."`
	References ForeseenReferences `json:"references" doc:"What refers to the things that would be changed or deleted."`
}

// ForeseenChange is an event that would be recorded.
type ForeseenChange struct {
	Organization id.Organization `json:"organization_id,omitempty" doc:"The organization in whose record the event would be; left out for the record of the server."`
	Action       string          `json:"action" doc:"What would happen." example:"member.role"`
	TargetID     string          `json:"target_id,omitempty" doc:"The id of what would be changed; left out where it is a secret."`
	TargetName   string          `json:"target_name,omitempty" doc:"Its name."`
	Before       json.RawMessage `json:"before,omitempty" doc:"The thing as it is, secrets masked; left out for a new one."`
	After        json.RawMessage `json:"after,omitempty" doc:"The thing as it would be; left out where it would be gone."`
	Changed      []string        `json:"changed" doc:"The fields that differ between the two."`
}

// ForeseenAccess is who would gain and lose what. The numbers count everybody; the
// lists name at most 100, and of those only whom the caller may see.
type ForeseenAccess struct {
	Gains         []ActorAccess `json:"gains" doc:"Who would gain access, people first; at most 100 that the caller may see."`
	Losses        []ActorAccess `json:"losses" doc:"Who would lose access, people first; at most 100 that the caller may see."`
	PeopleGaining int           `json:"people_gaining" doc:"How many people would gain access."`
	PeopleLosing  int           `json:"people_losing" doc:"How many people would lose access."`
	PeopleOut     int           `json:"people_out" doc:"How many of them would lose all of it."`
	TokensGaining int           `json:"tokens_gaining" doc:"How many API tokens would gain access."`
	TokensLosing  int           `json:"tokens_losing" doc:"How many API tokens would lose access."`
	TokensStopped int           `json:"tokens_stopped" doc:"How many of them would stop working."`
}

// ActorAccess is what one member or API token would gain or lose.
type ActorAccess struct {
	Organization id.Organization `json:"organization_id" format:"uuid" doc:"The organization in which."`
	ActorType    authn.Kind      `json:"actor_type" enum:"user,api_token" doc:"A member, or an API token."`
	ActorID      string          `json:"actor_id" format:"uuid" doc:"The user's or the token's id."`
	ActorName    string          `json:"actor_name" doc:"The e-mail address, or the token's name."`
	Everything   bool            `json:"everything" doc:"Whether it is all that they have, or would have."`
	Access       []AccessChange  `json:"access" doc:"What exactly; at most 500."`
	More         int             `json:"more" doc:"How many more there are."`
}

// AccessChange is a permission that somebody would gain or lose.
type AccessChange struct {
	Permission authz.Permission `json:"permission" doc:"The permission."`
	Scope      authz.Kind       `json:"scope" enum:"organization,project,cluster" doc:"Where: everywhere in the organization, or in one project or cluster."`
	ScopeID    string           `json:"scope_id" format:"uuid" doc:"The id of the organization, project or cluster."`
	Modes      []authz.Mode     `json:"modes" doc:"In environments of which modes; empty where the mode does not matter."`
	Except     []id.Object      `json:"except" doc:"The projects or clusters in which it is otherwise; they have rows of their own where anything changes there."`
}

// ForeseenReferences are what refers to the things in question.
type ForeseenReferences struct {
	Total   int                 `json:"total" doc:"How many there are."`
	Results []ForeseenReference `json:"results" doc:"The first 100 that the caller may see."`
}

// ForeseenReference is a thing that refers to another.
type ForeseenReference struct {
	Type     string `json:"type" doc:"What it is: member, api_token, invitation, role, project, and other kinds of things."`
	ID       string `json:"id,omitempty" doc:"Its id; left out where that is a secret."`
	Name     string `json:"name" doc:"Its name."`
	Relation string `json:"relation" enum:"holds,made_by,in,uses" doc:"How: it holds the role, was made by the person, lies in the thing, or uses it."`
	TargetID string `json:"target_id" doc:"What it refers to."`
}

// Foresee runs fn with Writes that are taken back, and tells what they would have
// done as far as the actor may see it.
type Foresee func(ctx context.Context, actor authn.Actor, fn func(ctx context.Context) error) (Foresight, error)

// Foresee is for pages: what fn would do under a pass, before somebody is asked whether
// they mean it.
func (r *Router) Foresee(ctx context.Context, pass authz.Pass, fn func(ctx context.Context) error) (Foresight, error) {
	return r.foresee(ctx, pass.Actor(), fn)
}

// Masked stands in a dry run for what a write hands out once.
const Masked = "(dry run)"

// Once is a secret that is handed out once: not in a dry run, where it is good for nothing.
func Once(ctx context.Context, secret string) string {
	if store.IsDryRun(ctx) {
		return Masked
	}
	return secret
}

const (
	dryParameter  = "dry_run"
	dryPreference = "dry-run"
)

var dryRunType = reflect.TypeFor[DryRun]()

// Writes tells whether the operation changes anything.
func (op Operation) Writes() bool { return op.Method != http.MethodGet }

// documentDryRun describes the dry run of an operation that has one.
func (r *Router) documentDryRun(op Operation, doc *huma.Operation) {
	if !op.Writes() || op.NoDryRun != "" {
		return
	}
	if doc.Extensions == nil {
		doc.Extensions = map[string]any{}
	}
	schema := r.api.OpenAPI().Components.Schemas.Schema(dryRunType, true, "DryRun")
	doc.Extensions["x-guildhall-dry-run"] = map[string]any{"status": http.StatusOK, "schema": map[string]any{"$ref": schema.Ref}}
	doc.Parameters = append(doc.Parameters,
		&huma.Param{
			Name: dryParameter, In: "query", Schema: &huma.Schema{Type: "boolean"},
			Description: "With true nothing is changed: the answer is 200 with a DryRun, which holds what would have been answered, what would be changed, who would gain and lose which access, and what refers to the thing. What would be refused is refused the same.",
		},
		&huma.Param{
			Name: "Prefer", In: "header", Schema: &huma.Schema{Type: "string"},
			Description: "With dry-run the same as dry_run=true. The answer has the header Preference-Applied.",
		})
}

// wantsDryRun reads what a request says of it.
func wantsDryRun(hc huma.Context) (bool, error) {
	u := hc.URL()
	wanted := false
	for _, value := range u.Query()[dryParameter] {
		if value != "true" && value != "false" {
			checks := &fault.Checks{}
			checks.Add(dryParameter, "must be true or false")
			return false, checks.Err()
		}
		wanted = wanted || value == "true"
	}
	hc.EachHeader(func(name, value string) {
		if !strings.EqualFold(name, "Prefer") {
			return
		}
		for preference := range strings.SplitSeq(value, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			preference, _, _ = strings.Cut(preference, "=")
			wanted = wanted || strings.EqualFold(strings.TrimSpace(preference), dryPreference)
		}
	})
	return wanted, nil
}

// withoutDryRun is a request's address without the parameter: with it and without it
// the same is asked for.
func withoutDryRun(u *url.URL) string {
	query := u.Query()
	if !query.Has(dryParameter) {
		return u.RequestURI()
	}
	query.Del(dryParameter)
	rest := *u
	rest.RawQuery = query.Encode()
	return rest.RequestURI()
}

// foreseen answers an operation as a dry run.
func (r *Router) foreseen(hc huma.Context, actor authn.Actor, next func(ctx context.Context, hc huma.Context)) {
	held := &heldBack{humaContext: hc}
	foresight, err := r.foresee(hc.Context(), actor, func(ctx context.Context) error {
		next(ctx, held)
		return nil
	})
	if err != nil {
		r.refuse(hc, err)
		return
	}
	hc.SetHeader("Preference-Applied", dryPreference)
	if held.status >= http.StatusBadRequest {
		held.release()
		return
	}
	answer := DryRun{DryRun: true, Status: held.status, Answer: bytes.TrimSpace(held.body.Bytes()), Foresight: foresight}
	if replayed := held.header.Get("Idempotency-Replayed"); replayed != "" {
		hc.SetHeader("Idempotency-Replayed", replayed)
	}
	hc.SetHeader("Content-Type", "application/json")
	hc.SetStatus(http.StatusOK)
	_ = format.Marshal(hc.BodyWriter(), answer) // the client has gone when this fails
}

// heldBack keeps an answer.
type heldBack struct {
	humaContext
	status int
	header http.Header
	body   bytes.Buffer
}

// Unwrap lets the adapter find its own context.
func (c *heldBack) Unwrap() huma.Context { return c.humaContext }

// SetStatus keeps the status.
func (c *heldBack) SetStatus(status int) { c.status = status }

// Status is the status so far.
func (c *heldBack) Status() int { return c.status }

// SetHeader keeps a header.
func (c *heldBack) SetHeader(name, value string) {
	if c.header == nil {
		c.header = http.Header{}
	}
	c.header.Set(name, value)
}

// AppendHeader keeps a further value of a header.
func (c *heldBack) AppendHeader(name, value string) {
	if c.header == nil {
		c.header = http.Header{}
	}
	c.header.Add(name, value)
}

// BodyWriter keeps the body.
func (c *heldBack) BodyWriter() io.Writer { return &c.body }

// release answers what was kept.
func (c *heldBack) release() {
	for name, values := range c.header {
		for _, value := range values {
			c.humaContext.AppendHeader(name, value)
		}
	}
	c.humaContext.SetStatus(c.status)
	_, _ = c.humaContext.BodyWriter().Write(c.body.Bytes()) // the client has gone when this fails
}
