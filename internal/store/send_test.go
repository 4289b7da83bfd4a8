package store_test

import (
	"errors"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store"
)

const insertSetting = `INSERT INTO setting (name, value) VALUES ($1, $2)`

// TestSend: what is only sent runs in its order, before whatever comes next.
func TestSend(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
			err := errors.Join(tx.Send(insertSetting, "sent", "1"), tx.Send(`UPDATE setting SET value = value || '2' WHERE name = $1`, "sent"))
			if seen, failed := store.Value[string](tx, `SELECT value FROM setting WHERE name = 'sent'`); failed != nil || seen != "12" {
				t.Errorf("a question after it saw %q, %v", seen, failed)
			}
			err = errors.Join(err, tx.Send(`UPDATE setting SET value = value || '3' WHERE name = $1`, "sent"))
			if n, failed := tx.Exec(`UPDATE setting SET value = value || '4' WHERE name = 'sent' AND value = '123'`); failed != nil || n != 1 {
				t.Errorf("a change after it changed %d rows, %v", n, failed)
			}
			return errors.Join(err, tx.Send(`UPDATE setting SET value = value || '5' WHERE name = $1`, "sent"), event(tx, org))
		})
		if err != nil || b.value(t, "sent") != "12345" {
			t.Errorf("%v, the row is %q", err, b.value(t, "sent"))
		}
	})
}

// TestSendFails: a statement that nobody waited for fails the Write all the same,
// whether something comes after it or the commit.
func TestSendFails(t *testing.T) {
	each(t, func(t *testing.T, b *base) {
		org := b.organization(t)
		if err := b.change(t.Context(), org, "taken", "x"); err != nil {
			t.Fatal(err)
		}
		for name, next := range map[string]func(tx *store.Tx) error{
			"the commit": func(*store.Tx) error { return nil },
			"a question": func(tx *store.Tx) error { _, err := store.Value[int64](tx, `SELECT 1`); return err },
			"a change":   func(tx *store.Tx) error { return put(tx, "after", "x") },
			"an event":   func(tx *store.Tx) error { return event(tx, org) },
			"swallowed":  func(tx *store.Tx) error { _ = put(tx, "after", "x"); return nil },
		} {
			err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error {
				_ = put(tx, "before", "x")
				_ = event(tx, org)
				_ = tx.Send(insertSetting, "taken", "y")
				return next(tx)
			})
			if !store.Duplicate(err) || b.value(t, "before") != "" || b.value(t, "after") != "" || b.value(t, "taken") != "x" {
				t.Errorf("%s: %v", name, err)
			}
		}
		err := store.Do(t.Context(), b.DB, permit(org), func(tx *store.Tx) error { return tx.Send(insertSetting, "silent", "x") })
		if err == nil || b.value(t, "silent") != "" {
			t.Errorf("rows without an event: %v", err)
		}
	})
}
