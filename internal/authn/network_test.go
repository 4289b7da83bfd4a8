package authn_test

import (
	"testing"

	"github.com/guildhall-dev/guildhall/internal/authn"
)

// TestNetwork: who has one IPv6 address has 2^64 of them, and no more tries for that.
func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"198.51.100.1": "198.51.100.1", "::ffff:198.51.100.1": "::ffff:198.51.100.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::": "2001:db8:1:2::/64", "2001:db8:1:3::": "2001:db8:1:3::/64", "fe80::1%eth0": "fe80::/64", "": "", "@": "@",
	} {
		if got := (authn.Client{Address: address}).Network(); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
