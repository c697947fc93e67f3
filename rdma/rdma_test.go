//go:build rdma

package rdma

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

var testSecret = []byte("a secret that only tests know...")

// devices returns the addresses of this machine's RDMA devices, or skips the test with the reason.
func devices(t testing.TB) (list []netip.Addr) {
	t.Helper()
	if err := verbs.Load(); err != nil {
		t.Skip(err)
	}
	ports, err := verbs.Ports()
	if err == nil {
		err = verbs.Inactive(ports)
	}
	if err != nil {
		t.Skip(err)
	}
	ch, err := verbs.NewEventChannel()
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Free()
	all, err := addresses(netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		id, err := ch.NewID()
		if err != nil {
			t.Fatal(err)
		}
		if id.Bind(netip.AddrPortFrom(a, 0)) == nil {
			if _, ok := id.Context(); ok && a.Is4() {
				list = append(list, a)
			}
		}
		id.Free()
	}
	if len(list) == 0 {
		t.Fatal("there is a device, but none with an address")
	}
	return list
}

// options are those of a host of the tests' job.
func options(self, hosts int, h node.Handler, devices []netip.Addr) Options {
	return Options{
		Self: wire.HostID(self), Hosts: hosts, Secret: testSecret, Handler: h, PageSize: nodetest.PageSize,
		Address: devices[self%len(devices)],
	}
}

// start makes a job whose hosts are spread over the devices.
func start(t testing.TB, handlers []node.Handler, change func(*Options)) []*Transport {
	t.Helper()
	at := devices(t)
	var ts []*Transport
	for i, h := range handlers {
		o := options(i, len(handlers), h, at)
		change(&o)
		ts = append(ts, New(o))
		ts[i].unshared = unshared
	}
	joinAll(t, ts)
	return ts
}

// unshared is true while a test pretends that devices have no shared receive queues.
var unshared bool

// joinAll starts transports as one job.
func joinAll(t testing.TB, ts []*Transport) {
	t.Helper()
	cards, keep := make([]string, len(ts)), make([]bool, len(ts))
	for i, tr := range ts {
		var why string
		if cards[i], why = tr.Card(); cards[i] == "" {
			t.Fatal(why)
		}
		keep[i] = true
	}
	errs := make([]error, len(ts))
	var wg sync.WaitGroup
	for i, tr := range ts {
		wg.Go(func() {
			if errs[i] = errors.Join(tr.Try(cards)...); errs[i] == nil {
				errs[i] = tr.Start(keep)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func maker(spin time.Duration) nodetest.Make {
	return func(t testing.TB, handlers []node.Handler) []node.Transport {
		var r []node.Transport
		for _, tr := range start(t, handlers, func(o *Options) { o.Spin = spin }) {
			r = append(r, tr)
		}
		return r
	}
}

func TestConformance(t *testing.T) { nodetest.Run(t, maker(0)) }

func TestConformanceSpinning(t *testing.T) { nodetest.Run(t, maker(30*time.Microsecond)) }
