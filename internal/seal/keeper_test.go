package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func TestBox(t *testing.T) {
	box, other := seal.NewBox(bytes.Repeat([]byte{1}, 32)), seal.NewBox(bytes.Repeat([]byte{2}, 32))
	for _, plain := range []string{"", "x", "a password", strings.Repeat("long ", 10_000)} {
		sealed := box.Seal([]byte(plain), []byte("here"))
		if got, err := box.Open(sealed, []byte("here")); err != nil || string(got) != plain {
			t.Errorf("%.20q came back as %.20q, %v", plain, got, err)
		}
		if len(plain) > 3 && bytes.Contains(sealed, []byte(plain)) {
			t.Errorf("%.20q shows in the sealed bytes", plain)
		}
		if bytes.Equal(sealed, box.Seal([]byte(plain), []byte("here"))) {
			t.Errorf("%.20q was sealed twice to the same bytes", plain)
		}
		for name, open := range map[string]func() ([]byte, error){
			"another place": func() ([]byte, error) { return box.Open(sealed, []byte("there")) },
			"no place":      func() ([]byte, error) { return box.Open(sealed, nil) },
			"another key":   func() ([]byte, error) { return other.Open(sealed, []byte("here")) },
			"a byte less":   func() ([]byte, error) { return box.Open(sealed[:len(sealed)-1], []byte("here")) },
			"a byte more":   func() ([]byte, error) { return box.Open(append(bytes.Clone(sealed), 0), []byte("here")) },
		} {
			if got, err := open(); err == nil || len(got) > 0 {
				t.Errorf("%s: opened %.20q as %.20q", name, plain, got)
			}
		}
	}
	sealed := box.Seal([]byte("a password"), nil)
	for i := range sealed {
		altered := bytes.Clone(sealed)
		altered[i] ^= 1
		if _, err := box.Open(altered, nil); err == nil {
			t.Errorf("byte %d was altered, and it opened", i)
		}
	}
	for n := range 13 {
		if _, err := box.Open(make([]byte, n), nil); err == nil {
			t.Errorf("%d bytes opened", n)
		}
	}
}

// place is where a sealed text belongs.
type place struct{ organization, object, field string }

var home = place{string(id.New[id.Organization]()), string(id.New[id.Object]()), "secret"}

// bound is the key that the application tied its database to.
func bound(t testing.TB, s *apptest.Server) *seal.Master {
	t.Helper()
	m, err := seal.LoadMaster(s.Storage.MasterKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sealAt(t testing.TB, s *apptest.Server, k *seal.Keeper, p place, plain string) string {
	t.Helper()
	text, err := store.Write(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) (string, error) {
		tx.Unaudited("a test")
		return k.Seal(tx, p.organization, p.object, p.field, plain)
	})
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return text
}

func openAt(t testing.TB, s *apptest.Server, k *seal.Keeper, p place, text string) (string, error) {
	t.Helper()
	return k.Open(s.DB.Reader(t.Context()), p.organization, p.object, p.field, text)
}

func TestRoundTrip(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		m := bound(t, s)
		k := seal.NewKeeper(m)
		for _, plain := range []string{"", "a password", "日本\x00\xff", strings.Repeat("x", 100_000)} {
			text := sealAt(t, s, k, home, plain)
			if len(plain) > 3 && strings.Contains(text, plain) {
				t.Errorf("%.20q shows in %.80q", plain, text)
			}
			// The one who sealed it, and a server that was started later.
			for _, k := range []*seal.Keeper{k, seal.NewKeeper(m)} {
				if got, err := openAt(t, s, k, home, text); err != nil || got != plain {
					t.Errorf("%.20q came back as %.20q, %v", plain, got, err)
				}
			}
		}
		if n := keys(t, s, home.organization); n != 1 {
			t.Errorf("one organization has %d data keys", n)
		}
		other := home
		other.organization = string(id.New[id.Organization]())
		sealAt(t, s, seal.NewKeeper(m), other, "x")
		if a, b := keys(t, s, home.organization), keys(t, s, other.organization); a != 1 || b != 1 {
			t.Errorf("two organizations have %d and %d data keys", a, b)
		}
	})
}

