package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Format is how an exported file is written.
type Format string

// The formats. JSON Lines holds the whole chain, with the content of those events that
// were asked for; CSV is for spreadsheets, and holds those events only.
const (
	JSONLines Format = "jsonl"
	CSV       Format = "csv"
)

// Opening is the first line of an exported file: the head of the chain at that moment,
// and which part of it the file holds.
type Opening struct {
	Head
	First    int64 `json:"first"`
	Previous Hash  `json:"previous"` // that of the event before the first
	// Complete says that no event from the first to the head is without its content.
	Complete bool   `json:"complete"`
	Filter   string `json:"filter,omitempty"`
}

// openingLine is the opening as it is written, with itself signed.
type openingLine struct {
	Export Opening `json:"export"`
	Signed string  `json:"signed"`
}

const openingPrefix = `{"export":{`

// Exported is an event in a file. Without a payload it was left out, or erased.
type Exported struct {
	Seq     int64   `json:"seq"`
	Digest  Hash    `json:"digest"`
	Hash    Hash    `json:"hash"`
	Erased  bool    `json:"erased,omitempty"`
	Payload *string `json:"payload,omitempty"` // the canonical bytes, of which the digest is
}

// BeginExport reads where a chain stands, and finds the first event that the filter's
// period lets be seen. all says that nothing but the period is filtered by.
func BeginExport(q store.Querier, f Filter, all bool, now clock.Time) (Opening, error) {
	o := Opening{First: 1, Previous: noHash, Complete: all}
	var err error
	if o.Head, err = HeadOf(q, f.Stream, now); err != nil || f.From == 0 {
		return o, err
	}
	after, _, err := between(q, Filter{Stream: f.Stream, From: f.From})
	if err != nil {
		return o, err
	}
	o.First, err = store.Value[int64](q, `SELECT seq FROM event WHERE organization_id = $1 AND seq > $2 AND at >= $3 ORDER BY seq LIMIT 1`, f.Stream, after, f.From)
	if errors.Is(err, store.ErrNone) {
		o.First, err = o.Seq+1, nil
	}
	o.First = min(o.First, o.Seq+1) // an event may have come since the head was read
	if err != nil || o.First == 1 {
		return o, err
	}
	previous, err := store.Value[[]byte](q, `SELECT hash FROM event WHERE organization_id = $1 AND seq = $2`, f.Stream, o.First-1)
	if err != nil {
		return o, err
	}
	o.Previous = previous
	late, err := store.Value[int64](q, `SELECT COUNT(*) FROM event WHERE organization_id = $1 AND at < $2 AND seq > $3`, f.Stream, f.From, o.First)
	o.Complete = o.Complete && late == 0
	return o, err
}

const exportPage = `SELECT seq, digest, hash, CASE WHEN payload IS NULL THEN 1 ELSE 0 END, CASE WHEN (` + period + conditions + `) OR (action = '` + string(AccountErase) + `' AND payload IS NOT NULL) THEN payload END
	FROM event WHERE organization_id = $1 AND seq > $15 AND seq <= $16 ORDER BY seq LIMIT $17`

// ExportPage reads the events behind a number, oldest first; those that the filter
// does not choose come without their content. Those of erasures always have it: they
// prove what was rewritten, and name nobody.
func ExportPage(q store.Querier, f Filter, behind, last int64, limit int) ([]Exported, error) {
	return store.All(q, exportPage, func(s store.Scan) (e Exported, err error) {
		var digest, hash, payload []byte
		var erased int
		if err = s(&e.Seq, &digest, &hash, &erased, &payload); err != nil {
			return e, err
		}
		e.Digest, e.Hash, e.Erased = digest, hash, erased == 1
		if payload != nil {
			text := string(payload)
			e.Payload = &text
		}
		return e, nil
	}, f.args(behind, last, limit)...)
}

// Open writes the beginning of a file.
func (f Format) Open(o Opening, s *Signer) ([]byte, error) {
	signed, err := s.sign(o)
	if err != nil {
		return nil, err
	}
	line, err := encodeLine(openingLine{o, signed})
	if err != nil || f == JSONLines {
		return line, err
	}
	return slices.Concat(csvLine(csvColumns), csvOpening(o, line)), nil
}

// Encode writes an event; nothing where the format has no line for it. previous is the
// hash of the event before.
func (f Format) Encode(o Opening, e Exported, previous Hash) ([]byte, error) {
	if f == JSONLines {
		return encodeLine(e)
	}
	if e.Payload == nil && !o.Complete {
		return nil, nil
	}
	row, err := csvRow(e, previous)
	if err != nil {
		return nil, err
	}
	return csvLine(row), nil
}

// encodeLine writes a value as one line, in the one form that is taken when it is verified.
func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
