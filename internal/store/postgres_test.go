package store_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func TestDuplicate(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		want      bool
	}{
		"primary key":          {`INSERT INTO setting (name, value) VALUES ('a', 'again')`, true},
		"key of two":           {`INSERT INTO member (organization_id, user_id, role, joined_at) SELECT organization_id, user_id, 'VIEWER', 1 FROM member`, true},
		"unique column":        {`INSERT INTO organization SELECT 'other', name, name_key, plan, body, billing_deployment_restriction, version, created_at, updated_at, deleted_at, onboarding FROM organization`, true},
		"unique where":         {`UPDATE member SET role = 'OWNER'`, true},
		"null":                 {`INSERT INTO setting (name, value) VALUES ('b', NULL)`, false},
		"no parent":            {`INSERT INTO member (organization_id, user_id, role, joined_at) VALUES ('nobody', 'nobody', 'VIEWER', 1)`, false},
		"children":             {`DELETE FROM organization`, false},
		"a mistake in the SQL": {`INSERT INTO nowhere VALUES (1)`, false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *base) {
				b.fill(t)
				err := store.Do(t.Context(), b.DB, permit(store.Server), func(tx *store.Tx) error {
					_, err := tx.Exec(c.statement)
					return errors.Join(err, event(tx, store.Server))
				})
				if err == nil || store.Duplicate(err) != c.want {
					t.Errorf("duplicate %t, want %t: %v", store.Duplicate(err), c.want, err)
				}
			})
		})
	}
	if store.Duplicate(nil) || store.Duplicate(errMade) {
		t.Error("nothing and anything are taken for a duplicate")
	}
}

