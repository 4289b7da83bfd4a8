package audit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Filter chooses events of a stream. Empty fields choose all.
type Filter struct {
	Stream        string
	From, To      clock.Time // inclusive
	EventType     string
	TargetType    string
	TargetID      string
	SubTargetType string
	TriggeredBy   string
	Origin        string
	Project       string
	Environment   string
	// InProjects is true for those who see only what happened in projects; of these,
	// only the projects in which each of Roles has a grant.
	InProjects bool
	Roles      [2]string
}

// Event is an event as it is listed.
type Event struct {
	Seq  int64
	Wire Wire
	Payload
}

// conditions are shared by every query over events, beside a period; args gives their
// values in order.
const conditions = ` organization_id = $1 AND ($4 = '' OR event_type = $4) AND ($5 = '' OR target_type = $5) AND ($6 = '' OR target_id = $6)
	AND ($7 = '' OR sub_target_type = $7) AND ($8 = '' OR triggered_by = $8) AND ($9 = '' OR origin = $9)
	AND ($10 = '' OR project_id = $10) AND ($11 = '' OR environment_id = $11) AND ($12 = 0 OR project_id <> '')
	AND ($13 = '' OR EXISTS (SELECT 1 FROM role_grant g WHERE g.role_id = $13 AND g.target_id = event.project_id))
	AND ($14 = '' OR EXISTS (SELECT 1 FROM role_grant g WHERE g.role_id = $14 AND g.target_id = event.project_id)) AND payload IS NOT NULL `

const (
	period = ` at >= $2 AND at <= $3 AND`
	// periodOnly is the period where positions bound it already, and hides its index.
	periodOnly = ` at + 0 >= $2 AND at + 0 <= $3 AND`
)

func (f Filter) args(more ...any) []any {
	to := f.To
	if to == 0 {
		to = 1<<63 - 1
	}
	inProjects := 0
	if f.InProjects {
		inProjects = 1
	}
	return append([]any{
		f.Stream, f.From, to, f.EventType, f.TargetType, f.TargetID, f.SubTargetType,
		f.TriggeredBy, f.Origin, f.Project, f.Environment, inProjects, f.Roles[0], f.Roles[1],
	}, more...)
}

// ever tells whether an action of ours is called what the filter asks for: the wire
// has many words for what other systems do.
func (f Filter) ever() bool {
	for _, w := range wires {
		if (f.EventType == "" || f.EventType == w.EventType) && (f.TargetType == "" || f.TargetType == w.TargetType) &&
			(f.SubTargetType == "" || f.SubTargetType == w.SubTargetType) {
			return true
		}
	}
	return false
}

// Page is one page of events, newest first. Older and Newer are the tokens of the
// neighbouring pages, empty at the ends.
type Page struct {
	Events       []Event
	Older, Newer string
}

// List gives a page: the newest events, those older than a token, or those newer
// than one. Tokens are positions in the chain, so equal times lose nothing.
func List(q store.Querier, f Filter, size int, olderThan, newerThan string) (Page, error) {
	below, err := position("continueToken", olderThan, 1<<63-1)
	if err != nil {
		return Page{}, err
	}
	above, err := position("stepBackToken", newerThan, 0)
	if err != nil {
		return Page{}, err
	}
	if !f.ever() {
		return Page{}, nil
	}
	after, before, err := between(q, f)
	if err != nil {
		return Page{}, err
	}
	stepBack := newerThan != ""
	events, err := store.All(q, f.query(stepBack), scanEvent, f.args(min(below, before), max(above, after), size+1)...)
	if err != nil {
		return Page{}, err
	}
	more := len(events) > size
	events = events[:min(size, len(events))]
	if stepBack {
		slices.Reverse(events)
	}
	page := Page{Events: events}
	if len(events) == 0 {
		return page, nil
	}
	if more || stepBack {
		page.Older = token(events[len(events)-1].Seq)
	}
	if (more && stepBack) || olderThan != "" {
		page.Newer = token(events[0].Seq)
	}
	return page, nil
}

// Behind gives the next events behind a number, oldest first. last is how far the chain
// was looked through, whether or not it had anything for the filter.
func Behind(q store.Querier, f Filter, behind int64, size int) (events []Event, last int64, more bool, err error) {
	head, err := store.Value[int64](q, `SELECT seq FROM organization_head WHERE organization_id = $1`, f.Stream)
	if err != nil || head <= behind {
		return nil, behind, false, err
	}
	events, err = store.All(q, f.query(true), scanEvent, f.args(head+1, behind, size)...)
	if len(events) == size {
		return events, events[size-1].Seq, true, err
	}
	return events, head, false, err
}

