package authn_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestHeaderForms: both kinds of credential pass under both schemes, in any case.
func TestHeaderForms(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		token := jane.Token(t, acme, "ci", authz.DevOps)
		for _, scheme := range []string{"Bearer ", "bearer ", "BEARER ", "bEaReR ", "Token ", "token ", "TOKEN ", "Bearer   ", "Token \t"} {
			for _, c := range []*apptest.Caller{jane, token} {
				a, err := s.Authenticator.Authenticate(t.Context(), scheme+c.Credential)
				if err != nil {
					t.Errorf("%q with the credential of %s: %v", scheme, c.Email, err)
					continue
				}
				if a.User != jane.ID || a.Token != c.TokenID {
					t.Errorf("%q: the actor is %+v", scheme, a)
				}
				if c == jane && (a.Kind != authn.Person || a.Name != "jane@example.com" || a.ID() != string(jane.ID) || a.Organization != "") {
					t.Errorf("%q: the person is %+v", scheme, a)
				}
				if c == token && (a.Kind != authn.APIToken || a.Name != "ci" || a.ID() != string(token.TokenID) || a.Organization != acme || a.TokenRole != "DEVOPS") {
					t.Errorf("%q: the token is %+v", scheme, a)
				}
			}
		}
		for name, header := range map[string]string{
			"no scheme, token": token.Credential, "no scheme, JWT": jane.Credential, "scheme alone": "Bearer", "scheme and space": "Token ",
			"another scheme": "Basic " + token.Credential, "schemes in a row": "Bearer Token " + token.Credential, "no space": "Token" + token.Credential,
			"tab": "Token\t" + token.Credential, "colon": "Token: " + token.Credential, "space first": " Token " + token.Credential,
			"two credentials": "Token " + token.Credential + " " + token.Credential, "comma": "Token " + token.Credential + ",",
			"quoted": `Token "` + token.Credential + `"`, "lower case": "Token " + strings.ToLower(token.Credential), "token of nobody": "Token " + authn.NewAPIToken(),
			"cut": "Token " + token.Credential[:63], "NUL": "Token " + token.Credential + "\x00", "word": "Bearer null", "dots": "Bearer ..", "many dots": "Bearer a.b.c.d",
			"encrypted JWT": "Bearer a.b.c.d.e", "JWT of three words": "Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "long": "Bearer " + strings.Repeat("a.", 2) + strings.Repeat("x", 1<<20),
			"JWT in two": "Bearer " + jane.Credential[:100] + " " + jane.Credential[100:], "binary": "Bearer \xff\xfe.\x00.\x01",
		} {
			if a, err := s.Authenticator.Authenticate(t.Context(), header); !fault.Has(err, fault.Unauthenticated) || a.Kind != authn.Anonymous {
				t.Errorf("%s: %v, actor %+v; want %s", name, err, a, fault.Unauthenticated)
			} else if strings.Contains(fault.From(err).Detail, token.Credential) {
				t.Errorf("%s: the refusal repeats the credential", name)
			}
		}
		if a, err := s.Authenticator.Authenticate(t.Context(), ""); err != nil || a.Kind != authn.Anonymous {
			t.Errorf("no header: %v, actor %+v", err, a)
		}
	})
}

