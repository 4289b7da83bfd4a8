package httpd_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/httpd"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// TestDocument: api/openapi.json is what the route table says, and a valid document.
func TestDocument(t *testing.T) {
	text, err := httpd.Document()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join("..", "..", "api", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, kept) {
		t.Error("api/openapi.json is not what the routes say: make generate")
	}
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Error(err)
	}
	described := 0
	for _, path := range doc.Paths.Map() {
		for _, op := range path.Operations() {
			if op.RequestBody == nil || op.RequestBody.Value.Content.Get("application/x-www-form-urlencoded") == nil { // those are no rows
				described++
			}
		}
	}
	if table := httpd.Table(); described != len(table) {
		t.Errorf("%d operations are described, %d served", described, len(table))
	}
}

// TestEveryRow: an operation says what it is, who may call it, and what comes back.
func TestEveryRow(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range httpd.Table() {
		o := described(t, op)
		for what, missing := range map[string]bool{
			"a permission": op.Permission == "", "a scope": op.Scope == nil, "a summary": op.Summary == "" || o.Summary != op.Summary, "a tag": op.Tag == "" || len(o.Tags) != 1,
			"an operation id": op.ID == "" || o.OperationID != op.ID, "a success": o.Responses.Status(op.Status) == nil, "a 500": o.Responses.Status(500) == nil,
		} {
			if missing {
				t.Errorf("%s %s has not %s", op.Method, op.Path, what)
			}
		}
		if seen[op.ID] {
			t.Errorf("%s is there twice", op.ID)
		}
		seen[op.ID] = true
		if strings.HasSuffix(op.Summary, ".") || (op.Description != "" && !strings.HasSuffix(op.Description, ".")) {
			t.Errorf("%s: a summary is a title, a description sentences: %q, %q", op.ID, op.Summary, op.Description)
		}
		public := op.Permission == authz.Public
		if secured := o.Security == nil || len(*o.Security) > 0; secured == public {
			t.Errorf("%s: public: %t, and the description asks for a credential: %t", op.ID, public, secured)
		}
		if (o.Responses.Status(401) == nil) != (public && !slices.Contains(op.Refusals, fault.BadCredentials)) {
			t.Errorf("%s: public: %t, and 401 is described: %t", op.ID, public, o.Responses.Status(401) != nil)
		}
		for _, code := range op.Refusals {
			if status := fault.Lookup(code).Status; o.Responses.Status(status) == nil {
				t.Errorf("%s: %d (%s) is not described", op.ID, status, code)
			}
		}
		var names []string
		for _, p := range o.Parameters {
			names = append(names, p.Value.Name)
			if p.Value.Description == "" {
				t.Errorf("%s: the parameter %s is not described", op.ID, p.Value.Name)
			}
		}
		for _, name := range route.PathParameters(op.Path) {
			if !slices.Contains(names, name) {
				t.Errorf("%s: the path parameter %s is not described", op.ID, name)
			}
		}
		if repeatable := slices.Contains(names, "Idempotency-Key"); repeatable != (op.Method == "POST" && !public) {
			t.Errorf("%s: takes an Idempotency-Key: %t", op.ID, repeatable)
		}
		for status, r := range o.Responses.Map() {
			if r.Value.Description == nil || *r.Value.Description == "" {
				t.Errorf("%s: the answer %s is not described", op.ID, status)
			}
		}
	}
}

// TestEveryField: every property says what it is, wherever in the document it stands.
func TestEveryField(t *testing.T) {
	text, err := httpd.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	sentence := regexp.MustCompile(`^[A-Z0-9'].*[.…]$`)
	fields := 0
	var walk func(where string, v any)
	walk = func(where string, v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(where, item)
			}
		case map[string]any:
			properties, _ := v["properties"].(map[string]any)
			for name, property := range properties {
				fields++
				if d, _ := property.(map[string]any)["description"].(string); !sentence.MatchString(d) {
					t.Errorf("%s.%s: the description %q is not a sentence", where, name, d)
				}
			}
			for name, inner := range v {
				walk(where+"."+name, inner)
			}
		}
	}
	walk("", doc)
	if fields < 50 {
		t.Errorf("only %d fields were looked at", fields)
	}
}
