package oidc_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/oidc/oidctest"
)

const audience = "https://guildhall.example.com/api"

// taking is a Guildhall that takes the forger's tokens.
func taking(f *oidctest.Forger, more ...func(*config.Server)) apptest.Options {
	return apptest.Options{Settings: func(c *config.Server) {
		c.OIDC.Issuer, c.OIDC.Audience, c.OIDC.Name = f.URL, audience, "Forge"
		for _, change := range more {
			change(c)
		}
	}}
}

// said are the claims of a good token, with changes; nil leaves a claim out.
func said(f *oidctest.Forger, at time.Time, changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": f.URL, "aud": audience, "sub": "jane", "exp": at.Add(time.Hour).Unix(), "iat": at.Unix(), "email": "jane@example.com", "email_verified": true,
	}
	for name, value := range changes {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	return claims
}

func bearer(s *apptest.Server, token string) *apptest.Caller {
	return (&apptest.Caller{Scheme: "Bearer", Credential: token}).At(s)
}

// TestTokens: what is not the provider's, or not for us, or not now, is nobody's.
func TestTokens(t *testing.T) {
	f := oidctest.NewForger(t)
	key, other := oidctest.NewKey("k1"), oidctest.NewKey("k1") // another key under the same name
	f.Show(key)
	apptest.EachWith(t, taking(f), func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		now := apptest.Epoch
		for name, changes := range map[string]map[string]any{
			"plain": nil, "one of several audiences": {"aud": []string{"x", audience}}, "no issuing time": {"iat": nil},
			"expired within the skew":       {"exp": now.Add(-59 * time.Second).Unix()},
			"in force soon":                 {"nbf": now.Add(59 * time.Second).Unix()},
			"issued by a clock that is off": {"iat": now.Add(59 * time.Second).Unix()},
			"fractions of seconds":          {"exp": float64(now.Add(time.Hour).Unix()) + 0.5},
		} {
			if r := bearer(s, key.Sign(t, said(f, now, changes))).Get(t, "/account"); r.Status != 200 || r.Text("id") != string(jane.ID) {
				t.Errorf("%s: %d %s", name, r.Status, r.Body)
			}
		}
		for name, changes := range map[string]map[string]any{
			"expired": {"exp": now.Add(-60 * time.Second).Unix()}, "no end": {"exp": nil}, "an end beyond time": {"exp": 1e300}, "a negative end": {"exp": -1},
			"an end as a text": {"exp": "soon"}, "not in force": {"nbf": now.Add(61 * time.Second).Unix()}, "from the future": {"iat": now.Add(61 * time.Second).Unix()},
			"another audience": {"aud": "https://other.example.com"}, "no audience": {"aud": nil}, "an audience that is alike": {"aud": audience + "/"},
			"another issuer": {"iss": "https://evil.example.com"}, "an issuer that is alike": {"iss": f.URL + "/"}, "no issuer": {"iss": nil},
			"no subject": {"sub": nil}, "an empty subject": {"sub": ""}, "a long subject": {"sub": strings.Repeat("x", 256)},
		} {
			if r := bearer(s, key.Sign(t, said(f, now, changes))).Get(t, "/account"); r.Status != 401 {
				t.Errorf("%s: %d %s", name, r.Status, r.Body)
			}
		}
		good := said(f, now, nil)
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		for name, token := range map[string]string{
			"no signature": oidctest.Unsigned(t, map[string]any{"alg": "none"}, good), "no signature, a key's name": oidctest.Unsigned(t, map[string]any{"alg": "none", "kid": "k1"}, good),
			"an algorithm in capitals":       oidctest.Unsigned(t, map[string]any{"alg": "NONE"}, good),
			"the public key as a secret":     oidctest.SignWith(t, jose.HS256, jose.JSONWebKey{Key: public, KeyID: "k1"}, good),
			"another key of the same name":   other.Sign(t, good),
			"another key without a name":     oidctest.SignWith(t, jose.ES256, oidctest.NewKey("").Private(), good),
			"a signature of something else":  transplant(key.Sign(t, good), key.Sign(t, said(f, now, map[string]any{"iat": nil}))),
			"another subject, its address":   key.Sign(t, said(f, now, map[string]any{"sub": "eve"})),
			"a key that the token itself is": oidctest.SignWith(t, jose.ES256, jose.JSONWebKey{Key: other.Private(), KeyID: "k2"}, good),
		} {
			if r := bearer(s, token).Get(t, "/account"); r.Status != 401 {
				t.Errorf("%s: %d %s", name, r.Status, r.Body)
			}
		}
		bearer(s, key.Sign(t, good)).Get(t, "/account").Must(t, 200)
		if strings.Contains(s.Log.String(), key.Sign(t, good)[:60]) {
			t.Error("the log holds a token")
		}
		s.Verify(t)
	})
}

// transplant gives a token the signature of another.
func transplant(token, from string) string {
	return token[:strings.LastIndex(token, ".")] + from[strings.LastIndex(from, "."):]
}

// TestSymmetricKeys: a secret among the public keys, were one shown, signs nothing.
func TestSymmetricKeys(t *testing.T) {
	f := oidctest.NewForger(t)
	key, secret := oidctest.NewKey("k1"), []byte(strings.Repeat("s", 32))
	f.Show(key)
	f.ShowRaw(jose.JSONWebKey{Key: secret, KeyID: "oct", Algorithm: "HS256"})
	encrypting := oidctest.NewKey("enc")
	f.ShowRaw(jose.JSONWebKey{Key: encrypting.Public(), KeyID: "enc", Use: "enc"})
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), taking(f))
	good := said(f, apptest.Epoch, nil)
	bearer(s, oidctest.SignWith(t, jose.HS256, jose.JSONWebKey{Key: secret, KeyID: "oct"}, good)).Get(t, "/account").Refused(t, 401, "unauthenticated")
	bearer(s, encrypting.Sign(t, good)).Get(t, "/account").Refused(t, 401, "unauthenticated")
	bearer(s, key.Sign(t, good)).Get(t, "/account").Must(t, 200)
}