// TestTokenLife: a token works until its end, sleeps while its creator is away, and
// goes with its organization.
func TestTokenLife(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		path := "/organization/" + string(acme)
		dev := s.Member(t, acme, "devops@example.com", authz.DevOps)
		made := dev.Post(t, path+"/apiToken", map[string]any{
			"name": "short", "role_id": role(t, authz.Viewer).ID(acme), "expires_at": apptest.Epoch.Add(10 * time.Minute),
		}).Must(t, 201)
		short := "Token " + made.Text("token")
		sleeper := "Token " + dev.Token(t, acme, "sleeper", authz.Viewer).Credential
		works := func(what, header string, want bool) {
			t.Helper()
			if _, err := s.Authenticator.Authenticate(t.Context(), header); (err == nil) != want || (err != nil && !fault.Has(err, fault.Unauthenticated)) {
				t.Errorf("%s: %v, want it to work: %t", what, err, want)
			}
		}
		works("fresh", short, true)
		s.Clock.Advance(10*time.Minute - time.Microsecond)
		works("in its last microsecond", short, true)
		s.Clock.Advance(time.Microsecond)
		works("at its end", short, false)
		s.Clock.Advance(-time.Minute)
		works("the clock was put back", short, true)

		works("creator is there", sleeper, true)
		member(t, s, acme, `DELETE FROM member WHERE organization_id = $1 AND user_id = $2`, dev)
		works("creator is gone", sleeper, false)
		s.Join(t, acme, dev, authz.Viewer)
		works("creator is back", sleeper, true)

		account(t, s, dev, `UPDATE account SET disabled_at = $2 WHERE id = $1`)
		works("creator is disabled", sleeper, false)
		account(t, s, dev, `UPDATE account SET disabled_at = 0 * CAST($2 AS BIGINT) WHERE id = $1`)
		works("creator is enabled", sleeper, true)
		account(t, s, dev, `UPDATE account SET credentials_changed_at = $2 WHERE id = $1`)
		works("creator has a new password", sleeper, true)

		owner.Delete(t, path).Must(t, 204)
		works("organization is deleted", sleeper, false)
		if _, err := s.Organizations.Restore(t.Context(), authz.System("test"), "acme"); err != nil {
			t.Fatal(err)
		}
		works("organization is restored", sleeper, true)
	})
}

// member changes a membership past the services, with the event that makes caches notice.
func member(t *testing.T, s *apptest.Server, organization organizationID, statement string, c *apptest.Caller) {
	t.Helper()
	pass := authz.System("test").On(organization)
	if err := store.Do(t.Context(), s.DB, pass, func(tx *store.Tx) error {
		if _, err := tx.Exec(statement, organization, c.ID); err != nil {
			return err
		}
		return removed(tx, pass, c)
	}); err != nil {
		t.Fatal(err)
	}
}

// account changes an account past the services; $1 is its id, $2 a moment from now.
func account(t *testing.T, s *apptest.Server, c *apptest.Caller, statement string) {
	t.Helper()
	pass := authz.System("test").As(authn.Account{ID: c.ID, Email: c.Email})
	if err := store.Do(t.Context(), s.DB, pass, func(tx *store.Tx) error {
		tx.Unaudited("test")
		if _, err := tx.Exec(statement, c.ID, tx.Now()+1); err != nil {
			return err
		}
		return tx.Touch(string(c.ID), true)
	}); err != nil {
		t.Fatal(err)
	}
}

// FuzzAuthorization: no header but a credential that was given out makes an actor,
// and every refusal is the one for a bad credential.
func FuzzAuthorization(f *testing.F) {
	s := apptest.Start(f, apptest.Storage(f, "sqlite"), apptest.Options{})
	jane := s.Person(f, "jane@example.com")
	token := jane.Token(f, jane.Organization(f, "Acme"), "ci", authz.Admin)
	for _, credential := range []string{jane.Credential, token.Credential, "", "qov_", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "..", "\xff.\x00.", strings.Repeat("x", 9000)} {
		for _, scheme := range []string{"Bearer ", "token ", "Basic ", "Bearer", ""} {
			f.Add(scheme + credential)
		}
	}
	f.Fuzz(func(t *testing.T, header string) {
		a, err := s.Authenticator.Authenticate(context.Background(), header)
		switch {
		case err != nil && !fault.Has(err, fault.Unauthenticated):
			t.Errorf("%q: %v", header, err)
		case err != nil && a.Kind != authn.Anonymous:
			t.Errorf("%q: refused, and the actor is %+v", header, a)
		case err == nil && a.Kind == authn.Anonymous && header != "":
			t.Errorf("%q: a header that proves nothing passes as none", header)
		case a.Kind == authn.Person && !strings.Contains(header, jane.Credential), a.Kind == authn.APIToken && !strings.Contains(header, token.Credential):
			t.Errorf("%q makes the actor %+v", header, a)
		}
	})
}
