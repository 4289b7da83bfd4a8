package fault_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// constants reads every constant of the type Code from the source.
func constants(t testing.TB) map[string]fault.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]fault.Code{}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			value := spec.(*ast.ValueSpec)
			kind, ok := value.Type.(*ast.Ident)
			if !ok || kind.Name != "Code" {
				continue
			}
			for i, name := range value.Names {
				text, err := strconv.Unquote(value.Values[i].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				found[name.Name] = fault.Code(text)
			}
		}
	}
	return found
}

// TestCatalogue: every code is in the table with all that a body needs, and the
// table has nothing else.
func TestCatalogue(t *testing.T) {
	declared := constants(t)
	if len(declared) < 20 {
		t.Fatalf("only %d constants were found in the source", len(declared))
	}
	catalogue := fault.Catalogue()
	if !slices.IsSorted(catalogue) || len(slices.Compact(slices.Clone(catalogue))) != len(catalogue) {
		t.Errorf("the catalogue is not sorted and unique: %v", catalogue)
	}
	form := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	seen := map[fault.Code]string{}
	for name, code := range declared {
		if other, twice := seen[code]; twice {
			t.Errorf("%s and %s are the same code", name, other)
		}
		seen[code] = name
		if !slices.Contains(catalogue, code) {
			t.Errorf("%s is not in the table", name)
			continue
		}
		e := fault.Lookup(code)
		if !form.MatchString(string(code)) {
			t.Errorf("%s: the code is %q; write words_with_underscores", name, code)
		}
		title := http.StatusText(e.Status)
		if e.Status == http.StatusRequestEntityTooLarge {
			title = "Content Too Large" // as the standard calls it today
		}
		if e.Status < 400 || e.Title != title {
			t.Errorf("%s: %d is called %q", name, e.Status, e.Title)
		}
		if !strings.HasSuffix(e.Message, ".") || strings.ToUpper(e.Message[:1]) != e.Message[:1] {
			t.Errorf("%s: %q is not a sentence", name, e.Message)
		}
	}
	for _, code := range catalogue {
		if seen[code] == "" {
			t.Errorf("%q is in the table and not a constant", code)
		}
	}
	if fault.Lookup("never heard of") != fault.Lookup(fault.Internal) {
		t.Error("an unknown code does not read as an internal error")
	}
}

func TestError(t *testing.T) {
	cause := errors.New("password=hunter2")
	plain := fault.New(fault.NameTaken, "")
	told := fault.New(fault.NameTaken, "%s is taken", "Acme 100%").Because(cause)
	if plain.Detail != fault.Lookup(fault.NameTaken).Message || told.Detail != "Acme 100% is taken" {
		t.Errorf("details: %q and %q", plain.Detail, told.Detail)
	}
	if told.Status() != 409 || strings.Contains(told.Detail, "hunter2") || !strings.Contains(told.Error(), "hunter2") {
		t.Errorf("status %d, shown %q, logged %q", told.Status(), told.Detail, told.Error())
	}
	wrapped := fmt.Errorf("create: %w", told)
	if !errors.Is(wrapped, cause) || !errors.Is(wrapped, plain) || errors.Is(wrapped, fault.New(fault.NotFound, "")) {
		t.Error("errors.Is does not compare causes and codes")
	}
	if !fault.Has(wrapped, fault.NameTaken) || fault.Has(wrapped, fault.NotFound) || fault.Has(cause, fault.Internal) || fault.Has(nil, fault.Internal) {
		t.Error("Has does not tell the code")
	}
	if fault.From(wrapped) != told {
		t.Error("From does not find the refusal")
	}
	unknown := fault.From(cause)
	if unknown.Code != fault.Internal || strings.Contains(unknown.Detail, "hunter2") || !errors.Is(unknown, cause) {
		t.Errorf("an unknown error is shown as %q", unknown.Detail)
	}
}

func TestChecks(t *testing.T) {
	c := &fault.Checks{}
	if err := c.Err(); err != nil {
		t.Fatalf("nothing is wrong, and %v", err)
	}
	c.Add("name", "must have at most %d characters", 128)
	var one *fault.Error
	if err := c.Err(); !errors.As(err, &one) || one.Code != fault.Invalid || one.Detail != "name: must have at most 128 characters" {
		t.Errorf("one mistake: %v", err)
	}
	c.Add("plan", "is required")
	c.Add("logo_url", "is no address")
	var all *fault.Error
	if err := c.Err(); !errors.As(err, &all) || len(all.Fields) != 3 || !strings.HasSuffix(all.Detail, "(and 2 more)") {
		t.Errorf("three mistakes: %v", err)
	}
	for _, want := range []string{"name: must", "plan: is required", "logo_url: is no"} {
		if !strings.Contains(all.Error(), want) {
			t.Errorf("the log does not say %q: %s", want, all.Error())
		}
	}
}
