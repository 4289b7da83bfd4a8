package history

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// pageSize is that of a page for which no limit is asked.
const pageSize = 20

type fieldChange struct {
	Field  string `json:"field" doc:"The field's name."`
	Before any    `json:"before,omitempty" doc:"Its value before; left out where that was null or nothing."`
	After  any    `json:"after,omitempty" doc:"Its value from then on; left out where that is null or nothing."`
}

// document is a thing as events show it; each kind has its own fields.
type document map[string]any

// Schema describes any object, or null.
func (document) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: "object", AdditionalProperties: true, Nullable: true}
}

type version struct {
	Version     int64         `json:"version" doc:"The version's number: the sequence of its event in the organization's record."`
	Timestamp   time.Time     `json:"timestamp" doc:"When it was made."`
	Action      audit.Action  `json:"action" doc:"What was done, in Guildhall's words."`
	Name        string        `json:"name" doc:"What the thing was called then."`
	TriggeredBy string        `json:"triggered_by" doc:"Who did it: a person's e-mail address, or an API token's name."`
	ActorID     string        `json:"actor_id" doc:"The id of the user or API token."`
	Origin      string        `json:"origin" doc:"The client it was done with, as in events."`
	UserAgent   string        `json:"user_agent" doc:"The client's own word of itself."`
	IPAddress   string        `json:"ip_address" doc:"Where the request came from."`
	RequestID   string        `json:"request_id" doc:"The request that did it."`
	RevertsTo   *int64        `json:"reverts_to" nullable:"true" doc:"The version that this one went back to; null for any other change."`
	Changes     []fieldChange `json:"changes" doc:"The fields that changed, by name; of a new thing and of one that ends, none."`
	Exists      bool          `json:"exists" doc:"Whether the thing was there from then on; false where this is its end."`
	State       document      `json:"state" doc:"The thing as it was from then on, as events show it: without secrets; null where this is its end."`
}

type versionList struct {
	Kind    string    `json:"kind" enum:"annotations_group,api_token,container_registry,credential,git_token,helm_repository,invitation,labels_group,member,organization,project,role" doc:"What the thing is."`
	Results []version `json:"results" doc:"Its versions, newest first."`
	Next    int64     `json:"next,omitempty" doc:"Give it as after for the next page; left out on the last one."`
	Limited bool      `json:"organization_max_limit_reached" doc:"True where there are older versions that the plan does not show."`
}

type stateAnswer struct {
	Kind    string    `json:"kind" enum:"annotations_group,api_token,container_registry,credential,git_token,helm_repository,invitation,labels_group,member,organization,project,role" doc:"What the thing is."`
	At      time.Time `json:"time" doc:"The moment that was asked for."`
	Exists  bool      `json:"exists" doc:"Whether the thing was there."`
	State   document  `json:"state" doc:"The thing as it was, as events show it; null where it was not there."`
	Version *version  `json:"version,omitempty" doc:"The version that this is; left out where it is older than what the record or the plan shows."`
}

type deletedThing struct {
	ID        string    `json:"id" format:"uuid" doc:"The thing's id, by which its history is read too. That of an invitation is not the one of its link."`
	Kind      string    `json:"kind" enum:"annotations_group,api_token,container_registry,credential,git_token,helm_repository,invitation,labels_group,member,organization,project,role" doc:"What it is."`
	Name      string    `json:"name" doc:"Its name, or the person's address."`
	DeletedAt time.Time `json:"deleted_at" doc:"When it was deleted."`
	Until     time.Time `json:"restorable_until" doc:"When it is removed for good."`
}

type deletedList struct {
	Results []deletedThing `json:"results" doc:"What the caller can restore, newest first; what lies in a deleted project comes back with it."`
	Next    string         `json:"next,omitempty" doc:"Give it as after for the next page; left out on the last one."`
}

type handlers struct{ service *Service }

