package audit

import (
	"strings"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const since = `SELECT seq, action, payload FROM event WHERE organization_id = $1 AND seq > $2 AND at > $3 AND $4 LIKE '%|' || action || '|%'
	AND payload IS NOT NULL ORDER BY seq DESC LIMIT $5`

// Since hands out the events of some actions that came after a moment, newest first, at
// most as many as limit.
func Since(q store.Querier, stream string, at clock.Time, actions []Action, limit int, fn func(Event) error) error {
	behind, _, err := between(q, Filter{Stream: stream, From: max(at, 1)})
	if err != nil {
		return err
	}
	var names strings.Builder
	names.WriteByte('|')
	for _, a := range actions {
		names.WriteString(string(a) + "|")
	}
	return store.Each(q, since, func(s store.Scan) error {
		e, err := scanEvent(s)
		if err != nil {
			return err
		}
		return fn(e)
	}, stream, behind, at, names.String(), limit)
}

// Latest gives the newest event of one of two actions about a target that is not later
// than a moment; store.ErrNone where there is none.
func Latest(q store.Querier, stream, target string, at clock.Time, one, other Action) (Event, error) {
	return store.One(q, `SELECT seq, action, payload FROM event WHERE organization_id = $1 AND target_type = $2 AND target_id = $3 AND at <= $4
		AND action IN ($5, $6) AND payload IS NOT NULL ORDER BY seq DESC LIMIT 1`, scanEvent, stream, wires[one].TargetType, target, at, one, other)
}

// Effects are what an event did to each thing that it tells of: its target, where nothing
// else is said of it, and the things beside it.
func (e Event) Effects() []Effected {
	all := e.Also
	for _, effect := range e.Also {
		if effect.Target.ID == e.Target.ID {
			return all
		}
	}
	return append([]Effected{{e.Action.Kind(), e.Target, e.Before, e.After, e.Changed}}, all...)
}
