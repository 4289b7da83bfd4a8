package route

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Plain adds an operation that follows another standard than ours: it reads its request
// and words its refusals by itself, asks no permission and is no row of the table. It is
// described as the others are.
func (r *Router) Plain(op huma.Operation, h http.HandlerFunc) {
	op.Extensions = map[string]any{"x-guildhall": true}
	op.Security = []map[string][]string{}
	writes := op.Method != http.MethodGet
	if writes && op.Responses != nil {
		op.Responses["501"] = &huma.Response{
			Description: fault.Lookup(fault.NoDryRun).Message,
			Content:     map[string]*huma.MediaType{"application/json": {Schema: r.api.OpenAPI().Components.Schemas.Schema(problemType, true, "Problem")}},
		}
	}
	r.api.OpenAPI().AddOperation(&op)
	r.api.Adapter().Handle(&op, func(hc huma.Context) {
		RequestInfo(hc.Context()).Operation = op.OperationID
		req, w := humago.Unwrap(hc)
		if dry, err := wantsDryRun(hc); writes && (err != nil || dry) {
			if err == nil {
				err = fault.New(fault.NoDryRun, "")
			}
			r.refuse(hc, err)
			return
		}
		h(w, req)
	})
}

// SchemaOf is the schema of a type in the description.
func SchemaOf[T any](r *Router, name string) *huma.Schema {
	return r.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, name)
}
