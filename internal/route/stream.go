package route

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Stream is an answer that is written as it is read.
type Stream struct {
	ContentType string
	Name        string // that a browser gives the file
	Write       func(w io.Writer) error
}

// RegisterStream adds a reading operation that may answer more than belongs into memory.
// It has no ETag: what it answers is not known before it is written.
func RegisterStream[I any](r *Router, op Operation, content map[string]*huma.Schema, h Handler[I, Stream]) {
	if op.Permission == "" || op.Scope == nil || op.Method != http.MethodGet {
		panic("operation " + op.ID + " has no permission or scope, or does not read")
	}
	op.Status, op.Stream = http.StatusOK, true
	r.table = append(r.table, op)
	doc := r.document(op)
	success := &huma.Response{Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{}}
	for t, schema := range content {
		success.Content[t] = &huma.MediaType{Schema: schema}
	}
	doc.Responses["200"] = success
	huma.Register(r.api, doc, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		if c := given(ctx); c != nil && c.match != nil {
			return nil, NewProblem(ctx, RequestInfo(ctx).Path, fault.New(fault.PreconditionFailed, "This answer has no ETag; leave If-Match out."))
		}
		stream, err := run(ctx, h, in)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) { r.pour(hc, stream) }}, nil
	})
}

// pour writes a stream. What fails before the first bytes have left is an error like any
// other; after that the connection is cut, so that a part does not pass for the whole.
func (r *Router) pour(hc huma.Context, s Stream) {
	begun := &beginning{hc: hc, s: s}
	buffer := bufio.NewWriterSize(begun, 64<<10)
	err := s.Write(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	switch {
	case err == nil:
	case !begun.yes:
		r.refuse(hc, err)
	default:
		if !errors.Is(err, context.Canceled) && !begun.gone {
			slog.LogAttrs(hc.Context(), slog.LevelError, "stream cut", slog.String("request_id", RequestInfo(hc.Context()).ID), slog.Any("error", err))
		}
		panic(http.ErrAbortHandler)
	}
}

// beginning sends the headers with the first bytes.
type beginning struct {
	hc        huma.Context
	s         Stream
	yes, gone bool
}

func (b *beginning) Write(p []byte) (int, error) {
	if !b.yes {
		b.yes = true
		b.hc.SetHeader("Content-Type", b.s.ContentType)
		b.hc.SetHeader("Content-Disposition", `attachment; filename="`+b.s.Name+`"`)
		b.hc.SetStatus(http.StatusOK)
	}
	n, err := b.hc.BodyWriter().Write(p)
	b.gone = b.gone || err != nil
	return n, err
}
