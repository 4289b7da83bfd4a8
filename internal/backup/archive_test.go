package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// packed is a backup with a manifest and one part, as anybody could make it.
func packed(t testing.TB, m Manifest, part []byte, head func(*tar.Header)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	h := &tar.Header{Name: content[m.Database], Mode: 0o600, Size: int64(len(part)), Format: tar.FormatGNU}
	if head != nil {
		head(h)
	}
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(text))})); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(part); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func manifestFor(part []byte) Manifest {
	sum := sha256.Sum256(part)
	return Manifest{Format: 1, Database: SQLite, Schema: 1, CreatedAt: time.Unix(0, 0), Size: int64(len(part)), SHA256: hex.EncodeToString(sum[:])}
}

// extract opens a file as a backup and brings its part out; the size of what came.
func extract(t testing.TB, text []byte) (int64, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.backup")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := Open(path)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	err = a.Extract(filepath.Join(dir, "out"))
	info, statErr := os.Stat(filepath.Join(dir, "out"))
	if statErr != nil {
		return 0, err
	}
	return info.Size(), err
}

// TestHoles: a part that is one hole of a terabyte takes a few hundred bytes in the file, and none on our disk.
func TestHoles(t *testing.T) {
	part := []byte("a database")
	if n, err := extract(t, packed(t, manifestFor(part), part, nil)); err != nil || n != int64(len(part)) {
		t.Fatalf("a sound backup: %d bytes, %v", n, err)
	}
	const huge = 1 << 40
	m := manifestFor(nil)
	m.Size = huge
	text := packed(t, m, nil, nil)
	at := bytes.Index(text, []byte("guildhall.db"))
	head := text[at : at+512]
	head[156] = 'S'                                                 // a file with holes, as GNU tar writes it
	copy(head[386:], fmt.Sprintf("%011o\x00", 0))                   // no data at the beginning
	copy(head[398:], fmt.Sprintf("%011o\x00", 0))                   // and none at all
	copy(head[483:], []byte{0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}) // its size: 2^40, in base 256
	copy(head[148:156], "        ")
	sum := 0
	for _, c := range head {
		sum += int(c)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))
	r := tar.NewReader(bytes.NewReader(text))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if h, err := r.Next(); err != nil || h.Size != huge {
		t.Fatalf("the test's own file is not what it should be: %+v, %v", h, err)
	}
	if n, err := extract(t, text); !errors.Is(err, errNoBackup) || n != 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// FuzzArchive: whatever a file is, reading it ends, and leaves no more on the disk than the file had.
func FuzzArchive(f *testing.F) {
	part := []byte("a database")
	sound := packed(f, manifestFor(part), part, nil)
	f.Add(sound)
	f.Add(sound[:len(sound)/2])
	f.Add(packed(f, manifestFor(part), part, func(h *tar.Header) { h.Name = "../../etc/passwd" }))
	f.Add(packed(f, manifestFor(part), nil, func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd" }))
	f.Add([]byte("SQLite format 3\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := extract(t, text)
		if n > int64(len(text)) {
			t.Errorf("%d bytes came out of %d", n, len(text))
		}
		if err == nil && n == 0 {
			t.Error("an empty database passes")
		}
	})
}
