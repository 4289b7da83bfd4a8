package history_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// elsewhere are kinds whose events do not stand in an organization's record.
var elsewhere = map[string]string{
	"account":      "of a person: the server's record",
	"master_key":   "of the server",
	"announcement": "a letter: it is sent and does not change",
	"access":       "a report that was handed out",
	"events":       "a file that was handed out",
	"report":       "a subscription of an address outside: it is ended and begun by its own links",
}

// TestEveryKindHasAHistory finds a kind that records changes and was not named to the
// history: a line in internal/app/history.go is missing.
func TestEveryKindHasAHistory(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	known := s.History.Kinds()
	for _, action := range slices.Sorted(maps.Keys(audit.Wires())) {
		kind, registered := known[action.Kind()]
		switch {
		case elsewhere[action.Kind()] != "":
		case !registered:
			t.Errorf("%s: nobody told the history of the kind %q: add a line to internal/app/history.go", action, action.Kind())
		case kind.Reverter == nil && kind.Fixed == "":
			t.Errorf("%s: the kind %q has no Reverter and does not say why", action, action.Kind())
		case strings.HasSuffix(string(action), ".delete") && kind.Restorer == nil && kind.Name != "organization": // restored by its owner
			t.Errorf("%s: the kind %q cannot be restored", action, action.Kind())
		}
	}
}

// place is an organization with an owner, an admin and somebody of each lower kind.
type place struct {
	s            *apptest.Server
	owner, admin *apptest.Caller
	organization id.Organization
}

func newPlace(t *testing.T, s *apptest.Server, name string) *place {
	t.Helper()
	p := &place{s: s, owner: s.Person(t, "owner@"+name+".example")}
	p.organization = p.owner.Organization(t, name)
	p.admin = s.Member(t, p.organization, "admin@"+name+".example", authz.Admin)
	return p
}

func (p *place) path(rest string) string { return "/organization/" + string(p.organization) + rest }

func (p *place) story(thing string) string { return p.path("/history/" + thing) }

func (p *place) restore(t *testing.T, by *apptest.Caller, thing, name string) *apptest.Response {
	t.Helper()
	body := map[string]any{}
	if name != "" {
		body["name"] = name
	}
	return by.Post(t, p.path("/deleted/"+thing+"/restore"), body)
}

// gone lists the ids of what somebody can restore.
func (p *place) gone(t *testing.T, by *apptest.Caller) (ids []string) {
	t.Helper()
	for _, row := range by.Get(t, p.path("/deleted")).Must(t, 200).List("results") {
		ids = append(ids, row.(map[string]any)["id"].(string))
	}
	return ids
}

func (p *place) role(t *testing.T, name string) string {
	t.Helper()
	return p.owner.Post(t, p.path("/customRole"), map[string]any{"name": name}).Must(t, 201).Text("id")
}

// target is the id under which the newest event speaks of its thing.
func (p *place) target(t *testing.T) string {
	t.Helper()
	return p.owner.Get(t, p.path("/events?pageSize=1")).Must(t, 200).Text("events.0.target_id")
}
