package launch

import (
	"net/netip"
	"strings"
	"testing"

	"jiajia/core/reach"
)

// reached returns a supervisor with a link to each of some addresses.
func reached(addresses ...string) *supervisor {
	s := &supervisor{plan: &plan{}, links: []*link{nil}}
	for _, a := range addresses {
		l := &link{s: s, site: &site{Name: "node", Ranks: []int{1}}}
		if a != "" {
			l.address = netip.MustParseAddr(a)
		}
		s.links = append(s.links, l)
	}
	return s
}

func TestAllOnThisMachine(t *testing.T) {
	s := reached()
	if err := s.settleAddresses(); err != nil || s.listen != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("listen on %v, %v", s.listen, err)
	}
}

func TestWayToTheOthers(t *testing.T) {
	s := reached("127.0.0.1", "127.0.0.2")
	if err := s.settleAddresses(); err != nil || s.listen != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("listen on %v, %v", s.listen, err)
	}
	for address, want := range map[string]string{"": "JIA_NETWORK", "fe80::1": "JIA_NETWORK", "0.0.0.0": "JIA_NETWORK"} {
		if err := reached(address).settleAddresses(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestLoopbackIsNotToldToOthers(t *testing.T) {
	outside := netip.Addr{}
	for _, text := range []string{"0.0.0.0/0", "::/0"} {
		if a, err := reach.On(text); err == nil && !a.IsLoopback() {
			outside = a
		}
	}
	if !outside.IsValid() {
		t.Skip("this machine has no address but loopback")
	}
	if err := reached("127.0.1.1", outside.String()).settleAddresses(); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Error(err)
	}
}

func TestNetworkDecides(t *testing.T) {
	s := reached("")
	s.plan.Network = "127.0.0.0/8"
	if err := s.settleAddresses(); err != nil || s.listen != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("listen on %v, %v", s.listen, err)
	}
	s.plan.Network = "no such network"
	if err := s.settleAddresses(); err == nil {
		t.Error("no error")
	}
}

func TestEveryMachineIsToldAnAddressOnItsSide(t *testing.T) {
	s := reached("10.0.0.2", "fd00::3")
	s.links[1].toward, s.links[2].toward = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	everywhere := &member{address: "[::]:80"}
	for i, want := range []string{"127.0.0.1:80", "10.0.0.1:80", "[fd00::1]:80"} {
		if got := s.seenFrom(s.links[i], everywhere); got != want {
			t.Errorf("machine %d: %s, want %s", i, got, want)
		}
	}
	for _, m := range []*member{{address: "10.0.0.1:80"}, {address: "any text"}, {address: "0.0.0.0:1", link: s.links[1]}} {
		if got := s.seenFrom(s.links[2], m); got != m.address {
			t.Errorf("%s became %s", m.address, got)
		}
	}
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	if wildcard(a, a) != netip.IPv4Unspecified() || wildcard(a, b) != netip.IPv6Unspecified() || wildcard(b, a) != netip.IPv6Unspecified() {
		t.Error("the wrong family")
	}
}

func TestServerAddress(t *testing.T) {
	for connection, want := range map[string]string{
		"10.0.0.1 5000 10.0.0.2 22":                "10.0.0.2",
		"::ffff:10.0.0.1 5000 ::ffff:10.0.0.2 22":  "10.0.0.2",
		"fd00::1 5000 fd00::2 22":                  "fd00::2",
		"UNKNOWN 65535 UNKNOWN 65535":              "",
		"":                                         "",
		"10.0.0.1 5000 10.0.0.2":                   "",
		"fe80::1%eth0 5000 fe80::2%eth0 22":        "fe80::2%eth0",
		"10.0.0.1 5000 10.0.0.2 22 and some more ": "",
	} {
		if got := serverAddress(connection); got != want {
			t.Errorf("%q: %q, want %q", connection, got, want)
		}
	}
}
