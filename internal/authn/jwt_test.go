package authn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

type organizationID = id.Organization

func role(t testing.TB, name authz.RoleName) *authz.Role {
	t.Helper()
	r, ok := authz.LookupRole(name)
	if !ok {
		t.Fatalf("there is no role %s", name)
	}
	return r
}

func removed(tx *store.Tx, pass authz.Pass, c *apptest.Caller) error {
	return audit.Record(tx, pass.Head(), pass, audit.Entry{Action: audit.MemberRemove, Target: audit.Reference{ID: string(c.ID), Name: c.Email}})
}

// signingKey takes the server's private key out of its database, as only somebody
// with the master key can.
func signingKey(t *testing.T, s *apptest.Server) (keyID string, key *ecdsa.PrivateKey) {
	t.Helper()
	master, err := seal.LoadMaster(s.Storage.MasterKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	q := s.DB.Reader(t.Context())
	var sealed string
	keyID, err = store.One(q, `SELECT id, private_key FROM signing_key`, func(scan store.Scan) (k string, err error) { return k, scan(&k, &sealed) })
	if err != nil {
		t.Fatal(err)
	}
	text, err := seal.NewKeeper(master).Open(q, store.Server, keyID, "private_key", sealed)
	if err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = x509.ParseECPrivateKey(der); err != nil {
		t.Fatal(err)
	}
	return keyID, key
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, headers map[jose.HeaderKey]any, claims map[string]any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range headers {
		o = o.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func segment(v any) string {
	text, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(text)
}

func TestForgedJWT(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		keyID, key := signingKey(t, s)
		kid := map[jose.HeaderKey]any{"kid": keyID}
		good := map[string]any{
			"sub": jane.ID, "aud": []string{"guildhall"}, "iss": s.URL, "iat": apptest.Epoch.Unix(), "exp": apptest.Epoch.Add(time.Hour).Unix(),
			"cred": int64(clock.At(apptest.Epoch)), "email": jane.Email,
		}
		with := func(change map[string]any) map[string]any {
			claims := maps.Clone(good)
			maps.Copy(claims, change)
			for name, value := range change {
				if value == nil {
					delete(claims, name)
				}
			}
			return claims
		}
		ours := func(change map[string]any) string { return sign(t, jose.ES256, key, kid, with(change)) }
		passes := func(token string) (authn.Actor, error) {
			return s.Authenticator.Authenticate(t.Context(), "Bearer "+token)
		}
		if a, err := passes(ours(nil)); err != nil || a.User != jane.ID {
			t.Fatalf("a token signed with the server's key: %v, %+v; the rest of this test would say nothing", err, a)
		}
		for _, aud := range []any{"guildhall", []string{"other", "guildhall"}} {
			if _, err := passes(ours(map[string]any{"aud": aud})); err != nil {
				t.Errorf("audience %v: %v", aud, err)
			}
		}
		mine, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		public, err := jose.JSONWebKey{Key: &key.PublicKey, KeyID: keyID, Algorithm: "ES256", Use: "sig"}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		other := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
		parts := strings.Split(jane.Credential, ".")
		header := map[string]any{"alg": "none", "kid": keyID, "typ": "JWT"}
		p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for name, token := range map[string]string{
			"alg none":                 segment(header) + "." + parts[1] + ".",
			"alg none, signature kept": segment(header) + "." + parts[1] + "." + parts[2],
			"alg NONE":                 segment(map[string]any{"alg": "NONE", "kid": keyID}) + "." + parts[1] + ".",
			"no alg":                   segment(map[string]any{"kid": keyID}) + "." + parts[1] + "." + parts[2],
			"HS256 with the DER":       sign(t, jose.HS256, der, kid, good),
			"HS256 with the base64":    sign(t, jose.HS256, []byte(base64.StdEncoding.EncodeToString(der)), kid, good),
			"HS256 with the JWK":       sign(t, jose.HS256, public, kid, good),
			"HS256 with the key id":    sign(t, jose.HS256, []byte(strings.Repeat(keyID, 2)), kid, good),
			"a key of mine":            sign(t, jose.ES256, mine, kid, good),
			"my key in the header":     sign(t, jose.ES256, mine, map[jose.HeaderKey]any{"kid": keyID, "jwk": jose.JSONWebKey{Key: &mine.PublicKey}}, good),
			"my key, unknown id":       sign(t, jose.ES256, mine, map[jose.HeaderKey]any{"kid": "0123456789abcdef01"}, good),
			"my key, no id":            sign(t, jose.ES256, mine, nil, good),
			"my key at an address":     sign(t, jose.ES256, mine, map[jose.HeaderKey]any{"kid": keyID, "jku": other.URL + "/.well-known/jwks.json"}, good),
			"another curve":            sign(t, jose.ES384, p384, kid, good),
			"no signature":             parts[0] + "." + parts[1] + ".",
			"the signature of another": parts[0] + "." + parts[1] + "." + strings.Split(joe.Credential, ".")[2],
			"a signature of zeros":     parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86),
			"somebody else's claims":   parts[0] + "." + strings.Split(joe.Credential, ".")[1] + "." + parts[2],
			"another server's":         other.Person(t, "jane@example.com").Credential,

			"wrong audience":      ours(map[string]any{"aud": "koyeb"}),
			"no audience":         ours(map[string]any{"aud": nil}),
			"no expiry":           ours(map[string]any{"exp": nil}),
			"expired":             ours(map[string]any{"exp": apptest.Epoch.Unix()}),
			"expiry of a text":    ours(map[string]any{"exp": "tomorrow"}),
			"expiry below zero":   ours(map[string]any{"exp": -1}),
			"no issue":            ours(map[string]any{"iat": nil}),
			"no subject":          ours(map[string]any{"sub": nil}),
			"unknown subject":     ours(map[string]any{"sub": id.New[string]()}),
			"subject no id":       ours(map[string]any{"sub": "jane@example.com"}),
			"subject with NUL":    ours(map[string]any{"sub": "\x00"}),
			"subject a list":      ours(map[string]any{"sub": []string{string(jane.ID)}}),
			"server as subject":   ours(map[string]any{"sub": store.Server}),
			"older credentials":   ours(map[string]any{"cred": int64(clock.At(apptest.Epoch)) - 1}),
			"later credentials":   ours(map[string]any{"cred": int64(clock.At(apptest.Epoch)) + 1}),
			"no credentials":      ours(map[string]any{"cred": nil}),
			"claims that are not": sign(t, jose.ES256, key, kid, nil),
		} {
			if a, err := passes(token); !fault.Has(err, fault.Unauthenticated) || a.Kind != authn.Anonymous {
				t.Errorf("%s: %v, actor %+v", name, err, a)
			}
		}
		// Each single character of the claims and of the signature counts.
		for i := len(parts[0]) + 1; i < len(jane.Credential)-1; i += 7 {
			changed := []byte(jane.Credential)
			if changed[i] == '.' {
				continue
			}
			if changed[i]++; changed[i] == jane.Credential[i] {
				continue
			}
			if _, err := passes(string(changed)); !fault.Has(err, fault.Unauthenticated) {
				t.Errorf("character %d changed: %v", i, err)
			}
		}
	})
}

