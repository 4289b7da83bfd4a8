package authn_test

import (
	"net/mail"
	"strings"
	"testing"
	"unicode"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

func TestKey(t *testing.T) {
	for name, same := range map[string][]string{
		"case":            {"Acme", "ACME", "acme", "aCmE"},
		"width":           {"ＡＣＭＥ", "acme"},
		"space around":    {"  Acme \t", "acme", "\u00a0Acme\u2003"},
		"sharp s":         {"Straße", "STRASSE", "STRAẞE"},
		"ligature":        {"Ofﬁce", "OFFICE"},
		"composed":        {"Caf\u00e9", "Cafe\u0301", "CAFÉ"},
		"sigma":           {"ΟΔΥΣΣΕΥΣ", "Οδυσσευς", "οδυσσευσ"},
		"Kelvin":          {"\u212a9", "k9", "K9"},
		"Cherokee":        {"\u13a0\u13f8", "\uab70\u13f0"},
		"joiner":          {"Ac\u200dme", "acme"},
		"soft hyphen":     {"Ac\u00adme", "acme"},
		"word joiner":     {"Ac\u2060me", "acme"},
		"right-to-left":   {"\u200fAcme", "acme"},
		"variation":       {"Acme\ufe0f", "acme"},
		"filler":          {"Ac\u3164me", "acme"},
		"joiner, accent":  {"Cafe\u200d\u0301", "café"},
		"nothing visible": {"\u200d", "", " \u3164 "},
	} {
		for _, s := range same {
			if authn.Key(s) != authn.Key(same[0]) {
				t.Errorf("%s: %q has the key %q, %q has %q", name, s, authn.Key(s), same[0], authn.Key(same[0]))
			}
		}
	}
	for _, different := range [][2]string{{"Acme", "Acme 2"}, {"a b", "ab"}, {"Acme", "Аcme" /* Cyrillic */}, {"resume", "résumé"}, {"i", "ı"}, {"\u0600 1", "1"}} {
		if authn.Key(different[0]) == authn.Key(different[1]) {
			t.Errorf("%q and %q share the key %q", different[0], different[1], authn.Key(different[0]))
		}
	}
}

// TestKeyOfEveryCharacter: the key of a key is itself, and the forms of a letter
// share a key, whatever the script.
func TestKeyOfEveryCharacter(t *testing.T) {
	wrong := 0
	check := func(c rune) {
		key := authn.Key(string(c))
		if again := authn.Key(key); again != key && wrong < 20 {
			wrong++
			t.Errorf("%U: the key %q has the key %q", c, key, again)
		}
		for other := unicode.SimpleFold(c); other != c; other = unicode.SimpleFold(other) {
			if authn.Key(string(other)) != key && wrong < 20 {
				wrong++
				t.Errorf("%U and %U are one letter and have the keys %q and %q", c, other, key, authn.Key(string(other)))
			}
		}
	}
	for _, table := range []*unicode.RangeTable{unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cf} {
		for _, r := range table.R16 {
			if r.Lo < 0x3400 || r.Lo >= 0xa000 { // not the ideographs, which have no case
				for c := rune(r.Lo); c <= rune(r.Hi) && (c < 0xac00 || c > 0xd7a3); c += rune(r.Stride) {
					check(c)
				}
			}
		}
		for _, r := range table.R32 {
			if r.Lo < 0x20000 {
				for c := rune(r.Lo); c <= rune(min(r.Hi, r.Lo+2000)); c += rune(r.Stride) {
					check(c)
				}
			}
		}
	}
}

func FuzzKey(f *testing.F) {
	for _, seed := range []string{"Acme", "\u00a8", "α\u0345\u0301", "\u13a0\uab70", "Straße", "a\u200d\u0301", "\xff", " \u3164", "\ufdfa", "ﬃ\u0328\u0301", "İ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key := authn.Key(s)
		if again := authn.Key(key); again != key {
			t.Errorf("the key %q of %q has the key %q", key, s, again)
		}
		if around := authn.Key(" " + key + "\u00a0"); around != key {
			t.Errorf("space around %q makes the key %q", key, around)
		}
		if strings.ContainsFunc(key, authn.Invisible) || strings.TrimSpace(key) != key {
			t.Errorf("the key %q of %q holds what cannot be seen", key, s)
		}
	})
}

func checkEmail(address string) (string, error) {
	checks := &fault.Checks{}
	trimmed := authn.CheckEmail(checks, "email", address)
	return trimmed, checks.Err()
}

