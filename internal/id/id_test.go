package id_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/guildhall-dev/guildhall/internal/id"
)

// TestNew: ids are unique, in the one form, and in the order in which they were made.
func TestNew(t *testing.T) {
	ids := make([]id.Object, 5000)
	for i := range ids {
		ids[i] = id.New[id.Object]()
		if u, err := uuid.Parse(string(ids[i])); err != nil || u.Version() != 7 || u.String() != string(ids[i]) {
			t.Fatalf("%s: %v, version %d", ids[i], err, u.Version())
		}
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Error("the ids are not ascending and unique")
	}
}

func TestDerived(t *testing.T) {
	a, b := string(id.New[id.Organization]()), string(id.New[id.Organization]())
	same := id.Derived[id.Role](a, "ADMIN")
	if same != id.Derived[id.Role](a, "ADMIN") {
		t.Error("the same owner and name give two ids")
	}
	for name, other := range map[string]id.Role{
		"another owner": id.Derived[id.Role](b, "ADMIN"), "another name": id.Derived[id.Role](a, "VIEWER"), "an owner that is no id": id.Derived[id.Role]("x", "ADMIN"),
	} {
		if other == same {
			t.Errorf("%s gives the same id", name)
		}
		if _, ok := id.Parse[id.Role](string(other)); !ok {
			t.Errorf("%s gives %q", name, other)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", id.Nil, "0198c3f0-0000-7000-8000-0123456789ab"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := id.Parse[id.User](s)
		if !ok {
			if got != "" {
				t.Errorf("%q was refused and gave %q", s, got)
			}
			return
		}
		if len(got) != 36 || string(got) != strings.ToLower(s) {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func TestParse(t *testing.T) {
	const right = "0198c3f0-aaaa-7000-8000-0123456789ab"
	for s, want := range map[string]id.User{
		right:                               right,
		strings.ToUpper(right):              right,
		id.Nil:                              id.Nil,
		"":                                  "",
		"x":                                 "",
		right + "x":                         "",
		right[:35]:                          "",
		" " + right[1:]:                     "",
		strings.ReplaceAll(right, "-", ""):  "",
		"{" + right + "}":                   "",
		"urn:uuid:" + right:                 "",
		strings.Replace(right, "-", "_", 1): "",
		strings.Replace(right, "a", "g", 1): "",
		strings.Replace(right, "aaaa", "ａa", 1): "", // full width
	} {
		if got, ok := id.Parse[id.User](s); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t; want %q", s, got, ok, want)
		}
	}
}