// fill makes rows that others can collide with.
func (b *base) fill(t testing.TB) {
	t.Helper()
	err := store.Do(t.Context(), b.DB, permit(store.Server), func(tx *store.Tx) error {
		for _, statement := range []string{
			`INSERT INTO setting (name, value) VALUES ('a', 'x')`,
			`INSERT INTO organization VALUES ('o', 'Acme', 'acme', 'FREE', '{}', NULL, 1, 1, 1, 0, 'IN_PROGRESS')`,
			`INSERT INTO account VALUES ('u', 'u@x', 'u@x', '', '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0, '')`,
			`INSERT INTO account VALUES ('v', 'v@x', 'v@x', '', '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0, '')`,
			`INSERT INTO member VALUES ('o', 'u', 'OWNER', 1), ('o', 'v', 'VIEWER', 1)`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return event(tx, store.Server)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLostBeforeCommit: a Write whose connection dies is run again, and happens once.
func TestLostBeforeCommit(t *testing.T) {
	b := open(t, "PostgreSQL")
	org := b.organization(t)
	killer := b.raw(t)
	runs, effects := 0, 0
	err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
		runs++
		tx.AfterCommit(func() { effects++ })
		if err := errors.Join(put(tx, "row", "x"), event(tx, org)); err != nil {
			return err
		}
		if runs > 1 {
			return nil
		}
		pid, err := store.Value[int64](tx, `SELECT pg_backend_pid()`)
		if err != nil {
			return err
		}
		if _, err := killer.ExecContext(t.Context(), `SELECT pg_terminate_backend($1, 10000)`, pid); err != nil {
			t.Errorf("cut the connection: %v", err)
		}
		_, err = store.Value[int64](tx, `SELECT 1`)
		return err
	})
	if err != nil || runs != 2 || effects != 1 || b.value(t, "row") != "x" || b.row(t, org).seq != 2 {
		t.Errorf("%v after %d runs, %d effects, row %q, seq %d", err, runs, effects, b.value(t, "row"), b.row(t, org).seq)
	}
}

// TestAskedToTryAgain: PostgreSQL may refuse a transaction for the sake of another.
func TestAskedToTryAgain(t *testing.T) {
	b := open(t, "PostgreSQL")
	org := b.organization(t)
	for _, code := range []string{"40001", "40P01"} {
		for _, refusals := range []int{1, 3, 1000} {
			row, runs := fmt.Sprint(code, refusals), 0
			err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
				runs++
				if err := errors.Join(put(tx, row, "x"), event(tx, org)); err != nil || runs > refusals {
					return err
				}
				_, err := tx.Exec(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '` + code + `'; END $$`)
				return err
			})
			if refusals == 1000 {
				if !fault.Has(err, fault.Unavailable) || runs > 10 || b.value(t, row) != "" {
					t.Errorf("%s for ever: %v after %d runs, row %q", code, err, runs, b.value(t, row))
				}
			} else if err != nil || runs != refusals+1 || b.value(t, row) != "x" {
				t.Errorf("%s %d times: %v after %d runs", code, refusals, err, runs)
			}
		}
	}
}

// TestLostAtCommit cuts the connection at the one moment when the client cannot
// know. Without a key it is told so; with a key it is told the truth.
func TestLostAtCommit(t *testing.T) {
	a := open(t, "PostgreSQL")
	p := &proxy{}
	o := a.options
	o.URL = p.listen(t, a.options.URL)
	b := openWith(t, o)
	org := a.organization(t)

	for fate, there := range map[string]bool{"lost": false, "unanswered": true} {
		cut := map[string]func(net.Conn, io.ReadWriter, []byte){"lost": lost, "unanswered": unanswered}[fate]
		t.Run(fate, func(t *testing.T) {
			p.cutNext(cut)
			row := "plain " + fate
			if err := b.change(t.Context(), org, row, "x"); !fault.Has(err, fault.OutcomeUnknown) || (a.value(t, row) != "") != there {
				t.Errorf("without a key: %v, row %q", err, a.value(t, row))
			}

			p.cutNext(cut)
			r := request{"jane", fate, "make it", "tag"}
			before := a.runs(t)
			got, replayed, err := r.send(t.Context(), b, org)
			if there {
				if err != nil || !replayed || len(got.Tags) != 1 || a.value(t, "run "+got.ID) == "" {
					t.Errorf("with a key, committed: %v, %v, replayed %t", got, err, replayed)
				}
			} else if !fault.Has(err, fault.Unavailable) || a.runs(t) != before {
				t.Errorf("with a key, not committed: %v, %d runs", err, a.runs(t)-before)
			}
			again, _, err := r.send(t.Context(), b, org)
			if err != nil || a.runs(t) != before+1 || (there && again.ID != got.ID) {
				t.Errorf("sent again: %v, %v, %d runs", again, err, a.runs(t)-before)
			}
		})
	}
	if p.cuts != 4 {
		t.Errorf("%d connections were cut, want 4", p.cuts)
	}
}

// TestSettledWhileCommitting: the connection is gone and the server still works on
// the COMMIT. Whoever asks must wait for it and not hear that nothing happened.
func TestSettledWhileCommitting(t *testing.T) {
	a := open(t, "PostgreSQL")
	p := &proxy{}
	o := a.options
	o.URL = p.listen(t, a.options.URL)
	b := openWith(t, o)
	org, watch := a.organization(t), a.raw(t)
	var answered atomic.Bool
	var slow sync.WaitGroup
	slow.Add(1)
	p.cutNext(func(client net.Conn, server io.ReadWriter, commit []byte) {
		defer slow.Done()
		client.Close()
		until(t, "somebody waits for the row, or has answered without", func() bool {
			var waiting int
			if err := watch.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`).Scan(&waiting); err != nil {
				t.Error(err)
				return true
			}
			return waiting > 0 || answered.Load()
		})
		_, _ = server.Write(commit)
		_, _ = server.Write([]byte{'X', 0, 0, 0, 4})
		_, _ = io.Copy(io.Discard, server)
	})
	got, replayed, err := request{"jane", "key", "make it", "tag"}.send(t.Context(), b, org)
	answered.Store(true)
	slow.Wait()
	if a.runs(t) != 1 {
		t.Fatalf("the change happened %d times", a.runs(t))
	}
	if err != nil || !replayed || a.value(t, "run "+got.ID) == "" {
		t.Errorf("the change is there, and the caller was told %v, %v", got, err)
	}
}

// TestSettledOutdatesCaches: a change that was found to be there is in force at
// once on the node that says so, with its effects.
func TestSettledOutdatesCaches(t *testing.T) {
	a := open(t, "PostgreSQL")
	p := &proxy{}
	o := a.options
	o.URL = p.listen(t, a.options.URL)
	b := openWith(t, o)
	c := newCounterCache(t, b)
	c.warm(t)
	p.cutNext(unanswered)
	once := store.WithIdempotency(t.Context(), &store.Idempotency{Actor: "jane", Key: "key"})
	effects := 0
	if err := store.Do(once, b.DB, permit(c.head), func(tx *store.Tx) error {
		tx.AfterCommit(func() { effects++ })
		_, err := tx.Exec(`UPDATE setting SET value = '1' WHERE name = 'counter'`)
		return errors.Join(err, event(tx, c.head))
	}); err != nil {
		t.Fatal(err)
	}
	if got := c.get(t); got != 1 || effects != 1 {
		t.Errorf("served %d after 1 was acknowledged, %d effects", got, effects)
	}
	p.cutNext(lost)
	once = store.WithIdempotency(t.Context(), &store.Idempotency{Actor: "jane", Key: "other"})
	if err := store.Do(once, b.DB, permit(c.head), func(tx *store.Tx) error {
		tx.AfterCommit(func() { effects++ })
		return event(tx, c.head)
	}); err == nil || effects != 1 {
		t.Errorf("a change that is not there: %v, %d effects", err, effects)
	}
}