// TestRotation: a new key is found, an old one forgotten, and a flood of unknown ones
// does not become a flood to the provider.
func TestRotation(t *testing.T) {
	f := oidctest.NewForger(t)
	one, two := oidctest.NewKey("k1"), oidctest.NewKey("k2")
	f.Show(one)
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), taking(f, func(c *config.Server) { c.AccessTokenLife = 24 * time.Hour }))
	claims := said(f, apptest.Epoch, map[string]any{"exp": apptest.Epoch.Add(100 * time.Hour).Unix()})
	first := bearer(s, one.Sign(t, claims))
	for range 5 {
		first.Get(t, "/account").Must(t, 200)
		bearer(s, one.Sign(t, claims)).Get(t, "/account").Must(t, 200)
	}
	if addresses, keys := f.Asked(); addresses != 1 || keys != 1 {
		t.Errorf("the provider was asked %d and %d times", addresses, keys)
	}
	for range 20 {
		bearer(s, oidctest.NewKey("bogus").Sign(t, claims)).Get(t, "/account").Refused(t, 401, "unauthenticated")
	}
	if _, keys := f.Asked(); keys != 1 {
		t.Errorf("the keys were asked for %d times within the pause", keys)
	}
	f.Show(two)
	second := bearer(s, two.Sign(t, claims))
	s.Clock.Advance(10 * time.Second)
	second.Get(t, "/account").Must(t, 200)
	first.Get(t, "/account").Refused(t, 401, "unauthenticated") // also what was checked before
	if _, keys := f.Asked(); keys != 2 {
		t.Errorf("the keys were asked for %d times", keys)
	}
	// A key is also forgotten where nothing unknown comes.
	f.Show(one)
	s.Clock.Advance(9 * time.Minute)
	second.Get(t, "/account").Must(t, 200)
	s.Clock.Advance(time.Minute)
	second.Get(t, "/account").Refused(t, 401, "unauthenticated")
	first.Get(t, "/account").Must(t, 200)
}

// TestProviderDown: we start without the provider, and only who needs it hears of it.
func TestProviderDown(t *testing.T) {
	f := oidctest.NewForger(t)
	key := oidctest.NewKey("k1")
	f.Show(key)
	down := func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	f.Answer(down)
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), taking(f))
	jane := s.Person(t, "jane@example.com")
	claims := said(f, apptest.Epoch, map[string]any{"exp": apptest.Epoch.Add(100 * time.Hour).Unix()})
	theirs := bearer(s, key.Sign(t, claims))
	for range 3 {
		r := theirs.Get(t, "/account").Refused(t, 503, "unavailable")
		if r.Header.Get("Retry-After") != "10" || !strings.Contains(r.Text("message"), "Forge does not answer") {
			t.Errorf("%v %s", r.Header, r.Body)
		}
		jane.Get(t, "/account").Must(t, 200)
		bearer(s, "a.b.c").Get(t, "/account").Refused(t, 401, "unauthenticated")
	}
	f.Answer(nil)
	theirs.Get(t, "/account").Refused(t, 503, "unavailable") // it is left alone for a moment
	s.Clock.Advance(10 * time.Second)
	theirs.Get(t, "/account").Must(t, 200)
	// Down again: the keys are known for a day.
	f.Answer(down)
	s.Clock.Advance(23 * time.Hour)
	theirs.Get(t, "/account").Must(t, 200)
	s.Clock.Advance(2 * time.Hour)
	theirs.Get(t, "/account").Refused(t, 503, "unavailable")
	f.Answer(nil)
	s.Clock.Advance(10 * time.Second)
	theirs.Get(t, "/account").Must(t, 200)
}

// TestHostileAnswers: answers of the provider are bounded and not believed blindly.
func TestHostileAnswers(t *testing.T) {
	f := oidctest.NewForger(t)
	key := oidctest.NewKey("k1")
	f.Show(key)
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), taking(f))
	theirs := bearer(s, key.Sign(t, said(f, apptest.Epoch, nil)))
	for name, body := range map[string]string{
		"no JSON": "<html>", "another issuer": `{"issuer":"https://evil.example.com","jwks_uri":"` + f.URL + `/keys"}`,
		"endless": `{"issuer":"` + f.URL + `","x":"` + strings.Repeat("x", 2<<20) + `"}`, "empty": "{}",
	} {
		f.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(body))
			return true
		})
		if r := theirs.Get(t, "/account"); r.Status != 503 {
			t.Errorf("addresses, %s: %d %s", name, r.Status, r.Body)
		}
		s.Clock.Advance(10 * time.Second)
	}
	for name, body := range map[string]string{"no JSON": "x", "endless": `{"keys":[` + strings.Repeat(" ", 2<<20) + `]}`} {
		f.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/keys" {
				return false
			}
			_, _ = w.Write([]byte(body))
			return true
		})
		if r := theirs.Get(t, "/account"); r.Status != 503 {
			t.Errorf("keys, %s: %d %s", name, r.Status, r.Body)
		}
		s.Clock.Advance(10 * time.Second)
	}
	f.Answer(nil)
	theirs.Get(t, "/account").Must(t, 200)
	if n := len(s.Log.String()); n > 50_000 {
		t.Errorf("the log has grown to %d bytes", n)
	}
}
