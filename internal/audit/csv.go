package audit

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// csvColumns stand in the first line of a CSV file. The last four are what it is
// verified by; the others say for people what the payload says, and are held against it.
var csvColumns = []string{
	"sequence", "timestamp", "action", "event_type", "target_type", "sub_target_type", "target_id", "target_name", "project_id", "project_name",
	"environment_id", "environment_name", "triggered_by", "actor_id", "origin", "ip_address", "user_agent", "request_id", "changed_fields",
	"previous_hash", "digest", "hash", "payload",
}

// csvOpening is the row with the number 0: the opening, as JSON Lines have it.
func csvOpening(o Opening, line []byte) []byte {
	row := make([]string, len(csvColumns))
	row[0], row[1] = "0", o.At.Format(time.RFC3339Nano)
	row[len(row)-4], row[len(row)-2], row[len(row)-1] = hexadecimal(o.Previous), hexadecimal(o.Hash), strings.TrimSuffix(string(line), "\n")
	return csvLine(row)
}

func csvRow(e Exported, previous Hash) ([]string, error) {
	row := make([]string, 0, len(csvColumns))
	row = append(row, strconv.FormatInt(e.Seq, 10))
	text := ""
	if e.Payload == nil {
		row = row[:len(csvColumns)-4] // of an erased event nothing is said
	} else {
		var p Payload
		if err := json.Unmarshal([]byte(*e.Payload), &p); err != nil {
			return nil, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		text = *e.Payload
		w := wires[p.Action]
		for _, cell := range []string{
			p.At.Std().Format(time.RFC3339Nano), string(p.Action), w.EventType, w.TargetType, w.SubTargetType, p.Target.ID, p.Target.Name, p.Project.ID, p.Project.Name,
			p.Environment.ID, p.Environment.Name, p.Actor.Name, p.Actor.ID, p.Client.Origin, p.Client.Address, p.Client.UserAgent, p.Client.RequestID, strings.Join(p.Changed, " "),
		} {
			row = append(row, harmless(cell))
		}
	}
	return append(row, hexadecimal(previous), hexadecimal(e.Digest), hexadecimal(e.Hash), text), nil
}

func hexadecimal(h Hash) string {
	text, _ := h.MarshalText() // it never fails
	return string(text)
}

// harmless is a text that a spreadsheet does not take for a formula, on one line: what
// begins like one gets an apostrophe in front.
func harmless(cell string) string {
	cell = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return ' '
		}
		return c
	}, cell)
	if first := strings.TrimLeftFunc(cell, func(c rune) bool { return unicode.IsSpace(c) || c == '\ufeff' || c == '\u200b' }); first != "" &&
		strings.ContainsRune("=+-@|%＝＋－＠", []rune(first)[0]) {
		return "'" + cell
	}
	return cell
}

func csvLine(row []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(row) // into memory
	w.Flush()
	return b.Bytes()
}

var errNoRow = errors.New("the row cannot be read")

// parseCSV reads one row of a file.
func parseCSV(line []byte) (e Exported, previous Hash, err error) {
	r := csv.NewReader(bytes.NewReader(line))
	r.FieldsPerRecord = len(csvColumns)
	row, err := r.Read()
	if err != nil {
		return e, nil, errNoRow
	}
	seals := row[len(row)-4:]
	if e.Seq, err = strconv.ParseInt(row[0], 10, 64); err != nil {
		return e, nil, errNoRow
	}
	if err := errors.Join(previous.UnmarshalText([]byte(seals[0])), e.Digest.UnmarshalText([]byte(seals[1])), e.Hash.UnmarshalText([]byte(seals[2]))); err != nil {
		return e, nil, errNoRow
	}
	if seals[3] == "" {
		e.Erased = true
	} else {
		e.Payload = &seals[3]
	}
	return e, previous, nil
}

// csvOpeningOf finds the opening in its row; nil where it is none.
func csvOpeningOf(line []byte) []byte {
	r := csv.NewReader(bytes.NewReader(line))
	r.FieldsPerRecord = len(csvColumns)
	row, err := r.Read()
	if err != nil || row[0] != "0" {
		return nil
	}
	return []byte(row[len(row)-1] + "\n")
}
