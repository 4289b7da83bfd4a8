package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// FileReport says what was verified of an exported file.
type FileReport struct {
	Opening
	Format Format `json:"format"`
	// Key names the key that signed the file; whose it is, the server says.
	Key string `json:"key"`
	// Events have their content; LeftOut were not asked for, or not to be seen.
	Events  int64 `json:"events"`
	LeftOut int64 `json:"left_out"`
	Erased  int64 `json:"erased"`
	// Redacted say something else since a person was erased, and an event in the file
	// names them.
	Redacted int64 `json:"redacted"`
	// Against is how many noted heads the file was held against.
	Against int `json:"against"`
}

// maxLine bounds a line of a file. An event has the thing before and after, each of
// which came in a body of 256 KiB.
const maxLine = 16 << 20

// file is a walk through an exported file.
type file struct {
	lines    *bufio.Reader
	report   FileReport
	last     int64
	previous Hash
	noted    map[int64]Noted
	named    map[int64]string // what the erasures in the file say of events
	altered  []altered        // events that say something else than their digest is of
}

// VerifyFile walks an exported file, with neither a database nor a key: each line is as
// it was written, linked to the one before, and the last is the head that was signed.
// A *BadEvent is the first event that is not. key, where given, must have signed it; the
// chain must lead to the noted heads.
func VerifyFile(r io.Reader, key string, noted []Noted) (FileReport, error) {
	f := &file{lines: bufio.NewReaderSize(r, 64<<10), noted: map[int64]Noted{}, named: map[int64]string{}}
	if err := f.open(); err != nil {
		return f.report, err
	}
	o := f.report.Opening
	if key != "" && key != f.report.Key {
		return f.report, fmt.Errorf("the file is signed with the key %s, not with %s", f.report.Key, key)
	}
	for _, n := range noted {
		if n.Stream != o.Stream {
			continue
		}
		if n.Key != "" && n.Key != f.report.Key {
			return f.report, fmt.Errorf("the file is signed with the key %s, and the noted head of %s with %s", f.report.Key, n.Stream, n.Key)
		}
		if there, twice := f.noted[n.Seq]; twice && !bytes.Equal(there.Hash, n.Hash) {
			return f.report, fmt.Errorf("event %d of %s was noted twice, and not as the same", n.Seq, n.Stream)
		}
		f.noted[n.Seq] = n
		f.report.Against++
	}
	if len(noted) > 0 && f.report.Against == 0 {
		return f.report, fmt.Errorf("the file is of the organization %s, and no noted head is", o.Stream)
	}
	f.last, f.previous = o.First-1, o.Previous
	if err := f.compare(f.last, f.previous); err != nil {
		return f.report, err
	}
	err := f.walk()
	var bad *BadEvent
	if err == nil || errors.As(err, &bad) {
		if earlier := f.settle(); earlier != nil { // they stand before where the walk ended
			err = earlier
		}
	}
	return f.report, err
}

func (f *file) walk() error {
	for {
		line, err := f.line()
		if errors.Is(err, io.EOF) {
			return f.end()
		}
		if err == nil {
			err = f.event(line)
		}
		if err != nil {
			return err
		}
	}
}

// settle judges the events that say something else than they did: an erasure of the
// same chain names them and what they say now, or they were altered.
func (f *file) settle() error {
	for _, a := range f.altered {
		if f.named[a.seq] != hex.EncodeToString(a.now[:]) {
			return f.bad(a.seq, "", "its content was altered: the digest does not match, and no erasure names it")
		}
		f.report.Redacted++
	}
	return nil
}

// line reads a line with its end; io.EOF behind the last.
func (f *file) line() ([]byte, error) {
	var line []byte
	for {
		part, err := f.lines.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case len(line) > maxLine:
			return nil, f.bad(f.last+1, "", "its line is longer than any that is written")
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, f.bad(f.last+1, "", "its line was cut")
		default:
			return nil, err
		}
	}
}

func (f *file) bad(seq int64, event id.Event, format string, args ...any) error {
	return &BadEvent{Stream: f.report.Stream, Seq: seq, ID: event, Reason: fmt.Sprintf(format, args...)}
}

var errNoExport = errors.New("this is no file of events that Guildhall exported, or its first line is not as it was written")

