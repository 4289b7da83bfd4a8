package audit_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/audit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestActions holds the table of actions against its golden file, which a reviewer
// reads: existing clients see these words, and rights hang on the last column.
func TestActions(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s %-10s %-18s %-26s %s\n", "action", "event", "target", "part", "rights")
	wires := audit.Wires()
	for _, action := range slices.Sorted(maps.Keys(wires)) {
		w := wires[action]
		part, rights := w.SubTargetType, "keep"
		if part == "" {
			part = "-"
		}
		if w.Rights {
			rights = "change"
		}
		fmt.Fprintf(&b, "%-26s %-10s %-18s %-26s %s\n", action, w.EventType, w.TargetType, part, rights)
	}
	path := filepath.Join("testdata", "actions.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the table of actions changed; if that is meant, run go test ./internal/audit -run TestActions -update\n got:\n%s\nwant:\n%s", b.String(), want)
	}
}

// TestEveryActionHasWords finds an action that was declared and left out of the table:
// recording it would fail at run time only.
func TestEveryActionHasWords(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "action.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []audit.Action
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			for _, v := range spec.(*ast.ValueSpec).Values {
				text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared = append(declared, audit.Action(text))
			}
		}
	}
	slices.Sort(declared)
	if inTable := slices.Sorted(maps.Keys(audit.Wires())); !slices.Equal(declared, inTable) {
		t.Errorf("declared actions %v\nin the table      %v", declared, inTable)
	}
}
