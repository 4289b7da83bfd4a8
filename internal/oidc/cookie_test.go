package oidc_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/oidc/oidctest"
)

// TestPlantedCookie: a cookie of somebody else's making, with everything that fits it,
// signs in whom the provider names, and leads nowhere outside.
func TestPlantedCookie(t *testing.T) {
	f := oidctest.NewForger(t)
	key := oidctest.NewKey("k1")
	f.Show(key)
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), taking(f, func(c *config.Server) { c.OIDC.ClientID = "client" }))
	plain, err := json.Marshal(map[string]any{"s": "x", "n": "https://evil.example.com/", "t": clock.At(s.Clock.Now())})
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString(plain)
	derived := func(use string) string {
		sum := sha256.Sum256([]byte(use + "\x00" + text))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	f.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": key.Sign(t, said(f, s.Clock.Now(), map[string]any{"aud": "client", "nonce": derived("nonce")}))})
		return true
	})
	answer := url.Values{"code": {"x"}, "state": {derived("state")}}
	r := s.Anonymous().With("Cookie", "guildhall_oidc="+text).Get(t, "/sign-in/oidc/callback?"+answer.Encode()).Must(t, 303)
	if to := r.Header.Get("Location"); to != "/console/" {
		t.Errorf("the cookie leads to %s", to)
	}
}