func TestJWTLife(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		works := func(what string, c *apptest.Caller, want bool) {
			t.Helper()
			if _, err := s.Authenticator.Authenticate(t.Context(), "Bearer "+c.Credential); (err == nil) != want || (err != nil && !fault.Has(err, fault.Unauthenticated)) {
				t.Errorf("%s: %v, want it to work: %t", what, err, want)
			}
		}
		works("fresh", jane, true)
		account(t, s, jane, `UPDATE account SET disabled_at = $2 WHERE id = $1`)
		works("disabled", jane, false)
		works("not the one who was disabled", joe, true)
		account(t, s, jane, `UPDATE account SET disabled_at = 0 * CAST($2 AS BIGINT) WHERE id = $1`)
		works("enabled", jane, true)
		account(t, s, jane, `UPDATE account SET credentials_changed_at = $2 WHERE id = $1`)
		works("credentials changed", jane, false)
		s.Clock.Advance(time.Hour - time.Second)
		works("in its last second", joe, true)
		s.Clock.Advance(time.Second)
		works("at its end", joe, false)
	})
}

// TestJWTForOldClients: they tell an access token from an API token by whether the
// text before the first dot decodes as padded standard base64.
func TestJWTForOldClients(t *testing.T) {
	for range 3 { // each server has a key id of its own
		s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
		jane := s.Person(t, "jane@example.com")
		header, _, _ := strings.Cut(jane.Credential, ".")
		text, err := base64.StdEncoding.DecodeString(header)
		if err != nil || len(text)%3 != 0 {
			t.Fatalf("the header %q (%d bytes) does not decode as clients ask: %v", text, len(text), err)
		}
		var h map[string]any
		if err := json.Unmarshal(text, &h); err != nil || h["alg"] != "ES256" || h["typ"] != "JWT" || len(h) != 3 {
			t.Errorf("the header is %s", text)
		}
	}
}

func TestJWKS(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		r := s.Anonymous().Get(t, "/.well-known/jwks.json").Must(t, 200)
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(r.Body, &set); err != nil || len(set.Keys) != 1 {
			t.Fatalf("%v: %s", err, r.Body)
		}
		parsed, err := jwt.ParseSigned(jane.Credential, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		keys := set.Key(parsed.Headers[0].KeyID)
		if len(keys) != 1 || !keys[0].IsPublic() || keys[0].Use != "sig" || keys[0].Algorithm != "ES256" {
			t.Fatalf("the keys of %q are %+v", parsed.Headers[0].KeyID, keys)
		}
		var claims authn.Claims
		if err := parsed.Claims(keys[0], &claims); err != nil {
			t.Fatalf("the published key does not verify our token: %v", err)
		}
		if claims.Subject != string(jane.ID) || claims.Issuer == "" || claims.Email != jane.Email || claims.ID == "" || !claims.Audience.Contains("guildhall") {
			t.Errorf("the claims are %+v", claims)
		}
		var raw struct{ Keys []map[string]any }
		if err := json.Unmarshal(r.Body, &raw); err != nil {
			t.Fatal(err)
		}
		for name := range raw.Keys[0] {
			if !slices.Contains([]string{"kty", "crv", "x", "y", "kid", "use", "alg"}, name) {
				t.Errorf("the published key has the part %q", name)
			}
		}
		_, key := signingKey(t, s)
		private, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		d := base64.RawURLEncoding.EncodeToString(private)
		if strings.Contains(string(r.Body), d) {
			t.Error("the private key is published")
		}
		if strings.Contains(s.Log.String(), d) || strings.Contains(s.Log.String(), jane.Credential) {
			t.Error("the log holds a secret")
		}
	})
}
