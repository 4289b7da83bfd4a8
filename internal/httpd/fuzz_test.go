package httpd

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// FuzzForwardedFor: a header makes nobody of who is no proxy, and what a proxy says is an address or nothing.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"", "198.51.100.1", "1.1.1.1, 10.0.0.2", "[2001:db8::1]:443", "::ffff:10.0.0.1,fe80::1%eth0", "unknown, _x, ,,", "\x00\xff", strings.Repeat("10.0.0.1,", 100)} {
		f.Add(seed, "198.51.100.7", true)
		f.Add(seed, "", false)
	}
	edge := Edge{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	f.Fuzz(func(t *testing.T, first, second string, two bool) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["X-Forwarded-For"] = []string{first}
		if two {
			r.Header["X-Forwarded-For"] = []string{first, second}
		}
		r.RemoteAddr = "203.0.113.9:1000"
		if got := edge.address(r); got != "203.0.113.9" {
			t.Fatalf("a stranger is %q", got)
		}
		r.RemoteAddr = "10.0.0.1:1000"
		got := edge.address(r)
		a, err := netip.ParseAddr(got)
		if err != nil || a.Zone() != "" || a.Is4In6() {
			t.Fatalf("the client is %q (%v)", got, err)
		}
		// What is further left than the answer changes nothing.
		r.Header["X-Forwarded-For"] = append([]string{"192.0.2.55"}, r.Header["X-Forwarded-For"]...)
		if again := edge.address(r); !edge.trusts(a) && again != got {
			t.Fatalf("an invention on the left makes %q of %q", again, got)
		}
	})
}

// FuzzRequestID: what becomes a header and a line of the log is short and plain.
func FuzzRequestID(f *testing.F) {
	for _, seed := range []string{"", "0123-abcd", "a b", "x\r\nSet-Cookie: a=b", strings.Repeat("x", 65), "ümlaut-12"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["X-Request-Id"] = []string{given}
		got := requestID(r)
		if len(got) < 8 || len(got) > 64 || strings.Trim(got, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "" {
			t.Errorf("%q becomes %q", given, got)
		}
		if cut := truncate(given, 16); len([]rune(cut)) > 16 || strings.ContainsFunc(cut, noText) {
			t.Errorf("%q is cut to %q", given, cut)
		}
	})
}
