package httpd_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
)

// TestSecretsNowhere uses every kind of credential, well and badly, and then looks for them in the metrics, the log, the bodies of
// refusals and a backup without the key. The panics are in TestPanicTellsNothing, the database and the real program in e2e.
func TestSecretsNowhere(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		token := jane.Token(t, acme, "ci", authz.Admin)
		signed := s.Anonymous().Post(t, "/auth/sign-in", map[string]any{"email": jane.Email, "password": apptest.Password}).Must(t, 200).Text("access_token")
		_, link, err := s.Accounts.ResetLink(t.Context(), authz.System("test"), jane.Email)
		if err != nil {
			t.Fatal(err)
		}
		b := s.Browser()
		b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": jane.Email, "password": apptest.Password})
		secrets := map[string]string{"the password": apptest.Password, "an API token": token.Credential, "an access token": signed, "a link": link, "a wrong password": "a wrong password that is long"}
		for _, c := range b.Cookies() {
			secrets["the cookie "+c.Name] = c.Value
		}
		var refusals bytes.Buffer
		refused := func(r *apptest.Response) {
			t.Helper()
			if r.Status < 400 {
				t.Fatalf("%s is answered %d", r.Request, r.Status)
			}
			refusals.Write(r.Body)
		}
		anybody := s.Anonymous()
		refused(anybody.Post(t, "/auth/sign-in", map[string]any{"email": jane.Email, "password": secrets["a wrong password"]}))
		refused(anybody.Post(t, "/auth/sign-in", map[string]any{"email": 1, "password": apptest.Password}))
		refused(anybody.Post(t, "/auth/reset", map[string]any{"token": link, "password": "short"}))
		refused(anybody.Post(t, "/auth/verify", map[string]any{"token": link, "password": apptest.Password}))
		refused(jane.Post(t, "/account/password", map[string]any{"current_password": secrets["a wrong password"], "new_password": apptest.Password}))
		refused(jane.Post(t, "/account/password", `{"current_password":"`+apptest.Password+`","new_password":"`+strings.Repeat("x", 2000)+`"}`))
		for _, credential := range []string{token.Credential, signed} {
			for _, scheme := range []string{"Bearer x", "Basic ", "Token " + "x"} {
				refused(anybody.With("Authorization", scheme+credential).Get(t, "/organization"))
			}
			refused(anybody.With("Authorization", "Bearer "+credential[:len(credential)-2]+"00").Get(t, "/organization"))
			refused(anybody.With("Idempotency-Key", "k").With("Authorization", "Bearer "+credential).Post(t, "/organization", "{"))
			refused(anybody.Get(t, "/nothing?"+url.Values{"token": {credential}}.Encode()))
		}
		texts := map[string][]byte{
			"the metrics": anybody.Get(t, "/metrics").Must(t, http.StatusOK).Body, "the log": []byte(s.Log.String()), "a refusal": refusals.Bytes(),
		}
		file := filepath.Join(t.TempDir(), "a.backup")
		if _, err := app.MakeBackup(t.Context(), s.Storage, app.BackupRequest{File: file}); err != nil {
			t.Fatal(err)
		}
		if texts["a backup"], err = os.ReadFile(file); err != nil { // PostgreSQL's is compressed; e2e looks into a dump
			t.Fatal(err)
		}
		for where, text := range texts {
			if len(text) < 100 {
				t.Errorf("%s has only %d bytes", where, len(text))
			}
			for what, secret := range secrets {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%s holds %s", where, what)
				}
			}
		}
	})
}
