package e2e_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

// TestSecrets works with a server for a while, and then looks for everything secret
// where it must not be: in the database's files, a dump, the log and the answers.
func TestSecrets(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			p := newPlace(t, engine)
			s := p.serve(t, "--log-level=debug")
			w := &witness{t: t, url: s.URL, secrets: map[string][]byte{"the password": []byte(password)}}
			link, err := s.line(setupLink)
			if err != nil {
				t.Fatal(err)
			}
			w.work(p, strings.TrimPrefix(link, "/setup?token="))
			w.keys(p)

			files := p.stored(t)
			finish(t, s)
			for name, text := range p.stored(t) {
				files[name+", after the end"] = text
			}
			files["the log"] = []byte(s.log.String())
			files["the answers that refused something"] = w.refusals.Bytes()
			files["what commands printed about errors"] = w.problems.Bytes()
			for where, text := range files {
				for what, secret := range w.secrets {
					for form, encoded := range forms(secret) {
						if bytes.Contains(text, encoded) {
							t.Errorf("%s holds %s, %s", where, what, form)
						}
					}
				}
			}
			// The search finds what is there.
			for where, what := range map[string]string{
				"the database": "jane@example.com", "the database, after the end": "robot one", "the log": "createOrganizationApiToken",
				"the answers that refused something": "bad_credentials", "what commands printed about errors": "nobody@example.com",
			} {
				if !bytes.Contains(files[where], []byte(what)) {
					t.Errorf("%s does not even hold %q", where, what)
				}
			}
		})
	}
}

// witness works with a server and remembers what is secret and what was refused.
type witness struct {
	t                  *testing.T
	url                string
	secrets            map[string][]byte
	refusals, problems bytes.Buffer
}

func (w *witness) keep(what, secret string) {
	w.t.Helper()
	if len(secret) < 8 {
		w.t.Fatalf("%s is %q", what, secret)
	}
	w.secrets[what] = []byte(secret)
}

// refused sends a request that must be refused.
func (w *witness) refused(c client, status int, method, path string, body any) {
	w.t.Helper()
	w.refusals.Write(c.do(w.t, status, method, path, body).body)
}

// work does everything that has to do with secrets, well and badly.
func (w *witness) work(p place, setup string) {
	t, anybody := w.t, client{url: w.url}
	w.keep("the setup link", setup)
	form := func(password string) string {
		return url.Values{"token": {setup}, "email": {"jane@example.com"}, "password": {password}}.Encode()
	}
	w.keep("a password that is too long", strings.Repeat("too long a secret ", 20))
	again := anybody.do(t, 400, "POST", "/setup", form(strings.Repeat("too long a secret ", 20))).body
	w.refusals.Write(bytes.ReplaceAll(again, []byte(setup), nil)) // the form needs it to be sent again
	anybody.do(t, 200, "POST", "/setup", form(password))
	w.refused(anybody, 404, "POST", "/setup", form(password))

	signIn := func(password string) map[string]string {
		return map[string]string{"email": "jane@example.com", "password": password}
	}
	w.keep("a wrong password", "wrong horse battery")
	w.refused(anybody, 401, "POST", "/auth/sign-in", signIn("wrong horse battery"))
	w.refused(anybody, 400, "POST", "/auth/sign-in", map[string]any{"email": 7, "password": password})
	access := anybody.do(t, 200, "POST", "/auth/sign-in", signIn(password)).text("access_token")
	w.keep("an access token", access)
	w.keep("an access token's signature", access[strings.LastIndexByte(access, '.')+1:])
	jane := client{url: w.url, credential: access}
	made := jane.do(t, 201, "POST", "/organization", map[string]string{"name": "Acme", "plan": "ENTERPRISE_2025"})
	tokens := "/organization/" + made.text("id") + "/apiToken"

	once := jane
	once.headers = map[string]string{"Idempotency-Key": "key-of-the-first"}
	robot := once.do(t, 201, "POST", tokens, map[string]string{"name": "robot one"})
	w.keep("an API token, made under a key", robot.text("token"))
	if again := once.do(t, 201, "POST", tokens, map[string]string{"name": "robot one"}); again.text("token") != robot.text("token") {
		t.Errorf("the kept answer has another token: %s", again.body)
	}
	w.refused(once, 409, "POST", tokens, map[string]string{"name": "robot two"})
	second := jane.do(t, 201, "POST", tokens, map[string]string{"name": "robot two"})
	w.keep("another API token", second.text("token"))
	w.refused(jane, 409, "POST", tokens, map[string]string{"name": "robot two"})
	client{url: w.url, credential: robot.text("token")}.do(t, 200, "GET", tokens, nil)
	jane.do(t, 204, "DELETE", tokens+"/"+second.text("id"), nil)
	w.refused(client{url: w.url, credential: second.text("token")}, 401, "GET", tokens, nil)
	damaged := robot.text("token")[:60] + "0000"
	w.keep("a damaged API token", damaged)
	w.refused(client{url: w.url, credential: damaged}, 401, "GET", tokens, nil)
	w.refused(client{url: w.url, credential: access + "x"}, 401, "GET", tokens, nil)
	w.refused(client{url: w.url, headers: map[string]string{"Authorization": "Basic " + robot.text("token")}}, 401, "GET", tokens, nil)
	w.refused(client{url: w.url, credential: robot.text("token")}, 404, "GET", "/nothing?token="+robot.text("token"), nil)

	gitTokens, registries := "/organization/"+made.text("id")+"/gitToken", "/organization/"+made.text("id")+"/containerRegistry"
	w.keep("a git token", "a token of a provider")
	jane.do(t, 201, "POST", gitTokens, map[string]string{"name": "code", "type": "GITHUB", "token": "a token of a provider"})
	w.keep("a git token that was refused", "a token for Bitbucket")
	w.refused(jane, 400, "POST", gitTokens, map[string]string{"name": "other", "type": "BITBUCKET", "token": "a token for Bitbucket"})
	w.keep("a registry's password", "a password of a registry")
	jane.do(t, 201, "POST", registries, map[string]any{"name": "hub", "kind": "DOCKER_HUB", "config": map[string]string{"username": "jane", "password": "a password of a registry"}})

	o := p.must(t, "admin", "access-token", "--email=jane@example.com", "--json")
	w.keep("an access token made by command", fields(t, o.out)["access_token"])
	for _, args := range [][]string{
		{"admin", "access-token", "--email=nobody@example.com"}, {"admin", "user", "create", "--email=jane@example.com", "--password=" + password},
	} {
		w.problems.WriteString(p.run(t, args...).err)
	}
}

