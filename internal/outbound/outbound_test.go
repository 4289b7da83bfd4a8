package outbound

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}

// TestAddresses knows what is public and what is not, whichever way it is written.
func TestAddresses(t *testing.T) {
	strict := NewPolicy(nil)
	for _, public := range []string{"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.0", "169.253.255.255", "223.255.255.255",
		"2606:4700:4700::1111", "2a00:1450::1", "2003::1", "::ffff:8.8.8.8"} {
		if err := strict.Check(netip.MustParseAddr(public)); err != nil {
			t.Errorf("%s: %v", public, err)
		}
	}
	for _, inner := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.255.255.254",
		"169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
		"198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1",
		"fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "ff02::1", "ff0e::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1",
		"2002:7f00:1::", "2002:a9fe:a9fe::", "3fff::1", "5f00::1",
	} {
		var refused *Refused
		a := netip.MustParseAddr(inner)
		if err := strict.Check(a); !errors.As(err, &refused) {
			t.Errorf("%s passes: %v", inner, err)
		} else if strings.Contains(err.Error(), a.WithZone("").Unmap().String()) {
			t.Errorf("the refusal tells the address: %v", err)
		}
	}
	if err := strict.Check(netip.Addr{}); err == nil {
		t.Error("no address passes")
	}
	some := NewPolicy([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("64:ff9b::/96")})
	for address, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "127.0.0.1": false,
		"64:ff9b::808:808": true, "64:ff9b::a01:203": true, "64:ff9b::a02:1": false, "64:ff9b::7f00:1": false} {
		if got := some.Check(netip.MustParseAddr(address)) == nil; got != want {
			t.Errorf("%s: allowed %t, want %t", address, got, want)
		}
	}
}

// get asks and reads the answer.
func get(c *http.Client, address string) (int, string, error) {
	resp, err := c.Get(address)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// TestInnerListener starts a server on this machine: it is reached only where the operator allows it, and by no spelling else.
func TestInnerListener(t *testing.T) {
	var asked atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, "inside")
	}))
	defer inner.Close()
	_, port, _ := net.SplitHostPort(inner.Listener.Addr().String())
	client := NewPolicy(nil).Client(Limits{})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"} {
		if status, _, err := get(client, "http://"+host+":"+port+"/"); err == nil {
			t.Errorf("%s is answered %d", host, status)
		}
	}
	t.Setenv("HTTP_PROXY", inner.URL)
	t.Setenv("http_proxy", inner.URL)
	t.Setenv("HTTPS_PROXY", inner.URL)
	if _, _, err := get(client, "http://192.0.2.1/"); err == nil {
		t.Error("a proxy from the environment is used")
	}
	if n := asked.Load(); n != 0 {
		t.Fatalf("the inner server was asked %d times", n)
	}
	if status, text, err := get(NewPolicy(here).Client(Limits{}), inner.URL); err != nil || status != 200 || text != "inside" {
		t.Errorf("allowed: %d %q %v", status, text, err)
	}
}

// names is a resolver whose DNS server says something else each time.
func names(t *testing.T, answer func(n int64) netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var asked atomic.Int64
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Header = dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}
			m.Additionals = nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 0}, Body: &dnsmessage.AResource{A: answer(asked.Add(1)).As4()},
				}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}

