package authn

import (
	"crypto/rand"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	token, link := NewAPIToken(), rand.Text()
	hash := NewCheapHasher().Hash("correct horse battery")
	for text, secret := range map[string]string{
		"index " + token + " out of range": token, "bad: Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln": "eyJzdWIiOiJ4In0", "link " + link + ": x": link,
		"row " + hash: "argon2id", "dial postgres://guildhall:hunter2@db/x": "hunter2", `{"password":"known one"}`: "known one",
	} {
		got := Mask(text, "known one", "x", "")
		if strings.Contains(got, secret) || !strings.Contains(got, masked) {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	for _, plain := range []string{"", "runtime error: index out of range [8] with length 0", "https://guildhall.example.com/organization/0198c0de", "SQLITE_BUSY (5): database is locked"} {
		if got := Mask(plain); got != plain {
			t.Errorf("%q becomes %q", plain, got)
		}
	}
}

// FuzzMask: no token and no secret of a link gets through, wherever it stands between other words.
func FuzzMask(f *testing.F) {
	f.Add("before ", " behind", "a secret")
	f.Add("qov_", "=", "*")
	f.Add("", "\n\x00", "eyJ")
	f.Fuzz(func(t *testing.T, before, behind, known string) {
		token, link := NewAPIToken(), rand.Text()
		got := Mask(before+" "+token+" "+link+" "+behind+known, known)
		if strings.Contains(got, token) || strings.Contains(got, link) || (len(known) >= leastKnown && !strings.Contains(known, "***") && !strings.Contains(known, "*") && strings.Contains(got, known)) {
			t.Errorf("%q", got)
		}
	})
}

// FuzzPasswordHash: a row that was damaged or made up opens with no password, and brings nothing down.
func FuzzPasswordHash(f *testing.F) {
	h := NewCheapHasher()
	good := h.Hash("correct horse battery")
	parts := strings.Split(good, "$")
	f.Add(parts[4], parts[5], "correct horse battery", byte(1))
	f.Add("", "", "", byte(0))
	f.Add("!!", parts[5], "x", byte(255))
	f.Fuzz(func(t *testing.T, salt, sum, password string, cut byte) {
		for _, row := range []string{
			strings.Join([]string{"", parts[1], parts[2], parts[3], salt, sum}, "$"), good[:int(cut)%len(good)], salt, "$argon2id$" + salt + "$" + sum,
		} {
			if strings.Contains(row, "m=") && !strings.Contains(row, parts[3]) {
				continue // more memory, within its bound
			}
			if h.Matches(row, password) && !(row == good && password == "correct horse battery") && h.Matches(row, password+"x") {
				t.Errorf("%q takes every password", row)
			}
		}
	})
}
