package route

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Optional is a field of a request that may be left out (keep what is there), null
// (clear it) or set.
type Optional[T any] struct {
	Sent  bool
	Value *T
}

// UnmarshalJSON is only called where the field is in the body.
func (o *Optional[T]) UnmarshalJSON(text []byte) error {
	o.Sent, o.Value = true, nil
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	o.Value = new(T)
	return json.Unmarshal(text, o.Value)
}

// Schema describes the field as its value, nullable.
func (Optional[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), false, "")
	s.Nullable = true
	return &s
}

// Apply puts what was sent in the place of what is there.
func (o Optional[T]) Apply(to **T) {
	if o.Sent {
		*to = o.Value
	}
}
