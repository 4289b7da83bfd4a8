package seal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzMasterFile: a file is a key of 32 bytes or is refused, and the refusal tells nothing of it.
func FuzzMasterFile(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	f.Add([]byte("not a key, but something secret"))
	f.Add(bytes.Repeat([]byte("A"), 4096))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "key")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := LoadMaster(path)
		if err != nil {
			if content := strings.TrimSpace(string(text)); len(content) > 8 && strings.Contains(err.Error(), content) {
				t.Errorf("the refusal shows the file: %v", err)
			}
			return
		}
		if m.String() != "***" || m.Fingerprint() == "" {
			t.Error("a key without a fingerprint")
		}
	})
}

// FuzzBox: nothing but what was sealed, for the same place, opens.
func FuzzBox(f *testing.F) {
	box := NewBox(make([]byte, keySize))
	f.Add([]byte("a secret"), []byte("place"), []byte(""), 3)
	f.Add([]byte(""), []byte(""), box.Seal([]byte("x"), []byte("elsewhere")), 0)
	f.Fuzz(func(t *testing.T, plain, place, other []byte, at int) {
		sealed := box.Seal(plain, place)
		if got, err := box.Open(sealed, place); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("sealed and not opened: %v", err)
		}
		if _, err := box.Open(sealed, append(bytes.Clone(place), 'x')); err == nil {
			t.Error("it opens elsewhere")
		}
		damaged := bytes.Clone(sealed)
		damaged[uint(at)%uint(len(damaged))] ^= 1
		if _, err := box.Open(damaged, place); err == nil {
			t.Error("it opens damaged")
		}
		if got, err := box.Open(other, place); err == nil && string(place) != "elsewhere" {
			t.Errorf("%q opens as %q", other, got)
		}
	})
}
