package guard_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/guard"
)

func mustPrefixes(t testing.TB, text string) []netip.Prefix {
	t.Helper()
	prefixes, err := guard.ParsePrefixes(text)
	if err != nil {
		t.Fatal(err)
	}
	return prefixes
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	const proxies = "127.0.0.1, ::1, 10.0.0.0/8, fd00::/8"
	cases := []struct {
		name      string
		trusted   string
		peer      string
		forwarded []string
		want      string
	}{
		{"no proxy", proxies, "192.0.2.1:4000", nil, "192.0.2.1"},
		{"a stranger's header is ignored", proxies, "192.0.2.1:4000", []string{"198.51.100.9"}, "192.0.2.1"},
		{"nobody is trusted", "", "127.0.0.1:4000", []string{"198.51.100.9"}, "127.0.0.1"},
		{"one proxy", proxies, "127.0.0.1:4000", []string{"198.51.100.9"}, "198.51.100.9"},
		{"two proxies", proxies, "127.0.0.1:4000", []string{"198.51.100.9, 10.1.2.3"}, "198.51.100.9"},
		{
			"the client invents what stands further left", proxies, "127.0.0.1:4000",
			[]string{"203.0.113.5,198.51.100.9,10.1.2.3"},
			"198.51.100.9",
		},
		{
			"the client pretends to be a proxy", proxies, "127.0.0.1:4000",
			[]string{"203.0.113.5, 10.9.9.9, 198.51.100.9"},
			"198.51.100.9",
		},
		{
			"several header lines are one list", proxies, "127.0.0.1:4000",
			[]string{"203.0.113.5", "198.51.100.9", "10.1.2.3"},
			"198.51.100.9",
		},
		{"a trusted peer without a header", proxies, "10.0.0.5:4000", nil, "10.0.0.5"},
		{"everybody is trusted", proxies, "127.0.0.1:4000", []string{"10.0.0.7, 10.0.0.8"}, "10.0.0.7"},
		{"IPv6", proxies, "[::1]:4000", []string{"2001:db8::1, fd00::2"}, "2001:db8::1"},
		{"ports and brackets", proxies, "[::1]:4000", []string{"[2001:db8::1]:5000, [fd00::2], 10.0.0.1:80"}, "2001:db8::1"},
		{"a peer that is IPv4 written as IPv6", proxies, "[::ffff:127.0.0.1]:4000", []string{"198.51.100.9"}, "198.51.100.9"},
		{"a hop that is IPv4 written as IPv6", proxies, "127.0.0.1:4000", []string{"198.51.100.9, ::ffff:10.0.0.1"}, "198.51.100.9"},
		{"zones are dropped", "fe80::/10", "[fe80::1%eth0]:4000", []string{"fe80::2%25"}, "fe80::2"},
		{"garbage ends the search", proxies, "127.0.0.1:4000", []string{"198.51.100.9, unknown, 10.1.2.3"}, "10.1.2.3"},
		{"garbage alone", proxies, "127.0.0.1:4000", []string{"<script>"}, "127.0.0.1"},
		{"an empty header", proxies, "127.0.0.1:4000", []string{""}, "127.0.0.1"},
		{"an empty entry", proxies, "127.0.0.1:4000", []string{"198.51.100.9,,10.1.2.3"}, "10.1.2.3"},
		{"an open bracket", proxies, "127.0.0.1:4000", []string{"[2001:db8::1"}, "127.0.0.1"},
		{"a peer without an address", proxies, "@", []string{"198.51.100.9"}, ""},
		{"no peer", proxies, "", nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
			if got := guard.ClientAddress(r, mustPrefixes(t, c.trusted)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestParsePrefixes(t *testing.T) {
	t.Parallel()
	got := mustPrefixes(t, " 127.0.0.1,10.1.2.3/8 , fd00::/8,::1")
	want := []netip.Prefix{
		netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("::1/128"),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for _, nobody := range []string{"", " "} {
		if got := mustPrefixes(t, nobody); len(got) != 0 {
			t.Errorf("ParsePrefixes(%q) = %v, want nobody", nobody, got)
		}
	}
	for _, bad := range []string{
		"proxy.example", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8,", "::ffff:10.0.0.0/104", "fe80::1%eth0", "*",
	} {
		if got, err := guard.ParsePrefixes(bad); err == nil {
			t.Errorf("ParsePrefixes(%q) = %v, want an error", bad, got)
		}
	}
}

// FuzzClientAddress: whatever stands in the header, the answer is an address; a stranger is taken for who it is; and what
// a client writes to the left of the entry that its proxy appended changes nothing.
func FuzzClientAddress(f *testing.F) {
	f.Add("127.0.0.1:1", "198.51.100.9, 10.0.0.1", "198.51.100.9")
	f.Add("192.0.2.1:1", "10.0.0.1", "203.0.113.5")
	f.Add("[::1]:1", ",,[", "2001:db8::1")
	f.Add("127.0.0.1:1", "::ffff:10.0.0.1%x", "1.2.3.4")
	trusted := mustPrefixes(f, "127.0.0.1, ::1, 10.0.0.0/8, fd00::/8")
	f.Fuzz(func(t *testing.T, peer, forged, client string) {
		address := func(lines ...string) string {
			return guard.ClientAddress(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": lines}}, trusted)
		}
		plain := func(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }
		trusts := func(a netip.Addr) bool {
			return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
		}

		got := address(forged)
		ap, err := netip.ParseAddrPort(peer)
		if err != nil {
			return // no peer, or one without a port; only panics count
		}
		if a, err := netip.ParseAddr(got); err != nil || a != plain(a) || a.String() != got {
			t.Fatalf("%q is no plain address", got)
		}
		if !trusts(plain(ap.Addr())) {
			if got != plain(ap.Addr()).String() {
				t.Fatalf("the stranger %s passed for %s", peer, got)
			}
			return
		}
		a, err := netip.ParseAddr(client)
		if err != nil || trusts(plain(a)) || strings.ContainsAny(client, ", ") {
			return
		}
		want := plain(a).String()
		for _, lines := range [][]string{{forged + "," + client}, {forged, client + ", 10.0.0.1"}, {forged, client, "fd00::1"}} {
			if got := address(lines...); got != want {
				t.Fatalf("%q gave %s, want %s", lines, got, want)
			}
		}
	})
}