// Register adds the operations of the history.
func Register(r *route.Router, s *Service) {
	h := &handlers{s}
	const tag, path, gone = "History", "/organization/{organizationId}/history/{targetId}", "/organization/{organizationId}/deleted"
	route.Register(r, route.Operation{
		ID: "getHistory", Method: http.MethodGet, Path: path, Tag: tag, Own: true, Summary: "List the versions of a thing",
		Description: "Of the organization, a project, a custom role, a member (by the user's id), an API token, an invitation, credentials, a container registry, a helm repository, a git token or a group of labels or annotations: who made which version, when, from where, what changed, and what the thing was from then on. Whoever sees the thing's events sees its versions, as far back as the plan shows events; deleted things have a history too.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization, Lists: authz.EventRead,
	}, h.list)
	route.Register(r, route.Operation{
		ID: "getHistoryAt", Method: http.MethodGet, Path: path + "/at", Tag: tag, Own: true, Summary: "Show a thing as it was",
		Description: "At a moment that the plan shows.", Permission: authz.OrganizationView, Scope: route.InOrganization, Lists: authz.EventRead,
	}, h.at)
	route.Register(r, route.Operation{
		ID: "revertToVersion", Matches: "getHistory", Method: http.MethodPost, Path: path + "/revert", Tag: tag, Own: true, Summary: "Revert a thing to one of its versions",
		Description: "An edit like any other: for who may make it by hand, by the same rules, and the answer is the new version; that of a dry run is the version of now, beside the changes that would be made. Of the organization the name and the profile go back, of a project the name and the description, of a custom role everything, of a member the role, of credentials, registries, repositories, git tokens and groups everything but the secrets: those of today stay while they belong to the same, or the revert is refused. API tokens and invitations do not change, so there is nothing to go back to.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization,
		Refusals: []fault.Code{fault.NameTaken, fault.CannotGrant, fault.LimitReached, fault.IdempotencyReused},
	}, h.revert)
	route.Register(r, route.Operation{
		ID: "listDeleted", Method: http.MethodGet, Path: gone, Tag: "Deleted Things", Own: true, Summary: "List what was deleted and can be restored",
		Description: "Projects, custom roles, API tokens, memberships, invitations, credentials, registries, repositories, git tokens and groups that the caller could delete.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization, Lists: authz.ProjectDelete,
	}, h.deleted)
	route.Register(r, route.Operation{
		ID: "restoreDeleted", Matches: "listDeleted", Method: http.MethodPost, Path: gone + "/{deletedId}/restore", Tag: "Deleted Things", Own: true, Summary: "Restore what was deleted",
		Description: "With the same id and all that was deleted with it: a project with what lies in it, an API token, credentials or a registry with the secret, a member with the role. For who could delete it now, and never more than the caller may give. A name that was taken meanwhile is a conflict; send another one then.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization,
		Refusals: []fault.Code{fault.NameTaken, fault.NotRestorable, fault.AlreadyInvited, fault.CannotGrant, fault.LimitReached, fault.IdempotencyReused},
	}, h.restore)
}

// TargetPath is the path of operations on the history of a thing.
type TargetPath struct {
	route.OrganizationPath
	Target string `path:"targetId" format:"uuid" doc:"The thing's id; a member's is that of the user, an invitation's stands in its events."`
}

func (p TargetPath) target() (string, error) { return route.PathID[string]("targetId", p.Target) }

