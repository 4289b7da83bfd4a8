package activity

import (
	"embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

//go:embed pages/*.html
var pageFiles embed.FS

var (
	listTemplate  = console.Parse(pageFiles, "pages/list.html")
	eventTemplate = console.Parse(pageFiles, "pages/event.html")
)

const listed = "activity"

// Pages adds the pages of the activity.
func Pages(p *console.Pages, db *store.DB, retention Retention, signer *audit.Signer, streams *Streams) {
	h := &handlers{db: db, retention: retention, signer: signer, streams: streams}
	row := func(pattern, path string, handler console.Handler) console.Row {
		return console.Row{Pattern: pattern + " /console/organizations/{organizationId}/" + path, Permission: authz.OrganizationView, Scope: route.InOrganization, Handler: handler}
	}
	p.Add(
		row("GET", listed, h.listPage),
		row("GET", listed+"/export", h.exportForm),
		row("POST", listed+"/export", h.exportFile),
		row("GET", listed+"/{sequence}", h.eventPage),
	)
}

// perPage is how many events a page lists.
const perPage = 50

// What the addresses of the pages choose events by.
const (
	byActor, byType, byKind, byThing, byProject, sinceDay, untilDay = "by", "type", "kind", "thing", "project", "from", "to"
	olderThan, newerThan                                            = "older", "newer"
)

var choosing = []string{byActor, byType, byKind, byThing, byProject, sinceDay, untilDay}

type listPage struct {
	Events                  []eventRow
	Chips                   []chip
	By, Thing, From, To     string
	Types, Kinds, Projects  []console.Option
	Type, Kind, Project     string
	Path, Export, Line      string
	Newer, Older            string
	Count                   int64
	Head, Note              string
	Filtered, Limited, Part bool
}

// chip is a filter that is in force; its path is the list without it.
type chip struct{ Words, Path string }

type eventRow struct {
	Who, Words, Target, Project, From, Path string
	When                                    console.Moment
}

func (h *handlers) listPage(r *console.Request) error {
	q, in, err := asked(r)
	if err != nil {
		return err
	}
	f, checks := in.chosen(r.Pass)
	if q.Get(olderThan) != "" && q.Get(newerThan) != "" {
		checks.Add(olderThan, "cannot stand beside newer")
	}
	if err := checks.Err(); err != nil {
		return err
	}
	oldest, err := h.limit(r.Context(), r.Pass, &f)
	if err != nil {
		return err
	}
	reader := h.db.Reader(r.Context())
	found, err := audit.List(reader, f, perPage, q.Get(olderThan), q.Get(newerThan))
	if err != nil {
		return err
	}
	page := listPage{
		By: in.TriggeredBy, Thing: in.TargetID, From: q.Get(sinceDay), To: q.Get(untilDay), Type: string(in.EventType), Kind: string(in.TargetType), Project: in.Project,
		Path: r.At(listed), Part: f.InProjects,
	}
	page.Types, page.Kinds = used()
	if page.Projects, err = h.projects(r); err != nil {
		return err
	}
	for _, e := range found.Events {
		page.Events = append(page.Events, shownRow(r, e))
	}
	if !f.InProjects {
		if page.Limited, err = audit.OlderExist(reader, f.Stream, oldest); err != nil {
			return err
		}
	}
	head, err := audit.HeadOf(reader, f.Stream, h.db.Now())
	if err != nil {
		return err
	}
	hash, _ := head.Hash.MarshalText() // it never fails
	page.Count, page.Head, page.Note = head.Seq, string(hash), head.Short()
	page.Line = "guildhall audit verify --against heads.txt"
	chosen := only(q)
	page.Filtered, page.Export = len(chosen) > 0, to(r.At(listed, "export"), chosen, "", "")
	page.Older, page.Newer = next(page.Path, chosen, olderThan, found.Older), next(page.Path, chosen, newerThan, found.Newer)
	page.Chips = chips(page, chosen)
	return r.Show(listTemplate, http.StatusOK, "Activity", page)
}

// asked reads the address. What no database keeps is refused.
func asked(r *console.Request) (url.Values, Choice, error) {
	q := r.URL.Query()
	if err := route.CheckValues(q); err != nil {
		return q, Choice{}, err
	}
	in, err := choice(q)
	return q, in, err
}

// only is the part of a query that events are chosen by.
func only(q url.Values) url.Values {
	chosen := url.Values{}
	for _, name := range choosing {
		if q.Get(name) != "" {
			chosen.Set(name, q.Get(name))
		}
	}
	return chosen
}

// choice translates the words of our addresses to what the API takes.
func choice(q url.Values) (Choice, error) {
	checks := &fault.Checks{}
	in := Choice{TargetID: q.Get(byThing), Project: q.Get(byProject)}
	in.TriggeredBy, in.EventType, in.TargetType = strings.TrimSpace(q.Get(byActor)), eventType(q.Get(byType)), targetType(q.Get(byKind))
	in.From, in.To = day(checks, sinceDay, q.Get(sinceDay), 0), day(checks, untilDay, q.Get(untilDay), 24*time.Hour-time.Microsecond)
	return in, checks.Err()
}

// day is a moment of a day, in UTC as the events are, in the form that the API takes.
func day(checks *fault.Checks, field, text string, into time.Duration) string {
	if text == "" {
		return ""
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil || at.Unix() < 0 || at.Year() > 4000 {
		checks.Add(field, "must be a day such as 2026-01-31")
		return ""
	}
	micros := at.Add(into).UnixMicro()
	return strconv.FormatInt(micros/1e6, 10) + "." + strconv.FormatInt(1e6+micros%1e6, 10)[1:]
}

// used are the types of events and the kinds of things that actions of ours have.
func used() (types, kinds []console.Option) {
	add := func(list []console.Option, value string) []console.Option {
		return append(list, console.Option{Value: value, Label: plain(value)})
	}
	for _, w := range audit.Wires() {
		types, kinds = add(types, w.EventType), add(kinds, w.TargetType)
	}
	sorted := func(list []console.Option) []console.Option {
		slices.SortFunc(list, func(a, b console.Option) int { return strings.Compare(a.Label, b.Label) })
		return slices.Compact(list)
	}
	return sorted(types), sorted(kinds)
}

// plain turns a word of the contract into one to read: CONTAINER_REGISTRY into "container registry".
func plain(word string) string { return strings.ToLower(strings.ReplaceAll(word, "_", " ")) }

// maxProjects is how many projects are offered to choose from; others are reached by their events.
const maxProjects = 200

func (h *handlers) projects(r *console.Request) ([]console.Option, error) {
	f := audit.Filter{Stream: string(r.Organization())}
	f.InProjects, f.Roles = sight(r.Pass)
	if _, err := h.limit(r.Context(), r.Pass, &f); err != nil {
		return nil, err
	}
	found, err := audit.Facets(h.db.Reader(r.Context()), f, audit.ProjectLevel)
	var options []console.Option
	for _, p := range found[:min(len(found), maxProjects)] {
		options = append(options, console.Option{Value: p.ID, Label: p.Name})
	}
	return options, err
}

func shownRow(r *console.Request, e audit.Event) eventRow {
	from := clients[e.Client.Origin]
	if from == "" {
		from = plain(e.Client.Origin)
	}
	if e.Client.Address != "" {
		from += " · " + e.Client.Address
	}
	return eventRow{
		Who: actor(e), Words: e.Action.Words(), Target: e.Target.Name, Project: e.Project.Name, From: from,
		Path: r.At(listed, strconv.FormatInt(e.Seq, 10)), When: r.Moment(e.At),
	}
}

// clients are the clients as people call them.
var clients = map[string]string{"API": "API", "CLI": "CLI", "CONSOLE": "Console", "TERRAFORM_PROVIDER": "Terraform", "GIT": "Git", "QOVERY_INTERNAL": "Guildhall"}

func actor(e audit.Event) string {
	if e.Actor.Name == "" {
		return "Guildhall"
	}
	return e.Actor.Name
}

// to is an address with what events are chosen by, without one of it, and with a token.
func to(path string, chosen url.Values, without, more string) string {
	q := url.Values{}
	for name := range chosen {
		if name != without {
			q.Set(name, chosen.Get(name))
		}
	}
	if more != "" {
		q.Set(without, more)
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func next(path string, chosen url.Values, way, token string) string {
	if token == "" {
		return ""
	}
	return to(path, chosen, way, token)
}

func chips(page listPage, chosen url.Values) []chip {
	words := map[string]string{byActor: "by ", byType: "", byKind: "about: ", byThing: "thing ", byProject: "in ", sinceDay: "since ", untilDay: "until "}
	var list []chip
	for _, name := range choosing {
		value := chosen.Get(name)
		if value == "" {
			continue
		}
		without := to(page.Path, chosen, name, "")
		switch name {
		case byType:
			value = plain(value)
		case byKind: // a thing is chosen beside its kind
			value = plain(value)
			rest := url.Values{}
			for k := range chosen {
				if k != byThing {
					rest.Set(k, chosen.Get(k))
				}
			}
			without = to(page.Path, rest, name, "")
		case byThing:
			value = value[:min(len(value), 8)]
		case byProject:
			for _, p := range page.Projects {
				if p.Value == value {
					value = p.Label
				}
			}
		}
		list = append(list, chip{words[name] + value, without})
	}
	return list
}

// event finds one that the person sees, by its number, through the same filter as the list.
func (h *handlers) event(r *console.Request) (audit.Event, error) {
	gone := fault.New(fault.NotFound, "")
	seq, err := strconv.ParseInt(r.PathValue("sequence"), 10, 62)
	if err != nil || seq < 1 {
		return audit.Event{}, gone
	}
	f := audit.Filter{Stream: string(r.Organization())}
	f.InProjects, f.Roles = sight(r.Pass)
	if _, err := h.limit(r.Context(), r.Pass, &f); err != nil {
		return audit.Event{}, err
	}
	found, _, _, err := audit.Behind(h.db.Reader(r.Context()), f, seq-1, 1)
	if errors.Is(err, store.ErrNone) || (err == nil && (len(found) == 0 || found[0].Seq != seq)) {
		return audit.Event{}, gone
	}
	if err != nil {
		return audit.Event{}, err
	}
	return found[0], nil
}
