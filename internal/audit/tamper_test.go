package audit_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// The chains that the tests tamper with: last events in a stream, and a second
// organization beside it.
const last = 12

// chains makes them, and keeps them for restore.
func chains(t *testing.T, s *apptest.Server) (i intruder, stream, other string) {
	t.Helper()
	jane := s.Person(t, "jane@example.com")
	stream = string(jane.Organization(t, "Acme"))
	for n := 2; n <= last; n++ {
		jane.Project(t, apptest.OrganizationID(jane.Get(t, "/organization/"+stream)), fmt.Sprint("project ", n))
	}
	other = string(jane.Organization(t, "Other"))
	i = intrude(t, s)
	i.remember()
	if report, bad := i.verify(); bad != nil || report.Streams != 3 || report.Events != last+2 || report.Erased != 0 {
		t.Fatalf("before any tampering: %+v, %v", report, bad)
	}
	return i, stream, other
}

// renumber moves the events from a number on by some places.
func (i intruder) renumber(stream string, from, by int64) {
	i.t.Helper()
	// By way of negative numbers: no number may be there twice meanwhile.
	i.do("UPDATE event SET seq = -(seq + $3) WHERE organization_id = $1 AND seq >= $2", stream, from, by)
	i.do("UPDATE event SET seq = -seq WHERE organization_id = $1 AND seq < 0", stream)
}

// rechain computes digests and links anew from a number on, as somebody who knows
// how a chain is made would; head also moves the head to its end. Without the key
// the head's signature stays what it was.
func (i intruder) rechain(stream string, from int64, head bool) {
	i.t.Helper()
	type row struct {
		seq                   int64
		payload, digest, hash []byte
	}
	rows, err := i.Query("SELECT seq, payload, hash FROM event WHERE organization_id = $1 ORDER BY seq", stream)
	if err != nil {
		i.t.Fatal(err)
	}
	defer rows.Close()
	var list []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.seq, &r.payload, &r.hash); err != nil {
			i.t.Fatal(err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		i.t.Fatal(err)
	}
	rows.Close()
	end, hash := int64(0), make([]byte, sha256.Size)
	for _, r := range list {
		if r.seq >= from {
			sum := sha256.Sum256(r.payload)
			r.digest, r.hash = sum[:], store.ChainHash(hash, r.seq, sum[:])
			i.do("UPDATE event SET digest = $3, hash = $4 WHERE organization_id = $1 AND seq = $2", stream, r.seq, r.digest, r.hash)
		}
		end, hash = r.seq, r.hash
	}
	if head {
		i.do("UPDATE organization_head SET seq = $2, hash = $3 WHERE organization_id = $1", stream, end, hash)
	}
}

// alter changes what an event says, and nothing that vouches for it.
func (i intruder) alter(stream string, seq int64) {
	i.t.Helper()
	i.setPayload(stream, seq, strings.Replace(i.payload(stream, seq), "jane@example.com", "joan@example.com", 1))
}

func (i intruder) setPayload(stream string, seq int64, payload string) {
	i.t.Helper()
	i.do("UPDATE event SET payload = $3 WHERE organization_id = $1 AND seq = $2", stream, seq, []byte(payload))
}

func (i intruder) payload(stream string, seq int64) string {
	i.t.Helper()
	var payload []byte
	if err := i.QueryRow("SELECT payload FROM event WHERE organization_id = $1 AND seq = $2", stream, seq).Scan(&payload); err != nil {
		i.t.Fatal(err)
	}
	return string(payload)
}

// copyOf puts a copy of an event at another number.
func (i intruder) copyOf(stream string, seq, at int64) {
	i.t.Helper()
	i.do(`INSERT INTO event SELECT organization_id, $3, id, at, action, event_type, target_type, target_id, target_name, sub_target_type, triggered_by,
		actor_id, origin, project_id, project_name, environment_id, environment_name, payload, digest, hash FROM event WHERE organization_id = $1 AND seq = $2`,
		stream, seq, at)
}

func (i intruder) remove(stream string, from, to int64) {
	i.t.Helper()
	i.do("DELETE FROM event WHERE organization_id = $1 AND seq >= $2 AND seq <= $3", stream, from, to)
}

// swap exchanges the numbers of two events.
func (i intruder) swap(stream string, a, b int64) {
	i.t.Helper()
	i.do("UPDATE event SET seq = -1 WHERE organization_id = $1 AND seq = $2", stream, a)
	i.do("UPDATE event SET seq = $3 WHERE organization_id = $1 AND seq = $2", stream, b, a)
	i.do("UPDATE event SET seq = $2 WHERE organization_id = $1 AND seq = -1", stream, b)
}

