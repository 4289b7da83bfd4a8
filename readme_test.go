package main_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/cli"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/httpd"
)

var update = flag.Bool("update", false, "write what is generated")

// TestServedTable keeps the README's table of what is served true; make generate
// writes it anew.
func TestServedTable(t *testing.T) {
	generated(t, "README.md", "served", servedTable())
}

// TestErrorCatalogue keeps the list of error codes true.
func TestErrorCatalogue(t *testing.T) {
	generated(t, "docs/errors.md", "codes", errorTable())
}

// TestSettingsTable keeps the reference of the settings true.
func TestSettingsTable(t *testing.T) {
	generated(t, "docs/guide/configure.md", "settings", settingsTable(t))
}

func settingsTable(t *testing.T) string {
	t.Helper()
	settings, err := cli.Settings()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	group := ""
	for _, s := range settings {
		if s.Group != group || group == "" {
			group = s.Group
			fmt.Fprintf(&b, "\n### %s\n\n| flag | environment | key in the file | default | meaning |\n|---|---|---|---|---|\n", group)
		}
		standard := ""
		if s.Default != "" {
			standard = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | `%s` | %s | %s |\n", s.Flag, s.Environment, s.Key, standard, strings.ReplaceAll(s.Help, "|", "\\|"))
	}
	return b.String() + "\n"
}

func servedTable() string {
	served := map[string]bool{}
	var own []string
	for _, op := range httpd.Table() {
		served[op.ID] = true
		if op.Own {
			own = append(own, "`"+op.ID+"`")
		}
	}
	type row struct {
		served        []string
		core, missing int
	}
	rows := map[string]*row{}
	var tags []string
	total, first, core := 0, 0, 0
	for _, op := range httpd.Contract() {
		if !op.Core && !served[op.ID] {
			continue
		}
		if rows[op.Tag] == nil {
			rows[op.Tag] = &row{}
			tags = append(tags, op.Tag)
		}
		r := rows[op.Tag]
		if op.Core {
			core++
			r.core++
			if served[op.ID] {
				first++
			}
		}
		if served[op.ID] {
			total++
			r.served = append(r.served, "`"+op.ID+"`")
		} else {
			r.missing++
		}
	}
	slices.Sort(tags)
	var b strings.Builder
	fmt.Fprintf(&b, "%d of the %d operations we serve first, and %d others; every other operation of the contract answers 501 with a sentence.\n\n", first, core, total-first)
	b.WriteString("| part of the contract | served | not yet |\n|---|---|---|\n")
	var none []string
	for _, tag := range tags {
		if r := rows[tag]; len(r.served) > 0 {
			fmt.Fprintf(&b, "| %s | %s | %d |\n", tag, strings.Join(r.served, ", "), r.missing)
		} else {
			none = append(none, fmt.Sprintf("%s (%d)", tag, r.missing))
		}
	}
	fmt.Fprintf(&b, "\nOurs beside the contract: %s.\n\nNothing served yet of: %s.\n", strings.Join(own, ", "), strings.Join(none, ", "))
	return b.String()
}

func errorTable() string {
	var b strings.Builder
	b.WriteString("| code | status | said where the refusal has no better words |\n|---|---|---|\n")
	for _, code := range fault.Catalogue() {
		e := fault.Lookup(code)
		fmt.Fprintf(&b, "| `%s` | %d %s | %s |\n", code, e.Status, http.StatusText(e.Status), e.Message)
	}
	return b.String()
}

// generated compares what stands between two markers with what should.
func generated(t *testing.T, file, name, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+": generated -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no markers for %s", file, name)
	}
	if old == want {
		return
	}
	if !*update {
		t.Fatalf("%s: the part %q is stale; run make generate", file, name)
	}
	if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

var (
	link   = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	target = regexp.MustCompile("`make ([a-z-]+)`")
	run    = regexp.MustCompile("`go test \\./([a-z0-9/]+)(?: -run ([A-Za-z]+))?`")
)

// TestDocuments follows every relative link and looks up every make target and test
// that our documents name.
func TestDocuments(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 8 {
		t.Fatalf("only %d documents found", len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), string(m[1]))); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
		for _, m := range run.FindAllStringSubmatch(string(text), -1) {
			if !hasTest(t, m[1], m[2]) {
				t.Errorf("%s names %s, which runs no test", file, m[0])
			}
		}
		for _, m := range target.FindAllSubmatch(text, -1) {
			if !regexp.MustCompile(`(?m)^` + string(m[1]) + `:`).Match(makefile) {
				t.Errorf("%s names make %s, which is no target", file, m[1])
			}
		}
	}
}

// hasTest tells whether a folder has a test whose name has a part.
func hasTest(t *testing.T, folder, part string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^func Test\w*` + part + `\w*\(`).Match(text) {
			return true
		}
	}
	return false
}
