package route

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/guildhall-dev/guildhall/internal/authz"
)

// Stream is an answer that is written piece by piece, for as long as it takes. What may
// be refused is refused before; where Write fails, the connection is cut, so that
// nobody takes a part for the whole.
type Stream struct {
	ContentType string
	Headers     map[string]string
	Write       func(ctx context.Context, f *Flow) error
}

// Flow takes the pieces of an answer.
type Flow struct {
	w  http.ResponseWriter
	to *http.ResponseController
}

// pieceTime is how long a client may take to accept a piece.
const pieceTime = 30 * time.Second

// Send writes a piece and lets it go out at once. The limits of an ordinary answer do
// not count; each piece has its own.
func (f *Flow) Send(piece []byte) error {
	_ = f.to.SetWriteDeadline(time.Now().Add(pieceTime)) // what is no connection has none
	if _, err := f.w.Write(piece); err != nil {
		return err
	}
	return f.to.Flush()
}

type againKey struct{}

// Again asks anew whether the caller of a streamed operation may still call it, and
// gives the pass for how it is now.
func Again(ctx context.Context) func(ctx context.Context) (authz.Pass, error) {
	again, _ := ctx.Value(againKey{}).(func(context.Context) (authz.Pass, error))
	return again
}

// RegisterStream adds an operation whose answer is a stream of one of the types, each
// with a sentence for the description.
func RegisterStream[I any](r *Router, op Operation, types map[string]string, h Handler[I, Stream]) {
	op.Status, op.streams = http.StatusOK, true
	if op.Permission == "" || op.Scope == nil {
		panic("operation " + op.ID + " has no permission or scope")
	}
	r.table = append(r.table, op)
	doc := r.document(op)
	content := map[string]*huma.MediaType{}
	for name, words := range types {
		content[name] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: words}}
	}
	doc.Responses["200"] = &huma.Response{Description: "OK", Content: content}
	huma.Register(r.api, doc, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		s, err := run(ctx, h, in)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: s.answer}, nil
	})
}

func (s Stream) answer(hc huma.Context) {
	req, w := humago.Unwrap(hc)
	for name, value := range s.Headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", s.ContentType)
	f := &Flow{w, http.NewResponseController(w)}
	_ = f.to.SetReadDeadline(time.Time{}) // else the connection counts as lost when the time for a body is over
	w.WriteHeader(http.StatusOK)
	ctx, cancel := context.WithCancel(Lasting(hc.Context()))
	defer cancel()
	if req.Method == http.MethodHead { // who asks for the head alone waits for nothing
		cancel()
		_ = s.Write(ctx, f)
		return
	}
	if err := s.Write(ctx, f); err != nil {
		panic(http.ErrAbortHandler)
	}
}
