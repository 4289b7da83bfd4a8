package activity_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// busy is an organization in which all sorts of things have happened.
type busy struct {
	s            *apptest.Server
	jane, joe    *apptest.Caller // the owner and an admin
	robot        *apptest.Caller // an API token of Jane's, an ADMIN
	organization id.Organization
	web, shop    audit.Reference // projects
	staging      audit.Reference // an environment of the first
}

func (b *busy) path() string { return "/organization/" + string(b.organization) }

// newBusy lets a second pass between one event and the next.
func newBusy(t *testing.T, s *apptest.Server) *busy {
	t.Helper()
	b := &busy{s: s, jane: s.Person(t, "jane@example.com")}
	tick := func() { s.Clock.Advance(time.Second) }
	project := func(c *apptest.Caller, name string) audit.Reference {
		tick()
		return audit.Reference{ID: string(c.Project(t, b.organization, name)), Name: name}
	}
	b.organization = b.jane.Organization(t, "Acme")
	tick()
	b.joe = s.Member(t, b.organization, "joe@example.com", authz.Admin)
	tick()
	b.robot = b.jane.Token(t, b.organization, "robot", authz.Admin)
	b.web = project(b.jane, "Web")
	b.shop = project(b.robot.With("User-Agent", "Terraform provider/1.0"), "Shop")
	gone := project(b.joe, "Gone")
	tick()
	b.joe.With("User-Agent", "CLI 1.0").Put(t, "/project/"+b.web.ID, map[string]any{"name": "Web site"}).Must(t, 200)
	b.web.Name = "Web site"
	tick()
	b.joe.Delete(t, "/project/"+gone.ID).Must(t, 204)
	tick()
	b.jane.With("User-Agent", "CLI 1.0").Put(t, b.path(), map[string]any{"name": "Acme Two"}).Must(t, 200)
	// Environments are not served yet; their events are.
	b.staging = audit.Reference{ID: id.New[string](), Name: "staging"}
	for _, action := range []audit.Action{audit.ProjectCreate, audit.ProjectUpdate} {
		tick()
		b.record(t, b.organization, audit.Entry{Action: action, Target: b.staging, Project: b.web, Environment: b.staging})
	}
	tick()
	b.jane.Delete(t, b.path()+"/apiToken/"+string(b.jane.Token(t, b.organization, "old", authz.Viewer).TokenID)).Must(t, 204)
	return b
}

func (b *busy) record(t *testing.T, organization id.Organization, e audit.Entry) {
	t.Helper()
	pass := authz.System("test").On(organization)
	if err := store.Do(t.Context(), b.s.DB, pass, func(tx *store.Tx) error { return audit.Record(tx, string(organization), pass, e) }); err != nil {
		t.Fatal(err)
	}
}

type event = map[string]any

// all are the events of the organization as its owner sees them.
func (b *busy) all(t *testing.T) []event {
	t.Helper()
	var list []event
	for _, e := range b.jane.Get(t, b.path()+"/events?pageSize=100").Must(t, 200).List("events") {
		list = append(list, e.(event))
	}
	return list
}

func field(name string, want any) func(event) bool {
	return func(e event) bool { return e[name] == want }
}

