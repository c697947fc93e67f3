package node

import (
	"fmt"

	"jiajia/core/stats"
	"jiajia/core/wire"
	"jiajia/pool"
)

// What hosts do with each other's objects: giving back what others own, and answering them.

// returnPools gives freed objects and empty pages of other hosts back to these. What this host has written there is brought
// home first: the next owner's bytes come after it. With wait it returns when the others have taken all of it.
func (n *Node) returnPools(wait bool) {
	if !n.pools.due.Load() && !(wait && n.pools.owing.Load()) {
		return
	}
	t := n.getThread()
	if posts := n.outgoing(); len(posts) > 0 {
		n.mu.Lock()
		st, err := n.machine.Settle(t.id, &t.fx)
		if err := n.run(t, st, err); err != nil {
			n.fail(err)
		}
		for i := range posts {
			n.post(posts[i].to, &posts[i].m)
		}
	}
	if wait {
		n.awaitTaken(t)
	}
	n.putThread(t)
}

// fullWeight is that of a message that gives back. What is passed on takes 1 of it along, and each receipt returns what its message
// had, so that the sum is 0 only when all is taken, in whatever order the receipts come.
const fullWeight = 1 << 32

type post struct {
	to wire.HostID
	m  wire.Message
}

// outgoing makes messages of what is to be given back.
func (n *Node) outgoing() (posts []post) {
	n.pools.mu.Lock()
	defer n.pools.mu.Unlock()
	n.pools.due.Store(false)
	for _, p := range n.pools.list {
		if p == nil {
			continue
		}
		for h := range p.back {
			b := &p.back[h]
			for version, numbers := range [][]uint64{giveObjects: b.objects, givePages: b.pages} {
				if len(numbers) == 0 {
					continue
				}
				posts = append(posts, post{wire.HostID(h),
					wire.Message{Type: wire.PoolGive, Obj: p.Serial, Version: uint64(version), Epoch: fullWeight, Reply: n.pools.round,
						Numbers: numbers, Host: n.cfg.Self}})
			}
			*b = giveBack{}
		}
		p.queued = 0
	}
	if len(posts) > 0 {
		n.pools.untaken[n.pools.round] += fullWeight * int64(len(posts))
		n.pools.owing.Store(true)
	}
	return posts
}

// post sends a message to a server without waiting.
func (n *Node) post(to wire.HostID, m *wire.Message) {
	n.mu.Lock()
	n.tally.sent(wire.PayloadLen(m))
	n.mu.Unlock()
	m.From = n.cfg.Self
	if err := n.trans.Post(to, m); err != nil {
		n.lost(to, err)
	}
}

// awaitTaken waits until the others have taken all that this host has given back so far.
func (n *Node) awaitTaken(t *thread) {
	n.pools.mu.Lock()
	defer n.pools.mu.Unlock()
	n.pools.round++
	if now := n.pools.round; n.pools.owes(now) {
		pause := n.pauses(stats.Waiting)
		for n.pools.owes(now) {
			n.pools.waiting = append(n.pools.waiting, t)
			n.pools.mu.Unlock()
			t.park.wait()
			n.pools.mu.Lock()
		}
		n.resumes(pause)
	}
}

// owes tells whether something of a round before this one has no receipt.
func (s *pools) owes(round uint32) bool {
	for r := range s.untaken {
		if int32(r-round) < 0 {
			return true
		}
	}
	return false
}

// taken notes a receipt.
func (s *pools) taken(round uint32, weight uint64) {
	if s.untaken[round] -= int64(weight); s.untaken[round] != 0 {
		return
	}
	delete(s.untaken, round)
	s.owing.Store(len(s.untaken) > 0)
	for _, t := range s.waiting {
		t.park.wake()
	}
	s.waiting = s.waiting[:0]
}

