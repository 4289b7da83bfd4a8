package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/guildhall-dev/guildhall/internal/httpd"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// contracts hold every answer: our own description, and the public one where the
// folder with it stands beside the repository.
var contracts = sync.OnceValues(func() ([]contract, error) {
	ours, err := httpd.Document()
	if err != nil {
		return nil, err
	}
	list := []contract{}
	add := func(name string, text []byte) error {
		doc, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			return err
		}
		doc.Servers = nil
		router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation())
		list = append(list, contract{name, router})
		return err
	}
	if err := add("our description", ours); err != nil {
		return nil, err
	}
	if path := besides("shared/contract/qovery-openapi.yaml"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return list, add("the public contract", text)
	}
	return list, nil
})

type contract struct {
	name   string
	router routers.Router
}

// besides finds a file in the folder that holds the repository.
func besides(name string) string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			path := filepath.Join(filepath.Dir(dir), name)
			if _, err := os.Stat(path); err == nil {
				return path
			}
			return ""
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

// check holds an answer against the contracts.
func check(t testing.TB, method, path string, r *Response) {
	t.Helper()
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return
	}
	list, err := contracts()
	if err != nil {
		t.Fatalf("load the contracts: %v", err)
	}
	if r.Status == http.StatusOK && r.Header.Get("Preference-Applied") == "dry-run" {
		if r = foreseen(t, r); r == nil {
			return
		}
	}
	for _, c := range list {
		req, err := http.NewRequest(method, path, nil)
		if err != nil {
			return
		}
		route, params, err := c.router.FindRoute(req)
		if err != nil {
			continue // not an operation of this document
		}
		input := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
			Status:                 r.Status, Header: r.Header, Body: io.NopCloser(bytes.NewReader(r.Body)),
			Options: &openapi3filter.Options{IncludeResponseStatus: c.name == "our description"},
		}
		if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
			t.Errorf("%s %s: the answer breaks %s: %v\n%s", method, path, c.name, err, r.Body)
		}
	}
}

// foreseen holds a dry run against our description and gives the answer in it; nil
// where it has none.
func foreseen(t testing.TB, r *Response) *Response {
	t.Helper()
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	var text any
	var dry route.DryRun
	if err := errors.Join(json.Unmarshal(r.Body, &text), json.Unmarshal(r.Body, &dry)); err != nil {
		t.Fatalf("%s: %v: %s", r.Request, err, r.Body)
	}
	if err := doc.Components.Schemas["DryRun"].Value.VisitJSON(text, openapi3.VisitAsResponse()); err != nil {
		t.Errorf("%s: the dry run breaks our description: %v\n%s", r.Request, err, r.Body)
	}
	if len(dry.Answer) == 0 {
		return nil
	}
	return &Response{Status: dry.Status, Header: r.Header, Body: dry.Answer, Request: r.Request}
}

var described = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := httpd.Document()
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(text)
})
