package node

import (
	"fmt"
	"slices"
	"time"

	"jiajia/core/stats"
	"jiajia/core/wire"
)

// BeginStats starts the clock of the statistics at the end of jia_init. The calling thread is the one whose time is
// split. It must come before the program's first call.
func (n *Node) BeginStats() {
	n.mu.Lock()
	n.tally.begin()
	n.mu.Unlock()
}

// Stats returns this host's numbers: those of the windows, if the program has asked for any. After GatherStats they do not
// change any more. Any thread; it does not block.
func (n *Node) Stats() stats.Row {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tally.final {
		return n.tally.last
	}
	return n.tally.window.Shown(n.totals())
}

// Window is jia_startstat and jia_stopstat. Any thread; it does not block.
func (n *Node) Window(open bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.named.window(open)
	if open {
		n.tally.window.Open(n.totals())
	} else {
		n.tally.window.Close(n.totals())
	}
}

// GatherStats sends this host's numbers, and those of the hosts below it, up the tree to host 0. It is collective: every
// host calls it after the rendezvous of jia_exit, in the thread that was there. Host 0 gets the list by host, without
// those that were lost meanwhile, and what is known of the names of its allocations; others get nil.
func (n *Node) GatherStats() ([]stats.Host, []stats.Named) {
	row := n.Stats()
	n.mu.Lock()
	n.tally.final, n.tally.last = true, row
	parent, children := n.machine.Tree()
	names := slices.Clone(n.machine.Names())
	own := gathered{row: row, charges: n.named.charges(names)}
	n.mu.Unlock()

	known := make([]*gathered, n.cfg.Hosts)
	known[n.cfg.Self] = &own
	numbers := own.append(nil, n.cfg.Self)
	var m wire.Message
	for _, c := range children {
		if err := n.receiveStats(c, &m, known); err != nil {
			n.cfg.Log.Debugf("statistics of host %d and those below it: %v", c, err)
			continue
		}
		numbers = append(numbers, m.Numbers...)
	}
	if parent >= 0 {
		m := wire.Message{Type: wire.Stats, From: n.cfg.Self, Numbers: numbers}
		if err := n.links[parent].Send(&m); err != nil {
			n.cfg.Log.Debugf("send statistics: %v", err)
		}
		return nil, nil
	}
	var list []stats.Host
	for h, g := range known {
		if g != nil {
			list = append(list, stats.Host{Host: h, Row: g.row})
		}
	}
	return list, underNames(names, known)
}

// receiveStats receives the numbers of a child in the tree and of those below it.
func (n *Node) receiveStats(child wire.HostID, m *wire.Message, known []*gathered) error {
	if err := n.links[child].Recv(m); err != nil {
		return err
	}
	if m.Type != wire.Stats {
		return fmt.Errorf("%v with %d numbers instead", m.Type, len(m.Numbers))
	}
	return parseGathered(m.Numbers, known)
}

// logBarrier begins a rendezvous of the log; what it returns ends it, and tells what the host did meanwhile.
func (n *Node) logBarrier(kind wire.Kind) (end func()) {
	began, before := time.Now(), n.counted()
	return func() {
		did := n.counted().Since(before)
		n.cfg.Log.Debugf("%v: sent changes of %d page(s) home in %d bytes, invalidated %d page(s), took %v", kind,
			did[stats.DiffsSent], did[stats.DiffBytesSent], did[stats.PagesInvalidated], time.Since(began))
	}
}

func (n *Node) counted() stats.Row {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tally.row
}
