package route

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// reading is a reading operation as the condition of a write asks it: not what it
// answered, but what it would answer to the same caller inside the Write.
type reading struct {
	op     Operation
	answer reflect.Type
	tag    func(ctx context.Context, pass authz.Pass, param func(string) string) (string, error)
}

func newReading[I, O any](op Operation, h Handler[I, O]) *reading {
	return &reading{op, answerType[O](), func(ctx context.Context, pass authz.Pass, param func(string) string) (string, error) {
		in := new(I)
		bind(reflect.ValueOf(in).Elem(), param)
		answer, err := h(ctx, pass, in)
		if err != nil {
			return "", err
		}
		document, err := encode(answer, op.Fleeting)
		return document.tag, err
	}}
}

// bind fills in the parameters of a path.
func bind(in reflect.Value, param func(string) string) {
	for i := range in.NumField() {
		field := in.Type().Field(i)
		if name := field.Tag.Get("path"); name != "" {
			in.Field(i).SetString(param(name))
		} else if field.Anonymous {
			bind(in.Field(i), param)
		}
	}
}

// answerType is the type that is described; a document is what it holds.
func answerType[O any]() reflect.Type {
	t := reflect.TypeFor[O]()
	if d, ok := reflect.Zero(t).Interface().(interface{ holds() reflect.Type }); ok {
		return d.holds()
	}
	return t
}

func (Document[T]) holds() reflect.Type { return reflect.TypeFor[T]() }

func (r *Router) remember(op Operation, g *reading) {
	r.readings[op.ID], r.readings[op.Path] = g, g
}

// matched is what the conditions of a write are about; nil where there is nothing.
func (r *Router) matched(op Operation) *reading { return r.readings[cmp.Or(op.Matches, op.Path)] }

// shown is what the answer of a write shows.
func (r *Router) shown(op Operation) *reading {
	if op.Method == http.MethodPost {
		return r.readings[op.Shows]
	}
	return r.matched(op)
}

func (r *Router) shows(op Operation, answer reflect.Type) bool {
	g := r.shown(op)
	return g != nil && g.answer == answer
}

// Matched names the reading operation whose ETag a write takes with If-Match; empty
// where it takes none.
func (r *Router) Matched(op Operation) string {
	if g := r.matched(op); g != nil && op.Method != http.MethodGet {
		return g.op.ID
	}
	return ""
}

// conditions are what a request says of the state that it stands on.
type conditions struct {
	match, none *tags
	write       store.Condition
	now         string // the tag after the Write
}

type conditionsKey struct{}

// given are the conditions of a request, nil where it has none.
func given(ctx context.Context) *conditions {
	c, _ := ctx.Value(conditionsKey{}).(*conditions)
	return c
}

// conditional ties the conditions of a request to its context.
func (r *Router) conditional(ctx context.Context, hc huma.Context, op Operation, pass authz.Pass) (context.Context, error) {
	if hc.Header("If-Match") == "" && hc.Header("If-None-Match") == "" {
		return ctx, nil
	}
	req, _ := humago.Unwrap(hc)
	checks := &fault.Checks{}
	c := &conditions{match: readTags(checks, req.Header, "If-Match"), none: readTags(checks, req.Header, "If-None-Match")}
	if err := checks.Err(); err != nil {
		return ctx, err
	}
	ctx = context.WithValue(ctx, conditionsKey{}, c)
	if op.Method == http.MethodGet {
		return ctx, nil
	}
	about := r.matched(op)
	if made := r.shown(op) != nil && about != r.shown(op); (made || op.Status == http.StatusCreated) && c.none != nil && c.none.any {
		c.none = nil // what is only made never overwrites
	}
	switch {
	case c.match == nil && c.none == nil:
		return ctx, nil
	case about == nil:
		return ctx, fault.New(fault.PreconditionFailed, "This operation changes nothing that has an ETag; leave If-Match and If-None-Match out.")
	}
	scope, err := about.op.Scope(ctx, r, hc.Param)
	if err != nil {
		return ctx, err
	}
	reader, err := r.authorizer.Require(ctx, pass.Actor(), about.op.Permission, scope)
	if err != nil {
		return ctx, err
	}
	c.write = store.Condition{
		Before: func(ctx context.Context) error {
			tag, err := about.tag(ctx, reader.Alone(), hc.Param)
			if fault.Has(err, fault.NotFound) && c.match == nil {
				return nil // there is none
			}
			if err != nil {
				return err
			}
			return c.hold(tag)
		},
		After: func(ctx context.Context) {
			if tag, err := about.tag(ctx, reader.Alone(), hc.Param); err == nil {
				c.now = tag
			}
		},
	}
	return store.WithCondition(ctx, &c.write), nil
}