// query reads a page between two positions ($15, $16). The filter that chooses fewest
// says which index is read: compared together with its columns, the position has the
// order of that index, and SQLite does not have to guess. PostgreSQL also wants to see
// them equal, behind a cast that hides it from SQLite, which would read another index.
func (f Filter) query(ascending bool) string {
	with, values, equal := "", "", ""
	switch {
	case f.TargetType != "" && f.TargetID != "":
		with, values, equal = "target_type, target_id, ", "$5, $6, ", "CAST(target_type AS TEXT) = $5 AND CAST(target_id AS TEXT) = $6 AND "
	case f.Project != "":
		with, values, equal = "project_id, ", "$10, ", "project_id <> '' AND CAST(project_id AS TEXT) = $10 AND "
	case f.TriggeredBy != "":
		with, values, equal = "triggered_by, ", "$8, ", "CAST(triggered_by AS TEXT) = $8 AND "
	}
	order := with + "seq"
	if !ascending {
		order = strings.ReplaceAll(order, ",", " DESC,") + " DESC"
	}
	place := "(" + with + "seq)"
	return `SELECT seq, action, payload FROM event WHERE ` + equal + place + ` < (` + values + `$15) AND ` + place + ` > (` + values + `$16) AND` +
		periodOnly + conditions + `ORDER BY ` + order + ` LIMIT $17`
}

// slack is how far the times of a stream may go back from one event to a later one:
// they are taken before the head is locked, by clocks that are nearly right. What is
// farther apart has the same order in time and in the chain.
const slack = time.Hour

// between gives two positions between which all events of the filter's period are, so
// that a page does not read through all that happened before or after.
func between(q store.Querier, f Filter) (after, before int64, err error) {
	before = 1<<63 - 1
	if f.From > 0 {
		after, err = store.Value[int64](q, `SELECT seq FROM event WHERE organization_id = $1 AND at < $2 ORDER BY at DESC LIMIT 1`, f.Stream, f.From.Add(-slack))
		if err != nil && !errors.Is(err, store.ErrNone) {
			return 0, 0, err
		}
	}
	if f.To > 0 && f.To < 1<<62 {
		first, err := store.Value[int64](q, `SELECT seq FROM event WHERE organization_id = $1 AND at > $2 ORDER BY at LIMIT 1`, f.Stream, f.To.Add(slack))
		if err == nil {
			before = first
		} else if !errors.Is(err, store.ErrNone) {
			return 0, 0, err
		}
	}
	return after, before, nil
}

func scanEvent(s store.Scan) (e Event, err error) {
	var payload []byte
	if err = s(&e.Seq, &e.Action, &payload); err != nil {
		return e, err
	}
	if err = json.Unmarshal(payload, &e.Payload); err != nil {
		return e, fmt.Errorf("event %d: %w", e.Seq, err)
	}
	e.Wire = wires[e.Action]
	return e, nil
}

func token(seq int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte("e" + strconv.FormatInt(seq, 36)))
}

func position(field, token string, missing int64) (int64, error) {
	if token == "" {
		return missing, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil && strings.HasPrefix(string(text), "e") {
		if seq, err := strconv.ParseInt(string(text[1:]), 36, 64); err == nil && seq > 0 {
			return seq, nil
		}
	}
	c := &fault.Checks{}
	c.Add(field, "is not a token that this server gave out")
	return 0, c.Err()
}

// OlderExist tells whether the stream has events from before a moment.
func OlderExist(q store.Querier, stream string, before clock.Time) (bool, error) {
	n, err := store.Value[int64](q, `SELECT COUNT(*) FROM (SELECT seq FROM event WHERE organization_id = $1 AND at < $2 LIMIT 1) AS older`, stream, before)
	return n > 0, err
}

// Level says which column of the events a facet is made of.
type Level string

// The levels of facets.
const (
	TargetLevel      Level = "target"
	ProjectLevel     Level = "project"
	EnvironmentLevel Level = "environment"
)

// maxFacets bounds a list of facets.
const maxFacets = 1000

// facets: each thing once, under the name that its newest event gives it.
var facets = map[Level]string{
	TargetLevel: `SELECT target_id, target_name FROM event WHERE organization_id = $1 AND seq IN (SELECT MAX(seq) FROM event WHERE` +
		period + conditions + `AND target_id <> '' GROUP BY target_id) ORDER BY target_name, target_id LIMIT $15`,
	ProjectLevel: `SELECT project_id, project_name FROM event WHERE organization_id = $1 AND seq IN (SELECT MAX(seq) FROM event WHERE` +
		period + conditions + `AND project_id <> '' GROUP BY project_id) ORDER BY project_name, project_id LIMIT $15`,
	EnvironmentLevel: `SELECT environment_id, environment_name FROM event WHERE organization_id = $1 AND seq IN (SELECT MAX(seq) FROM event WHERE` +
		period + conditions + `AND environment_id <> '' GROUP BY environment_id) ORDER BY environment_name, environment_id LIMIT $15`,
}

// Facets lists the things that a stream's events are about.
func Facets(q store.Querier, f Filter, level Level) ([]Reference, error) {
	if !f.ever() {
		return []Reference{}, nil
	}
	return store.All(q, facets[level], func(s store.Scan) (r Reference, err error) { return r, s(&r.ID, &r.Name) }, f.args(maxFacets)...)
}
