package httpd

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// contract.tsv lists the operations of the public contract: method, path,
// operationId, tag, set. It lets us tell "not yet" from "no such thing".
//
//go:embed contract.tsv
var contractTable string

// ContractOperation is an operation of the public contract.
type ContractOperation struct {
	Method, Path, ID, Tag string
	Core                  bool
}

// Contract lists the operations of the public contract.
func Contract() []ContractOperation {
	var list []ContractOperation
	for line := range strings.Lines(contractTable) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		list = append(list, ContractOperation{f[0], f[1], f[2], f[3], f[4] == "core"})
	}
	return list
}

// elsewhere answers what no pattern matches: 501 for operations of the contract
// that are not served yet, 405 for the wrong method, 404 for the rest.
type elsewhere struct {
	mux      *http.ServeMux
	contract []contractPath
}

type contractPath struct {
	method, id string
	segments   []string
}

func newElsewhere(mux *http.ServeMux) *elsewhere {
	e := &elsewhere{mux: mux}
	for _, op := range Contract() {
		e.contract = append(e.contract, contractPath{op.Method, op.ID, strings.Split(op.Path, "/")})
	}
	return e
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (e *elsewhere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	segments := strings.Split(r.URL.Path, "/")
	if id := e.notYet(r.Method, segments); id != "" {
		route.WriteProblem(w, r, fault.New(fault.NotImplemented, "Guildhall does not serve the operation %s yet.", id))
		return
	}
	if allowed := e.allowed(r); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		route.WriteProblem(w, r, fault.New(fault.MethodNotAllowed, "This address takes %s only.", strings.Join(allowed, ", ")))
		return
	}
	route.WriteProblem(w, r, fault.New(fault.NotFound, "There is nothing at this address. The API is described at /openapi.json."))
}

// notYet names the contract's operation at an address; of several the one whose path
// has the most words of its own, so that "order" is not taken for an id.
func (e *elsewhere) notYet(method string, segments []string) (id string) {
	most := -1
	for _, c := range e.contract {
		if c.method != method || !c.matches(segments) {
			continue
		}
		words := 0
		for _, s := range c.segments {
			if !strings.HasPrefix(s, "{") {
				words++
			}
		}
		if words > most {
			id, most = c.id, words
		}
	}
	return id
}

func (c contractPath) matches(segments []string) bool {
	return slices.EqualFunc(c.segments, segments, func(pattern, s string) bool {
		return pattern == s || (strings.HasPrefix(pattern, "{") && s != "")
	})
}

// allowed lists the methods under which the address is served.
func (e *elsewhere) allowed(r *http.Request) []string {
	var list []string
	for _, method := range methods {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := e.mux.Handler(other); pattern != "/" && pattern != "" {
			list = append(list, method)
		}
	}
	return list
}
