package bench_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// limit is what a comparison should reach: at least this ratio to another subject,
// whatever the number of connections.
type limit struct {
	engine, scenario string
	of               int // the subject that ours is compared with
	words            string
	atLeast          float64
}

var limits = []limit{
	{"sqlite", "hot", 1, "of a bare handler", 0.60},
	{"sqlite", cold, 1, "of a bare handler", 0.35},
	{"sqlite", create, 2, "of grouped bare transactions", 0.35},
	{"postgres", "hot", 1, "of a bare handler", 0.60},
	{"postgres", cold, 1, "of a bare handler", 0.35},
	{"postgres", create, 1, "of bare transactions", 0.60},
}

// limits tells which of them this run has reached. Nothing fails: how fast a shared
// machine is at the moment is not a property of the code.
func (f *found) limits(w io.Writer) {
	title := "\n| limit | wanted |"
	for _, n := range connections {
		title += fmt.Sprintf(" %d |", n)
	}
	title += " |\n|---|--:|" + strings.Repeat("--:|", len(connections)) + "---|\n"
	for _, l := range limits {
		cells, worst := "", 0.0
		for i, n := range connections {
			c, measured := f.contests[key{l.engine, l.scenario, n}]
			if !measured {
				cells += " – |"
				continue
			}
			cells += fmt.Sprintf(" %.2f |", c.ratio(l.of))
			if i == 0 || c.ratio(l.of) < worst {
				worst = c.ratio(l.of)
			}
		}
		if worst == 0 {
			continue
		}
		verdict := "FAIL"
		if worst >= l.atLeast {
			verdict = "PASS"
		}
		fmt.Fprintf(w, "%s| %s, %s, %s | %.2f |%s %s |\n", title, names[l.engine], l.scenario, l.words, l.atLeast, cells, verdict)
		title = ""
	}
}

// TestLimits holds that every limit is about a scenario that is measured, against a
// subject that it has.
func TestLimits(t *testing.T) {
	for _, l := range limits {
		i := slices.IndexFunc(scenarios, func(c scenario) bool { return c.name == l.scenario })
		if i < 0 || !slices.Contains(engines, l.engine) {
			t.Fatalf("nothing measures %+v", l)
		}
		if subjects := scenarios[i].subjects(t, start(t, l.engine, tiny), 1); len(subjects) <= l.of {
			t.Errorf("%+v: it is compared with %d others only", l, len(subjects)-1)
		}
	}
}

// TestDocument holds that the document has one place for the tables, and that they
// are put there and nowhere else.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), heading); n != 1 {
		t.Fatalf("docs/performance.md has the heading %q %d times", heading, n)
	}
	path := filepath.Join(t.TempDir(), "copy.md")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	prose, _, _ := strings.Cut(string(text), heading)
	for _, tables := range []string{heading + "\n\nold\n", heading + "\n\nnew\n"} {
		if err := replaceTables(path, tables); err != nil {
			t.Fatal(err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != prose+tables {
			t.Errorf("the document became %q, %v", now, err)
		}
	}
	if err := replaceTables(path, ""); err == nil {
		t.Error("nothing was measured, and the document lost its tables")
	}
}
