package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// BadEvent is the first event of a chain that is not as it was written.
type BadEvent struct {
	Stream string
	Seq    int64
	ID     id.Event
	Reason string
}

func (b *BadEvent) Error() string {
	name := ""
	if b.ID != "" {
		name = " (" + string(b.ID) + ")"
	}
	return fmt.Sprintf("stream %s, event %d%s: %s", b.Stream, b.Seq, name, b.Reason)
}

// Report says what was verified.
type Report struct {
	Streams int   `json:"streams"`
	Events  int64 `json:"events"`
	// Erased events have no bytes any more (purge, erasure of a person); their
	// digests are still chained.
	Erased int64 `json:"erased"`
	// Redacted events have other bytes since a person was erased, and an event of the
	// same chain says so.
	Redacted int64 `json:"redacted"`
}

type storedHead struct {
	id          string
	kind        store.HeadKind
	seq, rights int64
	hash, mac   []byte
}

// Verify walks every chain of the database. A *BadEvent is the first bad event; any
// other error means that it could not look.
func Verify(q store.Querier, headMAC []byte) (Report, error) {
	return VerifyNewest(q, headMAC, math.MaxInt64)
}

// Size is how many events the heads have numbered, without walking the chains.
func Size(q store.Querier) (int64, error) {
	return store.Value[int64](q, `SELECT CAST(COALESCE(SUM(seq), 0) AS BIGINT) FROM organization_head WHERE kind <> 'account'`)
}

// VerifyNewest verifies every head, and the newest events of every chain, so many of each.
func VerifyNewest(q store.Querier, headMAC []byte, newest int64) (Report, error) {
	var r Report
	heads, err := store.All(q, `SELECT organization_id, kind, seq, rights_seq, hash, mac FROM organization_head ORDER BY organization_id`,
		func(s store.Scan) (h storedHead, err error) {
			return h, s(&h.id, &h.kind, &h.seq, &h.rights, &h.hash, &h.mac)
		})
	if err != nil {
		return r, err
	}
	purged, err := purgedStreams(q)
	if err != nil {
		return r, err
	}
	for _, h := range heads {
		if h.kind == store.AccountHead {
			if err := verifyHead(h, headMAC); err != nil {
				return r, err
			}
			continue
		}
		r.Streams++
		if err := verifyChain(q, h, headMAC, purged, newest, &r); err != nil {
			return r, err
		}
	}
	return r, verifyNothingOutside(q)
}

// purgedStreams are the organizations whose events have lost their content by right.
// The purges stand in the server's chain, which is the first to be verified.
func purgedStreams(q store.Querier) (map[string]bool, error) {
	purged := map[string]bool{}
	err := store.Each(q, `SELECT target_id FROM event WHERE organization_id = $1 AND action = $2`, func(s store.Scan) error {
		organization, err := scanText(s)
		purged[organization] = true
		return err
	}, store.Server, OrganizationPurge)
	return purged, err
}

var noHash = make([]byte, sha256.Size)

func verifyHead(h storedHead, key []byte) error {
	if h.id == store.Server && h.seq == 0 {
		return nil // as the first migration made it
	}
	if h.kind == store.AccountHead && !bytes.Equal(h.hash, noHash) {
		return &BadEvent{Stream: h.id, Seq: 1, Reason: "the head of the chain was altered: it calls itself the head of an account, which has no chain"}
	}
	if !hmac.Equal(h.mac, store.HeadMAC(key, h.id, h.seq, h.rights, h.hash)) {
		return &BadEvent{Stream: h.id, Seq: max(h.seq, 1), Reason: "the head of the chain was altered: its signature does not match"}
	}
	return nil
}

const chainRows = `SELECT seq, id, at, action, event_type, target_type, target_id, target_name, sub_target_type, triggered_by, actor_id,
	origin, project_id, project_name, environment_id, environment_name, payload, digest, hash FROM event WHERE organization_id = $1 AND seq > $2 ORDER BY seq`

type storedEvent struct {
	seq                   int64
	columns               columns
	payload, digest, hash []byte
}

// columns are what the list filters by; the payload says the same.
type columns struct {
	id                                                                               id.Event
	at                                                                               int64
	action                                                                           Action
	eventType, targetType, targetID, targetName, subTargetType, triggeredBy, actorID string
	origin, projectID, projectName, environmentID, environmentName                   string
}

