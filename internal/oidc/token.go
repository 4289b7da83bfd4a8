package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	rp "github.com/coreos/go-oidc/v3/oidc"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Skew is how far the provider's clock may be from ours.
const Skew = time.Minute

// latest bounds the moments in tokens, in seconds: far beyond every calendar.
const latest = 1 << 40

// maxSubject is the longest name of a subject that the standard allows.
const maxSubject = 255

// claims are what a token of the provider says.
type claims struct {
	Subject    string  `json:"sub"`
	Email      string  `json:"email"`
	Verified   flag    `json:"email_verified"`
	Name       string  `json:"name"`
	GivenName  string  `json:"given_name"`
	FamilyName string  `json:"family_name"`
	Nonce      string  `json:"nonce"`
	Party      string  `json:"azp"`
	Expiry     seconds `json:"exp"`
	IssuedAt   seconds `json:"iat"`
	NotBefore  seconds `json:"nbf"`
}

// flag is true also where a provider writes it as a text.
type flag bool

// UnmarshalJSON reads it; everything that is not true is not.
func (f *flag) UnmarshalJSON(text []byte) error {
	*f = string(text) == "true" || string(text) == `"true"`
	return nil
}

// seconds is a moment as tokens have it: seconds since 1970, perhaps with a fraction.
type seconds float64

func (s seconds) time() time.Time { return time.Unix(int64(s), 0) }

// Named tells whether a token says of itself that the provider made it.
func (s *Service) Named(token string) bool {
	_, rest, _ := strings.Cut(token, ".")
	body, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(body)
	var c struct {
		Issuer string `json:"iss"`
	}
	return err == nil && json.Unmarshal(text, &c) == nil && c.Issuer == s.settings.Issuer
}

// Check verifies an access token of the provider for our API, from memory where it can.
func (s *Service) Check(ctx context.Context, token string) (authn.Outsider, error) {
	if !s.TakesTokens() {
		return authn.Outsider{}, errors.New("tokens of the provider are not taken")
	}
	_, keys, err := s.provider.discover(ctx)
	if err != nil {
		return authn.Outsider{}, err
	}
	if err := keys.fresh(ctx, false); err != nil {
		return authn.Outsider{}, err
	}
	if who, ok := s.checked.Get(token); ok {
		return who, nil
	}
	c, err := s.verify(ctx, keys, token, s.settings.Audience)
	if err != nil {
		return authn.Outsider{}, err
	}
	who := s.outsider(c)
	s.checked.Add(token, who)
	return who, nil
}

// verify checks everything about a token that does not depend on what it is for.
func (s *Service) verify(ctx context.Context, k *keys, token, audience string) (claims, error) {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	// The times are ours to check: the library knows no difference between clocks.
	verifier := rp.NewVerifier(s.settings.Issuer, k, &rp.Config{ClientID: audience, SupportedSigningAlgs: names, SkipExpiryCheck: true})
	var c claims
	parsed, err := verifier.Verify(ctx, token)
	if err != nil {
		// The library does not keep what is behind an error; whether the provider can be asked is known here.
		if again := k.fresh(ctx, false); again != nil {
			return c, again
		}
		return c, err
	}
	if err := parsed.Claims(&c); err != nil {
		return c, err
	}
	return c, c.check(s.db.Now().Std())
}

// check looks at the times and at what every token must have.
func (c claims) check(now time.Time) error {
	switch {
	case c.Subject == "" || len(c.Subject) > maxSubject || strings.ContainsRune(c.Subject, 0):
		return errors.New("the token names no subject")
	case c.Expiry <= 0 || max(c.Expiry, c.NotBefore, c.IssuedAt) > latest:
		return errors.New("the token has no end")
	case !now.Before(c.Expiry.time().Add(Skew)):
		return fault.New(fault.Unauthenticated, "The access token has expired; sign in again.")
	case c.NotBefore > 0 && now.Add(Skew).Before(c.NotBefore.time()):
		return errors.New("the token is not in force yet")
	case c.IssuedAt > 0 && now.Add(Skew).Before(c.IssuedAt.time()):
		return errors.New("the token was issued in the future")
	}
	return nil
}

// outsider is who a token is about. An address counts where the provider has proved it,
// and where it is one that an account may have.
func (s *Service) outsider(c claims) authn.Outsider {
	who := authn.Outsider{
		Issuer: s.settings.Issuer, Subject: c.Subject, FirstName: name(c.GivenName), LastName: name(c.FamilyName),
		ExpiresAt: clock.At(c.Expiry.time().Add(Skew)),
	}
	checks := &fault.Checks{}
	if email := authn.CheckEmail(checks, "email", c.Email); bool(c.Verified) && checks.Err() == nil {
		who.Email = email
	}
	return who
}

// name bounds what the provider calls somebody; one that an account may not have is left out.
func name(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 128 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == '\ufffd' || authn.Invisible(c) }) {
		return ""
	}
	return s
}