func TestCheckEmail(t *testing.T) {
	local := func(n int) string { return strings.Repeat("a", n-len("@example.com")) + "@example.com" }
	for name, c := range map[string]struct {
		address string
		ok      bool
	}{
		"plain": {"jane@example.com", true}, "plus": {"jane+work@example.com", true}, "dots": {"jane.q.doe@mail.example.com", true},
		"space around": {"  jane@example.com\n", true}, "one label": {"root@localhost", true}, "apostrophe": {"o'neil@example.com", true},
		"upper case": {"JANE@EXAMPLE.COM", true}, "unicode local part": {"jané@example.com", true}, "unicode domain": {"jane@exämple.com", true},
		"chinese": {"用户@例子.广告", true}, "253": {local(253), true}, "254": {local(254), true},

		"255": {local(255), false}, "bytes count": {strings.Repeat("ä", 122) + "@example.com", false}, "empty": {"", false}, "blank": {" \t ", false},
		"no at": {"jane.example.com", false}, "no local part": {"@example.com", false}, "no domain": {"jane@", false}, "two ats": {"jane@doe@example.com", false},
		"header injection": {"jane@example.com\r\nBcc: joe@example.com", false}, "newline inside": {"jane\n@example.com", false},
		"folded": {"jane@example.com\r\n x", false}, "NUL": {"jane\x00@example.com", false}, "escape": {"jane\x1b[31m@example.com", false},
		"display name": {"Jane <jane@example.com>", false}, "brackets": {"<jane@example.com>", false}, "comment": {"jane@example.com (Jane)", false},
		"list": {"jane@example.com, joe@example.com", false}, "group": {"a: jane@example.com;", false}, "quoted": {`"jane doe"@example.com`, false},
		"encoded word": {"=?utf-8?q?jane?= <jane@example.com>", false}, "space inside": {"jane doe@example.com", false},
		"two dots": {"jane..doe@example.com", false}, "dot first": {".jane@example.com", false}, "dot last": {"jane@example.com.", false},
		"percent and HTML": {"<b>@example.com", false}, "mailto": {"mailto:jane@example.com", false}, "invalid UTF-8": {"jan\xff@example.com", false},
		"replacement": {"jan\ufffd@example.com", false}, "turned": {"jane\u202e@example.com", false}, "zero width": {"jane\u200b@example.com", false},
		"joiner": {"jane@exam\u200dple.com", false}, "soft hyphen": {"jane\u00ad@example.com", false}, "hard space": {"jane\u00a0x@example.com", false},
		"line separator": {"jane\u2028x@example.com", false}, "filler": {"jane\u3164@example.com", false},
	} {
		trimmed, err := checkEmail(c.address)
		if (err == nil) != c.ok {
			t.Errorf("%s: %q: %v", name, c.address, err)
		}
		if trimmed != strings.TrimSpace(c.address) {
			t.Errorf("%s: %q comes back as %q", name, c.address, trimmed)
		}
	}
	a, b := authn.Key("Jane@Example.com"), authn.Key("jane@example.COM ")
	if a != b || a == authn.Key("jane+work@example.com") {
		t.Error("addresses are compared whatever their case, and with what follows a plus")
	}
}

func FuzzCheckEmail(f *testing.F) {
	for _, seed := range []string{
		"jane@example.com", "a@b\r\nBcc: c@d", `"a b"@c`, "a@[127.0.0.1]", "Jane <j@x>", strings.Repeat("a", 260) + "@b", "a@b\u202e", "=?utf-8?q?a?=@b", "\xff@b", "a@\u00a0b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		address, err := checkEmail(s)
		again, errAgain := checkEmail(address)
		if again != address || (err == nil) != (errAgain == nil) {
			t.Errorf("%q becomes %q (%v), and that %q (%v)", s, address, err, again, errAgain)
		}
		if err != nil {
			return
		}
		if len(address) > authn.MaxEmail || strings.Count(address, "@") < 1 || strings.ContainsAny(address, "\r\n\x00 <>,") || strings.ContainsFunc(address, authn.Invisible) {
			t.Errorf("%q passes", address)
		}
		// What a mail program makes of it is one recipient: this one.
		if list, err := mail.ParseAddressList(address); err != nil || len(list) != 1 || list[0].Address != address {
			t.Errorf("%q reads as %v (%v) in a header", address, list, err)
		}
	})
}

func TestSameMailbox(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"jane@example.com", "JANE@Example.COM", true}, {" jane@example.com ", "jane@example.com", true}, {"jörg@x.example", "JÖRG@x.example", true},
		{"jo\u0308rg@x.example", "j\u00f6rg@x.example", true}, {"JANE+A@x.example", "jane+a@x.example", true},
		{"joe@stra\u00dfe.example", "joe@strasse.example", false}, {"\uff4aane@example.com", "jane@example.com", true},
		{"stra\u1e9ee@x.example", "strasse@x.example", false}, {"\u0130@example.com", "i@example.com", false}, {"jane@example.com", "jane+a@example.com", false}, {"ja.ne@example.com", "jane@example.com", false},
	} {
		if authn.SameMailbox(c.a, c.b) != c.same || authn.SameMailbox(c.b, c.a) != c.same {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.same)
		}
		if c.same && authn.Key(c.a) != authn.Key(c.b) {
			t.Errorf("%q and %q are one mailbox and have two keys", c.a, c.b)
		}
	}
}
