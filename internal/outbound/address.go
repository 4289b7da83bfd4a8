package outbound

import "net/netip"

// special are the networks that no public server is in (IANA's registries of special
// addresses), with what they are.
var special = []struct {
	network netip.Prefix
	what    string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("10.0.0.0/8"), "in a private network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "in a provider's own network"},
	{netip.MustParsePrefix("127.0.0.0/8"), "this machine itself"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"}, // the metadata of most clouds
	{netip.MustParsePrefix("172.16.0.0/12"), "in a private network"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "an address for documents"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a relay's address"},
	{netip.MustParsePrefix("192.168.0.0/16"), "in a private network"},
	{netip.MustParsePrefix("198.18.0.0/15"), "in a network for measurements"},
	{netip.MustParsePrefix("198.51.100.0/24"), "an address for documents"},
	{netip.MustParsePrefix("203.0.113.0/24"), "an address for documents"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's metadata"}, // a public number, answered inside

	// Of IPv6 only 2000::/3 is public, see Check; what follows is special within it.
	{netip.MustParsePrefix("2001::/23"), "a reserved address"}, // Teredo, which holds an IPv4 address, is in it
	{netip.MustParsePrefix("2001:db8::/32"), "an address for documents"},
	{netip.MustParsePrefix("2002::/16"), "a relay's address"}, // 6to4, which holds an IPv4 address
	{netip.MustParsePrefix("3fff::/20"), "an address for documents"},
}

var (
	public6   = netip.MustParsePrefix("2000::/3")
	translate = netip.MustParsePrefix("64:ff9b::/96") // NAT64: an IPv4 address in its last bytes
	unique    = netip.MustParsePrefix("fc00::/7")
)

// Check refuses an address that is neither public nor allowed by the operator.
func (p *Policy) Check(a netip.Addr) error {
	a = a.WithZone("").Unmap()
	if !a.IsValid() {
		return &Refused{Why: "no address"}
	}
	allowed := false
	for _, network := range p.allowed {
		allowed = allowed || network.Contains(a)
	}
	if allowed && translate.Contains(a) { // the way is allowed; where it leads is asked by itself
		b := a.As16()
		return p.Check(netip.AddrFrom4([4]byte(b[12:])))
	}
	if what := kind(a); what != "" && !allowed {
		return &Refused{a, what}
	}
	return nil
}

// kind says what an address is that is not public.
func kind(a netip.Addr) string {
	for _, s := range special {
		if s.network.Contains(a) {
			return s.what
		}
	}
	switch {
	case a.Is4(), public6.Contains(a):
		return ""
	case a.IsLoopback():
		return "this machine itself"
	case a.IsUnspecified():
		return "an unspecified address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsMulticast():
		return "a multicast address"
	case unique.Contains(a):
		return "in a private network"
	}
	return "a reserved address"
}
