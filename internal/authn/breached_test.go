package authn

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

func list(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "breached.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCommon: the list is of passwords that the other rules would let through, in the form in which it is asked.
func TestCommon(t *testing.T) {
	if len(common) < 500 {
		t.Fatalf("only %d passwords", len(common))
	}
	for word := range common {
		if utf8.RuneCountInString(word) < MinPassword || word != strings.ToLower(word) {
			t.Errorf("%q can never be found", word)
		}
	}
	for _, refused := range []string{"password", "Password1", "PASSWORD123", "12345678", "qwertyuiop", "iloveyou", "P@ssw0rd"} {
		checks := &fault.Checks{}
		Passwords{}.Check(checks, "password", refused, "")
		if err := checks.Err(); err == nil || fault.From(err).Fields[0].Message != tooCommon {
			t.Errorf("%q: %v", refused, err)
		}
	}
}

// TestBreached: each form of list is understood, in memory and in the file.
func TestBreached(t *testing.T) {
	plain := Passwords{}
	var err error
	if plain.Breached, err = OpenBreached(list(t, "short\r\nlisted word one\r\n\n"+fmt.Sprintf("%x\n%X:42", sha1.Sum([]byte("listed by hash")), sha1.Sum([]byte("listed and counted"))))); err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"listed word one": true, "listed by hash": true, "listed and counted": true, "Listed word one": false, "another one": false} {
		checks := &fault.Checks{}
		plain.Check(checks, "new_password", password, "")
		if got := checks.Err() != nil; got != want {
			t.Errorf("%q: refused %t, want %t", password, got, want)
		}
	}
	var lines []string
	for i := range 3000 {
		line := fmt.Sprintf("%X:%d", sha1.Sum(fmt.Appendf(nil, "password %d", 2*i)), i*i)
		lines = append(lines, line)
	}
	slices.Sort(lines)
	for _, end := range []string{"\n", "\r\n"} {
		for _, last := range []string{"", end} {
			b, err := openBreached(list(t, strings.Join(lines, end)+last), 100)
			if err != nil || b.file == nil {
				t.Fatalf("searched in the file: %v", err)
			}
			for i := range 6000 {
				if got, err := b.Has(fmt.Sprintf("password %d", i)); err != nil || got != (i%2 == 0) {
					t.Fatalf("password %d: %t, %v", i, got, err)
				}
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	slices.Reverse(lines)
	for what, text := range map[string]string{"in the wrong order": strings.Join(lines, "\n"), "of words": strings.Repeat("just words\n", 100)} {
		if _, err := openBreached(list(t, text), 100); err == nil {
			t.Errorf("a large list %s is taken", what)
		}
	}
	for what, path := range map[string]string{"no file": "/nowhere/at/all", "a directory": t.TempDir(), "no lines": list(t, strings.Repeat("x", 2*longestLine))} {
		if _, err := OpenBreached(path); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

// TestOwnName: an address is no password of its account.
func TestOwnName(t *testing.T) {
	for password, want := range map[string]bool{"jane.doe@example.com": true, "Jane.Doe@Example.com": true, "jane.doe": true, "JANE.DOE": true, "jane.doe and more": false} {
		checks := &fault.Checks{}
		Passwords{}.Check(checks, "password", password, "jane.doe@example.com")
		if got := checks.Err() != nil; got != want {
			t.Errorf("%q: refused %t, want %t", password, got, want)
		}
	}
}

// FuzzBreached: whatever a list holds, reading it ends, and what it holds is found, in memory as in the file.
func FuzzBreached(f *testing.F) {
	hash := fmt.Sprintf("%X", sha1.Sum([]byte("listed by hash")))
	for _, seed := range []string{"", "\n\n", "password one\npassword two", hash, hash + ":1\r\n" + strings.Repeat("F", 40), hash + ":x", "\x00\xff\n" + hash, strings.Repeat("0", 41)} {
		f.Add([]byte(seed), "listed by hash")
	}
	f.Fuzz(func(t *testing.T, text []byte, password string) {
		known, err := readListed(bytes.NewReader(text))
		if err != nil {
			return
		}
		b := &Breached{known: known}
		for line := range bytes.Lines(text) {
			word := string(bytes.TrimRight(line, "\r\n"))
			if _, isHash := listedHash([]byte(word)); isHash || len(word) < MinPassword || strings.HasSuffix(string(line), "\r") {
				continue
			}
			if found, err := b.Has(word); err != nil || !found {
				t.Errorf("%q is listed and not found (%v)", word, err)
			}
		}
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := openBreached(path, -1)
		if err != nil {
			return
		}
		defer in.Close()
		if found, err := in.Has(password); err == nil && found {
			if known, _ := b.Has(password); !known {
				t.Errorf("%q is found in the file and not in memory", password)
			}
		}
	})
}
