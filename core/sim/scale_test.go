package sim

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"jiajia/core"
	"jiajia/core/wire"
)

// A fleet is many machines and nothing else: no memory, no schedule, messages delivered in order. It counts messages and
// the longest chain of them, each sent because of the one before.
type fleet struct {
	machines []*core.Machine
	depth    []int // of each host: the longest chain that ends there
	queue    []parcel
	sent     int
	longest  int
	most     []int // messages that each host has sent
}

type parcel struct {
	to    wire.HostID
	msg   wire.Message
	depth int
}

const (
	fleetWaiter core.Waiter = 1
	fleetOwner  core.Owner  = 1
)

func newFleet(hosts int) *fleet {
	f := &fleet{depth: make([]int, hosts), most: make([]int, hosts)}
	for h := range hosts {
		f.machines = append(f.machines, core.New(core.Config{Self: wire.HostID(h), Hosts: hosts, Pages: 1 << 20, PageSize: 64}))
	}
	return f
}

// count forgets what was counted so far.
func (f *fleet) count() {
	f.sent, f.longest = 0, 0
	clear(f.depth)
	clear(f.most)
}

// emit posts the messages of a step of host h. Nothing here has pages, so there are no other effects.
func (f *fleet) emit(h wire.HostID, fx *core.Effects) {
	for _, e := range fx.List {
		if e.Kind == core.Wake {
			continue
		}
		msg := fx.Msgs[e.Msg]
		msg.From = h
		f.sent++
		f.most[h]++
		f.queue = append(f.queue, parcel{e.Host, msg, f.depth[h] + 1})
	}
}

// call makes one call at each of the given hosts and delivers messages until all have come to their ends.
func (f *fleet) call(t *testing.T, hosts []wire.HostID, call func(m *core.Machine, fx *core.Effects) (core.Status, error)) {
	t.Helper()
	open := map[wire.HostID]bool{}
	settle := func(h wire.HostID, st core.Status, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if open[h] = st != core.Done; !open[h] {
			delete(open, h)
		}
	}
	for _, h := range hosts {
		var fx core.Effects
		st, err := call(f.machines[h], &fx)
		f.emit(h, &fx)
		settle(h, st, err)
	}
	for len(f.queue) > 0 {
		p := f.queue[0]
		f.queue = f.queue[1:]
		f.depth[p.to] = max(f.depth[p.to], p.depth)
		f.longest = max(f.longest, p.depth)
		var fx core.Effects
		if err := f.machines[p.to].Handle(&p.msg, &fx); err != nil {
			t.Fatal(err)
		}
		f.emit(p.to, &fx)
		link := p.msg.Type == wire.BarArrive || p.msg.Type == wire.BarRelease
		if open[p.to] && (link || p.msg.Port == uint32(fleetWaiter)) {
			var fx core.Effects
			st, err := f.machines[p.to].Resume(fleetWaiter, &fx)
			f.emit(p.to, &fx)
			settle(p.to, st, err)
		}
	}
	if len(open) > 0 {
		t.Fatalf("%d hosts are still in their call", len(open))
	}
}

