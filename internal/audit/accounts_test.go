package audit_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// accounts are the changes of an account that has no organization. Kim makes them.
var accounts = []step{
	{audit.AccountVerify, func(t *testing.T, w *world) change {
		w.kim = w.s.Again(t, w.kim)
		before := w.kim.Get(t, "/account").Must(t, 200).Body
		with(w.kim, cli).Post(t, "/auth/verify", map[string]any{"token": kimsLink}).Must(t, 200)
		c := w.byKim()
		c.before, c.after, c.changed = before, w.kim.Get(t, "/account").Must(t, 200).Body, []string{"email_verified"}
		return c
	}},
	{audit.AccountPassword, func(t *testing.T, w *world) change {
		body := map[string]any{"current_password": apptest.Password, "new_password": kimsPassword}
		with(w.kim, cli).Post(t, "/account/password", body).Must(t, 204)
		w.secrets = append(w.secrets, kimsPassword)
		return w.byKim()
	}},
	{audit.AccountEmail, func(t *testing.T, w *world) change {
		w.kim = w.s.Again(t, w.kim)
		before := w.kim.Get(t, "/account").Must(t, 200).Body
		if _, err := w.s.Run(t.Context(), app.CommandUserChangeEmail, json.RawMessage(`{"email":"kim@example.com","new_email":"kim@new.example"}`)); err != nil {
			t.Fatal(err)
		}
		w.kim.Email = "kim@new.example"
		c := w.byKim()
		c.actor, c.client = operator("operator")
		c.before, c.after, c.changed = before, w.kim.Get(t, "/account").Must(t, 200).Body, []string{"communication_email", "email"}
		return c
	}},
	{audit.AccountDelete, func(t *testing.T, w *world) change {
		w.kim = w.s.Again(t, w.kim)
		c := w.byKim()
		c.before = w.kim.Get(t, "/account").Must(t, 200).Body
		with(w.kim, cli).Do(t, "DELETE", "/account", map[string]any{"password": kimsPassword}).Must(t, 204)
		return c
	}},
}

const (
	kimsLink     = "the secret of Kim's link"
	kimsPassword = "another horse battery"
)

func (w *world) byKim() change {
	return change{stream: store.Server, actor: person(w.kim), client: client(cli, "CLI"), target: reference(w.kim)}
}

// unproved makes Kim's account, and a link that proves its address.
func (w *world) unproved(t *testing.T) {
	t.Helper()
	w.kim = w.s.Person(t, "kim@example.com")
	w.secrets = append(w.secrets, kimsLink)
	if err := store.Do(t.Context(), w.s.DB, authz.System("test").As(authn.Account{ID: w.kim.ID}), func(tx *store.Tx) error {
		tx.Unaudited("test")
		if _, err := tx.Exec(`UPDATE account SET verified_at = 0 WHERE id = $1`, w.kim.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO proof (secret_hash, purpose, subject, email, credentials, expires_at)
			SELECT $1, 'verify', id, email, credentials_changed_at, $2 FROM account WHERE id = $3`, authn.HashAPIToken(kimsLink), tx.Now().Add(time.Hour), w.kim.ID); err != nil {
			return err
		}
		return tx.Touch(string(w.kim.ID), true)
	}); err != nil {
		t.Fatal(err)
	}
}