// keys adds what the master key opens, and the key itself.
func (w *witness) keys(p place) {
	t := w.t
	master, err := seal.LoadMaster(p.key())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.key())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	w.keep("the master key", string(raw))
	w.keep("the key of the heads", string(master.Derive("event heads")))
	w.keep("the key of kept answers", string(master.Derive("kept answers")))
	w.keep("the key of data keys", string(master.Derive("data keys")))

	db, err := store.Open(context.Background(), store.Options{Path: p.sqlite(), URL: p.url, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	q := db.Reader(context.Background())
	keeper := seal.NewKeeper(master)
	opened := 0
	if err := store.Each(q, `SELECT id, private_key FROM signing_key`, func(scan store.Scan) error {
		var id, sealed string
		if err := scan(&id, &sealed); err != nil {
			return err
		}
		private, err := keeper.Open(q, store.Server, id, "private_key", sealed)
		if err != nil {
			return err
		}
		der, err := base64.StdEncoding.DecodeString(private)
		if err != nil {
			return err
		}
		key, err := x509.ParseECPrivateKey(der)
		if err != nil {
			return err
		}
		scalar, err := key.Bytes()
		w.keep("the signing key", string(der))
		w.keep("the signing key's number", string(scalar))
		opened++
		return err
	}); err != nil || opened == 0 {
		t.Fatalf("%d signing keys: %v", opened, err)
	}
	if kept, err := store.Value[int64](q, `SELECT COUNT(*) FROM idempotency`); err != nil || kept == 0 {
		t.Fatalf("%d kept answers: %v", kept, err)
	}
}

// stored is the database as it lies on the disk, or as it is dumped.
func (p place) stored(t *testing.T) map[string][]byte {
	t.Helper()
	if p.url != "" {
		return map[string][]byte{"the database": []byte(storetest.Shared(t).Dump(t, p.url))}
	}
	files := map[string][]byte{}
	entries, err := os.ReadDir(p.data())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(p.data() + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files["the file "+e.Name()] = text
		files["the database"] = append(files["the database"], text...)
	}
	if len(files["the file guildhall.db-wal"]) == 0 && len(files["the file guildhall.db"]) == 0 {
		t.Fatalf("no database in %s: %v", p.data(), entries)
	}
	return files
}

// forms are the encodings in which a secret could lie somewhere.
func forms(secret []byte) map[string][]byte {
	return map[string][]byte{
		"as it is":   secret,
		"in hex":     []byte(hex.EncodeToString(secret)),
		"in HEX":     []byte(strings.ToUpper(hex.EncodeToString(secret))),
		"in base64":  []byte(base64.RawStdEncoding.EncodeToString(secret)),
		"in base64u": []byte(base64.RawURLEncoding.EncodeToString(secret)),
		"quoted":     []byte(url.QueryEscape(string(secret))),
	}
}