func keys(t testing.TB, s *apptest.Server, organization string) int64 {
	t.Helper()
	n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM data_key WHERE organization_id = $1`, organization)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestMoved: a sealed text opens where it was sealed and nowhere else, whether or
// not the server remembers the data key.
func TestMoved(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		m := bound(t, s)
		warm := seal.NewKeeper(m)
		text := sealAt(t, s, warm, home, "a password")
		neighbour := place{string(id.New[id.Organization]()), home.object, home.field}
		sealAt(t, s, warm, neighbour, "theirs")
		if _, err := openAt(t, s, warm, home, text); err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(text, ".")
		for name, c := range map[string]struct {
			at   place
			text string
		}{
			"another organization":    {neighbour, text},
			"an unknown one":          {place{"nobody", home.object, home.field}, text},
			"another object":          {place{home.organization, string(id.New[id.Object]()), home.field}, text},
			"another field":           {place{home.organization, home.object, "other"}, text},
			"names that run together": {place{home.organization, home.object + "s", "ecret"}, text},
			"an unknown key":          {home, parts[0] + "." + id.New[string]() + "." + parts[2]},
			"another format":          {home, "gh2." + parts[1] + "." + parts[2]},
			"no format":               {home, parts[1] + "." + parts[2]},
			"a part more":             {home, text + ".x"},
			"plain text":              {home, "a password"},
			"nothing":                 {home, ""},
			"no base64":               {home, parts[0] + "." + parts[1] + ".!!"},
			"cut":                     {home, text[:len(text)-4]},
		} {
			for _, k := range []*seal.Keeper{warm, seal.NewKeeper(m)} {
				if got, err := openAt(t, s, k, c.at, c.text); err == nil || got != "" {
					t.Errorf("%s: opened as %q, %v", name, got, err)
				}
			}
		}
		raw, err := base64.RawStdEncoding.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			altered := bytes.Clone(raw)
			altered[i] ^= 0x80
			text := parts[0] + "." + parts[1] + "." + base64.RawStdEncoding.EncodeToString(altered)
			if got, err := openAt(t, s, warm, home, text); err == nil {
				t.Fatalf("byte %d was altered, and it opened as %q", i, got)
			}
		}
	})
}

// TestStolenKey: a data key copied to another organization does not unwrap there.
func TestStolenKey(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		m := bound(t, s)
		text := sealAt(t, s, seal.NewKeeper(m), home, "a password")
		thief := place{string(id.New[id.Organization]()), home.object, home.field}
		change(t, s, `UPDATE data_key SET organization_id = $1`, thief.organization)
		for _, p := range []place{home, thief} {
			if got, err := openAt(t, s, seal.NewKeeper(m), p, text); err == nil {
				t.Errorf("opened as %q", got)
			}
		}
		err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
			_, err := seal.NewKeeper(m).Seal(tx, thief.organization, thief.object, thief.field, "x")
			return err
		})
		if err == nil {
			t.Error("something was sealed with a key that is another's")
		}
	})
}

func change(t testing.TB, s *apptest.Server, statement string, args ...any) {
	t.Helper()
	err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
		tx.Unaudited("a test")
		_, err := tx.Exec(statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRollback: a data key made in a Write that failed seals nothing afterwards.
func TestRollback(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		m := bound(t, s)
		k := seal.NewKeeper(m)
		errMade := errors.New("made by the test")
		err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
			tx.Unaudited("a test")
			_, err := k.Seal(tx, home.organization, home.object, home.field, "lost")
			return errors.Join(err, errMade)
		})
		if !errors.Is(err, errMade) || keys(t, s, home.organization) != 0 {
			t.Fatalf("%v, %d keys", err, keys(t, s, home.organization))
		}
		text := sealAt(t, s, k, home, "kept")
		if got, err := openAt(t, s, seal.NewKeeper(m), home, text); err != nil || got != "kept" {
			t.Errorf("after a rollback: %q, %v", got, err)
		}
	})
}

// TestNewerKey: sealing takes the newest data key, and what older ones sealed still opens.
func TestNewerKey(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		m := bound(t, s)
		k := seal.NewKeeper(m)
		old := sealAt(t, s, k, home, "old")
		// As a rotation will: the older key stays, a newer one is made beside it.
		change(t, s, `UPDATE data_key SET organization_id = 'aside'`)
		s.Clock.Advance(1)
		recent := sealAt(t, s, k, home, "recent")
		change(t, s, `UPDATE data_key SET organization_id = $1 WHERE organization_id = 'aside'`, home.organization)
		again := sealAt(t, s, seal.NewKeeper(m), home, "again")
		if keyOf(again) != keyOf(recent) || keyOf(old) == keyOf(recent) {
			t.Errorf("keys: old %s, recent %s, again %s", keyOf(old), keyOf(recent), keyOf(again))
		}
		for text, want := range map[string]string{old: "old", recent: "recent", again: "again"} {
			if got, err := openAt(t, s, seal.NewKeeper(m), home, text); err != nil || got != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		}
	})
}

func keyOf(text string) string { return strings.Split(text, ".")[1] }

func TestPurge(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		m := bound(t, s)
		k := seal.NewKeeper(m)
		other := place{string(id.New[id.Organization]()), home.object, home.field}
		gone, kept := sealAt(t, s, k, home, "gone"), sealAt(t, s, k, other, "kept")
		err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
			tx.Unaudited("a test")
			return k.Purge(tx, id.Organization(home.organization))
		})
		if err != nil || keys(t, s, home.organization) != 0 {
			t.Fatalf("%v, %d keys left", err, keys(t, s, home.organization))
		}
		fresh := seal.NewKeeper(m)
		if got, err := openAt(t, s, fresh, home, gone); err == nil {
			t.Errorf("what was purged opened as %q", got)
		}
		if got, err := openAt(t, s, fresh, other, kept); err != nil || got != "kept" {
			t.Errorf("the neighbour's: %q, %v", got, err)
		}
	})
}

// TestBind: a database belongs to the first key it meets.
func TestBind(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		change(t, s, `DELETE FROM setting WHERE name = 'master_key_fingerprint'`) // the application has bound its own
		right, wrong := master(t), master(t)
		bind := func(m *seal.Master) error {
			return store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error { return seal.Bind(tx, m) })
		}
		check := func(m *seal.Master) error { return seal.Check(s.DB.Reader(t.Context()), m) }
		if err := check(right); err != nil {
			t.Errorf("a database without a key refuses one: %v", err)
		}
		for range 2 {
			if err := bind(right); err != nil {
				t.Fatal(err)
			}
		}
		if known, err := seal.Bound(s.DB.Reader(t.Context())); known != right.Fingerprint() || err != nil {
			t.Errorf("bound to %q, %v", known, err)
		}
		if err := check(right); err != nil {
			t.Errorf("the right key: %v", err)
		}
		for name, err := range map[string]error{"bind": bind(wrong), "check": check(wrong)} {
			if !fault.Has(err, fault.MasterKeyMismatch) || !strings.Contains(fmt.Sprint(err), wrong.Fingerprint()) || !strings.Contains(fmt.Sprint(err), right.Fingerprint()) {
				t.Errorf("%s with a wrong key: %v", name, err)
			}
		}
		if err := bind(right); err != nil {
			t.Errorf("after a wrong one, the right key: %v", err)
		}
	})
}

// TestNothingInTheFile looks for a secret, and for the keys that seal it, in the
// bytes of the embedded database.
func TestNothingInTheFile(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	path, m := s.Storage.MasterKeyFile, bound(t, s)
	const secret = "correct horse battery staple"
	text := sealAt(t, s, seal.NewKeeper(m), home, secret)
	change(t, s, `INSERT INTO setting (name, value) VALUES ('sealed', $1)`, text)
	encoded, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(encoded)))
	if err != nil {
		t.Fatal(err)
	}
	sealed := 0
	for _, file := range []string{s.Storage.DatabaseFile(), s.Storage.DatabaseFile() + "-wal"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sealed += bytes.Count(raw, []byte(text))
		for name, trace := range map[string][]byte{
			"the secret": []byte(secret), "its base64": []byte(base64.RawStdEncoding.EncodeToString([]byte(secret))[:30]),
			"the master key": key, "its text": bytes.TrimSpace(encoded), "the key that wraps": m.Derive("data keys"),
		} {
			if bytes.Contains(raw, trace) {
				t.Errorf("%s stands in %s", name, file)
			}
		}
	}
	if sealed == 0 {
		t.Error("the sealed text is not in the files: the search misses them")
	}
}

// TestPurged: the data keys of a purged organization are gone from memory as well; a
// purge that fails takes nothing away.
func TestPurged(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		k := seal.NewKeeper(bound(t, s))
		neighbour := place{string(id.New[id.Organization]()), home.object, home.field}
		text, theirs := sealAt(t, s, k, home, "a password"), sealAt(t, s, k, neighbour, "theirs")
		opens := func(p place, text string) bool {
			_, err := openAt(t, s, k, p, text)
			return err == nil
		}
		if !opens(home, text) || !opens(neighbour, theirs) {
			t.Fatal("what was sealed does not open")
		}
		errFails := errors.New("fails")
		for _, fails := range []error{errFails, nil} {
			err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
				tx.Unaudited("a test")
				return errors.Join(k.Purge(tx, id.Organization(home.organization)), fails)
			})
			if !errors.Is(err, fails) || opens(home, text) != (fails != nil) || !opens(neighbour, theirs) {
				t.Errorf("the purge ended with %v, opens %t, the neighbour's %t", err, opens(home, text), opens(neighbour, theirs))
			}
		}
	})
}
