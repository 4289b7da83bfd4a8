package console

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzLocal: where a form leads is a path of this server, as a browser reads it.
func FuzzLocal(f *testing.F) {
	for _, seed := range []string{"/console", "//evil.example", "/\\evil.example", "https://evil.example", "/%2f/evil.example", "/\t/evil.example", "javascript:alert(1)", "", "/a?next=//b", "/..//evil.example", "/ /x"} {
		f.Add(seed)
	}
	here, _ := url.Parse("https://guildhall.example.com/sign-in")
	f.Fuzz(func(t *testing.T, next string) {
		got := Local(next, "/fallback")
		// Browsers drop tabs and line ends, and take a backslash for a slash.
		read := strings.ReplaceAll(strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(strings.TrimSpace(got)), `\`, "/")
		u, err := here.Parse(read)
		if err != nil || u.Host != here.Host || u.Scheme != "https" || !strings.HasPrefix(got, "/") {
			t.Errorf("%q leads to %v (%v)", next, u, err)
		}
	})
}
