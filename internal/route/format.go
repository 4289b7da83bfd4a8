package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// maxDepth bounds how deep a body may nest; ours need five levels.
const maxDepth = 32

// format is our JSON: it refuses what a lenient parser would guess about, and
// writes documents that are encoded already as they are.
var format = huma.Format{Marshal: marshal, Unmarshal: unmarshal}

func marshal(w io.Writer, v any) error {
	if d, ok := v.(interface{ Encoded() []byte }); ok {
		_, err := w.Write(d.Encoded())
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// unmarshal is called twice for a body: first into an any, to validate it, then
// into the struct. The first pass looks at the text itself.
func unmarshal(data []byte, v any) error {
	if _, first := v.(*any); first {
		if err := inspect(data); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(data, v); err != nil {
		return plain(err)
	}
	return nil
}

// plain says what is wrong with a JSON text without naming Go's types.
func plain(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("is not valid JSON near byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("the field %q cannot be a %s", kind.Field, kind.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("is not valid JSON: it ends too early")
	}
	return errors.New("is not valid JSON")
}

// inspect refuses invalid UTF-8, NUL characters, halves of surrogate pairs, keys that
// differ only by case, deep nesting, and anything behind the first value.
func inspect(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	type level struct {
		keys  map[string]bool // nil for an array
		value bool            // the next string is a value, not a key
	}
	var stack []level
	field := "" // of the outermost object, for the refusal
	for {
		begin := d.InputOffset()
		token, err := d.Token()
		if err != nil {
			return plain(err)
		}
		top := len(stack) - 1
		switch t := token.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				if top >= 0 {
					stack[top].value = false
				}
				if len(stack) == maxDepth {
					return fmt.Errorf("nests deeper than %d levels", maxDepth)
				}
				l := level{}
				if t == '{' {
					l.keys = map[string]bool{}
				}
				stack = append(stack, l)
			} else {
				stack = stack[:top]
			}
		case string:
			isKey := top >= 0 && stack[top].keys != nil && !stack[top].value
			if isKey && top == 0 {
				field = ""
			}
			if what := unkeepable(t, data[begin:d.InputOffset()]); what != "" {
				return in(field, what)
			}
			if isKey {
				if top == 0 {
					field = t
				}
				key := strings.Map(fold, t)
				if stack[top].keys[key] {
					return fmt.Errorf("has the key %q twice (keys that differ only by case count as the same)", t)
				}
				stack[top].keys[key] = true
				stack[top].value = true
				continue
			}
			if top >= 0 {
				stack[top].value = false
			}
		default:
			if top >= 0 {
				stack[top].value = false
			}
		}
		if len(stack) == 0 {
			break
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("has something behind its end")
	}
	return nil
}

// unkeepable says what is in a text that cannot be kept, or would not come back as it
// was sent: the decoder makes U+FFFD of half a surrogate pair.
func unkeepable(text string, raw []byte) string {
	if strings.ContainsRune(text, 0) {
		return "holds a NUL character (\\u0000), which cannot be kept"
	}
	if !strings.ContainsRune(text, utf8.RuneError) {
		return ""
	}
	high := false // the escape before was the first half of a pair
	for i := 0; i < len(raw); i++ {
		unit := uint64(0)
		if raw[i] == '\\' {
			if i++; raw[i] == 'u' {
				unit, _ = strconv.ParseUint(string(raw[i+1:i+5]), 16, 32) // valid, or the decoder had refused it
				i += 4
			}
		}
		low := unit >= 0xdc00 && unit < 0xe000
		if low != high {
			return "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character"
		}
		high = unit >= 0xd800 && unit < 0xdc00
	}
	return ""
}

const fieldPrefix = "the field "

// in names the field that is wrong; the binding library passes on the words alone,
// and blamed finds the name in them.
func in(field, what string) error {
	if field == "" {
		return errors.New(what)
	}
	return fmt.Errorf(fieldPrefix+"%q %s", field, what)
}

// blamed takes a refusal of a body apart into the field and what is wrong with it.
func blamed(message string) (field, what string) {
	rest, ok := strings.CutPrefix(message, fieldPrefix)
	if !ok {
		return "body", message
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "body", message
	}
	if field, err = strconv.Unquote(quoted); err != nil || field == "" {
		return "body", message
	}
	return field, strings.TrimSpace(rest[len(quoted):])
}

// fold gives the first of the characters that differ from c by case only: the JSON
// decoder takes all of them for one in a key.
func fold(c rune) rune {
	for {
		next := unicode.SimpleFold(c)
		if next <= c {
			return next
		}
		c = next
	}
}

// Document is an answer that is encoded once and written many times.
type Document[T any] struct {
	encoded []byte
	tag     string
}

// Encode makes the document of an answer.
func Encode[T any](v T) (Document[T], error) { return encode(v, nil) }

func encode[T any](v T, fleeting []string) (Document[T], error) {
	if d, ok := any(v).(interface {
		Encoded() []byte
		ETag() string
	}); ok {
		return Document[T]{d.Encoded(), d.ETag()}, nil
	}
	var b bytes.Buffer
	err := marshal(&b, v)
	return Document[T]{b.Bytes(), tagOf(b.Bytes(), fleeting)}, err
}

// Encoded is the document's text.
func (d Document[T]) Encoded() []byte { return d.encoded }

// ETag names the document's text.
func (d Document[T]) ETag() string { return d.tag }

// Schema describes the document as the answer that it holds.
func (Document[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}
