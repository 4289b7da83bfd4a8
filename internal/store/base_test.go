package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

var (
	epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	// keys are those of every database here.
	keys = store.Keys{HeadMAC: bytes.Repeat([]byte{7}, 32), Answers: seal.NewBox(bytes.Repeat([]byte{9}, 32))}
)

// base is a fresh migrated database with a clock of its own.
type base struct {
	*store.DB
	clock   *clock.Manual
	options store.Options
}

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, b *base)) {
	t.Helper()
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		t.Run(engine, func(t *testing.T) { test(t, open(t, engine)) })
	}
}

func open(t testing.TB, engine string) *base {
	t.Helper()
	o := store.Options{Path: filepath.Join(t.TempDir(), "test.db")}
	if engine == "PostgreSQL" {
		o = store.Options{URL: storetest.Shared(t).Prepared(t, "schema", prepare)}
	}
	b := openWith(t, o)
	if err := b.Migrate(t.Context()); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return b
}

func prepare(url string) error {
	db, err := store.Open(context.Background(), store.Options{URL: url})
	if err != nil {
		return err
	}
	return errors.Join(db.Migrate(context.Background()), db.Close())
}

// openWith opens a database and closes it after the test.
func openWith(t testing.TB, o store.Options) *base {
	t.Helper()
	b := &base{clock: clock.NewManual(epoch), options: o}
	o.Clock, o.Keys = b.clock, keys
	var err error
	if b.DB, err = store.Open(t.Context(), o); err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// another opens the same database a second time, as another node does.
func (b *base) another(t testing.TB) *base {
	t.Helper()
	return openWith(t, b.options)
}

// permit lets a Write stand on a head.
type permit string

func (p permit) Head() string            { return string(p) }
func (p permit) Recheck(*store.Tx) error { return nil }

// asked is a permit with a say of its own.
type asked struct {
	permit
	recheck func(*store.Tx) error
}

func (a asked) Recheck(tx *store.Tx) error { return a.recheck(tx) }

// organization opens the head of an organization with its first event.
func (b *base) organization(t testing.TB) string {
	t.Helper()
	return b.head(t, store.OrganizationHead)
}

func (b *base) head(t testing.TB, kind store.HeadKind) string {
	t.Helper()
	head := id.New[string]()
	err := store.Do(t.Context(), b.DB, permit(store.Server), func(tx *store.Tx) error {
		tx.OpenHead(kind, head)
		if kind == store.AccountHead {
			return event(tx, store.Server)
		}
		return event(tx, head)
	})
	if err != nil {
		t.Fatalf("open a head: %v", err)
	}
	return head
}

// put is the change that these tests make: a row with a unique name.
func put(tx *store.Tx, name, value string) error {
	_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2)`, name, value)
	return err
}

// event ends a head's chain with some event.
func event(tx *store.Tx, head string) error {
	digest := sha256.Sum256([]byte("something happened"))
	_, _, err := tx.AppendEvent(head, digest[:], false)
	return err
}

// change is a Write as it should be: a row and its event.
func (b *base) change(ctx context.Context, head, name, value string) error {
	return store.Do(ctx, b.DB, permit(head), func(tx *store.Tx) error {
		return errors.Join(put(tx, name, value), event(tx, head))
	})
}

// value reads a row of the database; empty where there is none.
func (b *base) value(t testing.TB, name string) string {
	t.Helper()
	v, err := store.Setting(b.Reader(t.Context()), name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return v
}

// row is a head as the database keeps it.
type row struct {
	seq, rights int64
	hash, mac   []byte
}

func (b *base) row(t testing.TB, head string) row {
	t.Helper()
	r, err := store.One(b.Reader(t.Context()), `SELECT seq, rights_seq, hash, mac FROM organization_head WHERE organization_id = $1`,
		func(s store.Scan) (r row, err error) { return r, s(&r.seq, &r.rights, &r.hash, &r.mac) }, head)
	if err != nil {
		t.Fatalf("head %s: %v", head, err)
	}
	return r
}

// works fails the test unless an ordinary Write succeeds.
func (b *base) works(t testing.TB, head string) {
	t.Helper()
	name := id.New[string]()
	if err := b.change(t.Context(), head, name, "fine"); err != nil {
		t.Fatalf("an ordinary Write afterwards: %v", err)
	}
	if b.value(t, name) != "fine" {
		t.Fatal("an ordinary Write afterwards left nothing")
	}
}

// hold starts a Write that stays on its head, and on SQLite on the one writer,
// until release is called.
func (b *base) hold(t testing.TB, head string) (release func()) {
	t.Helper()
	entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		done <- store.Do(context.Background(), b.DB, permit(head), func(tx *store.Tx) error {
			once.Do(func() { close(entered) })
			<-leave
			return event(tx, head)
		})
	}()
	<-entered
	release = sync.OnceFunc(func() {
		close(leave)
		if err := <-done; err != nil {
			t.Errorf("the Write that held the others up: %v", err)
		}
	})
	t.Cleanup(release)
	return release
}

// until waits for what other goroutines do.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
