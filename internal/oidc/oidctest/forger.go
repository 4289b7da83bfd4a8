package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Forger is a provider that signs whatever a test wants, and counts what it is asked.
type Forger struct {
	URL string
	mu  sync.Mutex
	// shown are the keys that it shows; asked counts how often.
	shown  []jose.JSONWebKey
	asked  int
	found  int
	answer func(w http.ResponseWriter, r *http.Request) bool
}

// NewForger starts one that shows no key yet.
func NewForger(t testing.TB) *Forger {
	t.Helper()
	f := &Forger{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		f.found++
		f.mu.Unlock()
		write(w, map[string]any{
			"issuer": f.URL, "jwks_uri": f.URL + "/keys", "authorization_endpoint": f.URL + "/authorize", "token_endpoint": f.URL + "/token",
			"id_token_signing_alg_values_supported": []string{"none", "HS256", "ES256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asked++
		write(w, jose.JSONWebKeySet{Keys: f.shown})
	})
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		answer := f.answer
		f.mu.Unlock()
		if answer == nil || !answer(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	f.URL = listener.URL
	t.Cleanup(listener.Close)
	return f
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone when this fails
}

// Answer lets a function answer in place of the provider, where it does; nil ends that.
func (f *Forger) Answer(with func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = with
}

// Show shows these keys and no others.
func (f *Forger) Show(keys ...Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown = nil
	for _, k := range keys {
		f.shown = append(f.shown, jose.JSONWebKey{Key: &k.private.PublicKey, KeyID: k.Name, Algorithm: "ES256", Use: "sig"})
	}
}

// ShowRaw shows one more key as it is.
func (f *Forger) ShowRaw(key jose.JSONWebKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown = append(f.shown, key)
}

// Asked tells how often the addresses and the keys were asked for.
func (f *Forger) Asked() (addresses, keys int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.found, f.asked
}

// Key signs tokens.
type Key struct {
	Name    string
	private *ecdsa.PrivateKey
}

// NewKey makes a key.
func NewKey(name string) Key {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail on supported systems
	}
	return Key{name, private}
}

// Sign makes a token of claims.
func (k Key) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	return SignWith(t, jose.ES256, jose.JSONWebKey{Key: k.private, KeyID: k.Name}, claims)
}

// SignWith makes a token with any key and algorithm.
func SignWith(t testing.TB, algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Unsigned makes a token without a signature.
func Unsigned(t testing.TB, header, claims map[string]any) string {
	t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(header) + "." + part(claims) + "."
}

// Public is a key's public part.
func (k Key) Public() *ecdsa.PublicKey { return &k.private.PublicKey }

// Private is the key itself.
func (k Key) Private() *ecdsa.PrivateKey { return k.private }
