package httpd

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Edge is what stands between the clients and this server.
type Edge struct {
	// TrustedProxies are believed when they say whom they ask for.
	TrustedProxies []netip.Prefix
	// TLS says that this server itself speaks TLS.
	TLS bool
}

// address is the client's: the peer's, unless that is a proxy of ours, which then
// names it. X-Forwarded-For grows to the right, so from there the first address that
// is no proxy of ours is the last that somebody trustworthy saw; what stands to its
// left is the client's own invention.
func (e Edge) address(r *http.Request) string {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	if len(e.TrustedProxies) == 0 {
		return peer
	}
	hop, ok := parseHop(peer)
	if !ok {
		return peer
	}
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			if !e.trusts(hop) {
				return hop.String()
			}
			var entry string
			if at := strings.LastIndexByte(rest, ','); at >= 0 {
				rest, entry = rest[:at], rest[at+1:]
			} else {
				entry, more = rest, false
			}
			next, ok := parseHop(strings.TrimSpace(entry))
			if !ok {
				return hop.String()
			}
			hop = next
		}
	}
	return hop.String()
}

func (e Edge) trusts(a netip.Addr) bool {
	for _, p := range e.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// parseHop reads an address; some proxies write its port too.
func parseHop(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		with, err := netip.ParseAddrPort(text)
		if err != nil {
			return a, false
		}
		a = with.Addr()
	}
	return a.Unmap().WithZone(""), true
}
