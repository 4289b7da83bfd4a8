package console

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Form is a form of a page; the template "form" shows it, with what is wrong beside
// the field that it is wrong with.
type Form struct {
	// Action is where it is sent: the address of the page it is on, or empty for the same.
	Action string
	Hidden []Hidden
	Fields []Field
	// Button says the verb; without it the form is only to be read.
	Button string
	// Danger marks what cannot be undone.
	Danger bool
	// Quiet marks the lesser one of two buttons.
	Quiet bool
	// Cancel is where the person goes who would rather not; empty for nowhere.
	Cancel string
	// Wrong is what is wrong with the form as a whole.
	Wrong string
}

// Hidden is a value that a form carries.
type Hidden struct{ Name, Value string }

// Field is one input of a form. Values that were typed stay in it, passwords do not.
type Field struct {
	Name, Label, Value, Help string
	// Type is that of the input, or "textarea", "select", "radio" or "checkbox".
	Type                 string
	Options              []Option // of a select or of radio buttons
	Autocomplete         string
	Placeholder          string
	MinLength, MaxLength int
	Optional             bool
	Focus, ReadOnly      bool
	Checked              bool // of a checkbox
	Advanced             bool // stands folded away under Advanced
	// Check is the address, up to the value, that says while somebody types whether it will do.
	Check string
	// MustBe is what has to be typed to confirm; the handler asks as well.
	MustBe string
	Wrong  string
}

// Option is one of several values.
type Option struct {
	Value, Label, Help string
	Aside              string // such as a price
}

// Kind is the kind of control that the field is.
func (f Field) Kind() string {
	switch f.Type {
	case "textarea", "select", "radio", "checkbox":
		return f.Type
	}
	return "input"
}

// Plain are the fields that stand open.
func (f Form) Plain() []Field { return f.folded(false) }

// Folded are the fields under Advanced.
func (f Form) Folded() []Field { return f.folded(true) }

func (f Form) folded(advanced bool) []Field {
	return slices.DeleteFunc(slices.Clone(f.Fields), func(field Field) bool { return field.Advanced != advanced })
}

// Unfolded tells whether a folded field needs to be seen.
func (f Form) Unfolded() bool {
	return slices.ContainsFunc(f.Fields, func(field Field) bool { return field.Advanced && field.Wrong != "" })
}

// Fill puts in what was typed, but for passwords.
func (f *Form) Fill(values url.Values) {
	for i := range f.Fields {
		switch field := &f.Fields[i]; {
		case field.Type == "password", field.ReadOnly:
		case field.Type == "checkbox":
			field.Checked = values.Has(field.Name)
		case values.Has(field.Name):
			field.Value = values.Get(field.Name)
		}
	}
}

// Refuse notes what an error says beside the fields that it names, or above the form.
// It is false for an error that the person cannot mend here.
func (f *Form) Refuse(err error) bool {
	var e *fault.Error
	if !errors.As(err, &e) || e.Status() >= 500 {
		return false
	}
	for _, wrong := range e.Fields {
		if field := f.Field(wrong.Field); field != nil {
			field.Wrong = field.Label + " " + wrong.Message + "."
			if field.MustBe != "" {
				field.Wrong = "This is not it: type " + field.MustBe + "."
			}
		} else {
			f.Wrong = wrong.Field + " " + wrong.Message
		}
	}
	switch name := f.Field("name"); {
	case len(e.Fields) > 0:
	case e.Code == fault.NameTaken && name != nil:
		name.Wrong = e.Detail + "."
	default:
		f.Wrong = e.Detail
	}
	return true
}

// Field finds a field by its name; nil where the form has none.
func (f *Form) Field(name string) *Field {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i]
		}
	}
	return nil
}

// List is what was typed between commas, semicolons, spaces or line ends: addresses,
// for instance. It is never nil.
func List(text string) []string {
	list := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ';' || unicode.IsSpace(c) })
	return append([]string{}, list...)
}
