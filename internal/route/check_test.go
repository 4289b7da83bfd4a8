package route

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
)

func checkName(name string) (string, error) {
	checks := &fault.Checks{}
	trimmed := CheckName(checks, "name", name)
	return trimmed, checks.Err()
}

func TestCheckName(t *testing.T) {
	for name, c := range map[string]struct {
		name string
		ok   bool
	}{
		"plain": {"Acme", true}, "one character": {"a", true}, "128": {strings.Repeat("ä", 128), true}, "space around": {"\t Acme \u2003", true}, "space inside": {"Acme  Inc", true}, "hard space inside": {"Acme\u00a0Inc", true},
		"scripts": {"Ünï 日本語 العربية עברית ไทย", true}, "joined emoji": {"👩\u200d💻 team", true}, "emoji with a selector": {"❤\ufe0f", true}, "Persian non-joiner": {"می\u200cخواهم", true},
		"SQL without semicolon": {"' OR 1=1 --", true}, "path": {"../etc", true}, "template": {"{{.}} ${x}", true}, "percent": {"100 %", true}, "ampersand": {"A & B", true}, "quotes": {`"A" 'B'`, true},

		"empty": {"", false}, "blank": {" \t\n\u00a0\u3000", false}, "129": {strings.Repeat("x", 129), false}, "newline inside": {"a\nb", false}, "tab inside": {"a\tb", false}, "NUL": {"a\x00b", false}, "escape": {"a\x1bb", false},
		"delete": {"a\x7fb", false}, "C1": {"a\u0085b", false}, "less": {"a<b", false}, "greater": {"a>b", false}, "semicolon": {"a;b", false}, "invalid UTF-8": {"a\xffb", false}, "replacement": {"a\ufffdb", false},
		"turned": {"a\u202eb", false}, "isolate": {"a\u2066b", false}, "left-to-right mark": {"a\u200eb", false}, "Arabic letter mark": {"a\u061cb", false}, "zero width space": {"a\u200bb", false},
		"word joiner": {"a\u2060b", false}, "byte order mark": {"a\ufeffb", false}, "soft hyphen": {"a\u00adb", false}, "line separator": {"a\u2028b", false}, "filler": {"a\u3164b", false}, "tag": {"a\U000e0041b", false},
		"only joiners": {"\u200d\u200c", false}, "only a selector": {"\ufe0f", false}, "only a filler": {"\uffa0", false},
	} {
		got, err := checkName(c.name)
		if (err == nil) != c.ok || got != strings.TrimSpace(c.name) {
			t.Errorf("%s: %q: %v", name, got, err)
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, seed := range []string{"Acme", " a ", "a\u200db", "\u200d", "a\u202eb", "<b>", "a\x00", "\xff", strings.Repeat("😀", 130), "¨", "\u3164"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := checkName(s)
		again, errAgain := checkName(name)
		if again != name || (err == nil) != (errAgain == nil) {
			t.Errorf("%q becomes %q (%v), and that %q (%v)", s, name, err, again, errAgain)
		}
		if err == nil && (authn.Key(name) == "" || len([]rune(name)) > MaxName || strings.ContainsAny(name, "<>;\x00\r\n\u202e\u200b")) {
			t.Errorf("%q passes", name)
		}
	})
}

func TestCheckText(t *testing.T) {
	long, right := strings.Repeat("ä", 11), strings.Repeat("ä", 10)
	for name, c := range map[string]struct {
		text *string
		ok   bool
	}{"none": {nil, true}, "empty": {new(string), true}, "at the bound": {&right, true}, "past it": {&long, false}} {
		checks := &fault.Checks{}
		CheckText(checks, "description", c.text, 10)
		if (checks.Err() == nil) != c.ok {
			t.Errorf("%s: %v", name, checks.Err())
		}
	}
}

func TestCheckURL(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://example.com": true, "http://localhost:8080/a?b=c#d": true, "HTTPS://EXAMPLE.COM": true, "https://[::1]/": true, "https://exämple.com/ü": true, "https://example.com/" + strings.Repeat("x", MaxURL-20): true,
		"ftp://example.com": false, "javascript:alert(1)": false, "JavaScript://example.com/%0aalert(1)": false, "data:text/html,x": false, "example.com": false, "//example.com": false, "/path": false, "https://": false, "https:example.com": false,
		"https:// example.com": false, "https://example.com/\x00": false, "https://example.com\r\nX: y": false, "http://?": false, "https://example.com/" + strings.Repeat("x", MaxURL): false, " https://example.com": false, "https://%zz": false,
	} {
		checks := &fault.Checks{}
		if got := CheckURL(checks, "website_url", &address); got == nil || *got != address || (checks.Err() == nil) != ok {
			t.Errorf("%.60q: %v", address, checks.Err())
		}
	}
	checks := &fault.Checks{}
	empty := ""
	if CheckURL(checks, "website_url", nil) != nil || CheckURL(checks, "website_url", &empty) != nil || checks.Err() != nil {
		t.Error("no address is none")
	}
}

func TestPathParameters(t *testing.T) {
	for path, want := range map[string]string{"/account": "", "/project/{projectId}": "projectId", "/organization/{organizationId}/apiToken/{apiTokenId}": "organizationId apiTokenId"} {
		if got := strings.Join(PathParameters(path), " "); got != want {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	if _, err := PathID[id.Object]("projectId", "x"); !fault.Has(err, fault.Invalid) || fault.From(err).Fields[0].Field != "projectId" {
		t.Errorf("no UUID: %v", err)
	}
}

// TestRegisterRefuses: an operation without a permission or a scope does not start.
func TestRegisterRefuses(t *testing.T) {
	for name, op := range map[string]Operation{"no permission": {ID: "x", Scope: AccountScope}, "no scope": {ID: "x", Permission: "public"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: registered", name)
				}
			}()
			Register[struct{}, Empty](&Router{}, op, nil)
		}()
	}
}
