package httpd

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/route"
)

// TestAddress: nobody but a proxy of ours says who the client is, and nobody's word
// goes further than the first address that is no proxy of ours.
func TestAddress(t *testing.T) {
	edge := Edge{TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8:1::/48"),
	}}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string // a line each
		want      string
	}{
		"a stranger":                       {"203.0.113.9:4000", nil, "203.0.113.9"},
		"a stranger who claims":            {"203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.9"},
		"a stranger who claims to be ours": {"203.0.113.9:4000", []string{"10.0.0.1"}, "203.0.113.9"},
		"a proxy":                          {"10.0.0.1:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		"a proxy without the header":       {"10.0.0.1:4000", nil, "10.0.0.1"},
		"a proxy named by its address":     {"192.0.2.7:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"a neighbour of the proxy":         {"192.0.2.8:1", []string{"198.51.100.1"}, "192.0.2.8"},
		"two proxies":                      {"10.0.0.1:4000", []string{"198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		"invented on the left":             {"10.0.0.1:4000", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		"ours invented on the left":        {"10.0.0.1:4000", []string{"10.0.0.5, 198.51.100.1"}, "198.51.100.1"},
		"invented in a line before":        {"10.0.0.1:4000", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		"over two lines":                   {"10.0.0.1:4000", []string{"1.1.1.1,198.51.100.1", "10.2.2.2"}, "198.51.100.1"},
		"only proxies":                     {"10.0.0.1:4000", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		"nonsense":                         {"10.0.0.1:4000", []string{"unknown"}, "10.0.0.1"},
		"nonsense on the left":             {"10.0.0.1:4000", []string{"<script>, 198.51.100.1"}, "198.51.100.1"},
		"nonsense in the middle":           {"10.0.0.1:4000", []string{"198.51.100.1, _x, 10.0.0.2"}, "10.0.0.2"},
		"empty":                            {"10.0.0.1:4000", []string{""}, "10.0.0.1"},
		"a comma too many":                 {"10.0.0.1:4000", []string{"198.51.100.1,"}, "10.0.0.1"},
		"with a port":                      {"10.0.0.1:4000", []string{"198.51.100.1:5050"}, "198.51.100.1"},
		"IPv6":                             {"[2001:db8:1::1]:9", []string{"2001:db8:2::5"}, "2001:db8:2::5"},
		"IPv6 in brackets":                 {"[2001:db8:1::1]:9", []string{"[2001:db8:2::5]"}, "2001:db8:2::5"},
		"IPv6 with a port":                 {"[2001:db8:1::1]:9", []string{"[2001:db8:2::5]:80"}, "2001:db8:2::5"},
		"IPv6 written long":                {"[2001:db8:1::1]:9", []string{"2001:0DB8:0002:0:0:0:0:5"}, "2001:db8:2::5"},
		"IPv4 as IPv6":                     {"[::ffff:10.0.0.1]:9", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"no address at all":                {"@", []string{"198.51.100.1"}, "@"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.forwarded
		r.Header.Set("Forwarded", "for=9.9.9.9")
		r.Header.Set("X-Real-Ip", "9.9.9.9")
		if got := edge.address(r); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got := (Edge{}).address(r); got == "198.51.100.1" {
			t.Errorf("%s: without trusted proxies the header is believed", name)
		}
	}
}

// TestAddressInTheLog asks through the whole chain.
func TestAddressInTheLog(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		edge := Edge{}
		if trusted {
			edge.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		}
		server, log, _ := chainedAt(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, route.RequestInfo(r.Context()).Address)
		}, edge, false)
		r, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := strings.Contains(log.String(), `"address":"198.51.100.1"`); got != trusted {
			t.Errorf("trusted %t: %s", trusted, log.String())
		}
	}
}

// TestHSTS: browsers are told to stay with TLS where clients reach us by it, and
// nowhere else.
func TestHSTS(t *testing.T) {
	for _, secure := range []bool{true, false} {
		server, _, _ := chainedAt(t, func(http.ResponseWriter, *http.Request) {}, Edge{}, secure)
		r, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-Proto", "https") // no proxy decides this
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		want := ""
		if secure {
			want = "max-age=31536000"
		}
		if got := resp.Header.Get("Strict-Transport-Security"); got != want {
			t.Errorf("secure %t: %q", secure, got)
		}
	}
}
