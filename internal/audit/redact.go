package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Erasing a person rewrites what events say and keeps the digests of what they said,
// so that the chain still verifies. Which events were rewritten, and to what, is
// itself an event of the chain: what no such event names was altered.

// Redaction is an event that says something else than when it was written.
type Redaction struct {
	Seq int64 `json:"seq"`
	// SHA256 is that of the content as it is now, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// erasure is what the event of an erasure says.
type erasure struct {
	Redacted []Redaction `json:"redacted"`
}

// redactAtOnce is how many events one Write rewrites: as many as one event can name.
const redactAtOnce = 100

// scanAtOnce is how many events are looked at in one statement.
const scanAtOnce = 1000

// Mentioning finds the next events of a stream, behind a number and not later than a
// moment, that mention a person. None are left where it gives none.
func Mentioning(q store.Querier, stream string, after int64, until clock.Time, p Person) ([]int64, error) {
	r := newRedactor(p)
	var found []int64
	for len(found) < redactAtOnce {
		looked := 0
		err := store.Each(q, `SELECT seq, payload FROM event WHERE organization_id = $1 AND seq > $2 AND at <= $3 AND payload IS NOT NULL ORDER BY seq LIMIT $4`,
			func(s store.Scan) error {
				var payload []byte
				if err := s(&after, &payload); err != nil {
					return err
				}
				looked++
				if len(found) == redactAtOnce || !r.mentions(payload) {
					return nil
				}
				var e Payload
				if err := json.Unmarshal(payload, &e); err != nil {
					return fmt.Errorf("event %d of %s: %w", after, stream, err)
				}
				if _, changed := r.redact(e); changed {
					found = append(found, after)
				}
				return nil
			}, stream, after, until, scanAtOnce)
		if err != nil || looked < scanAtOnce {
			return found, err
		}
	}
	return found, nil
}

// Redact takes a person out of events that Mentioning found, and says in the stream,
// whose head the Write has locked, which they are.
func Redact(tx *store.Tx, stream string, by Holder, p Person, events []int64) error {
	r := newRedactor(p)
	var done erasure
	for _, seq := range events {
		payload, err := store.Value[[]byte](tx, `SELECT payload FROM event WHERE organization_id = $1 AND seq = $2`, stream, seq)
		if err != nil && !errors.Is(err, store.ErrNone) {
			return err
		}
		var e Payload
		if payload == nil || json.Unmarshal(payload, &e) != nil {
			continue // purged meanwhile
		}
		e, changed := r.redact(e)
		if !changed {
			continue
		}
		if payload, err = json.Marshal(e); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if err := tx.Send(`UPDATE event SET payload = $3, target_id = $4, target_name = $5, triggered_by = $6, actor_id = $7, project_name = $8, environment_name = $9
			WHERE organization_id = $1 AND seq = $2`,
			stream, seq, payload, e.Target.ID, e.Target.Name, e.Actor.Name, e.Actor.ID, e.Project.Name, e.Environment.Name); err != nil {
			return err
		}
		if err := tx.Send(`UPDATE event_subject SET subject_id = $3 WHERE organization_id = $1 AND seq = $2 AND subject_id = $4`,
			stream, seq, p.Pseudonym.ID, p.User); err != nil {
			return err
		}
		sum := sha256.Sum256(payload)
		done.Redacted = append(done.Redacted, Redaction{seq, hex.EncodeToString(sum[:])})
	}
	if len(done.Redacted) == 0 {
		return nil
	}
	return Record(tx, stream, by, Entry{Action: AccountErase, Target: p.Pseudonym, After: done})
}

// altered is an event whose content is not the one that its digest is of.
type altered struct {
	seq     int64
	now     [sha256.Size]byte
	event   BadEvent
	columns bool // they do not say what the content says
}

// firstUnnamed gives the first altered event that no erasure of its stream names, and
// how many are named. The chain vouches for the erasures: one that was itself altered
// names nothing.
func firstUnnamed(q store.Querier, stream string, list []altered) (bad *BadEvent, redacted int64, err error) {
	if len(list) == 0 {
		return nil, 0, nil
	}
	named := map[int64]string{}
	if err := store.Each(q, `SELECT payload, digest FROM event WHERE organization_id = $1 AND action = $2 AND payload IS NOT NULL ORDER BY seq`,
		func(s store.Scan) error {
			var payload, digest []byte
			if s(&payload, &digest) == nil { // else the walk over the chain has found it
				for seq, sum := range RedactedBy(payload, digest) {
					named[seq] = sum
				}
			}
			return nil
		}, stream, AccountErase); err != nil {
		return nil, 0, err
	}
	for _, a := range list {
		switch {
		case named[a.seq] != hex.EncodeToString(a.now[:]):
			a.event.Reason = "its content was altered: the digest does not match, and no erasure names it"
			return &a.event, redacted, nil
		case a.columns:
			a.event.Reason = "its columns were altered: they do not say what its content says"
			return &a.event, redacted, nil
		}
		redacted++
	}
	return nil, redacted, nil
}

// RedactedBy reads the event of an erasure: which events it rewrote, and the SHA-256,
// in hexadecimal, of what they say since. Empty for what is no such event, or altered.
func RedactedBy(payload, digest []byte) map[int64]string {
	var e struct {
		Action Action  `json:"action"`
		After  erasure `json:"after"`
	}
	sum := sha256.Sum256(payload)
	if !bytes.Equal(sum[:], digest) || json.Unmarshal(payload, &e) != nil || e.Action != AccountErase {
		return nil
	}
	named := make(map[int64]string, len(e.After.Redacted))
	for _, r := range e.After.Redacted {
		named[r.Seq] = r.SHA256
	}
	return named
}

// Former finds what the server's record called a person earlier: addresses and names.
func Former(q store.Querier, user string) (addresses, names []string, err error) {
	err = store.Each(q, `SELECT target_name, payload FROM event WHERE organization_id = $1 AND target_type = $2 AND target_id = $3
		AND action IN ($4, $5, $6, $7, $8) AND payload IS NOT NULL`, func(s store.Scan) error {
		var name string
		var payload []byte
		if err := s(&name, &payload); err != nil {
			return err
		}
		var e struct {
			Before, After map[string]any
		}
		_ = json.Unmarshal(payload, &e) // documents that are no objects have no names
		addresses = append(addresses, name)
		for _, document := range []map[string]any{e.Before, e.After} {
			a, n := called(document)
			addresses, names = append(addresses, a...), append(names, n...)
		}
		return nil
	}, store.Server, wires[AccountCreate].TargetType, user, AccountCreate, AccountUpdate, AccountEmail, AccountVerify, AccountDelete)
	return addresses, names, err
}

// called reads what a document of an account calls its person.
func called(document map[string]any) (addresses, names []string) {
	text := func(field string) string { s, _ := document[field].(string); return s }
	for _, field := range []string{"email", "communication_email", "user_email"} {
		addresses = append(addresses, text(field))
	}
	return addresses, append(FullNames(text("first_name"), text("last_name")), text("nickname"), text("profile_picture_url"))
}

// FullNames are the ways to put a first and a last name.
func FullNames(first, last string) []string {
	if first == "" || last == "" {
		return []string{first + last}
	}
	return []string{first, last, first + " " + last, last + " " + first, last + ", " + first}
}
