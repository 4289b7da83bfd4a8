package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are the signatures that are believed: all of them with a key of two
// parts, so that nobody who knows what is public can sign.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// keys are the provider's public keys. An unknown one makes us look again; a key that
// the provider does not show any more is forgotten.
type keys struct {
	provider *provider
	url      string

	asking sync.Mutex // held while the provider is asked
	mu     sync.RWMutex
	known  []jose.JSONWebKey
	at     time.Time // when they were last shown
	tried  time.Time // when we last asked
}

var (
	errSignature  = errors.New("the signature is not the provider's")
	errUnknownKey = errors.New("signed with a key that the provider does not show")
)

// VerifySignature gives what a token says once its signature is known to be the
// provider's. It is how the library asks for keys.
func (k *keys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, err
	}
	if len(signed.Signatures) != 1 {
		return nil, errSignature
	}
	header := signed.Signatures[0].Header
	if err := k.fresh(ctx, false); err != nil {
		return nil, err
	}
	candidates := k.signers(header)
	if len(candidates) == 0 {
		if err := k.fresh(ctx, true); err != nil {
			return nil, err
		}
		candidates = k.signers(header)
	}
	if len(candidates) == 0 {
		return nil, errUnknownKey
	}
	for _, key := range candidates {
		if payload, err := signed.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, errSignature
}

// signers are the keys that may have made a signature with this header.
func (k *keys) signers(header jose.Header) []jose.JSONWebKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var list []jose.JSONWebKey
	for _, key := range k.known {
		if (header.KeyID == "" || key.KeyID == header.KeyID) && (key.Algorithm == "" || key.Algorithm == header.Algorithm) {
			list = append(list, key)
		}
	}
	return list
}

func (k *keys) ages() (shown, tried time.Duration, some bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	now := k.provider.clock.Now()
	return now.Sub(k.at), now.Sub(k.tried), k.known != nil
}

// fresh asks the provider for its keys where ours are old, or where one is missing. One
// request asks; while ours are good enough the others go on with them.
func (k *keys) fresh(ctx context.Context, missing bool) error {
	shown, _, some := k.ages()
	if some && shown < keysFresh && !missing {
		return nil
	}
	if !some || missing {
		k.asking.Lock()
	} else if !k.asking.TryLock() {
		return nil
	}
	defer k.asking.Unlock()
	shown, tried, some := k.ages() // another request may have asked while this one waited
	if tried >= pause && (missing || !some || shown >= keysFresh) {
		k.ask(ctx)
		shown, _, some = k.ages()
	}
	if !some || shown >= keysUsable {
		return k.provider.unavailable(errPause)
	}
	return nil
}

func (k *keys) ask(ctx context.Context) {
	list, err := k.fetch(ctx)
	now := k.provider.clock.Now()
	k.mu.Lock()
	k.tried = now
	if err == nil {
		k.known, k.at = list, now
	}
	k.mu.Unlock()
	if err != nil {
		k.provider.log.Warn("the keys of the provider of identities could not be fetched", slog.String("issuer", k.provider.issuer), slog.Any("error", err))
		return
	}
	k.provider.renewed()
}

func (k *keys) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := k.provider.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the provider answers %s", resp.Status)
	}
	return readKeys(text)
}

// readKeys reads the public keys that sign; others in the set are no concern of ours.
func readKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	list := []jose.JSONWebKey{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || !key.IsPublic() || !key.Valid() || (key.Use != "" && key.Use != "sig") {
			continue
		}
		if key.Algorithm != "" && !slices.Contains(algorithms, jose.SignatureAlgorithm(key.Algorithm)) {
			continue
		}
		list = append(list, key)
	}
	return list, nil
}
