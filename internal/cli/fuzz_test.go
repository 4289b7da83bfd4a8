package cli

import (
	"strings"
	"testing"
)

// FuzzConfigFile: a file is refused or gives each key's value as text.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{"", "listen: :8080\n", "trusted_proxies: [10.0.0.0/8, ::1]", "a: &x [*x]", "a: &a {b: *a}", "- list", "a: !!binary x", "? [a]\n: b", "a: {b: {c: d}}", "\x00", "a: 1\na: 2", strings.Repeat("[", 2000), "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		r, err := loadYAML(strings.NewReader(file))
		if err != nil {
			return
		}
		values, ok := r.(fileResolver)
		if !ok {
			t.Fatalf("%T", r)
		}
		for key, value := range values {
			if strings.Contains(key, "_") {
				t.Errorf("the key %q", key)
			}
			_ = text(value)
		}
	})
}