// seconds since 1970 at which an event happened.
func at(t *testing.T, e event) float64 {
	t.Helper()
	moment, err := time.Parse(time.RFC3339Nano, e["timestamp"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return float64(moment.UnixMicro()) / 1e6
}

// TestFilters asks with every filter, and compares with what the whole list holds.
func TestFilters(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		b := newBusy(t, s)
		all := b.all(t)
		if len(all) != 13 {
			t.Fatalf("%d events, want 13: %v", len(all), all)
		}
		middle := apptest.Epoch.Unix() + 5
		since := func(e event) bool { return at(t, e) >= float64(middle) }
		until := func(e event) bool { return at(t, e) <= float64(middle) }
		both := func(a, b func(event) bool) func(event) bool { return func(e event) bool { return a(e) && b(e) } }
		tests := []struct {
			query  url.Values
			wanted func(event) bool
		}{
			{url.Values{"eventType": {"CREATE"}}, field("event_type", "CREATE")},
			{url.Values{"eventType": {"UPDATE"}}, field("event_type", "UPDATE")},
			{url.Values{"eventType": {"DELETE"}}, field("event_type", "DELETE")},
			{url.Values{"targetType": {"PROJECT"}}, field("target_type", "PROJECT")},
			{url.Values{"targetType": {"MEMBERS_AND_ROLES"}}, field("target_type", "MEMBERS_AND_ROLES")},
			{url.Values{"targetType": {"PROJECT"}, "targetId": {b.web.ID}}, field("target_id", b.web.ID)},
			{url.Values{"targetType": {"ORGANIZATION"}, "targetId": {string(b.robot.TokenID)}}, field("target_id", string(b.robot.TokenID))},
			{url.Values{"subTargetType": {"API_TOKEN"}}, field("sub_target_type", "API_TOKEN")},
			{url.Values{"triggeredBy": {"joe@example.com"}}, field("triggered_by", "joe@example.com")},
			{url.Values{"triggeredBy": {"robot"}}, field("triggered_by", "robot")},
			{url.Values{"origin": {"CLI"}}, field("origin", "CLI")},
			{url.Values{"origin": {"TERRAFORM_PROVIDER"}}, field("origin", "TERRAFORM_PROVIDER")},
			{url.Values{"origin": {"QOVERY_INTERNAL"}}, field("origin", "QOVERY_INTERNAL")},
			{url.Values{"serviceProjectId": {b.web.ID}}, field("project_id", b.web.ID)},
			{url.Values{"serviceEnvironmentId": {b.staging.ID}}, field("environment_id", b.staging.ID)},
			{url.Values{"fromTimestamp": {fmt.Sprint(middle)}}, since},
			{url.Values{"toTimestamp": {fmt.Sprint(middle)}}, until},
			{url.Values{"fromTimestamp": {fmt.Sprint(middle)}, "toTimestamp": {fmt.Sprint(middle)}}, both(since, until)},
			{url.Values{"fromTimestamp": {fmt.Sprint(middle) + "000000000"}}, since},
			{url.Values{"toTimestamp": {fmt.Sprint(middle) + ".0"}}, until},
			{url.Values{"fromTimestamp": {fmt.Sprint(middle) + ".5"}}, func(e event) bool { return at(t, e) > float64(middle) }},
			{url.Values{"toTimestamp": {fmt.Sprint(middle-1) + "999999999"}}, func(e event) bool { return at(t, e) < float64(middle) }},
			{url.Values{"eventType": {"CREATE"}, "triggeredBy": {"joe@example.com"}}, both(field("event_type", "CREATE"), field("triggered_by", "joe@example.com"))},
			{url.Values{"origin": {"CLI"}, "targetType": {"ORGANIZATION"}}, both(field("origin", "CLI"), field("target_type", "ORGANIZATION"))},
		}
		for _, c := range tests {
			var want []int64
			for _, e := range all {
				if c.wanted(e) {
					want = append(want, int64(e["sequence"].(float64)))
				}
			}
			if len(want) == 0 || len(want) == len(all) {
				t.Errorf("%v: the filter is not tested by %d of %d events", c.query, len(want), len(all))
			}
			c.query.Set("pageSize", "100")
			if r := b.jane.Get(t, b.path()+"/events?"+c.query.Encode()).Must(t, 200); !slices.Equal(sequences(r), want) {
				t.Errorf("%v: %v, want %v", c.query, sequences(r), want)
			}
		}
		for name, nothing := range map[string]url.Values{
			"a name in another case": {"triggeredBy": {"JOE@example.com"}}, "a part of a name": {"triggeredBy": {"joe"}}, "SQL": {"triggeredBy": {"' OR '1'='1"}},
			"another type of target": {"targetType": {"ORGANIZATION"}, "targetId": {b.web.ID}}, "an unknown project": {"serviceProjectId": {id.Nil}},
			"a time to come": {"fromTimestamp": {"4102444800"}}, "a time long ago": {"toTimestamp": {"1"}}, "an origin without events": {"origin": {"GIT"}},
		} {
			if r := b.jane.Get(t, b.path()+"/events?"+nothing.Encode()).Must(t, 200); len(sequences(r)) != 0 {
				t.Errorf("%s: %v", name, sequences(r))
			}
		}
	})
}

