package epoll

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/reach"
)

func TestLinkLocalZones(t *testing.T) {
	sa, _, err := resolve("tcp", "[fe80::1%lo]:7", 0)
	if err != nil || zoneOf(sa) != 1 {
		t.Errorf("the zone lo: %+v, %v", sa, err)
	}
	// The zone of a peer's address is that of its own machine.
	if sa, _, err = resolve("tcp", "[fe80::1%its-eth7]:7", 5); err != nil || zoneOf(sa) != 5 {
		t.Errorf("a peer's zone: %+v, %v", sa, err)
	}
	if sa, _, err = resolve("tcp", "[fd00::1]:7", 5); err != nil || zoneOf(sa) != 0 {
		t.Errorf("no link-local address: %+v, %v", sa, err)
	}
	if _, _, err = resolve("tcp", "[fe80::1]:7", 0); err == nil || !strings.Contains(err.Error(), "names no interface") {
		t.Errorf("no zone: %v", err)
	}
}

// TestConformanceWildcard listens at all addresses of both families; hosts with an even id are reached through the one
// family, the others through the other.
func TestConformanceWildcard(t *testing.T) {
	hosts := []string{"127.0.0.1", "127.0.0.2"}
	if fd, _, err := listen("tcp", "[::1]:0"); err == nil {
		unix.Close(fd)
		hosts[1] = "::1"
	}
	nodetest.Run(t, func(t testing.TB, handlers []node.Handler) (r []node.Transport) {
		var ts []*Transport
		for i, h := range handlers {
			tr, err := Listen("tcp", "[::]:0", options(i, h))
			if err != nil {
				t.Fatal(err)
			}
			ts, r = append(ts, tr), append(r, tr)
		}
		join(t, ts, func(tr *Transport) string {
			return reach.Through(tr.Addr(), netip.MustParseAddr(hosts[tr.o.Self%2]))
		})
		return r
	})
}

// TestOnThisMachine looks at what connections of this machine with itself use: the simplest congestion control.
func TestOnThisMachine(t *testing.T) {
	p := newPair(t, nil)
	for _, tr := range p.tr {
		for _, fd := range tr.peers[1-tr.o.Self].fds {
			if name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); err != nil || name != "reno" {
				t.Errorf("host %d: congestion control %q, %v", tr.o.Self, name, err)
			}
		}
	}
}