// hold compares with what is there.
func (c *conditions) hold(tag string) error {
	if c.match != nil && !c.match.strong(tag) {
		return fault.New(fault.PreconditionFailed, "")
	}
	if c.none != nil && c.none.weak(tag) {
		return fault.New(fault.PreconditionFailed, "It is there already, as If-None-Match says that it must not be; nothing was done.")
	}
	return nil
}

// read gives the status of a reading operation's answer.
func (c *conditions) read(op Operation, tag string) (int, error) {
	switch {
	case c == nil:
	case c.match != nil && !c.match.strong(tag):
		return 0, fault.New(fault.PreconditionFailed, "It has changed since you read it.")
	case c.none != nil && c.none.weak(tag):
		return http.StatusNotModified, nil
	}
	return op.Status, nil
}

// settle asks what no Write has asked, and says again what one has refused.
func (c *conditions) settle(ctx context.Context) error {
	if c == nil || c.write.Before == nil {
		return nil
	}
	asked, err := c.write.Asked()
	if !asked {
		if err = c.write.Before(ctx); err == nil {
			c.write.After(ctx)
		}
	}
	return err
}

// after is the tag of what the Write left.
func (c *conditions) after() string {
	if c == nil {
		return ""
	}
	return c.now
}

// tags are the value of If-Match or If-None-Match.
type tags struct {
	any  bool
	list []string // as they were sent, the weak ones with W/
}

func readTags(checks *fault.Checks, h http.Header, name string) *tags {
	text := strings.TrimSpace(strings.Join(h.Values(name), ","))
	if text == "" {
		return nil
	}
	if text == "*" {
		return &tags{any: true}
	}
	t := &tags{}
	for rest := text; rest != ""; {
		prefix := ""
		if strings.HasPrefix(rest, "W/") {
			prefix, rest = "W/", rest[2:]
		}
		end := -1
		if strings.HasPrefix(rest, `"`) {
			end = strings.IndexByte(rest[1:], '"') + 1
		}
		if end < 1 {
			checks.Add(name, `must be * or a list of ETags as they were answered, each in its quotes`)
			return nil
		}
		t.list = append(t.list, prefix+rest[:end+1])
		after := strings.TrimLeft(rest[end+1:], " \t")
		rest = strings.TrimLeft(after, ", \t")
		if after != "" && after[0] != ',' {
			checks.Add(name, `must have a comma between two ETags`)
			return nil
		}
	}
	return t
}

// strong compares for If-Match, which looks past what is fleeting.
func (t *tags) strong(tag string) bool {
	return t.any || slices.ContainsFunc(t.list, func(one string) bool { return lasting(one) == lasting(tag) })
}

// weak compares for If-None-Match.
func (t *tags) weak(tag string) bool {
	return t.any || slices.ContainsFunc(t.list, func(one string) bool { return strings.TrimPrefix(one, "W/") == tag })
}

// lasting is the part of a tag that fleeting fields have no share in.
func lasting(tag string) string {
	before, _, _ := strings.Cut(tag, ".")
	return before
}

// tagOf names an encoded answer by its hash; where fields are fleeting, a hash of the
// rest stands before it.
func tagOf(text []byte, fleeting []string) string {
	whole := short(text)
	if len(fleeting) == 0 {
		return `"` + whole + `"`
	}
	rest := text
	for _, name := range fleeting {
		rest = without(rest, name)
	}
	return `"` + short(rest) + "." + whole + `"`
}

func short(text []byte) string {
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// without leaves the values of a field out. No text can pose as the field: the quotes
// inside a text are escaped.
func without(text []byte, field string) []byte {
	mark := []byte(`"` + field + `":`)
	out := make([]byte, 0, len(text))
	for {
		before, after, found := bytes.Cut(text, mark)
		out = append(out, before...)
		if !found {
			return out
		}
		text = after[bytes.IndexAny(after, ",}"):] // a time, a number or null
	}
}
