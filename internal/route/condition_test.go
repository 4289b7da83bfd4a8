package route

import (
	"net/http"
	"slices"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

func TestReadTags(t *testing.T) {
	for _, c := range []struct {
		lines []string
		any   bool
		list  []string
		bad   bool
	}{
		{lines: nil},
		{lines: []string{" * "}, any: true},
		{lines: []string{`"a"`}, list: []string{`"a"`}},
		{lines: []string{`"a", W/"b"`, `"c"`}, list: []string{`"a"`, `W/"b"`, `"c"`}},
		{lines: []string{`"a",,"b" ,`}, list: []string{`"a"`, `"b"`}},
		{lines: []string{`""`}, list: []string{`""`}},
		{lines: []string{`"with, a comma"`}, list: []string{`"with, a comma"`}},
		{lines: []string{`a`}, bad: true}, {lines: []string{`"a`}, bad: true}, {lines: []string{`"a""b"`}, bad: true}, {lines: []string{`"a" "b"`}, bad: true},
		{lines: []string{`*, "a"`}, bad: true}, {lines: []string{`w/"a"`}, bad: true}, {lines: []string{`W/`}, bad: true},
	} {
		checks := &fault.Checks{}
		got := readTags(checks, http.Header{"If-Match": c.lines}, "If-Match")
		if (checks.Err() != nil) != c.bad {
			t.Errorf("%q: %v", c.lines, checks.Err())
		}
		if c.bad || c.lines == nil {
			if got != nil {
				t.Errorf("%q: %v", c.lines, got)
			}
		} else if got.any != c.any || !slices.Equal(got.list, c.list) {
			t.Errorf("%q: %+v", c.lines, got)
		}
	}
}

func TestTags(t *testing.T) {
	type row struct {
		Name string  `json:"name"`
		Seen *string `json:"seen"`
		Last int     `json:"last"`
	}
	tag := func(rows ...row) string {
		d, err := encode(rows, []string{"seen", "last"})
		if err != nil {
			t.Fatal(err)
		}
		return d.ETag()
	}
	seen := "2026-03-01T12:00:00Z"
	one, later := tag(row{"a", nil, 1}, row{"b", nil, 1}), tag(row{"a", &seen, 2}, row{"b", nil, 1})
	if one == later {
		t.Error("the ETag does not name the bytes")
	}
	match := func(known, now string) bool { return (&tags{list: []string{known}}).strong(now) }
	if !match(one, later) || match("W/"+one, one) {
		t.Error("If-Match does not look past what is fleeting, or takes a weak ETag")
	}
	// A text that looks like the field is part of what lasts.
	for _, name := range []string{`","seen":"x`, `"seen":1`, `a","last":5,"b`} {
		if match(one, tag(row{name, nil, 1}, row{"b", nil, 1})) || match(tag(row{name, nil, 1}), tag(row{name + "!", nil, 1})) {
			t.Errorf("%s passes for the field", name)
		}
	}
	if (&tags{list: []string{"W/" + one}}).weak(later) || !(&tags{list: []string{"W/" + one}}).weak(one) {
		t.Error("If-None-Match does not compare the whole, weakly")
	}
}
