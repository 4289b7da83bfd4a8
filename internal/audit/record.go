package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Reference names a thing in an event as it was called then.
type Reference struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Entry is what a service says about a change. Before and After are the thing as
// the API shows it, secrets masked; nil where there was or is none.
type Entry struct {
	Action      Action
	Target      Reference
	Project     Reference
	Environment Reference
	Before      any
	After       any
	// Also are further things that the change made, altered or ended.
	Also []Effect
}

// Effect is what a change did to a thing beside its target or, where the event's own
// documents say something else, to the target itself. Kind is as in Action.Kind.
type Effect struct {
	Kind   string
	Target Reference
	Before any
	After  any
}

// Effected is an effect as an event keeps it.
type Effected struct {
	Kind    string          `json:"kind"`
	Target  Reference       `json:"target"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
	Changed []string        `json:"changed,omitempty"`
}

// Payload is an event's canonical form: these fields, in this order, as compact
// JSON. Its SHA-256 is the event's digest; an export can be checked with nothing else.
type Payload struct {
	Version     int             `json:"version"`
	ID          id.Event        `json:"id"`
	Stream      string          `json:"stream"`
	At          clock.Time      `json:"at"`
	Action      Action          `json:"action"`
	Target      Reference       `json:"target"`
	Project     Reference       `json:"project"`
	Environment Reference       `json:"environment"`
	Actor       Who             `json:"actor"`
	Client      authn.Client    `json:"client"`
	Before      json.RawMessage `json:"before,omitempty"`
	After       json.RawMessage `json:"after,omitempty"`
	Changed     []string        `json:"changed,omitempty"`
	Also        []Effected      `json:"also,omitempty"`
	// Reverts is the number of the event to whose outcome the change went back.
	Reverts int64 `json:"reverts,omitempty"`
	// Redacted says that a person was taken out later: the digest is that of what it said before.
	Redacted bool `json:"redacted,omitempty"`
}

// Who is the actor as an event keeps it.
type Who struct {
	Kind authn.Kind `json:"kind"`
	ID   string     `json:"id,omitempty"`
	User id.User    `json:"user,omitempty"`
	Name string     `json:"name"`
}

// Holder is who a change is recorded for; authz.Pass is one.
type Holder interface{ Actor() authn.Actor }

// reverter is a holder who goes back to an earlier version of a thing.
type reverter interface{ Reverts() int64 }

const insertEvent = `INSERT INTO event (organization_id, seq, id, at, action, event_type, target_type, target_id, target_name,
	sub_target_type, triggered_by, actor_id, origin, project_id, project_name, environment_id, environment_name, payload, digest, hash)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`

// Record writes an event at the end of a stream (an organization, or store.Server)
// whose head the Write has locked.
func Record(tx *store.Tx, stream string, by Holder, e Entry) error {
	wire, known := wires[e.Action]
	if !known {
		return fmt.Errorf("audit: the action %q is not in the table", e.Action)
	}
	before, err := document(e.Before)
	if err != nil {
		return err
	}
	after, err := document(e.After)
	if err != nil {
		return err
	}
	also, err := effects(e.Also)
	if err != nil {
		return err
	}
	actor := by.Actor()
	p := Payload{
		Version: 1, ID: id.New[id.Event](), Stream: stream, At: tx.Now(), Action: e.Action,
		Target: e.Target, Project: e.Project, Environment: e.Environment,
		Actor:  Who{Kind: actor.Kind, ID: actor.ID(), User: actor.User, Name: actor.Name},
		Client: actor.Client, Before: before, After: after, Changed: changed(before, after), Also: also,
	}
	if r, ok := by.(reverter); ok {
		p.Reverts = r.Reverts()
	}
	bytes, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	tx.Note(p)
	digest := sha256.Sum256(bytes)
	seq, hash, err := tx.AppendEvent(stream, digest[:], wire.Rights)
	if err != nil {
		return err
	}
	for _, effect := range also {
		if effect.Target.ID == e.Target.ID {
			continue // found with the event
		}
		if err := tx.Send(`INSERT INTO event_subject (organization_id, subject_id, seq) VALUES ($1, $2, $3)`, stream, effect.Target.ID, seq); err != nil {
			return err
		}
	}
	return tx.Send(insertEvent, stream, seq, p.ID, p.At, p.Action, wire.EventType, wire.TargetType, p.Target.ID, p.Target.Name,
		wire.SubTargetType, p.Actor.Name, p.Actor.ID, p.Client.Origin, p.Project.ID, p.Project.Name, p.Environment.ID, p.Environment.Name,
		bytes, digest[:], hash)
}

func effects(all []Effect) ([]Effected, error) {
	var kept []Effected
	for _, e := range all {
		before, err := document(e.Before)
		if err != nil {
			return nil, err
		}
		after, err := document(e.After)
		if err != nil {
			return nil, err
		}
		kept = append(kept, Effected{e.Kind, e.Target, before, after, changed(before, after)})
	}
	return kept, nil
}

func document(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return text, nil
}

// changed names the fields that differ between two documents.
func changed(before, after json.RawMessage) []string {
	if before == nil || after == nil {
		return nil
	}
	var b, a map[string]json.RawMessage
	if json.Unmarshal(before, &b) != nil || json.Unmarshal(after, &a) != nil {
		return nil
	}
	var names []string
	for name, value := range a {
		if !bytes.Equal(b[name], value) {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, still := a[name]; !still {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Erase removes what the events of a purged organization say, and keeps their
// digests, so that the chain still verifies.
func Erase(tx *store.Tx, stream string) error {
	if _, err := tx.Exec(`DELETE FROM event_subject WHERE organization_id = $1`, stream); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE event SET payload = NULL, target_id = '', target_name = '', triggered_by = '', actor_id = '', origin = '',
		project_id = '', project_name = '', environment_id = '', environment_name = '' WHERE organization_id = $1`, stream)
	return err
}
