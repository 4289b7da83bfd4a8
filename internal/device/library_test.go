package device_test

import (
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
)

// TestLibrary goes the way with a client that was not written for us.
func TestLibrary(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{RealClock: true})
	s.Person(t, "jane@example.com")
	b := s.Browser()
	enter(t, b, "jane@example.com")
	about := s.Anonymous().Get(t, "/.well-known/oauth-authorization-server").Must(t, 200)
	config := oauth2.Config{ClientID: "library", Scopes: []string{"openid", "offline_access"}, Endpoint: oauth2.Endpoint{
		DeviceAuthURL: about.Text("device_authorization_endpoint"), TokenURL: about.Text("token_endpoint"),
	}}
	codes, err := config.DeviceAuth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if codes.VerificationURIComplete == "" || time.Until(codes.Expiry) < 9*time.Minute {
		t.Errorf("the codes: %+v", codes)
	}
	page := b.Open(t, codes.VerificationURIComplete).Send(t, "/device", nil).Must(t, 200, "library")
	page.Send(t, "/device/approve", nil).Must(t, 200)
	codes.Interval = 1 // it was approved already; the library waits before it asks
	token, err := config.DeviceAccessToken(t.Context(), codes)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		last := *token
		last.Expiry = time.Now().Add(-time.Minute) // so that the library refreshes
		if token, err = config.TokenSource(t.Context(), &last).Token(); err != nil {
			t.Fatal(err)
		}
		if token.AccessToken == last.AccessToken || token.RefreshToken == last.RefreshToken {
			t.Error("nothing was refreshed")
		}
		r := (&apptest.Caller{Scheme: token.Type(), Credential: token.AccessToken}).At(s).Get(t, "/account").Must(t, 200)
		if r.Text("email") != "jane@example.com" {
			t.Errorf("%s", r.Body)
		}
	}
}
