package store_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// forbidden is SQL that the two databases do not share, or that hides a decision
// from the code. dialect.go is the one place for it.
var forbidden = map[string]*regexp.Regexp{
	"FOR UPDATE":   regexp.MustCompile(`(?i)\bFOR\s+(NO\s+KEY\s+)?UPDATE\b`),
	"ILIKE":        regexp.MustCompile(`(?i)\bILIKE\b`),
	"now()":        regexp.MustCompile(`(?i)\bnow\s*\(\s*\)`),
	"->>":          regexp.MustCompile(`->>`),
	"lower(":       regexp.MustCompile(`(?i)\blower\s*\(`),
	"ALTER COLUMN": regexp.MustCompile(`(?i)\bALTER\s+COLUMN\b`),
}

// TestSQLRules holds every text constant of the program, and every migration, to
// the house rules on SQL.
func TestSQLRules(t *testing.T) {
	findings, seen, err := foreignSQL(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
	if seen < 500 {
		t.Errorf("only %d texts were looked at: the walk misses the code", seen)
	}
}

// TestSQLRulesFind breaks each rule once.
func TestSQLRulesFind(t *testing.T) {
	code := func(text string) string { return "package x\n\nconst a = 1\n\nvar q = f(" + text + ")\n" }
	for name, c := range map[string]struct {
		file, text string
		finds      string
	}{
		"fine":               {"a/a.go", code("`SELECT a FROM b WHERE c = $1`"), ""},
		"FOR UPDATE":         {"a/a.go", code("`SELECT a FROM b for  update`"), "FOR UPDATE"},
		"over two lines":     {"a/a.go", code("`SELECT a FROM b FOR\n\tUPDATE`"), "FOR UPDATE"},
		"in parts":           {"a/a.go", code("`SELECT a FROM b FOR ` + \"UPDATE\""), "FOR UPDATE"},
		"in a call in parts": {"a/a.go", code("`SELECT ` + g(`now()`, 1) + ` FROM b`"), "now()"},
		"ILIKE":              {"a/a.go", code(`"SELECT a FROM b WHERE c ILIKE $1"`), "ILIKE"},
		"now()":              {"a/a.go", code(`"UPDATE a SET b = NOW()"`), "now()"},
		"JSON":               {"a/a.go", code("`SELECT a->>'b' FROM c`"), "->>"},
		"lower(":             {"a/a.go", code("`SELECT a FROM b WHERE lower(c) = $1`"), "lower("},
		"not a flower":       {"a/a.go", code("`SELECT flower(c) FROM b`"), ""},
		"ALTER COLUMN":       {"a/a.go", code("`ALTER TABLE a ALTER COLUMN b TYPE BIGINT`"), "ALTER COLUMN"},
		"a constant":         {"a/a.go", "package x\n\nconst q = `SELECT now()`\n", "now()"},
		"a comment":          {"a/a.go", "package x\n\n// q never says FOR UPDATE or now().\nconst q = ``\n", ""},
		"the dialect":        {"store/dialect.go", code("`SELECT a FROM b FOR UPDATE`"), ""},
		"another dialect.go": {"a/dialect.go", code("`SELECT a FROM b FOR UPDATE`"), "FOR UPDATE"},
		"a test":             {"a/a_test.go", code("`SELECT now()`"), ""},
		"a migration":        {"store/migrations/0002_x.sql", "ALTER TABLE a ALTER COLUMN b TYPE TEXT;", "ALTER COLUMN"},
	} {
		findings, _, err := foreignSQL(fstest.MapFS{c.file: {Data: []byte(c.text)}})
		if err != nil {
			t.Fatal(err)
		}
		if (c.finds == "" && len(findings) > 0) || (c.finds != "" && (len(findings) != 1 || !strings.Contains(findings[0], c.finds))) {
			t.Errorf("%s: found %q, want %q", name, findings, c.finds)
		}
	}
}

// foreignSQL looks through the texts of a tree and tells how many it saw.
func foreignSQL(root fs.FS) (findings []string, seen int, err error) {
	look := func(where, text string) {
		seen++
		for name, pattern := range forbidden {
			if pattern.MatchString(text) {
				findings = append(findings, fmt.Sprintf("%s: %s belongs into store/dialect.go, or nowhere", where, name))
			}
		}
	}
	err = fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || p == "store/dialect.go" || strings.HasSuffix(p, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		switch path.Ext(p) {
		case ".sql":
			look(p, string(text))
		case ".go":
			return eachText(p, text, look)
		}
		return nil
	})
	slices.Sort(findings)
	return findings, seen, err
}

// eachText hands out the text constants of a Go file, those that are put together
// with + as one.
func eachText(p string, source []byte, look func(where, text string)) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, p, source, 0)
	if err != nil {
		return err
	}
	done := map[ast.Node]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && !done[n] {
			if text, found := joined(e, done); found {
				look(files.Position(e.Pos()).String(), text)
			}
		}
		return true
	})
	return nil
}

// joined gives the text of a literal or of a sum that holds one, and notes what it
// has gone through; what is not a literal stands as a space.
func joined(e ast.Expr, done map[ast.Node]bool) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			done[e] = true
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			done[e] = true
			left, one := joined(e.X, done)
			right, two := joined(e.Y, done)
			return left + right, one || two
		}
	}
	return " ", false
}