// verifyChain finds the first bad event by the links between them, and looks at the
// head only then: an altered head tells nothing of where the chain went wrong.
func verifyChain(q store.Querier, h storedHead, headMAC []byte, purged map[string]bool, newest int64, r *Report) error {
	var last int64
	previous, behind := noHash, int64(math.MinInt64) // an event with a number below one is looked at too
	if h.seq > newest {
		last, behind = h.seq-newest, h.seq-newest
		var err error
		if previous, err = store.Value[[]byte](q, `SELECT hash FROM event WHERE organization_id = $1 AND seq = $2`, h.id, last); errors.Is(err, store.ErrNone) {
			return &BadEvent{Stream: h.id, Seq: last, Reason: "missing"}
		} else if err != nil {
			return err
		}
	}
	var rewritten []altered
	err := store.Each(q, chainRows, func(s store.Scan) error {
		var e storedEvent
		c := &e.columns
		if err := s(&e.seq, &c.id, &c.at, &c.action, &c.eventType, &c.targetType, &c.targetID, &c.targetName, &c.subTargetType, &c.triggeredBy,
			&c.actorID, &c.origin, &c.projectID, &c.projectName, &c.environmentID, &c.environmentName, &e.payload, &e.digest, &e.hash); err != nil {
			return &BadEvent{Stream: h.id, Seq: last + 1, Reason: "the row cannot be read: " + err.Error()}
		}
		if e.seq > last+1 {
			return &BadEvent{Stream: h.id, Seq: last + 1, Reason: fmt.Sprintf("missing: after event %d comes event %d", last, e.seq)}
		}
		a, reason := e.bad(last, previous, h.id, purged[h.id])
		if reason != "" {
			return &BadEvent{Stream: h.id, Seq: e.seq, ID: c.id, Reason: reason}
		}
		if a != nil {
			rewritten = append(rewritten, *a)
		}
		last, previous = e.seq, e.hash
		r.Events++
		if e.payload == nil {
			r.Erased++
		}
		return nil
	}, h.id, behind)
	var bad *BadEvent
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	// They all stand before the event at which the walk ended, if it did.
	earlier, redacted, err := firstUnnamed(q, h.id, rewritten)
	r.Redacted += redacted
	switch {
	case err != nil:
		return err
	case earlier != nil:
		return earlier
	case bad != nil:
		return bad
	}
	if err := verifyHead(h, headMAC); err != nil {
		return err
	}
	switch {
	case h.seq == 0 && h.id != store.Server:
		return &BadEvent{Stream: h.id, Seq: 1, Reason: "the head of the chain was altered: a chain begins with the creation of its organization"}
	case last < h.seq:
		return &BadEvent{Stream: h.id, Seq: last + 1, Reason: fmt.Sprintf("missing: the chain ends at %d but its head stands at %d; the tail was cut", last, h.seq)}
	case last > h.seq:
		return &BadEvent{Stream: h.id, Seq: h.seq + 1, Reason: "it lies behind the head of the chain; it was inserted"}
	case last > 0 && !bytes.Equal(previous, h.hash):
		return &BadEvent{Stream: h.id, Seq: last, Reason: "its link is not the one that the head of the chain signed"}
	}
	return nil
}

// bad says what is wrong with an event that should follow the given one. One that says
// something else than its digest is of may have been redacted; it is given back.
func (e storedEvent) bad(last int64, previous []byte, stream string, purged bool) (*altered, string) {
	if e.seq <= last {
		return nil, "its number is there twice; it was inserted"
	}
	if e.payload == nil && !purged {
		return nil, "its content was removed, and no purge of its organization is on record"
	}
	var other *altered
	if e.payload != nil {
		var p Payload
		readable := json.Unmarshal(e.payload, &p) == nil
		same := readable && p.Stream == stream && e.columns == p.columns()
		if sum := sha256.Sum256(e.payload); !bytes.Equal(sum[:], e.digest) {
			other = &altered{e.seq, sum, BadEvent{Stream: stream, Seq: e.seq, ID: e.columns.id}, !same}
		} else if !readable {
			return nil, "its content cannot be read"
		} else if !same {
			return nil, "its columns were altered: they do not say what its content says"
		}
	}
	if !bytes.Equal(store.ChainHash(previous, e.seq, e.digest), e.hash) {
		if other != nil {
			return nil, "its content was altered: the digest does not match"
		}
		return nil, "its link to the event before does not match: one of them was altered, moved or inserted"
	}
	return other, ""
}

func (p Payload) columns() columns {
	w := wires[p.Action]
	return columns{
		p.ID, int64(p.At), p.Action, w.EventType, w.TargetType, p.Target.ID, p.Target.Name, w.SubTargetType, p.Actor.Name, p.Actor.ID,
		p.Client.Origin, p.Project.ID, p.Project.Name, p.Environment.ID, p.Environment.Name,
	}
}

// verifyNothingOutside looks for events and organizations that have no head.
func verifyNothingOutside(q store.Querier) error {
	stray, err := store.All(q, `SELECT DISTINCT e.organization_id FROM event e LEFT JOIN organization_head h ON h.organization_id = e.organization_id
		WHERE h.organization_id IS NULL OR h.kind = 'account' ORDER BY 1`, scanText)
	if err == nil && len(stray) > 0 {
		return &BadEvent{Stream: stray[0], Seq: 1, Reason: "its chain has no head; the head was removed, or the events were inserted"}
	}
	if err != nil {
		return err
	}
	stray, err = store.All(q, `SELECT o.id FROM organization o LEFT JOIN organization_head h ON h.organization_id = o.id
		WHERE h.organization_id IS NULL OR h.seq = 0 ORDER BY 1`, scanText)
	if err == nil && len(stray) > 0 {
		return &BadEvent{Stream: stray[0], Seq: 1, Reason: "missing: the organization is there but its chain was removed"}
	}
	if err != nil {
		return err
	}
	// Every account has an event in the server's chain, so that its head has left the beginning.
	reset, err := store.Value[int64](q, `SELECT COUNT(*) FROM account WHERE NOT EXISTS (SELECT 1 FROM organization_head WHERE organization_id = $1 AND seq > 0)`, store.Server)
	if err == nil && reset > 0 {
		return &BadEvent{Stream: store.Server, Seq: 1, Reason: "missing: there are accounts but the chain that records their creation was removed"}
	}
	return err
}

func scanText(s store.Scan) (t string, err error) { return t, s(&t) }
