//go:build rdma

package verbs

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// device returns an address of an RDMA device, or skips the test with the reason.
func device(t *testing.T) (ch *EventChannel, id *ID) {
	t.Helper()
	if err := Load(); err != nil {
		t.Skip(err)
	}
	ports, err := Ports()
	if err == nil {
		err = Inactive(ports)
	}
	if err != nil {
		t.Skip(err)
	}
	t.Log(ports)
	if ch, err = NewEventChannel(); err != nil {
		t.Fatal(err)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() {
			continue
		}
		if id, err = ch.NewID(); err != nil {
			t.Fatal(err)
		}
		if err := id.Bind(netip.AddrPortFrom(p.Addr(), 0)); err == nil {
			if _, ok := id.Context(); ok {
				return ch, id
			}
		}
		id.Free()
	}
	t.Fatal("there is a device, but none with an address")
	return nil, nil
}

// TestDevice makes one of everything, and frees it.
func TestDevice(t *testing.T) {
	ch, id := device(t)
	defer ch.Free()
	defer id.Free()
	c, _ := id.Context()
	l, err := c.Limits()
	if err != nil || l.QueueEntries < 16 || l.ReadsAtOnce < 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	if up, err := id.Active(); !up || err != nil {
		t.Error(id.Device(), err)
	}
	if _, err := ch.Next(); err != unix.EAGAIN {
		t.Error(err)
	}
	pd, err := c.NewPD()
	if err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	mr, err := pd.Register(b, LocalWrite)
	if err != nil {
		t.Fatal(err)
	}
	comp, err := c.NewChannel()
	if err != nil {
		t.Fatal(err)
	}
	cq, err := c.NewCQ(16, 7, comp)
	if err != nil {
		t.Fatal(err)
	}
	srq, err := pd.NewSRQ(4)
	if err != nil {
		t.Fatal(err)
	}
	if err := srq.Post(3, b, mr.Local); err != nil {
		t.Fatal(err)
	}
	qp, err := pd.NewQP(&Want{Send: cq, Recv: cq, Shared: srq, SendEntries: 4, Inline: 64})
	if err != nil {
		t.Fatal(err)
	}
	if err := cq.Notify(); err != nil {
		t.Fatal(err)
	}
	if _, ok := comp.Event(); ok {
		t.Error("an event of nothing")
	}
	var wc [4]Completion
	if n, err := cq.Poll(wc[:]); n != 0 || err != nil {
		t.Error(n, err)
	}
	for _, free := range []func() error{qp.Free, srq.Free, cq.Free, comp.Free, mr.Free, pd.Free} {
		if err := free(); err != nil {
			t.Error(err)
		}
	}
}
