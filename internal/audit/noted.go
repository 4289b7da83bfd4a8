package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/store"
)

// Noted is a head that somebody has kept elsewhere.
type Noted struct {
	Head
	// Key names the key that signed it; empty for one that was noted by hand.
	Key string
}

// maxNoted bounds what is read of a file of noted heads.
const maxNoted = 8 << 20

var (
	softBreak  = regexp.MustCompile(`=\r?\n`) // with which a letter's source breaks long lines
	signedHead = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{86}`)
	shortHead  = regexp.MustCompile(`(?m)^(?:# )?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9]{1,18}):([0-9a-f]{64})\r?$`)
)

// Short is a head as it is noted by hand: organization, number and hash.
func (h Head) Short() string {
	hash, _ := h.Hash.MarshalText()
	return h.Stream + ":" + strconv.FormatInt(h.Seq, 10) + ":" + string(hash)
}

// ReadNoted finds the heads in a text: signed ones among any other words, and those noted
// by hand on a line of their own. Of an exported file the head that it was made at counts.
func ReadNoted(r io.Reader) ([]Noted, error) {
	lines := bufio.NewReader(io.LimitReader(r, maxNoted))
	first, err := lines.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	text := []byte(first)
	if !strings.HasPrefix(first, openingPrefix) {
		rest, err := io.ReadAll(lines)
		if err != nil {
			return nil, err
		}
		text = append(text, rest...)
	}
	text = softBreak.ReplaceAll(text, nil)
	var list []Noted
	for _, token := range signedHead.FindAll(text, -1) {
		n, err := parseNoted(string(token))
		if err != nil {
			return nil, fmt.Errorf("the noted head %.40s…: %w", token, err)
		}
		list = append(list, n)
	}
	for _, parts := range shortHead.FindAllSubmatch(text, -1) {
		n := Noted{Head: Head{Stream: string(parts[1])}}
		if n.Seq, err = strconv.ParseInt(string(parts[2]), 10, 64); err == nil {
			err = n.Hash.UnmarshalText(parts[3])
		}
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(there Noted) bool { return there.Short() == n.Short() }) {
			list = append(list, n)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is no head in it: neither a signed one, nor ORGANIZATION:NUMBER:HASH")
	}
	return list, nil
}

func parseNoted(token string) (n Noted, err error) {
	text, key, err := unsign(token)
	if err != nil {
		return n, err
	}
	n.Key = key
	if err := json.Unmarshal(text, &n.Head); err != nil || n.Stream == "" || n.Seq < 1 || len(n.Hash) != len(noHash) {
		return n, errors.New("it names no organization, number and hash")
	}
	return n, nil
}

// VerifyNoted holds the database against heads that were noted elsewhere. A *BadEvent
// is the first event of a chain that does not lead to them any more: the chain was cut,
// the database rolled back, the organization taken out, or another chain written in
// place of this one, by somebody who has the key of the server.
func VerifyNoted(q store.Querier, key string, noted []Noted) error {
	noted = slices.Clone(noted)
	slices.SortStableFunc(noted, func(a, b Noted) int {
		if c := strings.Compare(a.Stream, b.Stream); c != 0 {
			return c
		}
		return int(max(-1, min(1, a.Seq-b.Seq)))
	})
	before := Head{}
	for _, n := range noted {
		if n.Stream != before.Stream {
			before = Head{Stream: n.Stream}
		}
		if err := verifyOne(q, n, before.Seq); err != nil {
			return err
		}
		before = n.Head
	}
	for _, n := range noted {
		if n.Key != "" && n.Key != key {
			return fmt.Errorf("the noted head of %s is signed with the key %s, and the key of this database is %s", n.Stream, n.Key, key)
		}
	}
	return nil
}

// verifyOne looks for a noted head in its chain; known is a number up to which the
// chain is known to be the noted one.
func verifyOne(q store.Querier, n Noted, known int64) error {
	last, err := store.Value[int64](q, `SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) FROM event WHERE organization_id = $1`, n.Stream)
	switch {
	case err != nil:
		return err
	case last == 0:
		return &BadEvent{Stream: n.Stream, Seq: 1, Reason: fmt.Sprintf("missing: event %d of this chain was noted, and the whole chain is gone", n.Seq)}
	case last < n.Seq:
		return &BadEvent{Stream: n.Stream, Seq: last + 1, Reason: fmt.Sprintf(
			"missing: event %d of this chain was noted, and it ends at %d; its tail was cut, or an older database was put in its place", n.Seq, last)}
	}
	hash, err := store.Value[[]byte](q, `SELECT hash FROM event WHERE organization_id = $1 AND seq = $2`, n.Stream, n.Seq)
	if err != nil {
		return err
	}
	if !bytes.Equal(hash, n.Hash) {
		return n.replaced(known)
	}
	return nil
}

// replaced is the bad event of a chain that passes the noted head by: the first that
// can be the wrong one, where it is known up to which event the chain is the noted one.
func (n Noted) replaced(known int64) *BadEvent {
	from := "an event before it"
	if known > 0 {
		from = fmt.Sprintf("one of those behind %d", known)
	}
	if known == n.Seq-1 || n.Seq == 1 {
		return &BadEvent{Stream: n.Stream, Seq: n.Seq, Reason: "it is not the one that was noted: another was written in its place"}
	}
	return &BadEvent{Stream: n.Stream, Seq: n.Seq, Reason: "its link is not the one that was noted: it or " + from + " was replaced"}
}
