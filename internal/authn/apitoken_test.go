package authn

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

func TestAPITokenFormat(t *testing.T) {
	seen := map[string]bool{}
	for range 2000 {
		token := NewAPIToken()
		if len(token) != 64 || !strings.HasPrefix(token, "qov_") || strings.Contains(token, ".") || strings.Trim(token[4:], alphabet) != "" {
			t.Fatalf("%q is not of our shape", token)
		}
		if !WellFormedAPIToken(token) {
			t.Fatalf("%q is not well-formed", token)
		}
		if _, err := base64.StdEncoding.DecodeString(token); err == nil {
			t.Fatalf("%q decodes as base64: existing clients would send it as Bearer", token)
		}
		if seen[token] {
			t.Fatalf("%q came twice", token)
		}
		seen[token] = true
	}
	used := map[byte]int{}
	for token := range seen {
		for _, c := range []byte(token[4:58]) {
			used[c]++
		}
	}
	// 108,000 characters, 1,742 of each on average; the standard deviation is 42.
	for _, c := range []byte(alphabet) {
		if used[c] < 1300 || used[c] > 2200 {
			t.Errorf("%q was used %d times: the choice is not even", c, used[c])
		}
	}
}

// TestMistypedAPIToken: every change of one character is seen without a look into
// the database, and so are neighbours that changed places.
func TestMistypedAPIToken(t *testing.T) {
	token := NewAPIToken()
	for i := range token {
		for _, c := range []byte(alphabet + "_.-+/= \x00\xff") {
			if c == token[i] {
				continue
			}
			changed := token[:i] + string([]byte{c}) + token[i+1:]
			if WellFormedAPIToken(changed) {
				t.Fatalf("%q passes for %q", changed, token)
			}
		}
		if i > 0 && token[i] != token[i-1] {
			changed := token[:i-1] + string([]byte{token[i], token[i-1]}) + token[i+1:]
			if WellFormedAPIToken(changed) {
				t.Fatalf("%q passes for %q", changed, token)
			}
		}
		if WellFormedAPIToken(token[:i]) || WellFormedAPIToken(token[:i]+token[i+1:]) || WellFormedAPIToken(token[:i]+"a"+token[i:]) {
			t.Fatalf("%q passes with a character more or less at %d", token, i)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "prefix": TokenPrefix, "upper case": strings.ToUpper(token), "space behind": token + " ", "space before": " " + token,
		"twice": token + token, "another prefix": "gov_" + token[4:], "only zeros": TokenPrefix + strings.Repeat("0", 60),
	} {
		if WellFormedAPIToken(text) {
			t.Errorf("%s: %q passes", name, text)
		}
	}
}

func TestHashAPIToken(t *testing.T) {
	token := NewAPIToken()
	hash := HashAPIToken(token)
	if len(hash) != 32 || !bytes.Equal(hash, HashAPIToken(token)) || bytes.Equal(hash, HashAPIToken(token+" ")) {
		t.Error("the hash is not SHA-256 of the token alone")
	}
	if HashSecret("abc") != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("the text form of a hash is %s", HashSecret("abc"))
	}
}

func FuzzAPITokenShape(f *testing.F) {
	token := NewAPIToken()
	for _, seed := range []string{token, token[:63], token + "x", "", "qov_", strings.ToUpper(token), "qov_" + strings.Repeat("0", 60), strings.Repeat("\xff", 64), "eyJ.eyJ.sig"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !WellFormedAPIToken(s) {
			return
		}
		if len(s) != tokenLength || !strings.HasPrefix(s, TokenPrefix) || checksum(s[:58]) != s[58:] || strings.Trim(s[58:], alphabet) != "" {
			t.Errorf("%q passes", s)
		}
	})
}
