package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// export gives a file as the server writes it.
func export(t *testing.T, c *apptest.Caller, stream, query string) []byte {
	t.Helper()
	return c.Get(t, "/organization/"+stream+"/events/export?"+query).Must(t, 200).Body
}

// checked verifies a file; the bad event is nil where all of it is as it was written.
func checked(t *testing.T, text []byte, noted ...audit.Noted) (audit.FileReport, *audit.BadEvent) {
	t.Helper()
	r, err := audit.VerifyFile(bytes.NewReader(text), "", noted)
	var bad *audit.BadEvent
	if err != nil && !errors.As(err, &bad) {
		t.Fatalf("the file could not be verified: %v", err)
	}
	return r, bad
}

func noted(t *testing.T, text string) audit.Noted {
	t.Helper()
	list, err := audit.ReadNoted(strings.NewReader(text))
	if err != nil || len(list) != 1 {
		t.Fatalf("noted %.60q: %v, %v", text, list, err)
	}
	return list[0]
}

// TestExportedFile: what leaves verifies without the server, and says what it holds.
func TestExportedFile(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com").With("User-Agent", "<b>Jane</b> & \u2028 others")
		acme := jane.Organization(t, "Acme")
		stream := string(acme)
		for _, name := range []string{"=cmd|' /C calc'!A0", "two, \"quoted\"", "three & ünïcode \U0001f600"} {
			jane.Project(t, acme, name)
		}
		joe := s.Member(t, acme, "joe@example.com", authz.Developer)
		head := jane.Get(t, "/organization/"+stream+"/events/head").Must(t, 200)
		early := noted(t, head.Text("signed"))
		if byHand := noted(t, head.Text("short")); byHand.Seq != 5 || byHand.Short() != early.Short() || early.Key != head.Text("key") {
			t.Errorf("noted %+v and %+v", early, byHand)
		}
		if kid := s.Anonymous().Get(t, "/.well-known/guildhall-heads.json").Must(t, 200).Text("keys.0.kid"); kid != early.Key {
			t.Errorf("the published key is %q, heads are signed with %q", kid, early.Key)
		}
		for seq, c := range []struct {
			caller        *apptest.Caller
			query         string
			first         int64
			with, without int64
			complete      bool
		}{
			{jane, "format=jsonl", 1, 6, 0, true},
			{jane, "format=csv", 1, 7, 0, true},
			{jane, "eventType=CREATE&targetType=PROJECT", 1, 3, 5, false},
			{jane, "format=csv&eventType=CREATE&targetType=PROJECT", 1, 3, 6, false},
			{joe, "", 1, 3, 7, false},
			{joe, "format=csv", 1, 3, 8, false},
			{jane, "fromTimestamp=4102444800", 13, 0, 0, true},
		} {
			text := export(t, c.caller, stream, c.query)
			if c.first > 1 {
				r, bad := checked(t, text)
				if bad != nil || r.First != c.first || r.Events != 0 {
					t.Errorf("%s: %+v, %v", c.query, r, bad)
				}
				continue
			}
			against := []audit.Noted{early}
			if strings.Contains(c.query, "csv") && !c.complete {
				against = nil // it has no line for that event
			}
			r, bad := checked(t, text, against...)
			if bad != nil {
				t.Fatalf("%s: %v", c.query, bad)
			}
			if r.First != c.first || r.Seq != int64(seq+6) || r.Events != c.with || r.LeftOut != c.without || r.Complete != c.complete || r.Key != early.Key || r.Against != len(against) {
				t.Errorf("%s: %+v", c.query, r)
			}
			if c.caller == joe && (bytes.Contains(text, []byte("organization.create")) || bytes.Contains(text, []byte("member.add"))) {
				t.Errorf("%s shows what is not to be seen", c.query)
			}
		}
		if r := jane.Get(t, "/organization/"+stream+"/events?eventType=EXPORT").Must(t, 200); r.Text("events.0.action") != "events.export" {
			t.Errorf("the exports are not on record: %s", r.Body)
		}
		s.Verify(t)
	})
}

// TestHarmlessCSV: no cell begins a formula, and no control character reaches a spreadsheet.
func TestHarmlessCSV(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	acme := jane.Organization(t, "Acme")
	for _, name := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "|calc", "%0A", "＝1", "\u200b=1", "x=1"} {
		jane.Post(t, "/organization/"+string(acme)+"/project", map[string]any{"name": name})
	}
	jane.With("User-Agent", "=HYPERLINK(\"http://example.com\")").Project(t, acme, "agent")
	text := string(export(t, jane, string(acme), "format=csv"))
	for _, begin := range []string{",=", ",+", ",-", ",@", ",|", ",%", ",\"=", ",\"+", ",\"-", ",\"@", ",＝", ",\u200b", "\t", "\r"} {
		if strings.Contains(text, begin) {
			t.Errorf("the file has a cell that begins with %q:\n%s", begin, text)
		}
	}
	for _, want := range []string{",'=1+1,", ",'@SUM(A1),", ",x=1,", `,"'=HYPERLINK(""http://example.com"")",`} {
		if !strings.Contains(text, want) {
			t.Errorf("the file lacks %s", want)
		}
	}
	if _, bad := checked(t, []byte(text)); bad != nil {
		t.Error(bad)
	}
}

// scribbler alters an exported file in memory, and knows which event must be named.
type scribbler struct {
	random *rand.Rand
	head   int // lines in front of the first event
	lines  [][]byte
}

func (x *scribbler) event(seq int64) *[]byte { return &x.lines[x.head+int(seq)-1] }

func (x *scribbler) between(low, high int64) int64 { return low + x.random.Int64N(high-low+1) }

