package audit

import (
	"cmp"
	"maps"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Version is an event as the story of one thing: Before, After and Changed are that
// thing's, whatever the event is about in the first place.
type Version struct {
	Event
	Kind string // the thing's, as in Action.Kind
}

// Versions gives the versions of a filter's target with numbers below the given one,
// newest first, at most as many as limit.
func Versions(q store.Querier, f Filter, below int64, limit int) ([]Version, error) {
	return f.versions(q, 0, below, limit, false)
}

// State is what a thing was at a moment: nil where it was not there. Version is the
// event that made it so; there is none where the record begins later.
type State struct {
	Kind     string
	Document []byte
	Version  *Version
}

// StateAt tells what a filter's target was at a moment; false where no event of it is
// known, neither before nor after.
func StateAt(q store.Querier, f Filter, at clock.Time) (State, bool, error) {
	before, after := f, f
	before.To, after.From = at, at+1
	found, err := before.versions(q, 0, 1<<63-1, 1, false)
	if err != nil {
		return State{}, false, err
	}
	if len(found) > 0 {
		return State{found[0].Kind, found[0].After, &found[0]}, true, nil
	}
	found, err = after.versions(q, 0, 1<<63-1, 1, true)
	if err != nil || len(found) == 0 {
		return State{}, false, err
	}
	return State{Kind: found[0].Kind, Document: found[0].Before}, true, nil
}

// targetTypes are those that an event can have; an index leads from one to its events.
var targetTypes = func() []string {
	types := map[string]bool{}
	for _, w := range wires {
		types[w.TargetType] = true
	}
	return slices.Sorted(maps.Keys(types))
}()

const besides = `SELECT seq, action, payload FROM event WHERE organization_id = $1 AND payload IS NOT NULL AND at >= $3 AND at <= $4
	AND seq IN (SELECT seq FROM event_subject WHERE organization_id = $1 AND subject_id = $2 AND seq > $5 AND seq < $6) ORDER BY seq `

func (f Filter) versions(q store.Querier, above, below int64, limit int, ascending bool) ([]Version, error) {
	var events []Event
	for _, f.TargetType = range targetTypes {
		found, err := store.All(q, f.query(ascending), scanEvent, f.args(below, above, limit)...)
		if err != nil {
			return nil, err
		}
		events = append(events, found...)
	}
	if !f.InProjects { // what is told beside an event is of no project
		order := `DESC LIMIT $7`
		if ascending {
			order = `ASC LIMIT $7`
		}
		args := f.args()
		found, err := store.All(q, besides+order, scanEvent, f.Stream, f.TargetID, args[1], args[2], above, below, limit)
		if err != nil {
			return nil, err
		}
		events = append(events, found...)
	}
	slices.SortFunc(events, func(a, b Event) int {
		if ascending {
			return cmp.Compare(a.Seq, b.Seq)
		}
		return cmp.Compare(b.Seq, a.Seq)
	})
	versions := make([]Version, 0, len(events))
	for _, e := range events[:min(limit, len(events))] {
		versions = append(versions, e.of(f.TargetID))
	}
	return versions, nil
}

// of is the event as the story of one thing.
func (e Event) of(target string) Version {
	v := Version{Event: e, Kind: e.Action.Kind()}
	for _, effect := range e.Also {
		if effect.Target.ID == target {
			v.Kind, v.Target, v.Before, v.After, v.Changed = effect.Kind, effect.Target, effect.Before, effect.After, effect.Changed
		}
	}
	return v
}