// TestMicroseconds: an event is found by its own exact time, in every form.
func TestMicroseconds(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		path := "/organization/" + string(jane.Organization(t, "Acme")) + "/events"
		for n := range 40 {
			s.Clock.Advance(time.Duration(n*7919+1) * time.Microsecond)
			jane.Project(t, id.Organization(path[14:50]), fmt.Sprint("project ", n))
		}
		for _, e := range jane.Get(t, path+"?pageSize=40").List("events") {
			moment, err := time.Parse(time.RFC3339Nano, e.(event)["timestamp"].(string))
			if err != nil {
				t.Fatal(err)
			}
			want := []int64{int64(e.(event)["sequence"].(float64))}
			for _, form := range []string{fmt.Sprintf("%d.%06d", moment.Unix(), moment.Nanosecond()/1000), fmt.Sprint(moment.UnixNano())} {
				if r := jane.Get(t, path+"?fromTimestamp="+form+"&toTimestamp="+form).Must(t, 200); !slices.Equal(sequences(r), want) {
					t.Errorf("at %s: %v, want %v", form, sequences(r), want)
				}
			}
		}
	})
}

// TestEventOnTheWire: an event has every key of the contract, null where it has nothing to say.
func TestEventOnTheWire(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		b := newBusy(t, s)
		c := b.robot.With("User-Agent", "CLI 2.0").With("X-Request-Id", "request-0001")
		r := c.Put(t, "/project/"+b.web.ID, map[string]any{"name": "Site", "description": `"<ü>&`}).Must(t, 200)
		e := b.all(t)[0]
		var change, answer any
		text, _ := e["change"].(string)
		if err := errors.Join(json.Unmarshal([]byte(text), &change), json.Unmarshal(r.Body, &answer)); err != nil || !reflect.DeepEqual(change, answer) {
			t.Errorf("change %v (%v)\nanswer %s", e["change"], err, r.Body)
		}
		original, _ := e["original_change"].(string)
		delete(e, "change")
		delete(e, "original_change")
		want := event{
			"id": e["id"], "timestamp": "2026-03-01T12:00:11Z", "event_type": "UPDATE", "target_id": b.web.ID, "target_name": "Site", "target_type": "PROJECT",
			"sub_target_type": nil, "origin": "CLI", "triggered_by": "robot", "project_id": b.web.ID, "project_name": "Site",
			"environment_id": nil, "environment_name": "", "user_agent": "CLI 2.0", "action": "project.update", "actor_id": string(b.robot.TokenID),
			"ip_address": "127.0.0.1", "request_id": "request-0001", "changed_fields": "[description name updated_at]", "reverts_to": nil, "sequence": 14.0,
		}
		e["changed_fields"] = fmt.Sprint(e["changed_fields"])
		if fmt.Sprint(e) != fmt.Sprint(want) {
			t.Errorf("event %v\nwant  %v", e, want)
		}
		if len(original) == 0 || original[0] != '{' {
			t.Errorf("the thing before: %q", original)
		}
		deleted := b.all(t)[1] // the token "old"
		if deleted["change"] != "" || deleted["sub_target_type"] != "API_TOKEN" || deleted["project_id"] != nil || fmt.Sprint(deleted["changed_fields"]) != "[]" {
			t.Errorf("a deletion: %v", deleted)
		}
		if created := b.all(t)[13]; created["original_change"] != nil || created["change"] == "" || created["user_agent"] == nil {
			t.Errorf("a creation: %v", created)
		}
	})
}