// TestTampering alters the record in every way that somebody with the database, but
// without the master key, can think of. Verify names the first event that is wrong.
func TestTampering(t *testing.T) {
	tests := map[string]struct {
		do     func(i intruder, stream, other string)
		seq    int64
		reason string
	}{
		"content":                    {func(i intruder, s, _ string) { i.alter(s, 5) }, 5, "content was altered"},
		"content of the first":       {func(i intruder, s, _ string) { i.alter(s, 1) }, 1, "content was altered"},
		"content of the last":        {func(i intruder, s, _ string) { i.alter(s, last) }, last, "content was altered"},
		"content of two":             {func(i intruder, s, _ string) { i.alter(s, 9); i.alter(s, 4) }, 4, "content was altered"},
		"content taken from another": {func(i intruder, s, _ string) { i.setPayload(s, 5, i.payload(s, 6)) }, 5, "content was altered"},
		"content made empty":         {func(i intruder, s, _ string) { i.setPayload(s, 5, "") }, 5, "content was "},
		"content removed": {func(i intruder, s, _ string) {
			i.do("UPDATE event SET payload = NULL WHERE organization_id = $1 AND seq = 5", s)
		}, 5, "content was removed"},
		"content of all removed":         {func(i intruder, s, _ string) { i.do("UPDATE event SET payload = NULL WHERE organization_id = $1", s) }, 1, "content was removed"},
		"digest":                         {func(i intruder, s, _ string) { i.corrupt(s, 5, "digest") }, 5, "digest does not match"},
		"link":                           {func(i intruder, s, _ string) { i.corrupt(s, 5, "hash") }, 5, "link"},
		"link of the last":               {func(i intruder, s, _ string) { i.corrupt(s, last, "hash") }, last, "link"},
		"removed":                        {func(i intruder, s, _ string) { i.remove(s, 5, 5) }, 5, "missing: after event 4 comes event 6"},
		"removed, the first":             {func(i intruder, s, _ string) { i.remove(s, 1, 1) }, 1, "missing"},
		"removed, all":                   {func(i intruder, s, _ string) { i.remove(s, 1, last) }, 1, "missing"},
		"removed and renumbered":         {func(i intruder, s, _ string) { i.remove(s, 5, 5); i.renumber(s, 6, -1) }, 5, "link"},
		"swapped, neighbours":            {func(i intruder, s, _ string) { i.swap(s, 5, 6) }, 5, "link"},
		"swapped, far apart":             {func(i intruder, s, _ string) { i.swap(s, 3, 11) }, 3, "link"},
		"swapped with its links":         {func(i intruder, s, _ string) { i.swap(s, 5, 6); i.rechain(s, 5, false) }, last, "not the one that the head"},
		"inserted":                       {func(i intruder, s, _ string) { i.renumber(s, 5, 1); i.copyOf(s, 3, 5) }, 5, "link"},
		"inserted with its link":         {func(i intruder, s, _ string) { i.renumber(s, 5, 1); i.copyOf(s, 3, 5); i.rechain(s, 5, false) }, last + 1, "behind the head"},
		"inserted before the first":      {func(i intruder, s, _ string) { i.copyOf(s, 3, 0) }, 0, "inserted"},
		"inserted at the end":            {func(i intruder, s, _ string) { i.copyOf(s, last, last+1) }, last + 1, "link"},
		"inserted at the end, linked":    {func(i intruder, s, _ string) { i.copyOf(s, last, last+1); i.rechain(s, last+1, false) }, last + 1, "behind the head"},
		"inserted at the end, with head": {func(i intruder, s, _ string) { i.copyOf(s, last, last+1); i.rechain(s, last+1, true) }, last + 1, "head of the chain was altered"},
		"taken from another chain": {func(i intruder, s, o string) {
			i.do("UPDATE event SET organization_id = $2, seq = 2 WHERE organization_id = $1 AND seq = 5", s, o)
		}, 5, "missing"},
		"tail cut":                      {func(i intruder, s, _ string) { i.remove(s, 8, last) }, 8, "the tail was cut"},
		"tail cut, head rewound":        {func(i intruder, s, _ string) { i.remove(s, 8, last); i.rechain(s, 8, true) }, 7, "head of the chain was altered"},
		"chain recomputed":              {func(i intruder, s, _ string) { i.alter(s, 5); i.rechain(s, 5, false) }, 5, "columns"},
		"columns too, not the head":     {func(i intruder, s, _ string) { i.rewrite(s, 5); i.rechain(s, 5, false) }, last, "not the one that the head"},
		"columns and head, not the key": {func(i intruder, s, _ string) { i.rewrite(s, 5); i.rechain(s, 5, true) }, last, "head of the chain was altered"},
		"one recomputed, not the rest":  {func(i intruder, s, _ string) { i.rewrite(s, 5); i.rechainOne(s, 5) }, 6, "link"},
		"the last recomputed":           {func(i intruder, s, _ string) { i.rewrite(s, last); i.rechainOne(s, last) }, last, "not the one that the head"},
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, stream, other := chains(t, s)
		for name, c := range tests {
			t.Run(name, func(t *testing.T) {
				i.t = t
				defer i.restore()
				c.do(i, stream, other)
				found(t, i, stream, c.seq, c.reason)
			})
		}
		i.t = t
		if _, bad := i.verify(); bad != nil {
			t.Errorf("after everything was put back: %v", bad)
		}
	})
}

