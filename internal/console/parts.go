package console

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

// functions are what every page's template can call.
var functions = template.FuncMap{
	"full":    newFull,
	"short":   short,
	"number":  number,
	"initial": initial,
	"plural":  plural[int],
}

// Moment is a time beside the present one. The part "moment" shows how long ago it
// was, and exactly when on hover and focus.
type Moment struct{ At, Now clock.Time }

// Exact is the time to the second, with its zone.
func (m Moment) Exact() string { return m.At.Std().Format("2 January 2006, 15:04:05 MST") }

// Machine is the time for the browser.
func (m Moment) Machine() string { return m.At.Std().Format(time.RFC3339) }

// Words are how long ago it was, or how long it is until then; a date where that is far.
func (m Moment) Words() string {
	if m.At == 0 {
		return "never"
	}
	d := m.Now.Std().Sub(m.At.Std())
	ahead := d < 0
	if ahead {
		d = -d
	}
	var words string
	switch {
	case d < time.Minute && ahead:
		return "in a moment"
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		words = fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		words = fmt.Sprintf("%d h", int(d.Hours()))
	case d < 30*24*time.Hour:
		words = plural(int64(d.Hours()/24), "day")
	case m.At.Std().Year() == m.Now.Std().Year():
		return m.At.Std().Format("2 Jan")
	default:
		return m.At.Std().Format("2 Jan 2006")
	}
	if ahead {
		return "in " + words
	}
	return words + " ago"
}

// Full is a name that may be too long for its place. The browser cuts the beginning
// where it must and keeps the end, where long names differ.
type Full struct{ Name, Begin, End string }

// Long tells whether the name could be cut.
func (f Full) Long() bool { return f.End != "" }

const (
	longName = 28 // characters that every place has
	keptEnd  = 10
)

func newFull(name string) Full {
	if utf8.RuneCountInString(name) <= longName {
		return Full{Name: name, Begin: name}
	}
	runes := []rune(name)
	return Full{name, string(runes[:len(runes)-keptEnd]), string(runes[len(runes)-keptEnd:])}
}

// short is what is shown of an id.
func short(id any) string {
	text := fmt.Sprint(id)
	return text[:min(len(text), 8)]
}

// number groups digits by threes.
func number(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// plural counts things whose word takes an s.
func plural[N int | int64](n N, word string) string {
	if n != 1 {
		word += "s"
	}
	return number(int64(n)) + " " + word
}

// initial stands in the square of who has no picture.
func initial(name string) string {
	for _, c := range name {
		return string(c)
	}
	return "?"
}
