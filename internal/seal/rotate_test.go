package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func write(t testing.TB, s *apptest.Server, fn func(tx *store.Tx) error) error {
	t.Helper()
	return store.Do(t.Context(), s.DB, authz.System("test"), fn)
}

// prepare takes every step before the one that counts.
func prepare(t testing.TB, s *apptest.Server, r *seal.Ring, next *seal.Master) (prepared int) {
	t.Helper()
	for {
		n, err := store.Write(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) (int, error) { return seal.PrepareRotation(tx, r, next) })
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return prepared
		}
		prepared += n
	}
}

// TestRotate: after it every data key opens with the new master key and none with
// the old one, those included that were made in the middle; what is sealed stays.
func TestRotate(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		old, next := bound(t, s), master(t)
		ring := seal.NewRing(old, "")
		running := ring.Keeper()
		sealed := map[place]string{}
		for n := range 250 { // more than one batch
			p := place{string(id.New[id.Organization]()), string(id.New[id.Object]()), "secret"}
			sealed[p] = sealAt(t, s, running, p, fmt.Sprint("secret ", n))
		}
		before, err := seal.StoreKeys(s.DB.Reader(t.Context()), ring)
		if err != nil {
			t.Fatal(err)
		}
		if n := prepare(t, s, ring, next); n != 252 { // the server's signing key and the store's own have one each
			t.Errorf("%d data keys were prepared", n)
		}
		// Who reads with the old key only is not disturbed, and who writes neither.
		late := place{string(id.New[id.Organization]()), home.object, home.field}
		sealed[late] = sealAt(t, s, seal.NewKeeper(old), late, "made in between")
		for p, text := range sealed {
			if _, err := openAt(t, s, seal.NewKeeper(old), p, text); err != nil {
				t.Fatalf("while it is prepared: %v", err)
			}
			break
		}
		rotate := func(before *seal.Master) error {
			return write(t, s, func(tx *store.Tx) error { return seal.Rotate(tx, ring, before, next) })
		}
		if err := rotate(master(t)); !fault.Has(err, fault.MasterKeyMismatch) {
			t.Errorf("rotated from a key that is not the database's: %v", err)
		}
		if err := rotate(old); err != nil {
			t.Fatal(err)
		}
		if err := rotate(old); !fault.Has(err, fault.MasterKeyMismatch) {
			t.Errorf("rotated twice: %v", err)
		}
		for p, text := range sealed {
			if _, err := openAt(t, s, seal.NewKeeper(next), p, text); err != nil {
				t.Fatalf("with the new key: %v", err)
			}
			if plain, err := openAt(t, s, seal.NewKeeper(old), p, text); !fault.Has(err, fault.MasterKeyMismatch) {
				t.Fatalf("with the old key: %q, %v", plain, err)
			}
		}
		if _, err := openAt(t, s, running, late, sealed[late]); err == nil {
			t.Error("a process that has not met the new key opens what it never opened before")
		}
		after, err := seal.StoreKeys(s.DB.Reader(t.Context()), seal.NewRing(next, ""))
		if err != nil || !bytes.Equal(after.HeadMAC, before.HeadMAC) {
			t.Errorf("the heads are signed with another key now: %v", err)
		}
		if _, err := seal.StoreKeys(s.DB.Reader(t.Context()), seal.NewRing(old, "")); !fault.Has(err, fault.MasterKeyMismatch) {
			t.Errorf("the store's keys with the old key: %v", err)
		}
		oldWrap := seal.NewBox(old.Derive("data keys"))
		rows, err := store.All(s.DB.Reader(t.Context()), `SELECT organization_id, id, wrapped FROM data_key`, func(scan store.Scan) (opens bool, err error) {
			var organization, key string
			var wrapped []byte
			err = scan(&organization, &key, &wrapped)
			_, shut := oldWrap.Open(wrapped, []byte(organization+"\x00"+key+"\x00data key"))
			return shut == nil, err
		})
		if err != nil || len(rows) != 253 {
			t.Fatalf("%d data keys, %v", len(rows), err)
		}
		for _, opens := range rows {
			if opens {
				t.Fatal("the old key unwraps a data key")
			}
		}
		left, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM data_key WHERE next_wrapped IS NOT NULL OR next_master <> ''`)
		if err != nil || left != 0 {
			t.Errorf("%d rows still wait, %v", left, err)
		}
	})
}

// TestOldKeyMakesNothing: a process that knows only the old key makes no data key
// that the new one could not open; it makes none at all.
func TestOldKeyMakesNothing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		old, next := bound(t, s), master(t)
		ring := seal.NewRing(old, "")
		prepare(t, s, ring, next)
		if err := write(t, s, func(tx *store.Tx) error { return seal.Rotate(tx, ring, old, next) }); err != nil {
			t.Fatal(err)
		}
		err := write(t, s, func(tx *store.Tx) error {
			tx.Unaudited("a test")
			_, err := seal.NewKeeper(old).Seal(tx, home.organization, home.object, home.field, "lost")
			return err
		})
		if !fault.Has(err, fault.MasterKeyMismatch) || keys(t, s, home.organization) != 0 {
			t.Errorf("%v, %d keys", err, keys(t, s, home.organization))
		}
		if err := write(t, s, func(tx *store.Tx) error { return seal.Bind(tx, old) }); !fault.Has(err, fault.MasterKeyMismatch) {
			t.Errorf("a start with the old key: %v", err)
		}
	})
}

// TestRingFinds: a running process meets the new key where a rotation puts it,
// before and after it takes the old one's place.
func TestRingFinds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	old, err := seal.CreateMaster(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after := seal.NewRing(old, file), seal.NewRing(old, file)
	if err := before.Has("0123456789abcdef"); !fault.Has(err, fault.MasterKeyMismatch) {
		t.Errorf("a key that is nowhere: %v", err)
	}
	next, created, err := seal.NextKey(file)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	if again, created, err := seal.NextKey(file); err != nil || created || again.Fingerprint() != next.Fingerprint() {
		t.Errorf("a rotation that was cut off begins with another key: %v", err)
	}
	if err := before.Has(next.Fingerprint()); err != nil {
		t.Errorf("beside the old key: %v", err)
	}
	if aside, err := seal.SettleFiles(file, old.Fingerprint()); !fault.Has(err, fault.MasterKeyMismatch) {
		t.Errorf("a key that is not in force took the place (%s): %v", aside, err)
	}
	aside, err := seal.SettleFiles(file, next.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := seal.SettleFiles(file, next.Fingerprint()); again != "" || err != nil {
		t.Errorf("done again: %s, %v", again, err)
	}
	if err := after.Has(next.Fingerprint()); err != nil {
		t.Errorf("in the old key's place: %v", err)
	}
	for path, want := range map[string]*seal.Master{file: next, aside: old} {
		m, err := seal.LoadMaster(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || m.Fingerprint() != want.Fingerprint() || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v, %v", path, err, statErr, info)
		}
	}
}

// TestDirectKeys: a database of an earlier schema has heads and answers under keys of
// the master key itself. Once bound they are under others, and what was altered by then
// is still found.
func TestDirectKeys(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		m := bound(t, s)
		jane := s.Person(t, "jane@example.com")
		organization := jane.Organization(t, "Acme")
		other := jane.Organization(t, "Other Works")
		jane.With("Idempotency-Key", "once").Post(t, "/organization/"+string(organization)+"/project", map[string]any{"name": "Web"}).Must(t, 200)
		q := s.DB.Reader(t.Context())
		now, err := seal.StoreKeys(q, seal.NewRing(m, ""))
		if err != nil {
			t.Fatal(err)
		}
		direct := store.Keys{HeadMAC: m.Derive("event heads"), Answers: seal.NewBox(m.Derive("kept answers"))}
		if err := write(t, s, func(tx *store.Tx) error { return store.Rekey(tx, now, direct) }); err != nil {
			t.Fatal(err)
		}
		change(t, s, `DELETE FROM data_key WHERE organization_id = 'store'`)
		change(t, s, `UPDATE data_key SET master = ''`)
		if _, err := audit.Verify(q, direct.HeadMAC); err != nil {
			t.Fatalf("as it was before: %v", err)
		}
		change(t, s, `UPDATE organization_head SET rights_seq = rights_seq + 1 WHERE organization_id = $1`, string(other))
		for range 2 {
			if err := write(t, s, func(tx *store.Tx) error { return seal.Bind(tx, m) }); err != nil {
				t.Fatal(err)
			}
		}
		after, err := seal.StoreKeys(q, seal.NewRing(m, ""))
		if err != nil || bytes.Equal(after.HeadMAC, direct.HeadMAC) {
			t.Fatalf("the master key still signs: %v", err)
		}
		var bad *audit.BadEvent
		if _, err := audit.Verify(q, after.HeadMAC); !errors.As(err, &bad) || bad.Stream != string(other) {
			t.Errorf("what was altered before: %v", err)
		}
		change(t, s, `UPDATE organization_head SET rights_seq = rights_seq - 1 WHERE organization_id = $1`, string(other))
		if _, err := audit.Verify(q, direct.HeadMAC); err == nil {
			t.Error("the heads verify with the key before")
		}
		if n, err := store.OpenAnswers(q, after); n != 1 || err != nil {
			t.Errorf("%d kept answers open, %v", n, err)
		}
		if _, err := store.OpenAnswers(q, direct); err == nil {
			t.Error("a kept answer opens with the key before")
		}
		if o, err := seal.Verify(t.Context(), s.DB, seal.NewRing(m, ""), authn.SealedKeys); err != nil || o.DataKeys != 2 || o.Fields != 1 {
			t.Errorf("%+v, %v", o, err)
		}
	})
}
