package console

import (
	"errors"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Form is a form of a page; the template "form" shows it, with what is wrong beside
// the field that it is wrong with.
type Form struct {
	Action string
	Hidden []Hidden
	Fields []Field
	Button string
	// Danger marks what cannot be undone.
	Danger bool
	// Quiet marks the lesser one of two buttons.
	Quiet bool
	// Wrong is what is wrong with the form as a whole.
	Wrong string
}

// Hidden is a value that a form carries.
type Hidden struct{ Name, Value string }

// Field is one input of a form. Values that were typed stay in it, passwords do not.
type Field struct {
	Name, Label, Type, Value, Help string
	Autocomplete                   string
	MinLength, MaxLength           int
	Optional, Focus, ReadOnly      bool
	Wrong                          string
}

// Refuse notes what an error says beside the fields that it names, or above the form.
// It is false for an error that the person cannot mend here.
func (f *Form) Refuse(err error) bool {
	var e *fault.Error
	if !errors.As(err, &e) || e.Status() >= 500 {
		return false
	}
	for _, wrong := range e.Fields {
		if field := f.field(wrong.Field); field != nil {
			field.Wrong = wrong.Message
		} else {
			f.Wrong = wrong.Field + " " + wrong.Message
		}
	}
	if len(e.Fields) == 0 {
		f.Wrong = e.Detail
	}
	return true
}

func (f *Form) field(name string) *Field {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i]
		}
	}
	return nil
}
