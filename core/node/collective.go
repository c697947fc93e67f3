package node

import (
	"fmt"

	"jiajia/core/message"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// Collective calls are made by one thread of each host. A long one goes in pieces of at most wire.MaxData bytes, each a step
// of its own; steps are counted alike on all hosts, so that parts of different calls do not mix. Since parts are buffered at
// their receiver, the pieces follow each other down the tree without waiting for its other end.

// Bcast is one step of jia_bcast: the root's piece goes to all others. total is that of the whole call.
func (n *Node) Bcast(root wire.HostID, total uint64, piece []byte) {
	n.collect(message.Call{What: message.Bcast, Root: root, Bytes: total}, func(s *step) { s.spread(root, piece) })
	n.collected(piece, total)
}

// Reduce is one step of jia_reduce: piece holds this host's operands and on the root, afterwards, the result. total is in
// bytes. Operands are combined in the order of hosts, along the tree of host 0 whoever is root: so a sum of the same
// operands on as many hosts is always the same, down to the last bit.
func (n *Node) Reduce(op message.What, root wire.HostID, total uint64, piece []byte) {
	n.collect(message.Call{What: op, Root: root, Bytes: total}, func(s *step) {
		s.combine(op, piece)
		switch {
		case root == 0:
		case n.cfg.Self == 0:
			s.send(root, piece)
		case n.cfg.Self == root:
			s.recv(0, piece)
		}
	})
	n.collected(piece, total)
}

// A step is one round of a collective call.
type step struct {
	n      *Node
	call   message.Call
	number uint64
}

// collect carries out one step.
func (n *Node) collect(call message.Call, do func(s *step)) {
	in := &n.in
	if call.Root < 0 || int(call.Root) >= n.cfg.Hosts {
		n.fail(fmt.Errorf("%v: %s", call, n.hostRange()))
	}
	in.mu.Lock()
	twice := in.collecting
	in.collecting = true
	in.step++
	s := &step{n: n, call: call, number: in.step}
	stale := in.parts.Oldest()
	in.mu.Unlock()
	switch {
	case twice:
		n.fail(fmt.Errorf("%v: another thread of this host is in a collective call; one thread of each host makes it", call))
	case stale != nil && uint64(stale.Tag) < s.number:
		n.fail(fmt.Errorf("%v: the call before it was another one on host %d, %v; every host must make the same calls with the same arguments",
			call, stale.From, stale.Call))
	}
	do(s)
	in.mu.Lock()
	in.collecting = false
	in.mu.Unlock()
}

// collected counts a piece of a call of so many bytes, and the call with its last piece. It is called in the order of steps.
func (n *Node) collected(piece []byte, total uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tally.row[stats.CollectiveBytes] += uint64(len(piece))
	if n.in.collected += uint64(len(piece)); n.in.collected >= total {
		n.tally.row[stats.Collectives]++
		n.in.collected = 0
	}
}

// spread sends piece down the tree of a root.
func (s *step) spread(root wire.HostID, piece []byte) {
	t := message.TreeOf(s.n.cfg.Self, root, s.n.cfg.Hosts)
	if t.Parent >= 0 {
		s.recv(t.Parent, piece)
	}
	for i := len(t.Children) - 1; i >= 0; i-- { // the largest subtree first
		s.send(t.Children[i], piece)
	}
}

// combine takes the operands of all hosts up the tree of host 0, which then has the result in piece.
func (s *step) combine(op message.What, piece []byte) {
	t := message.TreeOf(s.n.cfg.Self, 0, s.n.cfg.Hosts)
	var other []byte
	for _, c := range t.Children {
		if other == nil {
			other = make([]byte, len(piece))
		}
		s.recv(c, other)
		op.Combine(piece, other)
	}
	if t.Parent >= 0 {
		s.send(t.Parent, piece)
	}
}

func (s *step) send(to wire.HostID, piece []byte) {
	s.n.sendData(to, &wire.Message{Type: wire.Collect, Obj: s.number, Version: uint64(s.call.What), Epoch: s.call.Bytes, Host: s.call.Root}, piece)
}

// recv waits for this step's part of another host and finds out when that host makes another call.
func (s *step) recv(from wire.HostID, piece []byte) {
	w := &waiter{Receive: message.Receive{From: from, Tag: int64(s.number)}}
	s.n.await(&s.n.in.parts, w)
	m := w.Message()
	if m.Call != s.call || m.Size != uint64(len(piece)) {
		s.n.fail(fmt.Errorf("%v: host %d made another call, %v; every host must make the same calls with the same arguments",
			s.call, from, m.Call))
	}
	m.Read(piece)
}