// TestRebinding: a name that was good when it was looked at stands for this machine at the next look. What counts is the address that is connected to.
func TestRebinding(t *testing.T) {
	var asked atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Connection", "close")
	}))
	defer inner.Close()
	_, port, _ := net.SplitHostPort(inner.Listener.Addr().String())
	good, bad := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	p := NewPolicy(here) // 127.0.0.1 stands for the public server
	p.resolver = names(t, func(n int64) netip.Addr {
		if n == 1 {
			return good
		}
		return bad
	})
	address := "http://rebinding.example.com:" + port + "/"
	if err := p.CheckURL(address); err != nil {
		t.Fatal(err)
	}
	client := p.Client(Limits{})
	if status, _, err := get(client, address); err != nil || status != 200 {
		t.Fatalf("the first time: %d %v", status, err)
	}
	var refused *Refused
	if _, _, err := get(client, address); !errors.As(err, &refused) || refused.Address != bad || strings.Contains(err.Error(), bad.String()) {
		t.Fatalf("the second time: %v", err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestRedirects: each is judged like the first address.
func TestRedirects(t *testing.T) {
	var secret atomic.Int64
	inner := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { secret.Add(1) }))
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("this machine has no second loopback address")
	}
	inner.Listener.Close()
	inner.Listener = listener
	inner.Start()
	defer inner.Close()
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/in":
			http.Redirect(w, r, inner.URL, http.StatusFound)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case "/user":
			http.Redirect(w, r, "http://a:b@"+r.Host+"/end", http.StatusFound)
		case "/end":
			_, _ = io.WriteString(w, "end")
		default:
			http.Redirect(w, r, "/"+strings.TrimPrefix(r.URL.Path, "/x"), http.StatusFound)
		}
	}))
	defer outer.Close()
	p := NewPolicy(here)
	following, not := p.Client(Limits{Redirects: 2}), p.Client(Limits{})
	if status, text, err := get(following, outer.URL+"/xend"); err != nil || status != 200 || text != "end" {
		t.Errorf("a good redirect: %d %q %v", status, text, err)
	}
	if status, _, err := get(not, outer.URL+"/xend"); err != nil || status != 302 {
		t.Errorf("where none is followed: %d %v", status, err)
	}
	for _, path := range []string{"/in", "/xin", "/file", "/user", "/xx/xx/xx/xend"} {
		if status, _, err := get(following, outer.URL+path); err == nil {
			t.Errorf("%s is answered %d", path, status)
		}
	}
	if secret.Load() != 0 {
		t.Error("the inner server was asked")
	}
}

// TestBounds: time and size have an end, whatever the other side does.
func TestBounds(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			<-hang
		case "/headers":
			w.Header().Set("X", strings.Repeat("x", 2*maxHeader))
		default:
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		}
	}))
	defer server.Close()
	defer close(hang)
	p := NewPolicy(here)
	if _, text, err := get(p.Client(Limits{Body: 100}), server.URL); err != nil || len(text) != 100 {
		t.Errorf("a body of just the limit: %d bytes, %v", len(text), err)
	}
	if _, text, err := get(p.Client(Limits{Body: 99}), server.URL); !errors.Is(err, ErrTooLarge) || len(text) != 99 {
		t.Errorf("a body over the limit: %d bytes, %v", len(text), err)
	}
	if _, _, err := get(p.Client(Limits{}), server.URL+"/headers"); err == nil {
		t.Error("endless headers are taken")
	}
	var late net.Error
	if _, _, err := get(p.Client(Limits{Time: 50 * time.Millisecond}), server.URL+"/hang"); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("a body that does not end: %v", err)
	}
}

// TestCheckURL refuses early what can be seen to be wrong.
func TestCheckURL(t *testing.T) {
	p := NewPolicy(nil)
	for _, good := range []string{"https://example.com/hook", "http://example.com:8080/?a=b", "https://1.1.1.1/", "https://[2606:4700::1]/"} {
		if err := p.CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "example.com", "ftp://example.com", "file:///etc/passwd", "http://", "http:opaque", "http:///path", "https://u:p@example.com", "http://127.0.0.1", "http://[::1]:80/",
		"http://[::ffff:7f00:1]/", "http://[fe80::1%25eth0]/", "http://localhost", "http://LOCALHOST.:80", "http://a.localhost", "http://169.254.169.254/latest", "https://example.com/" + strings.Repeat("x", maxURL)} {
		if err := p.CheckURL(bad); err == nil {
			t.Errorf("%s passes", bad)
		}
	}
}

// FuzzTarget: what passes the early look, and names an address, passes at the connection too; and the other way round.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"http://127.0.0.1/", "http://[::1]/", "https://example.com", "http://0x7f.1/", "http://[64:ff9b::1]/", "http://u@1.1.1.1", "http://1.1.1.1:99999/", "//", "http://[::ffff:10.0.0.1%25x]:80"} {
		f.Add(seed)
	}
	p := NewPolicy(nil)
	f.Fuzz(func(t *testing.T, text string) {
		err := p.CheckURL(text)
		u, broken := url.Parse(text)
		if broken != nil {
			if err == nil {
				t.Errorf("%q is no address, and passes", text)
			}
			return
		}
		a, none := netip.ParseAddr(u.Hostname())
		if none != nil {
			return
		}
		again := p.control("tcp", netip.AddrPortFrom(a, 80).String(), nil)
		if err == nil && again != nil {
			t.Errorf("%q passes early, and its address does not: %v", text, again)
		}
		if u := a.Unmap().WithZone(""); again == nil && (u.IsPrivate() || u.IsLoopback() || u.IsLinkLocalUnicast() || u.IsMulticast() || u.IsUnspecified()) {
			t.Errorf("%s passes", a)
		}
	})
}
