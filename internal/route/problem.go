package route

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Problem is the body of every error. Existing clients read status, error and
// detail; ours read code, which is stable, and errors, which names the fields.
type Problem struct {
	Status     int           `json:"status" doc:"The HTTP status, repeated: existing clients read it here." example:"409"`
	Title      string        `json:"error" doc:"The short name of the status." example:"Conflict"`
	Code       fault.Code    `json:"code" doc:"The stable code of the refusal; the documentation lists them all." example:"name_taken"`
	Message    string        `json:"message" doc:"A sentence for people."`
	Detail     string        `json:"detail" doc:"The same sentence, where existing clients look for it."`
	Errors     []fault.Field `json:"errors" doc:"What is wrong with which field; empty where no field is to blame."`
	Permission string        `json:"permission,omitempty" doc:"The permission that is missing, with 403." example:"project.edit"`
	Explain    string        `json:"explanation,omitempty" doc:"The path that explains the refusal, with 403." example:"/organization/3c90c3cc-0d44-4b50-8888-8dd25736052a/access/explain?permission=project.edit"`
	Path       string        `json:"path" doc:"The path that was asked."`
	Timestamp  time.Time     `json:"timestamp" doc:"When the error was answered."`
	RequestID  string        `json:"request_id" doc:"Names the request in the server's log."`

	retryAfter int
}

func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

var problemType = reflect.TypeFor[Problem]()

// GetStatus is the HTTP status of the answer.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are the headers that belong to the error.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="guildhall"`)
	}
	return h
}

// NewProblem makes the body of an error. What is not a refusal of ours becomes a
// 500 that shows nothing but the request id; its cause goes to the log.
func NewProblem(ctx context.Context, path string, err error) *Problem {
	f := fault.From(err)
	entry := fault.Lookup(f.Code)
	info := RequestInfo(ctx)
	if entry.Status >= http.StatusInternalServerError && entry.Status != http.StatusNotImplemented {
		level := slog.LevelError
		if f.Code == fault.Unavailable || f.Code == fault.Timeout { // the database's or the client's doing
			level = slog.LevelWarn
		}
		slog.LogAttrs(ctx, level, "request failed", slog.String("code", string(f.Code)), slog.String("path", LogPath(path)),
			slog.String("request_id", info.ID), slog.String("error", authn.Mask(err.Error())))
	}
	p := &Problem{
		Status: entry.Status, Title: entry.Title, Code: f.Code, Message: f.Detail, Detail: f.Detail, Errors: f.Fields,
		Permission: f.Permission, Explain: f.Explanation, Path: path, Timestamp: time.Now().UTC(), RequestID: info.ID, retryAfter: f.RetryAfter,
	}
	if p.Errors == nil {
		p.Errors = []fault.Field{}
	}
	return p
}

// WriteProblem answers an error outside the operations of the API.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := NewProblem(r.Context(), r.URL.Path, err)
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	_ = format.Marshal(w, p) // the client has gone when this fails
}

// init makes the binding library speak our vocabulary: its own faults (a missing
// field, a wrong type, an unknown media type) become ours.
func init() {
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return NewProblem(context.Background(), "", bindingFault(status, message, errs))
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		if ctx == nil {
			return huma.NewError(status, message, errs...)
		}
		return NewProblem(ctx.Context(), RequestInfo(ctx.Context()).Path, bindingFault(status, message, errs))
	}
}

const lateBody = "The body did not arrive in time."

func bindingFault(status int, message string, errs []error) error {
	for _, err := range errs {
		if f := fault.From(err); f.Code != fault.Internal {
			return f
		}
	}
	switch status {
	case http.StatusUnsupportedMediaType:
		return fault.New(fault.UnsupportedMedia, "")
	case http.StatusRequestEntityTooLarge:
		return fault.New(fault.TooLarge, "")
	case http.StatusRequestTimeout:
		return fault.New(fault.Malformed, lateBody)
	}
	if message == "cannot read request body" {
		return fault.New(fault.Malformed, "The body did not arrive whole.")
	}
	if status >= http.StatusInternalServerError {
		f := fault.New(fault.Internal, "")
		if len(errs) > 0 {
			return f.Because(errs[0])
		}
		return f
	}
	checks := &fault.Checks{}
	for _, err := range errs {
		detail, ok := err.(huma.ErrorDetailer)
		if !ok {
			checks.Add("request", "%s", err.Error())
			continue
		}
		d := detail.ErrorDetail()
		field, message := d.Location, d.Message
		if field == "body" {
			field, message = blamed(message)
		}
		for _, place := range []string{"body.", "query.", "path.", "header."} {
			field = strings.TrimPrefix(field, place)
		}
		checks.Add(field, "%s", message)
	}
	if err := checks.Err(); err != nil {
		return err
	}
	return fault.New(fault.Invalid, "%s", message)
}
