package backup_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/backup"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func source(s *apptest.Server) backup.Source {
	if s.Storage.Embedded() {
		return backup.Source{Path: s.Storage.DatabaseFile()}
	}
	return backup.Source{URL: string(s.Storage.DatabaseURL)}
}

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// made makes a backup of a server.
func made(t *testing.T, s *apptest.Server, o backup.Options) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.backup")
	o.At, o.Program = at, "a test"
	if _, err := backup.Make(t.Context(), source(s), file, o); err != nil {
		t.Fatal(err)
	}
	return file
}

func verify(t *testing.T, s *apptest.Server, file string, use func(q store.Querier) error) (backup.Verified, error) {
	t.Helper()
	a, err := backup.Open(file)
	if err != nil {
		return backup.Verified{}, err
	}
	defer a.Close()
	key, err := a.MasterKey(s.Storage.MasterKeyFile, "")
	if err != nil {
		t.Fatal(err)
	}
	look := func(q store.Querier) ([]seal.Field, error) {
		if use == nil {
			return nil, nil
		}
		return nil, use(q)
	}
	return backup.Verify(t.Context(), a, key, string(s.Storage.DatabaseURL), authn.SealedKeys, look)
}

// TestWritersGoOn backs a database up again and again while clients write to it. Each
// backup is of one moment, and no Write waits for it.
func TestWritersGoOn(t *testing.T) {
	apptest.EachWith(t, apptest.Options{RealClock: true}, func(t *testing.T, s *apptest.Server) {
		bulk := strings.Repeat("some bytes to copy ", 1000)
		set := func(name, value string) error {
			return store.Do(context.Background(), s.DB, authz.System("test"), func(tx *store.Tx) error { return store.SetSetting(tx, name, value) })
		}
		for n := range 1000 { // 19 MB
			if err := set(fmt.Sprint("bulk ", n), bulk); err != nil {
				t.Fatal(err)
			}
		}
		var over atomic.Bool
		var load sync.WaitGroup
		var writes, longest atomic.Int64
		for n := range 4 {
			load.Go(func() {
				for i := 0; !over.Load(); i++ {
					began := time.Now()
					err := store.Do(context.Background(), s.DB, authz.System("test"), func(tx *store.Tx) error {
						return errors.Join(store.SetSetting(tx, fmt.Sprint("left ", n), fmt.Sprint(i)), store.SetSetting(tx, fmt.Sprint("right ", n), fmt.Sprint(i)))
					})
					if err != nil {
						t.Errorf("write: %v", err)
						return
					}
					writes.Add(1)
					for took := time.Since(began).Microseconds(); ; {
						if was := longest.Load(); took <= was || longest.CompareAndSwap(was, took) {
							break
						}
					}
				}
			})
		}
		var files []string
		began := time.Now()
		for range 4 {
			files = append(files, made(t, s, backup.Options{}))
		}
		took := time.Since(began)
		over.Store(true)
		load.Wait()
		t.Logf("4 backups in %s; %d writes meanwhile, the longest took %d ms", took, writes.Load(), longest.Load()/1000)
		if writes.Load() < 100 || longest.Load() > 5_000_000 {
			t.Errorf("%d writes in %s, the longest %d µs", writes.Load(), took, longest.Load())
		}
		for _, file := range files {
			_, err := verify(t, s, file, func(q store.Querier) error {
				for n := range 4 {
					left, err := store.Setting(q, fmt.Sprint("left ", n))
					right, errRight := store.Setting(q, fmt.Sprint("right ", n))
					if err = errors.Join(err, errRight); err != nil || left != right {
						return fmt.Errorf("half of a Write is in the backup: %s and %s, %w", left, right, err)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// TestNothingHalf: a backup that is cut off leaves neither a file nor a part of one.
func TestNothingHalf(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := backup.Make(ctx, source(s), filepath.Join(dir, "a.backup"), backup.Options{At: at}); err == nil {
			t.Error("made without being wanted")
		}
		if _, err := backup.Make(t.Context(), source(s), filepath.Join(dir, "a.backup"), backup.Options{At: at, KeyFile: filepath.Join(dir, "no.key"), Passphrase: "correct horse battery"}); err == nil {
			t.Error("made without the key that should be in it")
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

// TestDamage alters a backup in every part; no alteration goes unseen.
func TestDamage(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	s.Person(t, "jane@example.com")
	file := made(t, s, backup.Options{KeyFile: s.Storage.MasterKeyFile, Passphrase: "correct horse battery"})
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, s, file, nil); err != nil {
		t.Fatalf("undamaged: %v", err)
	}
	content := bytes.Index(whole, []byte("SQLite format 3"))
	if content < 0 {
		t.Fatal("the database is not in the file as it is")
	}
	key, err := os.ReadFile(s.Storage.MasterKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(key)))
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{"the master key": raw, "its text": bytes.TrimSpace(key), "the passphrase": []byte("correct horse battery")} {
		if bytes.Contains(whole, secret) {
			t.Errorf("%s stands in the backup", name)
		}
	}
	manifest := bytes.IndexByte(whole, '{')
	at := func(i int) []byte {
		altered := bytes.Clone(whole)
		altered[i] ^= 1
		return altered
	}
	replaced := func(old, next string) []byte {
		if len(old) != len(next) || bytes.Count(whole, []byte(old)) != 1 {
			t.Fatalf("%q stands %d times in the file", old, bytes.Count(whole, []byte(old)))
		}
		return bytes.Replace(whole, []byte(old), []byte(next), 1)
	}
	otherSchema := store.SchemaVersion() - 1
	if otherSchema == 9 { // it takes the same room
		otherSchema = 11
	}
	for name, text := range map[string][]byte{
		"nothing": {}, "a word": []byte("hello"), "its first block": whole[:512], "the manifest only": whole[:content-512],
		"half": whole[:content+1000], "all but the last page": whole[:content+int(size(t, s))-1],
		"a byte of the manifest's beginning": at(manifest), "the content's first byte": at(content), "a byte inside": at(content + 50_000),
		"another digest":      replaced(`"sha256": "`, `"sha255": "`),
		"another schema":      replaced(fmt.Sprintf(`"schema": %d`, store.SchemaVersion()), fmt.Sprintf(`"schema": %d`, otherSchema)),
		"a newer format":      replaced(`"format": 1`, `"format": 2`),
		"another kind":        replaced(`"database": "SQLite"`, `"database": "SQlite"`),
		"another fingerprint": replaced(`"key_fingerprint": "`, `"key_fingerprinx": "`),
	} {
		path := filepath.Join(t.TempDir(), "damaged.backup")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := verify(t, s, path, nil); err == nil {
			t.Errorf("%s: nobody saw it", name)
		}
		dir := filepath.Join(t.TempDir(), "restored")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		a, err := backup.Open(path)
		if err != nil {
			continue
		}
		err = backup.Restore(t.Context(), a, backup.Target{Path: filepath.Join(dir, "guildhall.db"), KeyFile: s.Storage.MasterKeyFile}, "")
		if empty, _ := backup.Empty(dir); err == nil || !empty {
			t.Errorf("%s: restored, %v", name, err)
		}
		a.Close()
	}
}

// TestHungryKey: a file from outside cannot make us work or store without end.
func TestHungryKey(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	file := made(t, s, backup.Options{KeyFile: s.Storage.MasterKeyFile, Passphrase: "correct horse battery"})
	a, err := backup.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for name, spoil := range map[string]func(k *backup.WrappedKey){
		"memory": func(k *backup.WrappedKey) { k.MemoryKiB = 1 << 30 }, "time": func(k *backup.WrappedKey) { k.Time = 1 << 30 },
		"no time": func(k *backup.WrappedKey) { k.Time = 0 }, "no threads": func(k *backup.WrappedKey) { k.Threads = 0 },
		"no salt": func(k *backup.WrappedKey) { k.Salt = nil }, "nothing sealed": func(k *backup.WrappedKey) { k.Sealed = nil },
	} {
		text, err := json.Marshal(a.Key)
		if err != nil {
			t.Fatal(err)
		}
		right := a.Key
		var other backup.WrappedKey
		if err := json.Unmarshal(text, &other); err != nil {
			t.Fatal(err)
		}
		spoil(&other)
		a.Key = &other
		began := time.Now()
		if _, err := a.MasterKey("nowhere", "correct horse battery"); err == nil || time.Since(began) > 10*time.Second {
			t.Errorf("%s: %v after %s", name, err, time.Since(began))
		}
		a.Key = right
	}
	m, err := a.MasterKey("nowhere", "correct horse battery")
	if err != nil || m.Fingerprint() != a.KeyFingerprint {
		t.Errorf("the right passphrase: %v", err)
	}
}

func size(t *testing.T, s *apptest.Server) int64 {
	t.Helper()
	info, err := os.Stat(s.Storage.DatabaseFile())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
