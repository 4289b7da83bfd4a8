package chrometest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// axe gives the source of axe-core, which npm fetches once.
func axe(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("there is no npm; scripts/install-test-parts installs it")
	}
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the source's place is not known")
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(here), "axe", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	source, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// Violation is a rule that a page breaks, and where.
type Violation struct {
	Rule  string   `json:"rule"`
	Help  string   `json:"help"`
	Where []string `json:"where"`
}

// Checker judges pages by the rules of WCAG 2.2 AA and axe's own best practices.
type Checker struct{ source string }

// NewChecker makes one.
func NewChecker(t testing.TB) *Checker {
	t.Helper()
	return &Checker{axe(t)}
}

// Check gives what is wrong with the page that a browser shows.
func (c *Checker) Check(t testing.TB, b *Browser) []Violation {
	t.Helper()
	Ask[bool](t, b, c.source+"; true")
	return Ask[[]Violation](t, b, `axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations.map((v) =>
		({ rule: v.id, help: v.help, where: v.nodes.map((n) => n.target.join(" ") + ": " + n.failureSummary) })))`)
}
