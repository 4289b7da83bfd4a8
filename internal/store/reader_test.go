package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func name(s store.Scan) (n string, err error) { return n, s(&n) }

func TestQueries(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		for _, n := range []string{"a", "b", "c"} {
			if err := b.change(t.Context(), org, n, "x"); err != nil {
				t.Fatal(err)
			}
		}
		q := b.Reader(t.Context())
		if got, err := store.All(q, `SELECT name FROM setting WHERE value = $1 ORDER BY name`, name, "x"); err != nil || !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("all: %v, %v", got, err)
		}
		if got, err := store.All(q, `SELECT name FROM setting WHERE value = 'none'`, name); err != nil || got == nil || len(got) != 0 {
			t.Errorf("all of nothing: %#v, %v; want a list without items", got, err)
		}
		if got, err := store.One(q, `SELECT name FROM setting WHERE name = $1`, name, "b"); err != nil || got != "b" {
			t.Errorf("one: %q, %v", got, err)
		}
		if _, err := store.One(q, `SELECT name FROM setting WHERE name = 'none'`, name); !errors.Is(err, store.ErrNone) {
			t.Errorf("one of nothing: %v", err)
		}
		if got, err := store.Value[int64](q, `SELECT COUNT(*) FROM setting WHERE value = 'x'`); err != nil || got != 3 {
			t.Errorf("value: %d, %v", got, err)
		}
		seen := 0
		err := store.Each(q, `SELECT name FROM setting ORDER BY name`, func(store.Scan) error { seen++; return errMade })
		if seen != 1 || !errors.Is(err, errMade) {
			t.Errorf("each, stopped at the first row: %d rows, %v", seen, err)
		}
		if _, err := store.Value[int64](q, `SELECT COUNT(*) FROM nowhere`); err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("a wrong query: %v", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := store.Value[int64](b.Reader(gone), `SELECT COUNT(*) FROM setting`); !fault.Has(err, fault.Timeout) {
			t.Errorf("for a caller who has left: %v", err)
		}
	})
}

// TestTypes: what goes in comes out, on both databases.
func TestTypes(t *testing.T) {
	type kinds struct {
		text  string
		bytes []byte
		n     int64
		at    clock.Time
		flag  bool
	}
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		want := kinds{"ä \"'\n日\t😀", []byte{0, 1, 0xff, 0}, -1 << 62, clock.At(epoch), true}
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO idempotency (actor_id, idempotency_key, request_hash, answer, created_at) VALUES ($1, $2, $3, $4, $5)`,
				want.text, "key", want.bytes, []byte{}, want.at)
			_, other := tx.Exec(`INSERT INTO setup_link (token_hash, expires_at) VALUES ($1, $2)`, want.bytes, want.n)
			return errors.Join(err, other, event(tx, org))
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := store.One(b.Reader(t.Context()), `SELECT i.actor_id, i.request_hash, s.expires_at, i.created_at, CASE WHEN s.expires_at < 0 THEN 1 ELSE 0 END
			FROM idempotency i JOIN setup_link s ON s.token_hash = i.request_hash WHERE i.request_hash = $1`,
			func(s store.Scan) (k kinds, err error) { return k, s(&k.text, &k.bytes, &k.n, &k.at, &k.flag) }, want.bytes)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	})
}

// TestSnapshot: all queries of one snapshot see the same state.
func TestSnapshot(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		count := func(q store.Querier) int64 {
			n, err := store.Value[int64](q, `SELECT COUNT(*) FROM setting WHERE value = 'x'`)
			if err != nil {
				t.Error(err)
			}
			return n
		}
		err := b.Snapshot(t.Context(), func(q store.Querier) error {
			before := count(q)
			if err := b.change(t.Context(), org, "row", "x"); err != nil {
				return err
			}
			if after := count(q); before != 0 || after != 0 {
				t.Errorf("the snapshot went from %d to %d", before, after)
			}
			return nil
		})
		if err != nil || count(b.Reader(t.Context())) != 1 {
			t.Errorf("%v; afterwards %d", err, count(b.Reader(t.Context())))
		}
		if err := b.Snapshot(t.Context(), func(store.Querier) error { return errMade }); !errors.Is(err, errMade) {
			t.Errorf("the error of who looked: %v", err)
		}
	})
}

// TestReadersOnlyRead: rows change in a Write and nowhere else.
func TestReadersOnlyRead(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		for _, change := range []string{
			`INSERT INTO setting (name, value) VALUES ('row', 'x') RETURNING name`,
			`WITH v AS (SELECT 'x' AS value) INSERT INTO setting (name, value) SELECT 'row', value FROM v RETURNING name`,
			"\n\tUPDATE setting SET value = 'x' WHERE name = 'row' RETURNING name",
			`DELETE FROM organization_head RETURNING organization_id`,
		} {
			if got, err := store.Value[string](b.Reader(t.Context()), change); err == nil || errors.Is(err, store.ErrNone) {
				t.Errorf("a reader ran %s: %q, %v", change, got, err)
			}
			err := b.Snapshot(t.Context(), func(q store.Querier) error {
				_, err := store.Value[string](q, change)
				return err
			})
			if err == nil || errors.Is(err, store.ErrNone) {
				t.Errorf("a snapshot ran %s: %v", change, err)
			}
		}
		if b.value(t, "row") != "" || b.row(t, store.Server).seq != 0 {
			t.Error("a reader changed something")
		}
	})
}

// TestReadOnly: a database opened for looking sees what the server beside it
// writes, and writes nothing.
func TestReadOnly(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		o := b.options
		o.ReadOnly = true
		looking := openWith(t, o)
		if err := b.change(t.Context(), org, "row", "x"); err != nil {
			t.Fatal(err)
		}
		if looking.value(t, "row") != "x" {
			t.Error("who looks does not see the server's change")
		}
		if err := looking.change(t.Context(), org, "other", "x"); err == nil || b.value(t, "other") != "" {
			t.Errorf("who looks wrote: %v", err)
		}
		if err := looking.CheckSchema(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestSettings(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		for _, value := range []string{"one", "two", ""} {
			if err := store.Do(t.Context(), b.DB, permit(store.Server), func(tx *store.Tx) error { return store.SetSetting(tx, "s", value) }); err != nil {
				t.Fatal(err)
			}
			if got := b.value(t, "s"); got != value {
				t.Errorf("%q, want %q", got, value)
			}
		}
	})
}

// TestOpenFails: what cannot be opened says so at once, not at the first Write.
func TestOpenFails(t *testing.T) {
	for name, o := range map[string]store.Options{
		"a folder that is not there": {Path: t.TempDir() + "/none/test.db"},
		"a folder":                   {Path: t.TempDir()},
		"nobody answers":             {URL: "postgres://postgres@127.0.0.1:1/none"},
		"no URL":                     {URL: "postgres://%zz"},
		"nothing to look at":         {Path: t.TempDir() + "/none.db", ReadOnly: true},
	} {
		if db, err := store.Open(t.Context(), o); err == nil {
			t.Errorf("%s: opened", name)
			db.Close()
		}
	}
}
