package epoll

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
)

func TestAdvertise(t *testing.T) {
	for _, c := range []struct{ addr, host, want string }{
		{"10.0.0.1:70", "node7", "10.0.0.1:70"},
		{"0.0.0.0:70", "node7", "node7:70"},
		{"0.0.0.0:70", "10.1.2.3", "10.1.2.3:70"},
		{"[::]:70", "10.1.2.3", "10.1.2.3:70"},
		{"[::]:70", "fd00::7", "[fd00::7]:70"},
		{"[::]:70", "fe80::7%eth0", "[fe80::7%eth0]:70"},
		{"[::]:70", "", ""},
		{"[::]:70", "::", ""},
		{"0.0.0.0:70", "0.0.0.0", ""},
		{"nonsense", "node7", ""},
	} {
		got, err := Advertise(c.addr, c.host)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s as %q: %q, %v", c.addr, c.host, got, err)
		}
	}
}

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
			addr, err := Advertise(tr.Addr(), hosts[tr.o.Self%2])
			if err != nil {
				t.Fatal(err)
			}
			return addr
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
