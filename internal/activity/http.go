// Package activity shows what happened in an organization.
package activity

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// organizationEvent is an event on the wire.
type organizationEvent struct {
	ID              id.Event       `json:"id" format:"uuid" doc:"The event's id."`
	Timestamp       time.Time      `json:"timestamp" doc:"When it happened."`
	EventType       eventType      `json:"event_type" doc:"What was done, in the contract's words."`
	TargetID        *string        `json:"target_id" nullable:"true" format:"uuid" doc:"The id of the thing it was done to."`
	TargetName      string         `json:"target_name" doc:"The thing's name at that time."`
	TargetType      targetType     `json:"target_type" doc:"The kind of the thing."`
	SubTargetType   *subTargetType `json:"sub_target_type" nullable:"true" doc:"The part of the thing; null for the thing itself."`
	Change          string         `json:"change" doc:"The thing after the change, as JSON text; empty after a deletion. Secrets are never in it."`
	OriginalChange  *string        `json:"original_change" nullable:"true" doc:"The thing before the change, as JSON text; null where there was none."`
	Origin          origin         `json:"origin" doc:"The client it was done with."`
	TriggeredBy     string         `json:"triggered_by" doc:"A person's e-mail address, or an API token's name."`
	ProjectID       *string        `json:"project_id" nullable:"true" format:"uuid" doc:"The project it happened in."`
	ProjectName     string         `json:"project_name" doc:"The project's name at that time."`
	EnvironmentID   *string        `json:"environment_id" nullable:"true" format:"uuid" doc:"The environment it happened in."`
	EnvironmentName string         `json:"environment_name" doc:"The environment's name at that time."`
	UserAgent       *string        `json:"user_agent" nullable:"true" doc:"The client's own word of itself."`
	Action          audit.Action   `json:"action" doc:"What was done, in Guildhall's words; finer than event_type. An addition of Guildhall."`
	ActorID         string         `json:"actor_id" doc:"The id of the user or API token. An addition of Guildhall."`
	IPAddress       string         `json:"ip_address" doc:"Where the request came from. An addition of Guildhall."`
	RequestID       string         `json:"request_id" doc:"The request that did it. An addition of Guildhall."`
	Changed         []string       `json:"changed_fields" doc:"The names of the fields that differ. An addition of Guildhall."`
	RevertsTo       *int64         `json:"reverts_to" nullable:"true" doc:"The sequence of the event to whose outcome the change went back; null for any other change. An addition of Guildhall."`
	Sequence        int64          `json:"sequence" doc:"The event's place in the organization's chain. An addition of Guildhall."`
}

type links struct {
	Previous string `json:"previous,omitempty" format:"uri" doc:"The page of newer events; left out on the first page."`
	Next     string `json:"next,omitempty" format:"uri" doc:"The page of older events; left out on the last page."`
}

type organizationEventList struct {
	Links        links               `json:"links" doc:"The neighbouring pages, with the same filters and page size."`
	LimitReached bool                `json:"organization_max_limit_reached" doc:"True where there are older events that the plan does not show."`
	Events       []organizationEvent `json:"events" doc:"The events, newest first."`
}

type target struct {
	ID   string `json:"id" format:"uuid" doc:"The thing's id."`
	Name string `json:"name" doc:"The thing's newest name in the events."`
}

type organizationEventTargets struct {
	Targets []target `json:"targets" doc:"The things that the chosen events are about, by name; at most 1000."`
}

// Retention says how far back an organization's plan lets its activity be read.
type Retention func(ctx context.Context, organization id.Organization) (time.Duration, error)

type handlers struct {
	db        *store.DB
	retention Retention
	publicURL string
	signer    *audit.Signer
	streams   *Streams
}

// Register adds the operations of the activity.
func Register(r *route.Router, db *store.DB, retention Retention, publicURL string, signer *audit.Signer, streams *Streams) {
	h := &handlers{db, retention, publicURL, signer, streams}
	registerOut(r, h)
	const tag = "Organization Event"
	route.Register(r, route.Operation{
		ID: "getOrganizationEvents", Method: http.MethodGet, Path: "/organization/{organizationId}/events", Tag: tag,
		Summary:     "Get all events inside the organization",
		Description: "Newest first. Who has event.read sees everything; others see what happened in the projects they see. The page tokens are opaque: follow links.next and links.previous.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization, Lists: authz.EventRead,
	}, h.events)
	route.Register(r, route.Operation{
		ID: "getOrganizationEventTargets", Method: http.MethodGet, Path: "/organization/{organizationId}/targets", Tag: tag,
		Summary:     "Get available event targets to filter events",
		Description: "The things that the chosen events are about. With targetLevelToFetch the projects, or the environments of one project, that they happened in.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization, Lists: authz.EventRead,
	}, h.targets)
}

