package reach

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

func TestThisMachine(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"localhost", "LocalHost", "localhost.", "127.0.0.1", "127.9.8.7", "::1", "[::1]", "::ffff:127.0.0.1", host,
		strings.ToUpper(host)}
	for _, p := range interfaceAddrs() {
		names = append(names, p.Addr().String())
	}
	for _, name := range names {
		if !ThisMachine(ctx, name) {
			t.Errorf("%s is not this machine", name)
		}
	}
	for _, name := range []string{"", "240.1.2.3", "2001:db8::1", "nowhere.invalid"} {
		if ThisMachine(ctx, name) {
			t.Errorf("%q is this machine", name)
		}
	}
}

func TestUnresolvedInTimeIsAnotherMachine(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if ThisMachine(ctx, "node1.example") {
		t.Error("a name that nobody looked up")
	}
}

func TestSameName(t *testing.T) {
	tests := []struct {
		name, host string
		want       bool
	}{
		{"node1", "node1", true},
		{"Node1", "node1.cluster", true},
		{"node1.cluster", "node1.cluster", true},
		{"node1.cluster", "node1", false}, // perhaps another cluster's
		{"node", "node1", false},
		{"", "node1", false},
	}
	for _, test := range tests {
		if got := sameName(test.name, test.host); got != test.want {
			t.Errorf("%q for %q: %v", test.name, test.host, got)
		}
	}
}

func TestOn(t *testing.T) {
	for network, want := range map[string]string{
		"lo": "127.0.0.1", "127.0.0.1": "127.0.0.1", "127.0.0.0/8": "127.0.0.1", "127.1.2.3/8": "127.0.0.1",
	} {
		got, err := On(network)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", network, got, err)
		}
	}
	for _, network := range []string{"", "240.1.2.0/24", "240.1.2.3", "nosuch0", "10.0.0.0/99", "fe80::/10"} {
		if got, err := On(network); err == nil {
			t.Errorf("%q: %v", network, got)
		}
	}
}

func TestToward(t *testing.T) {
	for remote, want := range map[string]string{"127.0.0.1": "127.0.0.1", "::ffff:127.0.0.2": "127.0.0.1"} {
		got, err := Toward(netip.MustParseAddr(remote))
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", remote, got, err)
		}
	}
	for _, remote := range []netip.Addr{{}, netip.IPv4Unspecified()} {
		if got, err := Toward(remote); err == nil {
			t.Errorf("%v: %v", remote, got)
		}
	}
}

func TestThrough(t *testing.T) {
	for _, c := range []struct{ address, ip, want string }{
		{"10.0.0.1:70", "10.1.2.3", "10.0.0.1:70"},
		{"0.0.0.0:70", "10.1.2.3", "10.1.2.3:70"},
		{"[::]:70", "10.1.2.3", "10.1.2.3:70"},
		{"[::]:70", "fd00::7", "[fd00::7]:70"},
		{"[::]:70", "fe80::7%eth0", "[fe80::7%eth0]:70"},
		{"nonsense", "10.1.2.3", "nonsense"},
	} {
		if got := Through(c.address, netip.MustParseAddr(c.ip)); got != c.want {
			t.Errorf("%s through %s: %q, want %q", c.address, c.ip, got, c.want)
		}
	}
}