// open reads the beginning, and holds it against its signature.
func (f *file) open() error {
	line, err := f.line()
	if err != nil {
		return errNoExport
	}
	f.report.Format = JSONLines
	written := line
	if bytes.Equal(line, csvLine(csvColumns)) {
		f.report.Format = CSV
		if line, err = f.line(); err != nil {
			return errNoExport
		}
		written, line = line, csvOpeningOf(line)
	}
	var o openingLine
	if strictly(line, &o) != nil {
		return errNoExport
	}
	again, err := encodeLine(o)
	if err == nil && f.report.Format == CSV {
		again = csvOpening(o.Export, again)
	}
	if err != nil || !bytes.Equal(again, written) {
		return errNoExport
	}
	f.report.Opening = o.Export
	text, key, err := unsign(o.Signed)
	if err != nil {
		return f.bad(max(o.Export.Seq, 1), "", "the opening of the file was altered: %v", err)
	}
	if signed, err := json.Marshal(o.Export); err != nil || !bytes.Equal(signed, text) {
		return f.bad(max(o.Export.Seq, 1), "", "the opening of the file was altered: it is not what was signed")
	}
	f.report.Key = key
	return nil
}

// event takes the next event of the chain.
func (f *file) event(line []byte) error {
	next := f.last + 1
	var (
		e        Exported
		previous Hash
		err      error
	)
	if f.report.Format == CSV {
		e, previous, err = parseCSV(line)
	} else {
		err = strictly(line, &e)
	}
	if err != nil {
		return f.bad(next, "", "its line cannot be read")
	}
	gap := f.report.Format == CSV && !f.report.Complete && e.Seq > next
	switch {
	case e.Seq > f.report.Seq:
		return f.bad(next, "", "in its place stands event %d, which lies behind the head of the file; it was inserted", e.Seq)
	case e.Seq > next && !gap:
		return f.bad(next, "", "missing: behind event %d stands event %d", f.last, e.Seq)
	case e.Seq < next:
		return f.bad(next, "", "in its place stands event %d; it was inserted or moved", e.Seq)
	case gap:
		f.report.LeftOut += e.Seq - next
		f.previous = previous
		if err := f.compare(e.Seq-1, previous); err != nil {
			return err
		}
	}
	if reason, event := f.wrong(e, line); reason != "" {
		return f.bad(e.Seq, event, "%s", reason)
	}
	f.last, f.previous = e.Seq, e.Hash
	switch {
	case e.Payload != nil:
		f.report.Events++
	case e.Erased:
		f.report.Erased++
	default:
		f.report.LeftOut++
	}
	return f.compare(e.Seq, e.Hash)
}

// wrong says what is wrong with an event that stands in its place.
func (f *file) wrong(e Exported, line []byte) (reason string, event id.Event) {
	if e.Payload == nil && !e.Erased && f.report.Complete {
		return "its content was removed, and the file says that it is complete", ""
	}
	if e.Payload != nil {
		if sum := sha256.Sum256([]byte(*e.Payload)); !bytes.Equal(sum[:], e.Digest) {
			f.altered = append(f.altered, altered{seq: e.Seq, now: sum})
		}
		maps.Copy(f.named, RedactedBy([]byte(*e.Payload), e.Digest))
		var p Payload
		if err := json.Unmarshal([]byte(*e.Payload), &p); err != nil || p.Stream != f.report.Stream {
			return "its content is that of another chain, or of none", ""
		}
		event = p.ID
	}
	if !bytes.Equal(store.ChainHash(f.previous, e.Seq, e.Digest), e.Hash) {
		return "its link to the event before does not match: one of them was altered, moved or inserted", event
	}
	again, err := f.report.Format.Encode(f.report.Opening, e, f.previous)
	if err != nil || !bytes.Equal(again, line) {
		return "its line was altered: it is not written as it was exported", event
	}
	return "", event
}

// compare holds an event against the head that was noted there.
func (f *file) compare(seq int64, hash Hash) error {
	n, ok := f.noted[seq]
	if !ok {
		return nil
	}
	delete(f.noted, seq)
	if bytes.Equal(n.Hash, hash) {
		return nil
	}
	return n.replaced(0)
}

// end looks at what has to be behind the last line.
func (f *file) end() error {
	o := f.report.Opening
	switch {
	case f.last < o.Seq && f.report.Format == CSV && !o.Complete:
		f.report.LeftOut += o.Seq - f.last
	case f.last < o.Seq:
		return f.bad(f.last+1, "", "missing: the file ends at event %d and its head stands at %d; the tail was cut", f.last, o.Seq)
	case o.First <= o.Seq && !bytes.Equal(f.previous, o.Hash):
		return f.bad(f.last, "", "its link is not the one that the head of the file signed")
	}
	if err := f.compare(o.Seq, o.Hash); err != nil {
		return err
	}
	if len(f.noted) == 0 {
		return nil
	}
	if seq := slices.Max(slices.Collect(maps.Keys(f.noted))); seq > o.Seq {
		return f.bad(o.Seq+1, "", "missing: event %d was noted, and the file is from when the chain ended at %d", seq, o.Seq)
	}
	return errors.New("an event that was noted is not in the file: export the whole chain")
}
