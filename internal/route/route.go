// Package route is what features register their operations with: one row says
// method, path, permission, scope and documentation; the handler gets a Pass. It
// binds and renders, and turns every error into the one body that clients know.
package route

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// MaxBody is the largest body an operation takes unless its row says otherwise.
const MaxBody = 256 << 10

// bodyTime is how long a body may take to arrive.
const bodyTime = 5 * time.Second

// Operation is a row of the route table.
type Operation struct {
	ID, Method, Path string
	Summary          string
	Description      string
	Tag              string
	// Permission must be held in Scope; a row without one does not start.
	Permission authz.Permission
	Scope      Scope
	// IDs describes path parameters that name things and are no field of the input: the
	// scope has read them.
	IDs map[string]string
	// Lists names the permission by which a list is filtered: whoever may ask gets
	// what they see.
	Lists authz.Permission
	// Status is that of success; 200 where it is not said.
	Status int
	// Refusals are the codes beyond 400, 401, 403 and 404 that the operation answers.
	Refusals []fault.Code
	// Matches names the reading operation whose ETag the If-Match of a write is about,
	// where none answers at the same path.
	Matches string
	// Shows names the reading operation whose answer that of a POST is, so that it has
	// its ETag; that of a PUT is the one at the same path.
	Shows string
	// Fleeting are the fields of a reading operation's answer that change without
	// anybody's edit; If-Match looks past them.
	Fleeting []string
	// Stream marks an operation that answers piece by piece.
	Stream bool
	// Own marks an operation that the public contract does not have.
	Own bool
	// NoDryRun says why a write has no dry run; all others have one.
	NoDryRun string
}

// Empty is the answer without a body.
type Empty struct{}

// Router holds the route table.
type Router struct {
	api           huma.API
	authenticator *authn.Authenticator
	authorizer    *authz.Authorizer
	resolve       func(ctx context.Context, kind authz.Kind, object id.Object) (authz.Scope, error)
	foresee       Foresee
	table         []Operation
	readings      map[string]*reading
	described     sync.Once
}

// Deps are what the router asks.
type Deps struct {
	Authenticator *authn.Authenticator
	Authorizer    *authz.Authorizer
	// Resolve finds the scope of an object.
	Resolve func(ctx context.Context, kind authz.Kind, object id.Object) (authz.Scope, error)
	// Foresee makes the dry runs.
	Foresee Foresee
}

// New makes a router whose operations are served by mux.
func New(mux humago.Mux, doc *huma.OpenAPI, d Deps) *Router {
	config := huma.Config{
		OpenAPI:       doc,
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
	}
	config.AllowAdditionalPropertiesByDefault = true // clients send whole answers back
	return &Router{
		api: humago.New(mux, config), authenticator: d.Authenticator, authorizer: d.Authorizer, resolve: d.Resolve, foresee: d.Foresee,
		readings: map[string]*reading{},
	}
}

// Table lists the registered operations.
func (r *Router) Table() []Operation { return slices.Clone(r.table) }

// OpenAPI is the document of what is registered.
func (r *Router) OpenAPI() *huma.OpenAPI {
	r.described.Do(r.describeConditions)
	return r.api.OpenAPI()
}

type output[O any] struct {
	Status int
	ETag   string `header:"ETag" hidden:"true"`
	Body   Document[O]
}

type bare struct {
	ETag string `header:"ETag" hidden:"true"`
}

// Handler does an operation's work for the holder of a pass.
type Handler[I, O any] func(ctx context.Context, pass authz.Pass, in *I) (O, error)

