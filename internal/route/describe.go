package route

import (
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// describeConditions says of every operation which conditions it takes. It waits for
// the whole table, because a write may stand in it before what reads the same.
func (r *Router) describeConditions() {
	problem := r.api.OpenAPI().Components.Schemas.Schema(problemType, true, "Problem")
	refused := &huma.Response{
		Description: fault.Lookup(fault.PreconditionFailed).Message, Content: map[string]*huma.MediaType{"application/json": {Schema: problem}},
	}
	for _, op := range r.table {
		doc := operationAt(r.api.OpenAPI().Paths[op.Path], op.Method)
		success := doc.Responses[fmt.Sprint(op.Status)]
		tag := func(words string) {
			if success.Headers == nil {
				success.Headers = map[string]*huma.Param{}
			}
			success.Headers["ETag"] = &huma.Param{Schema: &huma.Schema{Type: "string"}, Description: words}
		}
		doc.Responses["412"] = refused
		if op.Stream {
			continue
		}
		if op.Method == http.MethodGet {
			tag("Names the answer; it stays the same for as long as the answer does.")
			doc.Parameters = append(doc.Parameters,
				header("If-None-Match", "ETags that the caller has the answers of: where one of them is the current one, the answer is 304 without a body."),
				header("If-Match", "Answer only where this ETag, or one of several, is the current one; 412 otherwise."))
			doc.Responses["304"] = &huma.Response{Description: "The caller has the answer already."}
			continue
		}
		about := r.matched(op)
		if about == nil {
			continue
		}
		doc.Parameters = append(doc.Parameters,
			header("If-Match", "The ETag that "+about.op.ID+" answered to the same caller, or several, or *. Where none is the current one the request is refused with 412 and changes nothing; it is compared in the same transaction as the change."),
			header("If-None-Match", "ETags of "+about.op.ID+" that must not be the current one; * where there must be nothing yet. The refusal is 412."))
		if g := r.shown(op); g != nil {
			tag("The ETag that " + g.op.ID + " answers from now on.")
		} else {
			tag("With If-Match: the ETag that " + about.op.ID + " answers from now on; left out where there is nothing any more.")
		}
	}
}

func header(name, words string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Schema: &huma.Schema{Type: "string"}, Description: words}
}

func operationAt(p *huma.PathItem, method string) *huma.Operation {
	switch method {
	case http.MethodGet:
		return p.Get
	case http.MethodPut:
		return p.Put
	case http.MethodPatch:
		return p.Patch
	case http.MethodDelete:
		return p.Delete
	}
	return p.Post
}