// document reads a thing's document less what is not its own.
func (k Kind) document(text json.RawMessage) (document, error) {
	if text == nil {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var fields document
	err := d.Decode(&fields)
	maps.DeleteFunc(fields, func(name string, _ any) bool { return slices.Contains(k.Derived, name) })
	return fields, err
}

func (k Kind) shown(v audit.Version) (version, error) {
	out := version{
		Version: v.Seq, Timestamp: v.At.Std(), Action: v.Action, Name: v.Target.Name, TriggeredBy: v.Actor.Name, ActorID: v.Actor.ID,
		Origin: v.Client.Origin, UserAgent: v.Client.UserAgent, IPAddress: v.Client.Address, RequestID: v.Client.RequestID,
		Changes: []fieldChange{}, Exists: v.After != nil,
	}
	if v.Reverts != 0 {
		out.RevertsTo = &v.Reverts
	}
	before, err := k.document(v.Before)
	if err != nil {
		return out, err
	}
	if out.State, err = k.document(v.After); err != nil || before == nil || out.State == nil {
		return out, err
	}
	for _, field := range v.Changed {
		if !slices.Contains(k.Derived, field) {
			out.Changes = append(out.Changes, fieldChange{field, before[field], out.State[field]})
		}
	}
	return out, nil
}

type listInput struct {
	TargetPath
	Limit int   `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Versions a page."`
	After int64 `query:"after" minimum:"0" doc:"From next: only versions older than this one."`
}

func (h *handlers) list(ctx context.Context, pass authz.Pass, in *listInput) (versionList, error) {
	answer := versionList{Results: []version{}}
	target, err := in.target()
	if err != nil {
		return answer, err
	}
	below := int64(1<<63 - 1)
	if in.After > 0 {
		below = in.After
	}
	story, err := h.service.List(ctx, pass, target, below, cmp.Or(in.Limit, pageSize))
	if err != nil {
		return answer, err
	}
	answer.Kind, answer.Limited = story.Kind.Name, story.Hidden
	for _, v := range story.Versions {
		shown, err := story.Kind.shown(v)
		if err != nil {
			return answer, err
		}
		answer.Results = append(answer.Results, shown)
	}
	if story.More {
		answer.Next = story.Versions[len(story.Versions)-1].Seq
	}
	return answer, nil
}

type atInput struct {
	TargetPath
	Time time.Time `query:"time" doc:"The moment, as 2026-03-01T12:00:00Z; now where it is left out."`
}

func (h *handlers) at(ctx context.Context, pass authz.Pass, in *atInput) (stateAnswer, error) {
	target, err := in.target()
	if err != nil {
		return stateAnswer{}, err
	}
	at := h.service.db.Now()
	if !in.Time.IsZero() {
		at = min(clock.At(in.Time), at)
	}
	state, kind, err := h.service.At(ctx, pass, target, at)
	if err != nil {
		return stateAnswer{}, err
	}
	answer := stateAnswer{Kind: kind.Name, At: at.Std(), Exists: state.Document != nil}
	if answer.State, err = kind.document(state.Document); err != nil || state.Version == nil {
		return answer, err
	}
	shown, err := kind.shown(*state.Version)
	answer.Version = &shown
	return answer, err
}

type revertRequest struct {
	Version int64 `json:"version" minimum:"1" doc:"The number of the version to go back to."`
}

type revertInput struct {
	TargetPath
	Body revertRequest
}

func (h *handlers) revert(ctx context.Context, pass authz.Pass, in *revertInput) (version, error) {
	target, err := in.target()
	if err != nil {
		return version{}, err
	}
	v, kind, err := h.service.Revert(ctx, pass, target, in.Body.Version)
	if err != nil {
		return version{}, err
	}
	return kind.shown(v)
}

type deletedInput struct {
	route.OrganizationPath
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Things a page."`
	After string `query:"after" maxLength:"64" doc:"From next: the page behind that one."`
}

// place reads where a page begins: the moment and the id of the last thing of the one before.
func (in *deletedInput) place() (clock.Time, string, error) {
	if in.After == "" {
		return 1<<63 - 1, "", nil
	}
	at, thing, ok := strings.Cut(in.After, ".")
	moment, err := strconv.ParseInt(at, 10, 64)
	checks := &fault.Checks{}
	if thing, idErr := route.PathID[string]("after", thing); ok && err == nil && idErr == nil {
		return clock.Time(moment), thing, nil
	}
	checks.Add("after", "is not a token that this server gave out")
	return 0, "", checks.Err()
}

func (h *handlers) deleted(ctx context.Context, pass authz.Pass, in *deletedInput) (deletedList, error) {
	answer := deletedList{Results: []deletedThing{}}
	at, thing, err := in.place()
	if err != nil {
		return answer, err
	}
	list, more, err := h.service.Deleted(ctx, pass, at, thing, cmp.Or(in.Limit, pageSize))
	for _, d := range list {
		answer.Results = append(answer.Results, deletedThing{d.ID, d.Kind, d.Name, d.At.Std(), d.At.Add(h.service.near.Grace).Std()})
	}
	if more {
		last := list[len(list)-1]
		answer.Next = strconv.FormatInt(int64(last.At), 10) + "." + last.ID
	}
	return answer, err
}

type restoreRequest struct {
	Name string `json:"name,omitempty" doc:"Another name, for anything but a member or an invitation whose name was taken meanwhile."`
}

type restoreInput struct {
	route.OrganizationPath
	Deleted string `path:"deletedId" format:"uuid" doc:"The thing's id, as listDeleted gives it."`
	Body    restoreRequest
}

type restoredThing struct {
	ID   string `json:"id" format:"uuid" doc:"The thing's id, as before."`
	Kind string `json:"kind" enum:"annotations_group,api_token,container_registry,credential,git_token,helm_repository,invitation,labels_group,member,organization,project,role" doc:"What it is."`
}

func (h *handlers) restore(ctx context.Context, pass authz.Pass, in *restoreInput) (restoredThing, error) {
	target, err := route.PathID[string]("deletedId", in.Deleted)
	if err != nil {
		return restoredThing{}, err
	}
	d, err := h.service.Restore(ctx, pass, target, in.Body.Name)
	return restoredThing{d.ID, d.Kind}, err
}