func (i intruder) corrupt(stream string, seq int64, column string) {
	i.t.Helper()
	i.do("UPDATE event SET "+column+" = $3 WHERE organization_id = $1 AND seq = $2", stream, seq, make([]byte, sha256.Size))
}

// rewrite changes what an event says, in its content and in its columns.
func (i intruder) rewrite(stream string, seq int64) {
	i.t.Helper()
	i.alter(stream, seq)
	i.do("UPDATE event SET triggered_by = 'joan@example.com' WHERE organization_id = $1 AND seq = $2", stream, seq)
}

// rechainOne computes the digest and link of one event anew.
func (i intruder) rechainOne(stream string, seq int64) {
	i.t.Helper()
	var before []byte
	if err := i.QueryRow("SELECT hash FROM event WHERE organization_id = $1 AND seq = $2", stream, seq-1).Scan(&before); err != nil {
		i.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(i.payload(stream, seq)))
	i.do("UPDATE event SET digest = $3, hash = $4 WHERE organization_id = $1 AND seq = $2", stream, seq, sum[:], store.ChainHash(before, seq, sum[:]))
}

// found fails the test unless Verify names this event for this reason.
func found(t *testing.T, i intruder, stream string, seq int64, reason string) {
	t.Helper()
	_, bad := i.verify()
	if bad == nil {
		t.Fatalf("not noticed; event %d is not as it was written", seq)
	}
	if bad.Stream != stream || bad.Seq != seq || !strings.Contains(bad.Reason, reason) {
		t.Errorf("found %v\nwant stream %s, event %d, %q", bad, stream, seq, reason)
	}
	if strings.HasPrefix(bad.Reason, "missing") && bad.ID != "" {
		t.Errorf("an event that is missing has the id of another: %v", bad)
	}
}

// TestAlteredColumns alters each column of an event in turn, whatever columns there
// are: the list is filtered by them, so they must say what the content says.
func TestAlteredColumns(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, stream, _ := chains(t, s)
		names := i.columns()
		if len(names) < 20 {
			t.Fatalf("columns %v", names)
		}
		for _, name := range names {
			var value any = "x"
			switch name {
			case "organization_id", "seq", "payload", "digest", "hash":
				continue // TestTampering
			case "at":
				value = 1
			}
			i.do("UPDATE event SET "+name+" = $3 WHERE organization_id = $1 AND seq = $2", stream, 5, value)
			_, bad := i.verify()
			if bad == nil || bad.Seq != 5 || bad.Stream != stream || !strings.Contains(bad.Reason, "columns") {
				t.Errorf("the column %s was altered: found %v", name, bad)
			}
			i.restore()
		}
	})
}

// columns are those of the table of events.
func (i intruder) columns() []string {
	i.t.Helper()
	rows, err := i.Query("SELECT * FROM event WHERE seq < 0")
	if err != nil {
		i.t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err = errors.Join(err, rows.Err()); err != nil {
		i.t.Fatal(err)
	}
	return names
}

// TestUnreadableRows puts values of another type into columns, which SQLite takes.
func TestUnreadableRows(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	i, stream, _ := chains(t, s)
	for column, value := range map[string]any{"at": "yesterday", "seq": "five", "payload": "{}", "digest": 7, "action": []byte{0xff}} {
		i.do("UPDATE event SET "+column+" = $2 WHERE organization_id = $1 AND seq = 5", stream, value)
		if _, bad := i.verify(); bad == nil || bad.Seq != 5 || bad.Stream != stream {
			t.Errorf("%s became %v: found %v", column, value, bad)
		}
		i.restore()
	}
}