// servePool acts on a message about a pool. One of a pool that is gone, or was reset since, finds nothing.
func (s *server) servePool(m *wire.Message) error {
	n := s.n
	n.mu.Lock()
	n.tally.received(m)
	n.mu.Unlock()
	n.pools.mu.Lock()
	p := n.pools.serials[m.Obj]
	if m.Type == wire.PoolAsk {
		answer := wire.Message{Type: wire.PoolGive, From: n.cfg.Self, Port: m.Reply, Obj: m.Obj, Host: n.cfg.Self}
		if p != nil {
			n.answer(p, m, &answer)
		}
		n.pools.mu.Unlock()
		n.mu.Lock()
		n.tally.sent(0)
		n.mu.Unlock()
		if err := n.trans.Reply(m.From, &answer); err != nil {
			n.lost(m.From, err)
		}
		return nil
	}
	var on []post
	var err error
	switch {
	case m.Version == giveReceipt:
		n.pools.taken(m.Reply, m.Epoch)
	case p != nil:
		on, err = n.takeBack(p, m)
	}
	n.pools.mu.Unlock()
	if err != nil || m.Version == giveReceipt {
		return err
	}
	for i := range on {
		n.post(on[i].to, &on[i].m)
	}
	n.post(m.Host, &wire.Message{Type: wire.PoolGive, Obj: m.Obj, Version: giveReceipt, Epoch: m.Epoch - uint64(len(on)), Reply: m.Reply})
	return nil
}

// answer answers a PoolAsk: Version stays 0 when there is nothing to give.
func (n *Node) answer(p *hostPool, m, answer *wire.Message) {
	arg, power := logged(m.Epoch)
	home := n.partHomed(p) // else what this host has written to its part may not be at home yet
	switch m.Version {
	case askPages:
		if first, pages, ok := p.part.Lend(max(1, arg), lendAtLeast, power, !home, int(m.From)); ok {
			answer.Epoch, answer.Version = first, pages
		}
	case askObject:
		if arg == 0 || !home {
			return
		}
		if at, _, ok := p.part.Alloc(arg, power); ok {
			size, _ := p.part.Size(at)
			answer.Epoch, answer.Version = at, size
		}
	case askSize:
		answer.Version, answer.Host = n.sizeOf(p, m.Epoch)
	}
}

// takeBack takes what another host gives back, and returns what is to be passed on to a host that has borrowed the pages.
func (n *Node) takeBack(p *hostPool, m *wire.Message) (on []post, err error) {
	if m.Version == givePages {
		for i := 0; i+1 < len(m.Numbers) && err == nil; i += 2 {
			if n.partHomed(p) {
				err = n.endLoan(p, m.Numbers[i], m.Numbers[i+1], m.From)
			} else {
				p.aside.pages = append(p.aside.pages, m.Numbers[i], m.Numbers[i+1])
				p.aside.from = append(p.aside.from, m.From)
			}
		}
		return nil, err
	}
	for _, at := range m.Numbers {
		page := at / uint64(n.cfg.PageSize)
		if at < p.Pool.Bytes && p.Tables.Pages[page].Load() == 0 {
			if tenant, ok := p.part.Tenant(page); ok && wire.HostID(tenant) != m.Host {
				on = passOn(on, wire.HostID(tenant), m, at)
				continue
			}
		}
		if err := n.takeObject(p, at, page); err != nil {
			return nil, n.badFree(p, m.Host, at, err)
		}
	}
	n.withdraw(p)
	return on, nil
}

// endLoan takes pages back.
func (n *Node) endLoan(p *hostPool, first, pages uint64, from wire.HostID) error {
	if err := p.part.TakeBack(first, pages, int(from)); err != nil {
		return fmt.Errorf("host %d gives back page %d of pool %q: %w", from, first, p.Name, err)
	}
	return nil
}

// takeObject takes back an object that another host has freed.
func (n *Node) takeObject(p *hostPool, at, page uint64) error {
	if _, err := p.part.Size(at); err != nil {
		return err
	}
	if n.homedHere(p, page) {
		return p.part.Free(at)
	}
	if !p.Tables.Retire(at) {
		return pool.ErrFree
	}
	p.aside.objects = append(p.aside.objects, at)
	return nil
}

// passOn adds an object to what goes to a host.
func passOn(on []post, to wire.HostID, m *wire.Message, at uint64) []post {
	for i := range on {
		if on[i].to == to {
			on[i].m.Numbers = append(on[i].m.Numbers, at)
			return on
		}
	}
	return append(on, post{to, wire.Message{Type: wire.PoolGive, Obj: m.Obj, Version: giveObjects, Epoch: 1, Reply: m.Reply, Host: m.Host,
		Numbers: []uint64{at}}})
}
