package route

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Stream is an answer that is written piece by piece, for as long as it takes. What
// fails before the first piece is a refusal like any other; after that the connection is
// cut, so that nobody takes a part for the whole.
type Stream struct {
	ContentType string
	Headers     map[string]string
	Write       func(ctx context.Context, f *Flow) error
}

// Flow takes the pieces of an answer.
type Flow struct {
	w     http.ResponseWriter
	to    *http.ResponseController
	begun bool
}

// pieceTime is how long a client may take to accept a piece.
const pieceTime = 30 * time.Second

// Send writes a piece and lets it go out at once. The limits of an ordinary answer do
// not count; each piece has its own.
func (f *Flow) Send(piece []byte) error {
	if !f.begun {
		f.begun = true
		f.w.WriteHeader(http.StatusOK)
	}
	_ = f.to.SetWriteDeadline(time.Now().Add(pieceTime)) // what is no connection has none
	if _, err := f.w.Write(piece); err != nil {
		return err
	}
	return f.to.Flush()
}

// Write is Send for whoever fills pieces of some size, through a bufio.Writer.
func (f *Flow) Write(piece []byte) (int, error) {
	if err := f.Send(piece); err != nil {
		return 0, err
	}
	return len(piece), nil
}

// Text describes a stream that is no JSON.
func Text(words string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: words} }

type againKey struct{}

// Again asks anew whether the caller of a streamed operation may still call it, and
// gives the pass for how it is now.
func Again(ctx context.Context) func(ctx context.Context) (authz.Pass, error) {
	again, _ := ctx.Value(againKey{}).(func(context.Context) (authz.Pass, error))
	return again
}

// RegisterStream adds a reading operation whose answer is a stream of one of the types. It has no ETag:
// what it answers is not known before it is written.
func RegisterStream[I any](r *Router, op Operation, types map[string]*huma.Schema, h Handler[I, Stream]) {
	if op.Permission == "" || op.Scope == nil || op.Method != http.MethodGet {
		panic("operation " + op.ID + " has no permission or scope, or does not read")
	}
	op.Status, op.Stream = http.StatusOK, true
	r.table = append(r.table, op)
	doc := r.document(op)
	success := &huma.Response{Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{}}
	for name, schema := range types {
		success.Content[name] = &huma.MediaType{Schema: schema}
	}
	doc.Responses["200"] = success
	huma.Register(r.api, doc, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		if c := given(ctx); c != nil && c.match != nil {
			return nil, NewProblem(ctx, RequestInfo(ctx).Path, fault.New(fault.PreconditionFailed, "This answer has no ETag; leave If-Match out."))
		}
		s, err := run(ctx, h, in)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) { r.pour(hc, s) }}, nil
	})
}

func (r *Router) pour(hc huma.Context, s Stream) {
	req, w := humago.Unwrap(hc)
	if err := s.Answer(hc.Context(), w, req.Method); err != nil {
		r.refuse(hc, err)
	}
}

// Answer writes the stream. An error is one from before the first piece, to be answered
// like any other refusal.
func (s Stream) Answer(ctx context.Context, w http.ResponseWriter, method string) error {
	for name, value := range s.Headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", s.ContentType)
	f := &Flow{w: w, to: http.NewResponseController(w)}
	_ = f.to.SetReadDeadline(time.Time{}) // else the connection counts as lost when the time for a body is over
	ctx, cancel := context.WithCancel(Lasting(ctx))
	defer cancel()
	if method == http.MethodHead { // who asks for the head alone waits for nothing
		f.begun = true
		w.WriteHeader(http.StatusOK)
		cancel()
		_ = s.Write(ctx, f)
		return nil
	}
	err := s.Write(ctx, f)
	if err != nil && f.begun {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		for name := range s.Headers {
			w.Header().Del(name)
		}
	}
	return err
}