// Register adds an operation. I holds parameters and Body as the binding library
// reads them; O is the answer's body, or Empty.
func Register[I, O any](r *Router, op Operation, h Handler[I, O]) {
	if op.Permission == "" || op.Scope == nil {
		panic(fmt.Sprintf("operation %s has no permission or scope", op.ID))
	}
	if op.Status == 0 {
		op.Status = http.StatusOK
	}
	r.table = append(r.table, op)
	doc := r.document(op)
	var none O
	if _, empty := any(none).(Empty); empty {
		huma.Register(r.api, doc, func(ctx context.Context, in *I) (*bare, error) {
			_, err := run(ctx, h, in)
			return &bare{given(ctx).after()}, err
		})
		return
	}
	if op.Method == http.MethodGet {
		r.remember(op, newReading(op, h))
	}
	huma.Register(r.api, doc, func(ctx context.Context, in *I) (*output[O], error) {
		answer, err := run(ctx, h, in)
		if err != nil {
			return nil, err
		}
		out := &output[O]{Status: op.Status}
		if out.Body, err = encode(answer, op.Fleeting); err != nil {
			return nil, err
		}
		switch c := given(ctx); {
		case op.Method == http.MethodGet:
			out.ETag = out.Body.tag
			if out.Status, err = c.read(op, out.ETag); err != nil {
				return nil, NewProblem(ctx, RequestInfo(ctx).Path, err)
			}
		case r.shows(op, answerType[O]()):
			out.ETag = out.Body.tag
		default:
			out.ETag = c.after()
		}
		return out, nil
	})
}

type passKey struct{}

func run[I, O any](ctx context.Context, h Handler[I, O], in *I) (O, error) {
	pass, _ := ctx.Value(passKey{}).(authz.Pass)
	answer, err := h(ctx, pass, in)
	if err == nil {
		err = given(ctx).settle(ctx)
	}
	if err != nil {
		return answer, NewProblem(ctx, RequestInfo(ctx).Path, err)
	}
	return answer, nil
}

// guard finds out who calls, what about, and whether they may, before a byte of
// the body is looked at: who may not learns nothing from a validation error.
func (r *Router) guard(op Operation) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		ctx := hc.Context()
		info := RequestInfo(ctx)
		info.Operation = op.ID
		pass, err := r.admit(ctx, op, info, hc.Header("Authorization"), hc.Param)
		if err != nil {
			r.refuse(hc, err)
			return
		}
		if u := hc.URL(); u.RawQuery != "" {
			if err := CheckValues(u.Query()); err != nil {
				r.refuse(hc, err)
				return
			}
		}
		answer := func(ctx context.Context, hc huma.Context) {
			var err error
			ctx = context.WithValue(ctx, passKey{}, pass)
			if op.Stream {
				ctx = context.WithValue(ctx, againKey{}, func(ctx context.Context) (authz.Pass, error) {
					return r.admit(ctx, op, info, hc.Header("Authorization"), hc.Param)
				})
			}
			if ctx, err = r.conditional(ctx, hc, op, pass); err != nil {
				r.refuse(hc, err)
				return
			}
			if op.repeatable() {
				if key := hc.Header("Idempotency-Key"); key != "" {
					once, err := r.idempotency(hc, pass, key)
					if err != nil {
						r.refuse(hc, err)
						return
					}
					hc = replaying{hc, once}
					ctx = store.WithIdempotency(ctx, once)
				}
			}
			next(huma.WithContext(hc, ctx))
		}
		dry := false
		if op.Writes() {
			if dry, err = wantsDryRun(hc); err == nil && dry && op.NoDryRun != "" {
				err = fault.New(fault.NoDryRun, "%s", op.NoDryRun)
			}
			if err != nil {
				r.refuse(hc, err)
				return
			}
		}
		if dry {
			r.foreseen(hc, pass.Actor(), answer)
			return
		}
		answer(ctx, hc)
	}
}

// CheckValues refuses in a query or a form what no database keeps and no JSON can say.
func CheckValues(values url.Values) error {
	checks := &fault.Checks{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text := name + strings.Join(values[name], "")
		if utf8.ValidString(text) && !strings.ContainsRune(text, 0) {
			continue
		}
		if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			name = "query"
		}
		checks.Add(name, "must be valid UTF-8 without NUL characters")
	}
	return checks.Err()
}

