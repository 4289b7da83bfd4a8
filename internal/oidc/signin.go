package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"time"

	rp "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
)

const (
	// callbackPath is where the provider sends people back to.
	callbackPath = "/sign-in/oidc/callback"
	// attemptLife is how long somebody may take at the provider.
	attemptLife = 10 * time.Minute
	// maxNext bounds where somebody wants to go on to; it is a part of a cookie.
	maxNext = 1024
)

// attempt is a sign-in that was begun. The browser keeps it in a cookie, and everything
// that must come back from the provider is derived from its text: nothing is kept here,
// and whoever does not have the cookie can finish nothing.
type attempt struct {
	Secret  string     `json:"s"`
	Next    string     `json:"n,omitempty"`
	BegunAt clock.Time `json:"t"`
	// Session is that of somebody who links an identity to the account they are in.
	Session id.Session `json:"l,omitempty"`
}

func newAttempt(now clock.Time, next string, session id.Session) attempt {
	if len(next) > maxNext {
		next = ""
	}
	return attempt{Secret: rand.Text(), Next: next, BegunAt: now, Session: session}
}

// text is the attempt as a cookie's value.
func (a attempt) text() (string, error) {
	text, err := json.Marshal(a)
	return base64.RawURLEncoding.EncodeToString(text), err
}

// derive makes a secret of its own for each use of an attempt.
func derive(text, use string) string {
	sum := sha256.Sum256([]byte(use + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

var errStale = fault.New(fault.SignInRefused, "This sign-in was begun in another browser, or too long ago. Begin again.")

// resume reads the cookie of an attempt and holds it to the state that came back.
func resume(text, state string, now clock.Time) (attempt, error) {
	var a attempt
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if text == "" || err != nil || json.Unmarshal(plain, &a) != nil {
		return a, errStale
	}
	if subtle.ConstantTimeCompare([]byte(derive(text, "state")), []byte(state)) != 1 {
		return attempt{}, errStale
	}
	if now < a.BegunAt || now >= a.BegunAt.Add(attemptLife) {
		return attempt{}, errStale
	}
	return a, nil
}

// oauth is how we speak to the provider as its client.
func (s *Service) oauth(found *rp.Provider, publicURL string) *oauth2.Config {
	endpoint := found.Endpoint()
	if s.settings.ClientSecret == "" { // a public client only names itself
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: s.settings.ClientID, ClientSecret: s.settings.ClientSecret, Endpoint: endpoint,
		RedirectURL: publicURL + callbackPath, Scopes: []string{rp.ScopeOpenID, "email", "profile"},
	}
}

// begin gives the address at the provider to which a browser with the cookie's text goes.
func (s *Service) begin(ctx context.Context, publicURL, text string) (string, error) {
	if !s.SignsIn() {
		return "", fault.New(fault.NotFound, "Nobody signs in by a provider of identities here.")
	}
	found, _, err := s.provider.discover(ctx)
	if err != nil {
		return "", err
	}
	return s.oauth(found, publicURL).AuthCodeURL(derive(text, "state"), oauth2.S256ChallengeOption(derive(text, "verifier")), rp.Nonce(derive(text, "nonce"))), nil
}

// finish trades the code that came back for who somebody is.
func (s *Service) finish(ctx context.Context, publicURL, text string, answer url.Values) (authn.Outsider, error) {
	if problem := answer.Get("error"); problem != "" {
		return authn.Outsider{}, s.refusal("the provider refuses it", errors.New(safeCode(problem)))
	}
	if by := answer.Get("iss"); by != "" && by != s.settings.Issuer {
		return authn.Outsider{}, s.refusal("the answer is another provider's", errors.New("the issuer differs"))
	}
	found, keys, err := s.provider.discover(ctx)
	if err != nil {
		return authn.Outsider{}, err
	}
	ctx, cancel := context.WithTimeout(s.provider.bound(ctx), askTime)
	defer cancel()
	token, err := s.oauth(found, publicURL).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(derive(text, "verifier")))
	if err != nil {
		return authn.Outsider{}, s.exchangeFailed(err)
	}
	raw, _ := token.Extra("id_token").(string)
	c, err := s.verify(ctx, keys, raw, s.settings.ClientID)
	if err != nil {
		if fault.Has(err, fault.Unavailable) {
			return authn.Outsider{}, err
		}
		return authn.Outsider{}, s.refusal("the identity token is not good", err)
	}
	if subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(derive(text, "nonce"))) != 1 {
		return authn.Outsider{}, s.refusal("the identity token is not good", errors.New("it was made for another sign-in"))
	}
	if c.Party != "" && c.Party != s.settings.ClientID {
		return authn.Outsider{}, s.refusal("the identity token is not good", errors.New("it was made for another client"))
	}
	if c.Email == "" {
		if err := s.describe(ctx, found, token, &c); err != nil {
			return authn.Outsider{}, err
		}
	}
	return s.outsider(c), nil
}

// describe asks the provider for what its identity token leaves out.
func (s *Service) describe(ctx context.Context, found *rp.Provider, token *oauth2.Token, c *claims) error {
	if found.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return s.provider.unavailable(err)
	}
	var more claims
	if err := info.Claims(&more); err != nil || more.Subject != c.Subject {
		return s.refusal("the answer about the person is not good", errors.New("it is about another person"))
	}
	c.Email, c.Verified, c.GivenName, c.FamilyName = more.Email, more.Verified, more.GivenName, more.FamilyName
	return nil
}

// exchangeFailed tells a code that is not worth anything from a provider that is down.
// The answer's text stays out of the log: it is not ours to judge what is in it.
func (s *Service) exchangeFailed(err error) error {
	var e *oauth2.RetrieveError
	switch {
	case errors.As(err, &e) && e.Response != nil && e.Response.StatusCode < 500:
		return s.refusal("the provider does not take the code", errors.New(safeCode(e.ErrorCode)))
	case errors.As(err, &e):
		return s.provider.unavailable(errors.New("the provider failed to answer about a code"))
	}
	return s.provider.unavailable(err)
}

// refusal says to the log why somebody was not let in, and to them what they can do.
func (s *Service) refusal(why string, cause error) error {
	s.log.Warn("a sign-in through the provider of identities was refused", slog.String("issuer", s.settings.Issuer), slog.String("why", why), slog.Any("error", cause))
	return fault.New(fault.SignInRefused, "%s did not let you in here. Begin again.", s.settings.Name).Because(cause)
}

// safeCode bounds a code of the protocol, which may come from anywhere.
func safeCode(code string) string {
	if len(code) > 64 {
		return "unknown"
	}
	for _, c := range []byte(code) {
		if (c < 'a' || c > 'z') && c != '_' {
			return "unknown"
		}
	}
	return code
}
