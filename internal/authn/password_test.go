package authn

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

func TestPassword(t *testing.T) {
	h := NewCheapHasher()
	for _, password := range []string{"correct horse battery", "pässwörd ｗｉｄｅ", strings.Repeat("😀", MaxPassword), " leading and trailing ", ""} {
		hash := h.Hash(password)
		if !h.Matches(hash, password) {
			t.Errorf("%q does not match its own hash %s", password, hash)
		}
		for _, wrong := range []string{password + "x", "x" + password, strings.ToUpper(password) + "!", "a password that nobody has"} {
			if h.Matches(hash, wrong) {
				t.Errorf("%q matches the hash of %q", wrong, password)
			}
		}
		if again := h.Hash(password); again == hash {
			t.Errorf("two hashes of %q are the same: no salt", password)
		}
		if strings.Contains(hash, password) && password != "" {
			t.Errorf("the hash holds the password: %s", hash)
		}
	}
	// A hash keeps its own strength: those from before a change of the settings still match.
	if weak := NewCheapHasher().Hash("correct horse battery"); !newHasher(128, 2).Matches(weak, "correct horse battery") {
		t.Error("a hash of another strength does not match")
	}
}

func TestTamperedHash(t *testing.T) {
	h := NewCheapHasher()
	const password = "correct horse battery"
	hash := h.Hash(password)
	parts := strings.Split(hash, "$")
	with := func(i int, text string) string {
		changed := append([]string(nil), parts...)
		changed[i] = text
		return strings.Join(changed, "$")
	}
	for name, tampered := range map[string]string{
		"another algorithm": with(1, "argon2i"), "bcrypt": "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"no version": with(2, ""), "words for numbers": with(3, "m=x,t=y,p=z"), "negative memory": with(3, "m=-1,t=1,p=1"),
		"no pass": with(3, "m=64,t=0,p=1"), "all memory of the world": with(3, "m=4294967295,t=1,p=1"), "all time of the world": with(3, "m=64,t=4294967295,p=1"),
		"more memory": with(3, "m=128,t=1,p=1"), "more passes": with(3, "m=64,t=2,p=1"),
		"no salt": with(4, ""), "salt that is no base64": with(4, "!"), "another salt": with(4, "AAAAAAAAAAAAAAAAAAAAAA"),
		"no key": with(5, ""), "key that is no base64": with(5, "!"), "shorter key": with(5, parts[5][:20]), "another key": with(5, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		"cut": hash[:len(hash)-2], "longer": hash + "$", "plain text": password, "dollars": "$$$$$", "one dollar": "$",
	} {
		t.Run(name, func(t *testing.T) {
			if h.Matches(tampered, password) {
				t.Errorf("%s matches", tampered)
			}
		})
	}
	if h.Matches(hash, strings.Repeat("x", 1<<20)) {
		t.Error("a password of a megabyte matches")
	}
}

// TestNoHash: no such account and no password never match, and do the same work.
func TestNoHash(t *testing.T) {
	h := newHasher(8*1024, 1)
	hash := h.Hash("correct horse battery")
	for _, password := range []string{"", "correct horse battery", "a password that nobody has"} {
		if h.Matches("", password) {
			t.Errorf("the empty hash matches %q", password)
		}
	}
	// The memory that argon2 takes is its work: time would say the same, less surely.
	work := func(hash string) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		h.Matches(hash, "a wrong password")
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if known, unknown := work(hash), work(""); unknown < 8<<20 || known < 8<<20 {
		t.Errorf("a known account costs %d bytes, an unknown one %d: both should hash", known, unknown)
	}
}

func TestProductionStrength(t *testing.T) {
	if hash := NewHasher().Hash("correct horse battery"); !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash of production is %s; OWASP asks for 19 MiB and 2 passes", hash)
	}
}

func TestCheckPassword(t *testing.T) {
	for name, c := range map[string]struct {
		password string
		ok       bool
	}{
		"7 characters":      {"1234567", false},
		"8 characters":      {"tr0ub4dx", true},
		"8 of four bytes":   {strings.Repeat("😀", 8), true},
		"7 of four bytes":   {strings.Repeat("😀", 7), false},
		"256 characters":    {strings.Repeat("ä", 256), true},
		"257 characters":    {strings.Repeat("x", 257), false},
		"empty":             {"", false},
		"spaces are text":   {"        ", true},
		"NUL":               {"12345678\x00", false},
		"invalid UTF-8":     {"12345678\xff", false},
		"no rule of digits": {"abcdefghijklmnop", true},
	} {
		checks := &fault.Checks{}
		Passwords{}.Check(checks, "password", c.password, "")
		if err := checks.Err(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		} else if err != nil && strings.Contains(fmt.Sprint(err), c.password) && c.password != "" {
			t.Errorf("%s: the refusal repeats the password: %v", name, err)
		}
	}
}