// Filters choose events; both operations take them.
type Filters struct {
	route.OrganizationPath
	From        string     `query:"fromTimestamp" maxLength:"32" doc:"Only events since then: seconds since 1970, with a fraction if you like, or nanoseconds."`
	To          string     `query:"toTimestamp" maxLength:"32" doc:"Only events until then, in the same form."`
	EventType   eventType  `query:"eventType" doc:"Only events of this type."`
	TargetType  targetType `query:"targetType" doc:"Only events about things of this kind."`
	TriggeredBy string     `query:"triggeredBy" maxLength:"254" doc:"Only events by this actor, as triggered_by names it."`
	Origin      origin     `query:"origin" doc:"Only events that came through this client."`
}

// Choice is what a list and an export choose by.
type Choice struct {
	Filters
	TargetID      string        `query:"targetId" format:"uuid" doc:"Only events about this thing; needs targetType."`
	SubTargetType subTargetType `query:"subTargetType" doc:"Only events about this part of things."`
	Project       string        `query:"serviceProjectId" maxLength:"36" doc:"Only events in this project."`
	Environment   string        `query:"serviceEnvironmentId" maxLength:"36" doc:"Only events in this environment."`
}

type eventsInput struct {
	Choice
	PageSize      int    `query:"pageSize" minimum:"1" maximum:"100" default:"10" doc:"Events a page."`
	ContinueToken string `query:"continueToken" maxLength:"128" doc:"From links.next: the page of older events."`
	StepBackToken string `query:"stepBackToken" maxLength:"128" doc:"From links.previous: the page of newer events."`
}

// chosen reads all that events are chosen by.
func (in *Choice) chosen(pass authz.Pass) (audit.Filter, *fault.Checks) {
	f, checks := in.filter(pass)
	f.TargetID, f.SubTargetType, f.Project, f.Environment = in.TargetID, string(in.SubTargetType), in.Project, in.Environment
	if in.TargetID != "" && in.TargetType == "" {
		checks.Add("targetId", "needs targetType beside it")
	}
	return f, checks
}

// query is the choice as the query of an address has it.
func (in *Choice) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"fromTimestamp": in.From, "toTimestamp": in.To, "eventType": string(in.EventType), "targetType": string(in.TargetType),
		"targetId": in.TargetID, "subTargetType": string(in.SubTargetType), "triggeredBy": in.TriggeredBy, "origin": string(in.Origin),
		"serviceProjectId": in.Project, "serviceEnvironmentId": in.Environment,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func (h *handlers) events(ctx context.Context, pass authz.Pass, in *eventsInput) (organizationEventList, error) {
	answer := organizationEventList{Events: []organizationEvent{}}
	f, checks := in.chosen(pass)
	if in.ContinueToken != "" && in.StepBackToken != "" {
		checks.Add("continueToken", "cannot stand beside stepBackToken: a page goes one way")
	}
	if err := checks.Err(); err != nil {
		return answer, err
	}
	oldest, err := h.limit(ctx, pass, &f)
	if err != nil {
		return answer, err
	}
	page, err := audit.List(h.db.Reader(ctx), f, in.PageSize, in.ContinueToken, in.StepBackToken)
	if err != nil {
		return answer, err
	}
	for _, e := range page.Events {
		answer.Events = append(answer.Events, shown(e))
	}
	if pass.Also(authz.EventRead) {
		if answer.LimitReached, err = audit.OlderExist(h.db.Reader(ctx), f.Stream, oldest); err != nil {
			return answer, err
		}
	}
	answer.Links.Next = h.link(in, "continueToken", page.Older)
	answer.Links.Previous = h.link(in, "stepBackToken", page.Newer)
	return answer, nil
}

// filter reads what both operations share, and narrows it to what the caller sees.
func (in *Filters) filter(pass authz.Pass) (audit.Filter, *fault.Checks) {
	checks := &fault.Checks{}
	f := audit.Filter{
		Stream: string(pass.Organization()), From: moment(checks, "fromTimestamp", in.From), To: moment(checks, "toTimestamp", in.To),
		EventType: string(in.EventType), TargetType: string(in.TargetType), TriggeredBy: in.TriggeredBy, Origin: string(in.Origin),
	}
	f.InProjects, f.Roles = sight(pass)
	return f, checks
}

