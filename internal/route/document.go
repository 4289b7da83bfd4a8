package route

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

func (r *Router) document(op Operation) huma.Operation {
	doc := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Tags: []string{op.Tag}, DefaultStatus: op.Status, MaxBodyBytes: MaxBody, BodyReadTimeout: bodyTime,
		Security:    []map[string][]string{{"bearerAuth": {}}, {"ApiKeyAuth": {}}},
		Middlewares: huma.Middlewares{r.guard(op)},
		Responses:   map[string]*huma.Response{},
	}
	if op.Own {
		doc.Extensions = map[string]any{"x-guildhall": true}
	}
	problem := r.api.OpenAPI().Components.Schemas.Schema(problemType, true, "Problem")
	for status, words := range op.statuses() {
		doc.Responses[fmt.Sprint(status)] = &huma.Response{
			Description: strings.Join(words, " "), Content: map[string]*huma.MediaType{"application/json": {Schema: problem}},
		}
	}
	if op.Permission == authz.Public {
		doc.Security = []map[string][]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(op.IDs)) {
		doc.Parameters = append(doc.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: "string", Format: "uuid"}, Description: op.IDs[name]})
	}
	if op.repeatable() {
		doc.Parameters = append(doc.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: "string", MinLength: ptr(1), MaxLength: ptr(maxIdempotencyKey)},
			Description: "Makes the request safe to repeat: for 24 hours the same key of the same caller gives the first answer again, with the header Idempotency-Replayed, and changes nothing. Another request under the same key is refused with 409.",
		})
	}
	r.documentDryRun(op, &doc)
	return doc
}

// repeatable operations take an Idempotency-Key. It belongs to a caller, so an
// operation that anybody may call has none.
func (op Operation) repeatable() bool {
	return op.Method == http.MethodPost && op.Permission != authz.Public
}

// statuses gathers the sentences of every error an operation answers.
func (op Operation) statuses() map[int][]string {
	codes := []fault.Code{fault.Internal, fault.Unavailable, fault.Invalid}
	if op.Permission != authz.Public {
		codes = append(codes, fault.Unauthenticated, fault.Forbidden, fault.NotFound)
	}
	if op.Method == http.MethodPost || op.Method == http.MethodPut {
		codes = append(codes, fault.TooLarge, fault.UnsupportedMedia)
	}
	if op.NoDryRun != "" {
		codes = append(codes, fault.NoDryRun)
	}
	all := map[int][]string{}
	for _, code := range append(codes, op.Refusals...) {
		e := fault.Lookup(code)
		if !slices.Contains(all[e.Status], e.Message) {
			all[e.Status] = append(all[e.Status], e.Message)
		}
	}
	return all
}

func ptr[T any](v T) *T { return &v }