func (r *Router) admit(ctx context.Context, op Operation, info *Info, header string, param func(string) string) (authz.Pass, error) {
	actor, err := r.authenticator.Authenticate(ctx, header)
	if err != nil && op.Permission != authz.Public {
		return authz.Pass{}, err
	}
	actor.Client = info.Client()
	info.Actor = actor.ID()
	if actor.Kind == authn.Anonymous && op.Permission != authz.Public {
		return authz.Pass{}, fault.New(fault.Unauthenticated, "")
	}
	scope, err := op.Scope(ctx, r, param)
	if err != nil {
		return authz.Pass{}, err
	}
	return r.authorizer.Require(ctx, actor, op.Permission, scope)
}

func (r *Router) refuse(hc huma.Context, err error) {
	p := NewProblem(hc.Context(), RequestInfo(hc.Context()).Path, err)
	for name, values := range p.GetHeaders() {
		hc.SetHeader(name, values[0])
	}
	hc.SetHeader("Content-Type", "application/json")
	hc.SetStatus(p.Status)
	_ = format.Marshal(hc.BodyWriter(), p) // the client has gone when this fails
}

const maxIdempotencyKey = 255

// idempotency reads the body, whose hash tells two requests under one key apart,
// and puts it back.
func (r *Router) idempotency(hc huma.Context, pass authz.Pass, key string) (*store.Idempotency, error) {
	if len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		checks := &fault.Checks{}
		checks.Add("Idempotency-Key", "must be 1 to %d printable ASCII characters", maxIdempotencyKey)
		return nil, checks.Err()
	}
	request, _ := humago.Unwrap(hc)
	_ = hc.SetReadDeadline(time.Now().Add(bodyTime)) // what is no connection has none
	body, err := io.ReadAll(io.LimitReader(request.Body, MaxBody+1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, fault.New(fault.Malformed, lateBody).Because(err)
	}
	if err != nil {
		return nil, fault.New(fault.Malformed, "The body did not arrive whole.").Because(err)
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s\n", hc.Method(), withoutDryRun(request.URL))
	sum.Write(body)
	once := &store.Idempotency{Actor: pass.Actor().ID(), Key: key}
	sum.Sum(once.Request[:0])
	return once, nil
}

type humaContext huma.Context // its own name: Context is also a method of it

// replaying marks an answer that was kept from an earlier request.
type replaying struct {
	humaContext
	once *store.Idempotency
}

// Unwrap lets the adapter find its own context.
func (c replaying) Unwrap() huma.Context { return c.humaContext }

// SetStatus writes the header; by then it is known whether the answer is a kept one.
func (c replaying) SetStatus(status int) {
	if c.once.Replayed() {
		c.SetHeader("Idempotency-Replayed", "true")
	}
	c.humaContext.SetStatus(status)
}

// AdmitPage gives a page's handler its pass, the same way as an operation gets its
// own; who calls is known by the browser's session. For a page that is public, a
// session that has ended is none.
func (r *Router) AdmitPage(req *http.Request, p authz.Permission, scope Scope, session string) (authz.Pass, error) {
	actor, err := r.authenticator.Session(req.Context(), session)
	if fault.Has(err, fault.Unauthenticated) && p == authz.Public {
		actor, err = authn.Actor{}, nil
	}
	if err != nil {
		return authz.Pass{}, err
	}
	info := RequestInfo(req.Context())
	actor.Client = info.Client()
	info.Actor = actor.ID()
	if actor.Kind == authn.Anonymous && p != authz.Public {
		return authz.Pass{}, fault.New(fault.Unauthenticated, "")
	}
	about, err := scope(req.Context(), r, req.PathValue)
	if err != nil {
		return authz.Pass{}, err
	}
	return r.authorizer.Require(req.Context(), actor, p, about)
}