// alter changes one byte or bit of an event's line, or removes or doubles one.
func (x *scribbler) alter(seq int64) string {
	line := slices.Clone(*x.event(seq))
	at := x.random.IntN(len(line) - 1) // not the line's end: that joins two lines
	switch x.random.IntN(3) {
	case 0:
		for old := line[at]; line[at] == old || line[at] == '\n'; {
			line[at] ^= 1 << x.random.IntN(8)
		}
	case 1:
		line = slices.Delete(line, at, at+1)
	default:
		line = slices.Insert(line, at, line[at])
	}
	*x.event(seq) = line
	return fmt.Sprintf("a byte of event %d", seq)
}

// tamper does one thing and gives the event that is wrong then.
func (x *scribbler) tamper() (string, int64) {
	last := int64(len(x.lines) - x.head)
	a, b := x.between(1, last), x.between(1, last)
	low, high := min(a, b), max(a, b)
	place := func(seq int64) int { return x.head + int(seq) - 1 }
	switch x.random.IntN(6) {
	case 0:
		return x.alter(low), low
	case 1:
		x.lines = slices.Delete(x.lines, place(low), place(high)+1)
		return fmt.Sprintf("deleted %d to %d", low, high), low
	case 2:
		if low == high {
			return x.alter(low), low
		}
		x.lines[place(low)], x.lines[place(high)] = x.lines[place(high)], x.lines[place(low)]
		return fmt.Sprintf("swapped %d and %d", low, high), low
	case 3:
		x.lines = slices.Insert(x.lines, place(b), *x.event(a))
		if a == b {
			return fmt.Sprintf("doubled %d", a), a + 1
		}
		return fmt.Sprintf("inserted a copy of %d at %d", a, b), b
	case 4:
		x.lines = x.lines[:place(low)]
		return fmt.Sprintf("cut at %d", low), low
	default:
		line := *x.event(low)
		x.lines = append(x.lines[:place(low)], line[:x.random.IntN(len(line)-1)+1])
		return fmt.Sprintf("cut in the middle of %d", low), low
	}
}

// TestTamperedFile alters, deletes, swaps, inserts and cuts at random, and puts older
// files in the place of newer ones, a thousand times.
func TestTamperedFile(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 1))
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	acme := jane.Organization(t, "Acme")
	for n := range 5 {
		jane.Project(t, acme, fmt.Sprint("project ", n))
	}
	var files []([]byte)
	for range 3 {
		for _, query := range []string{"format=jsonl", "format=csv", "eventType=CREATE&targetType=PROJECT"} {
			files = append(files, export(t, jane, string(acme), query))
		}
	}
	newest := noted(t, jane.Get(t, "/organization/"+string(acme)+"/events/head").Must(t, 200).Text("signed"))
	for n, file := range files {
		if r, bad := checked(t, file); bad != nil || r.LeftOut+r.Events != int64(7+n) {
			t.Fatalf("before any tampering: %+v, %v", r, bad)
		}
	}
	for range 1000 {
		file := random.IntN(len(files))
		if random.IntN(8) == 0 && file < len(files)-1 { // an older file, whole
			if _, bad := checked(t, files[file], newest); bad == nil || bad.Seq != int64(8+file) {
				t.Fatalf("an older file: %v, want event %d", bad, 8+file)
			}
			continue
		}
		x := &scribbler{random: random, head: 1, lines: slices.DeleteFunc(bytes.SplitAfter(files[file], []byte("\n")), func(l []byte) bool { return len(l) == 0 })}
		if bytes.HasPrefix(files[file], []byte("sequence,")) {
			x.head = 2
		}
		what, bad := x.tamper()
		for bad > 1 && random.IntN(3) == 0 {
			bad = x.between(1, bad-1)
			what += ", " + x.alter(bad)
		}
		text := bytes.Join(x.lines, nil)
		if _, found := checked(t, text); found == nil || found.Seq != bad || found.Stream != string(acme) {
			t.Fatalf("file %d, %s: found %v, want event %d\n%s", file, what, found, bad, text)
		}
	}
}

// TestForgedFile alters what vouches for a file.
func TestForgedFile(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	other := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	acme := jane.Organization(t, "Acme")
	file := string(export(t, jane, string(acme), ""))
	for name, c := range map[string]struct{ from, to, says string }{
		"head":       {`"seq":2`, `"seq":1`, "opening of the file was altered"},
		"beginning":  {`"first":1`, `"first":2`, "opening of the file was altered"},
		"complete":   {`"complete":true`, `"complete":false`, "opening of the file was altered"},
		"no opening": {`{"export"`, `{"exports"`, "no file of events"},
	} {
		_, err := audit.VerifyFile(strings.NewReader(strings.Replace(file, c.from, c.to, 1)), "", nil)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Signed by somebody else's key.
	joe := other.Person(t, "joe@example.com")
	theirs := joe.Get(t, "/organization/"+string(joe.Organization(t, "Acme"))+"/events/head").Must(t, 200)
	if _, err := audit.VerifyFile(strings.NewReader(file), theirs.Text("key"), nil); err == nil {
		t.Error("the file is taken for one that is signed with another key")
	}
	if _, err := audit.VerifyFile(strings.NewReader(file), "", []audit.Noted{noted(t, theirs.Text("signed"))}); err == nil {
		t.Error("the file is held against the head of another organization, and passes")
	}
	access := jane.Credential
	if _, err := audit.ReadNoted(strings.NewReader(access)); err == nil {
		t.Error("an access token is taken for a head")
	}
	for _, none := range []string{"", "nothing", id.New[string]() + ":1:abc"} {
		if _, err := audit.ReadNoted(strings.NewReader(none)); err == nil {
			t.Errorf("%q is taken for a head", none)
		}
	}
}
