package guard

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ParsePrefixes reads the networks of trusted proxies: prefixes or single addresses separated by commas, such as
// "127.0.0.1, 10.0.0.0/8, fd00::/8". The empty text trusts nobody.
func ParsePrefixes(text string) ([]netip.Prefix, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var prefixes []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		p, err := netip.ParsePrefix(part)
		if err != nil {
			a, aerr := netip.ParseAddr(part)
			if aerr != nil || a.Zone() != "" {
				return nil, fmt.Errorf("reading trusted proxies: %q is neither an address nor a prefix such as 10.0.0.0/8", part)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("reading trusted proxies: write %q as the IPv4 network that it is", part)
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}

// ClientAddress is the address of whoever sent the request, as far as trusted proxies vouch for it; empty when the
// server does not know its peer by an address, as on a Unix socket.
//
// A peer that is not trusted is the client, whatever its headers claim. Behind a trusted peer it is the right-most address
// of X-Forwarded-For that is not trusted itself: each proxy appends who called it, so what stands further left is the
// client's own invention. Where an entry cannot be read, the search ends at the last address that could.
func ClientAddress(r *http.Request, trusted []netip.Prefix) string {
	peer, ok := parseHop(r.RemoteAddr)
	if !ok {
		return ""
	}
	client := peer
	lines := r.Header.Values("X-Forwarded-For")
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more; {
			if !contains(trusted, client) {
				return client.String()
			}
			comma := strings.LastIndexByte(rest, ',')
			hop, ok := parseHop(strings.TrimSpace(rest[comma+1:]))
			if !ok {
				return client.String()
			}
			client = hop
			if more = comma >= 0; more {
				rest = rest[:comma]
			}
		}
	}
	return client.String()
}

// parseHop reads an address with or without a port, and with or without the brackets of IPv6.
func parseHop(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if s, ok = strings.CutSuffix(inner, "]"); !ok {
			return netip.Addr{}, false
		}
	}
	a, err := netip.ParseAddr(s)
	return plain(a), err == nil
}

// plain strips what makes two spellings of one address differ: the zone, and IPv4 written as IPv6.
func plain(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
