package oidc

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// FuzzClaims: whatever a signed token says, who it is about has a subject, an end and only an address that was proved.
func FuzzClaims(f *testing.F) {
	now := time.Unix(1_772_366_400, 0)
	for _, seed := range []string{
		`{"sub":"jane","exp":1772370000,"email":"jane@example.com","email_verified":true,"given_name":"Jane"}`, `{"sub":"jane","exp":1772370000,"email":"jane@example.com","email_verified":"false"}`,
		`{"sub":"","exp":1772370000}`, `{"sub":"a\u0000b","exp":1772370000}`, `{"sub":"x","exp":1e300}`, `{"sub":"x","exp":-1}`, `{"sub":"x","exp":1772370000.5,"nbf":1e18}`, `[]`, `{"email_verified":[true]}`,
		`{"sub":"x","exp":1772370000,"email_verified":true,"email":"a@b\r\nBcc: c@d"}`,
	} {
		f.Add([]byte(seed))
	}
	s := &Service{settings: Settings{Issuer: "https://login.example.com"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		s.Named(string(text))
		if s.Named("e30."+base64.RawURLEncoding.EncodeToString(text)+".") && !json.Valid(text) {
			t.Errorf("%q is named", text)
		}
		var c claims
		if json.Unmarshal(text, &c) != nil || c.check(now) != nil {
			return
		}
		who := s.outsider(c)
		if who.Subject == "" || len(who.Subject) > maxSubject || who.Issuer != s.settings.Issuer || !who.ExpiresAt.Std().After(now) {
			t.Errorf("%q is %+v", text, who)
		}
		checks := &fault.Checks{}
		if who.Email != "" && (!bool(c.Verified) || authn.CheckEmail(checks, "email", who.Email) != who.Email || checks.Err() != nil) {
			t.Errorf("%q proves %q (%v)", text, who.Email, checks.Err())
		}
		if !utf8.ValidString(who.FirstName+who.LastName) || len(who.FirstName) > 128 {
			t.Errorf("%q is called %q", text, who.FirstName)
		}
	})
}
