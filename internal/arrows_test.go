// Package internal_test holds the shape of the code: which package may import which, what a package may be
// called, how long a file may be. A finding here is a question about design: move the code, declare a small
// interface that app passes in, or change the table below and say why in a decision record.
package internal_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// arrows says which package may import which of ours, from the rim to the ground. Nothing else is allowed, and a
// line names only what stands further down. "main" is the root of the repository; "feature" is every package that
// has no line of its own, and one feature never imports another. A folder's subfolders count as the folder.
const arrows = `
main     -> cli
cli      -> demo app httpd feature console config mail kind object route audit authz authn seal plan job store fault id clock doctor certificate
demo     -> app                       config                         authz                     store fault id clock
app      ->     httpd feature console config mail kind object route audit authz authn seal plan job store fault id clock certificate outbound
doctor   ->                           config mail              audit authz authn seal          store fault id clock certificate
httpd    ->           feature console        mail kind object route audit authz authn seal plan job store fault id clock
feature  ->                   console        mail kind object route audit authz authn seal plan job store fault id clock outbound
console  ->                               route          authz authn                     store fault id clock
config   ->                                                                      plan           fault id clock
mail     ->                                                           authn seal      job store fault id clock
kind     ->                                       object route       authz authn seal          store fault id clock
object   ->                                               audit authz authn seal          store fault id clock
route    ->                                                     authz authn               store fault id clock
audit    ->                                                           authn seal          store fault id clock
authz    ->                                                           authn seal          store fault id clock
authn    ->                                                                 seal          store fault id clock
seal     ->                                                                               store fault id clock
plan     ->                                                                                     fault
job      ->                                                                               store fault id clock
store    ->                                                                                     fault id clock
certificate ->                                                                                        clock
outbound ->
fault    ->
id       ->
clock    ->
`

const (
	module   = "github.com/guildhall-dev/guildhall"
	maxLines = 400
)

// vague names say nothing about what a package is for.
var vague = []string{"util", "utils", "common", "models", "helpers", "types"}

