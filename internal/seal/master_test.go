package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"errors"

	"github.com/guildhall-dev/guildhall/internal/seal"
)

// known is a key file's text with a key that is easy to recognize.
var known = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xA7}, 32))

// master makes a key, apart from every other.
func master(t testing.TB) *seal.Master {
	t.Helper()
	m, err := seal.CreateMaster(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "key")
	made, created, err := seal.LoadOrCreateMaster(path)
	if err != nil || !created {
		t.Fatalf("created %t, %v", created, err)
	}
	for file, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): fs.ModeDir | 0o700} {
		info, err := os.Stat(file)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has the mode %v, %v; want %v", file, info.Mode(), err, want)
		}
	}
	again, created, err := seal.LoadOrCreateMaster(path)
	if err != nil || created || again.Fingerprint() != made.Fingerprint() {
		t.Errorf("read again: created %t, %v, fingerprints %s and %s", created, err, again.Fingerprint(), made.Fingerprint())
	}
	if _, err := seal.CreateMaster(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key was made over another: %v", err)
	}
	if loaded, err := seal.LoadMaster(path); err != nil || loaded.Fingerprint() != made.Fingerprint() {
		t.Errorf("after that the file holds another key (%v)", err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("beside the key lie %v, %v", files, err)
	}
	if other := master(t); other.Fingerprint() == made.Fingerprint() {
		t.Error("two keys are the same")
	}
}

func TestMalformedKeyFile(t *testing.T) {
	for name, text := range map[string]string{
		"empty":       "",
		"no base64":   "this is not a key, and it is secret",
		"short":       base64.StdEncoding.EncodeToString(make([]byte, 31)),
		"long":        base64.StdEncoding.EncodeToString(make([]byte, 33)),
		"two keys":    known + "\n" + known,
		"cut":         known[:20],
		"URL base64":  strings.NewReplacer("+", "-", "/", "_").Replace(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 32))),
		"zero behind": known + "\x00",
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, created, err := seal.LoadOrCreateMaster(path)
		if err == nil || created || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: created %t, %v", name, created, err)
		}
		if text != "" && err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error shows the file's text: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	for name, text := range map[string]string{"as it is": known, "with lines around": "\n " + known + "\r\n"} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.LoadMaster(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := seal.LoadMaster(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, _, err := seal.LoadOrCreateMaster(t.TempDir()); err == nil {
		t.Error("a folder was taken for a key file")
	}
}

// TestStartTogether: processes that find no key make one, not many.
func TestStartTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "key")
	var all sync.WaitGroup
	var made atomic.Int64
	prints := make([]string, 20)
	for i := range prints {
		all.Go(func() {
			m, created, err := seal.LoadOrCreateMaster(path)
			if err != nil {
				t.Error(err)
				return
			}
			if created {
				made.Add(1)
			}
			prints[i] = m.Fingerprint()
		})
	}
	all.Wait()
	for _, p := range prints {
		if p != prints[0] {
			t.Fatalf("two keys are in use: %s and %s", p, prints[0])
		}
	}
	if made.Load() != 1 {
		t.Errorf("%d believe that they made the key", made.Load())
	}
}

// TestKeyDoesNotPrint tries the ways in which a key could end in a log.
func TestKeyDoesNotPrint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := seal.LoadMaster(path)
	if err != nil {
		t.Fatal(err)
	}
	held := struct {
		Pointer *seal.Master
		Copy    seal.Master
	}{m, *m}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", slog.Any("pointer", m), slog.Any("copy", *m), slog.Any("held", held))
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", slog.Any("pointer", m), slog.Any("copy", *m), slog.Any("held", held))
	texts := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t"} {
		for _, value := range []any{m, *m, held, &held, []*seal.Master{m}, []seal.Master{*m}} {
			texts = append(texts, fmt.Sprintf(verb, value))
		}
	}
	for _, value := range []any{m, *m, held} {
		text, err := json.Marshal(value)
		texts = append(texts, string(text), fmt.Sprint(err))
	}
	for _, text := range texts {
		// The byte 0xA7 in every base, and the file's text.
		for _, trace := range []string{"167 167", "167,167", "a7a7", "A7A7", "a7 a7", "0xa7", "247 247", "10100111", "§", "\xa7", "U+00A7", known[:8]} {
			if strings.Contains(text, trace) {
				t.Errorf("the key shows in %q", text)
				break
			}
		}
	}
}

func TestDerive(t *testing.T) {
	m, other := master(t), master(t)
	seen := map[string]string{}
	for name, key := range map[string][]byte{
		"one": m.Derive("one"), "two": m.Derive("two"), "nothing": m.Derive(""), "another master's": other.Derive("one"),
	} {
		if len(key) != 32 {
			t.Errorf("%s has %d bytes", name, len(key))
		}
		if before, twice := seen[string(key)]; twice {
			t.Errorf("%s and %s are the same key", name, before)
		}
		seen[string(key)] = name
	}
	if !bytes.Equal(m.Derive("one"), m.Derive("one")) {
		t.Error("one purpose gives two keys")
	}
}