// TestScale prints what barriers and locks cost on up to 1,024 hosts, and holds the growth to the design: a barrier of n
// hosts takes 2(n-1) messages in chains that grow as log n, with a bounded number at each host; a lock does not depend on
// the number of hosts.
func TestScale(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "%6s | %8s %6s %9s | %9s %6s | %9s %6s %9s\n", "", "barrier", "", "most", "free lock", "", "hand-off", "", "lock held")
	fmt.Fprintf(&table, "%6s | %8s %6s %9s | %9s %6s | %9s %6s %9s\n", "hosts", "messages", "depth", "at a host", "messages", "depth", "messages", "depth", "here last")
	for _, n := range []int{2, 4, 16, 64, 256, 1024} {
		f := newFleet(n)
		var all []wire.HostID
		for h := range n {
			all = append(all, wire.HostID(h))
		}

		f.call(t, all, func(m *core.Machine, fx *core.Effects) (core.Status, error) {
			return m.Barrier(fleetWaiter, fleetOwner, wire.KindBarrier, fx)
		})
		messages, depth, most := f.sent, f.longest, 0
		for _, k := range f.most {
			most = max(most, k)
		}
		levels := math.Ceil(math.Log(float64(n)) / math.Log(4))
		if messages > 2*(n-1) || float64(depth) > 2*levels+1 || most > 5 {
			t.Errorf("a barrier of %d hosts: %d messages, %d deep, %d at one host", n, messages, depth, most)
		}

		// A lock that is free at a third host, seen from one that is not its manager.
		lock := func(id core.LockID) func(*core.Machine, *core.Effects) (core.Status, error) {
			return func(m *core.Machine, fx *core.Effects) (core.Status, error) {
				return m.Lock(fleetWaiter, fleetOwner, id, fx)
			}
		}
		unlock := func(id core.LockID) func(*core.Machine, *core.Effects) (core.Status, error) {
			return func(m *core.Machine, fx *core.Effects) (core.Status, error) {
				return m.Unlock(fleetWaiter, fleetOwner, id, fx)
			}
		}
		holder, other := all[n-1:], all[n/2:n/2+1]
		if n == 2 {
			holder, other = all[:1], all[1:]
		}
		f.call(t, holder, lock(0))
		f.call(t, holder, unlock(0))
		f.count()
		f.call(t, other, lock(0))
		free, freeDepth := f.sent, f.longest
		f.call(t, other, unlock(0))
		if free > 3 || freeDepth > 3 {
			t.Errorf("a free lock among %d hosts: %d messages, %d deep", n, free, freeDepth)
		}
		f.count()
		f.call(t, other, lock(0))
		f.call(t, other, unlock(0))
		again := f.sent
		if again != 0 {
			t.Errorf("a lock held here last, among %d hosts: %d messages", n, again)
		}

		handoff, handoffDepth := handOffs(t, f, all)
		if handoff > 3 || handoffDepth > 1 {
			t.Errorf("a hand-off among %d hosts: %.2f messages, %d on its critical path", n, handoff, handoffDepth)
		}
		fmt.Fprintf(&table, "%6d | %8d %6d %9d | %9d %6d | %9.2f %6d %9d\n", n, messages, depth, most, free, freeDepth, handoff, handoffDepth, again)
	}
	t.Log("\n" + table.String())
}

// handOffs lets all hosts queue for one lock and pass it on. It returns the messages for each hand-off, requests included,
// and the longest chain between a release and the next holder's return.
func handOffs(t *testing.T, f *fleet, all []wire.HostID) (messages float64, depth int) {
	t.Helper()
	const id = 7
	f.count()
	waiting := map[wire.HostID]bool{}
	var holder wire.HostID = -1
	deliver := func() {
		for len(f.queue) > 0 {
			p := f.queue[0]
			f.queue = f.queue[1:]
			f.depth[p.to] = max(f.depth[p.to], p.depth)
			var fx core.Effects
			if err := f.machines[p.to].Handle(&p.msg, &fx); err != nil {
				t.Fatal(err)
			}
			f.emit(p.to, &fx)
			if p.msg.Type != wire.LockGrant {
				continue
			}
			depth = max(depth, p.depth)
			var more core.Effects
			st, err := f.machines[p.to].Resume(fleetWaiter, &more)
			if err != nil || st != core.Done || holder >= 0 {
				t.Fatalf("host %d after its grant: status %d, error %v, holder %d", p.to, st, err, holder)
			}
			f.emit(p.to, &more)
			holder = p.to
			delete(waiting, p.to)
		}
	}
	for _, h := range all {
		var fx core.Effects
		st, err := f.machines[h].Lock(fleetWaiter, fleetOwner, id, &fx)
		if err != nil {
			t.Fatal(err)
		}
		f.emit(h, &fx)
		if st == core.Done {
			holder = h
		} else {
			waiting[h] = true
		}
		deliver()
	}
	depth = 0
	for range all {
		if holder < 0 {
			t.Fatalf("%d hosts wait and nobody holds the lock", len(waiting))
		}
		clear(f.depth)
		h := holder
		holder = -1
		var fx core.Effects
		if _, err := f.machines[h].Unlock(fleetWaiter, fleetOwner, id, &fx); err != nil {
			t.Fatal(err)
		}
		f.emit(h, &fx)
		deliver()
	}
	return float64(f.sent) / float64(len(all)), depth
}