func TestShape(t *testing.T) {
	findings, err := check(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}

// TestTable holds the table to its own promise: every arrow points down.
func TestTable(t *testing.T) {
	names, allowed := table()
	for i, from := range names {
		for _, to := range allowed[from] {
			if !slices.Contains(names[i+1:], to) {
				t.Errorf("the arrow %s -> %s does not point to a line further down", from, to)
			}
		}
	}
}

// TestFindings breaks each rule in a tree that is otherwise sound.
func TestFindings(t *testing.T) {
	long := "// Package long is long.\npackage long\n" + strings.Repeat("\n", maxLines-2)
	for name, c := range map[string]struct {
		file, text, want string // want is part of the one finding; empty where there is none
	}{
		"sound tree":                  {"internal/store/a.go", source("store", "fmt", "internal/fault"), ""},
		"downward":                    {"internal/role/a.go", source("role", "internal/authz", "internal/job"), ""},
		"own subfolder":               {"internal/store/a.go", source("store", "internal/store/migrations"), ""},
		"from a subfolder":            {"internal/store/migrations/a.go", source("migrations", "internal/store"), ""},
		"test reaches anything":       {"internal/clock/a_test.go", source("clock", "internal/app", "internal/store/storetest"), ""},
		"test package reaches all":    {"internal/store/storetest/a.go", source("storetest", "internal/app"), ""},
		"end-to-end code reaches all": {"e2e/a.go", source("e2e", "internal/app", "internal/store/storetest"), ""},
		"long generated file":         {"internal/long/a.go", "// Code generated by x. DO NOT EDIT.\n\n" + long, ""},
		"400 lines":                   {"internal/long/a.go", long, ""},
		"tests only, no comment":      {"internal/role/a_test.go", "package role\n", ""},
		"not ours to judge":           {"tools/a.go", "package util\n", ""},
		"ignored by the compiler":     {"internal/id/gen.go", "//go:build ignore\n\n" + source("main", "internal/store"), ""},

		"main past cli":                {"a.go", source("main", "internal/app"), "a.go: main may not import internal/app"},
		"cli past app":                 {"internal/app/a.go", source("app", "internal/cli"), "app may not import internal/cli"},
		"rim from below":               {"internal/httpd/a.go", source("httpd", "internal/app"), "httpd may not import internal/app"},
		"feature to feature":           {"internal/role/a.go", source("role", "internal/member"), "the feature role may not import the feature internal/member"},
		"feature to rim":               {"internal/role/a.go", source("role", "internal/httpd"), "the feature role may not import internal/httpd"},
		"feature to config":            {"internal/role/a.go", source("role", "internal/config"), "the feature role may not import internal/config"},
		"subfolder of a feature":       {"internal/role/mail/a.go", source("mail", "internal/member/mail"), "the feature role may not import the feature internal/member/mail"},
		"below to feature":             {"internal/object/a.go", source("object", "internal/role"), "object may not import the feature internal/role"},
		"object to route":              {"internal/object/a.go", source("object", "internal/route"), "object may not import internal/route"},
		"route to object":              {"internal/route/a.go", source("route", "internal/object"), "route may not import internal/object"},
		"authn to authz":               {"internal/authn/a.go", source("authn", "internal/authz"), "authn may not import internal/authz"},
		"audit to authz":               {"internal/audit/a.go", source("audit", "internal/authz"), "audit may not import internal/authz"},
		"authz to audit":               {"internal/authz/a.go", source("authz", "internal/audit"), "authz may not import internal/audit"},
		"job to authn":                 {"internal/job/a.go", source("job", "internal/authn"), "job may not import internal/authn"},
		"plan to store":                {"internal/plan/a.go", source("plan", "internal/store"), "plan may not import internal/store"},
		"store to seal":                {"internal/store/a.go", source("store", "internal/seal"), "store may not import internal/seal"},
		"ground to ground":             {"internal/id/a.go", source("id", "internal/clock"), "id may not import internal/clock"},
		"product to test code":         {"internal/role/a.go", source("role", "internal/store/storetest"), "only _test.go files may import internal/store/storetest"},
		"inside to end-to-end":         {"internal/app/a.go", source("app", "e2e"), "app may not import e2e"},
		"code in internal itself":      {"internal/a.go", source("internal"), "internal/a.go: give the file a folder"},
		"vague name":                   {"internal/util/a.go", source("util"), "internal/util/a.go: a package named util"},
		"vague name inside":            {"internal/role/types/a.go", source("types"), "a package named types"},
		"vague folder":                 {"internal/role/util/a.go", source("roleutil"), "a package named util"},
		"vague name in another folder": {"internal/role/x/a.go", source("helpers"), "a package named helpers"},
		"401 lines":                    {"internal/long/a.go", long + "\n", "internal/long/a.go: 401 lines, 400 at most"},
		"no package comment":           {"internal/role/a.go", "package role\n", "internal/role: no package comment"},
		"a comment that is not one":    {"internal/role/a.go", "// Copyright.\n\npackage role\n", "internal/role: no package comment"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{
				"main.go":               {Data: []byte(source("main", "internal/cli"))},
				"internal/cli/cli.go":   {Data: []byte(source("cli", "internal/app"))},
				"internal/role/role.go": {Data: []byte("package role\n")}, // its comment, if any, is in a.go
				"tools/go.mod":          {Data: []byte("module x\n")},
			}
			if !strings.HasPrefix(c.file, "internal/role/a.go") {
				tree["internal/role/doc.go"] = &fstest.MapFile{Data: []byte(source("role"))}
			}
			tree[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			findings, err := check(tree)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.want == "" && len(findings) > 0:
				t.Errorf("findings in a sound tree: %q", findings)
			case c.want != "" && (len(findings) != 1 || !strings.Contains(findings[0], c.want)):
				t.Errorf("got %q, want one finding with %q", findings, c.want)
			}
		})
	}
	if _, err := check(fstest.MapFS{}); err == nil {
		t.Error("a tree without Go files passes")
	}
}

// source is a Go file with a package comment that imports what it is given; ours by their path in the repository.
func source(name string, imports ...string) string {
	text := "// Package " + name + " is made up.\npackage " + name + "\n"
	for _, p := range imports {
		if strings.HasPrefix(p, "internal/") || p == "e2e" {
			p = module + "/" + p
		}
		text += fmt.Sprintf("import _ %q\n", p)
	}
	return text
}