// sight is what narrows a filter to what the caller sees.
func sight(pass authz.Pass) (inProjects bool, roles [2]string) {
	if pass.Also(authz.EventRead) {
		return false, roles
	}
	see := pass.Projects()
	return true, [2]string{string(see[0]), string(see[1])}
}

// limit moves the filter's beginning up to what the plan shows.
func (h *handlers) limit(ctx context.Context, pass authz.Pass, f *audit.Filter) (clock.Time, error) {
	retention, err := h.retention(ctx, pass.Organization())
	oldest := h.db.Now().Add(-retention)
	f.From = max(f.From, oldest)
	return oldest, err
}

// moment reads the forms that clients send: seconds, seconds with a fraction, and
// the nanoseconds of the documentation. It reads digits rather than a floating-point
// number, which would miss by a microsecond; what is finer is cut off.
func moment(checks *fault.Checks, field, text string) clock.Time {
	if text == "" {
		return 0
	}
	seconds, fraction, _ := strings.Cut(text, ".")
	whole, err := strconv.ParseUint(seconds, 10, 63)
	micros, badFraction := strconv.ParseUint((fraction + "000000")[:6], 10, 63)
	switch {
	case err != nil, badFraction != nil, strings.Trim(fraction, "0123456789") != "":
	case whole >= 1e17 && fraction == "": // nanoseconds since 1973
		return clock.Time(whole / 1000)
	case whole < 1e11: // seconds until past the year 5000
		return clock.Time(whole*1e6 + micros)
	}
	checks.Add(field, "must be seconds or nanoseconds since 1970, such as 1767225600")
	return 0
}

// link makes the address of a neighbouring page: absolute, with the same filters.
func (h *handlers) link(in *eventsInput, parameter, token string) string {
	if token == "" {
		return ""
	}
	q := in.query()
	q.Set("pageSize", strconv.Itoa(in.PageSize))
	q.Set(parameter, token)
	return h.publicURL + "/organization/" + url.PathEscape(in.OrganizationID) + "/events?" + q.Encode()
}

func shown(e audit.Event) organizationEvent {
	out := organizationEvent{
		ID: e.ID, Timestamp: e.At.Std(), EventType: eventType(e.Wire.EventType), TargetID: orNull(e.Target.ID), TargetName: e.Target.Name,
		TargetType: targetType(e.Wire.TargetType), Change: text(e.After), Origin: origin(e.Client.Origin), TriggeredBy: e.Actor.Name,
		ProjectID: orNull(e.Project.ID), ProjectName: e.Project.Name, EnvironmentID: orNull(e.Environment.ID), EnvironmentName: e.Environment.Name,
		UserAgent: orNull(e.Client.UserAgent), Action: e.Action, ActorID: e.Actor.ID, IPAddress: e.Client.Address, RequestID: e.Client.RequestID,
		Changed: e.Changed, Sequence: e.Seq, OriginalChange: orNull(text(e.Before)),
	}
	if e.Wire.SubTargetType != "" {
		sub := subTargetType(e.Wire.SubTargetType)
		out.SubTargetType = &sub
	}
	if e.Reverts != 0 {
		out.RevertsTo = &e.Reverts
	}
	if out.Changed == nil {
		out.Changed = []string{}
	}
	return out
}

func text(document json.RawMessage) string { return string(document) }

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type targetsInput struct {
	Filters
	Project     string      `query:"projectId" format:"uuid" doc:"Only events in this project; needed for the level ENVIRONMENT."`
	Environment string      `query:"environmentId" format:"uuid" doc:"Only events in this environment."`
	Level       targetLevel `query:"targetLevelToFetch" doc:"PROJECT or ENVIRONMENT: what the events happened in, instead of what they are about."`
}

func (h *handlers) targets(ctx context.Context, pass authz.Pass, in *targetsInput) (organizationEventTargets, error) {
	answer := organizationEventTargets{Targets: []target{}}
	f, checks := in.filter(pass)
	f.Project, f.Environment = in.Project, in.Environment
	level := audit.TargetLevel
	switch in.Level {
	case "PROJECT":
		level = audit.ProjectLevel
	case "ENVIRONMENT":
		level = audit.EnvironmentLevel
		if in.Project == "" {
			checks.Add("projectId", "is needed for the level ENVIRONMENT")
		}
	}
	if err := checks.Err(); err != nil {
		return answer, err
	}
	if _, err := h.limit(ctx, pass, &f); err != nil {
		return answer, err
	}
	facets, err := audit.Facets(h.db.Reader(ctx), f, level)
	for _, x := range facets {
		answer.Targets = append(answer.Targets, target(x))
	}
	return answer, err
}