// table reads arrows: the names in their order, and what each may import.
func table() (names []string, allowed map[string][]string) {
	allowed = map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(arrows)) {
		from, to, _ := strings.Cut(line, "->")
		names = append(names, strings.TrimSpace(from))
		allowed[strings.TrimSpace(from)] = strings.Fields(to)
	}
	return names, allowed
}

// check walks the Go files of a module and tells what breaks the rules.
func check(root fs.FS) ([]string, error) {
	c := checker{commented: map[string]bool{}}
	c.names, c.allowed = table()
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(root, p)
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		return c.file(p, text)
	})
	if err == nil && len(c.commented) == 0 {
		err = fmt.Errorf("no Go file was found")
	}
	for dir, ok := range c.commented {
		if !ok {
			c.report(dir, "no package comment in any of its files")
		}
	}
	slices.Sort(c.findings)
	return c.findings, err
}

// skip leaves out what is not this module's code.
func skip(root fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	name := path.Base(dir)
	_, err := fs.Stat(root, path.Join(dir, "go.mod")) // another module
	if err == nil || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" {
		return fs.SkipDir
	}
	return nil
}

type checker struct {
	names     []string
	allowed   map[string][]string
	commented map[string]bool // folder with Go files -> one of them has a package comment
	findings  []string
}

func (c *checker) report(where, format string, args ...any) {
	c.findings = append(c.findings, where+": "+fmt.Sprintf(format, args...))
}

func (c *checker) file(p string, text []byte) error {
	f, err := parser.ParseFile(token.NewFileSet(), p, text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	if lines := strings.Count(string(text), "\n"); lines > maxLines && !ast.IsGenerated(f) {
		c.report(p, "%d lines, %d at most: split it by what its parts are about", lines, maxLines)
	}
	if ignored(f) {
		return nil
	}
	dir := path.Dir(p)
	c.commented[dir] = c.commented[dir] || f.Doc.Text() != ""
	for _, name := range slices.Compact([]string{f.Name.Name, path.Base(dir)}) {
		if slices.Contains(vague, name) {
			c.report(p, "a package named %s: name it for what it does", name)
		}
	}
	if dir == "internal" {
		c.report(p, "give the file a folder: internal itself holds only this test")
		return nil
	}
	for _, spec := range f.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if target, ours := strings.CutPrefix(target, module+"/"); ours {
			c.arrow(p, dir, target)
		}
	}
	return nil
}

// ignored tells a file that is compiled only when it is named, a generator for instance.
func ignored(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, line := range group.List {
			if expr, err := constraint.Parse(line.Text); err == nil && expr.String() == "ignore" {
				return true
			}
		}
	}
	return false
}

// arrow judges the import of one folder by another, both as paths in the repository.
func (c *checker) arrow(p, dir, target string) {
	from, to := owner(dir), owner(target)
	testCode := from == "" || isTest(dir) // e2e, bench, storetest: they may reach anything
	switch {
	case testCode:
	case isTest(target):
		c.report(p, "only _test.go files may import %s", target)
	case from == to, slices.Contains(c.allowed[c.line(from)], c.line(to)):
	default:
		c.report(p, "%s may not import %s; allowed: %s", c.call(from, from), c.call(to, target),
			cmp.Or(strings.Join(c.allowed[c.line(from)], " "), "nothing of ours"))
	}
}

// owner is the name that a folder has in the table: main, or the folder directly under internal. The rest has none.
func owner(dir string) string {
	if dir == "." {
		return "main"
	}
	inside, ok := strings.CutPrefix(dir, "internal/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(inside, "/")
	return name
}

func isTest(dir string) bool { return strings.HasSuffix(path.Base(dir), "test") }

// line is the line of the table that holds for an owner.
func (c *checker) line(owner string) string {
	if owner == "" || slices.Contains(c.names, owner) {
		return owner
	}
	return "feature"
}

// call names a package in a message.
func (c *checker) call(owner, shown string) string {
	if c.line(owner) == "feature" {
		return "the feature " + shown
	}
	return shown
}
