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
	if !n.pools.due.Load() {
		return
	}
	t := n.getThread()
	posts := n.outgoing(t, wait)
	if len(posts) == 0 {
		n.putThread(t)
		return
	}
	n.mu.Lock()
	st, err := n.machine.Settle(t.id, &t.fx)
	if err := n.run(t, st, err); err != nil {
		n.fail(err)
	}
	for i := range posts {
		n.post(posts[i].to, &posts[i].m)
	}
	if wait {
		n.awaitTaken(t, len(posts))
	}
	n.putThread(t)
}

type post struct {
	to wire.HostID
	m  wire.Message
}

// outgoing makes messages of what is to be given back.
func (n *Node) outgoing(t *thread, wait bool) (posts []post) {
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
				m := wire.Message{Type: wire.PoolGive, Obj: p.Serial, Version: uint64(version), Numbers: numbers, Host: n.cfg.Self}
				if wait {
					m.Reply = uint32(t.id)
				}
				posts = append(posts, post{wire.HostID(h), m})
			}
			*b = giveBack{}
		}
		p.queued = 0
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

// awaitTaken waits until so many messages, and those by which they were passed on, were taken.
func (n *Node) awaitTaken(t *thread, messages int) {
	pause := n.pauses(stats.Waiting)
	for messages > 0 {
		if err := t.box.Recv(wire.Any, &t.in, nil); err != nil {
			n.peerFailed(wire.Any, err)
		}
		messages += int(t.in.Version) - 1
		n.mu.Lock()
		n.tally.received(&t.in)
		n.mu.Unlock()
	}
	n.resumes(pause)
}

// servePool answers a message about a pool. One of a pool that is gone, or was reset since, finds nothing.
func (s *server) servePool(m *wire.Message) error {
	n := s.n
	n.mu.Lock()
	n.tally.received(m)
	n.mu.Unlock()
	n.pools.mu.Lock()
	p := n.pools.serials[m.Obj]
	answer := wire.Message{Type: wire.PoolGive, From: n.cfg.Self, Port: m.Reply, Obj: m.Obj, Host: n.cfg.Self}
	to := m.From
	var on []post
	var err error
	switch {
	case m.Type == wire.PoolGive:
		to = m.Host
		if p != nil {
			on, err = n.takeBack(p, m)
		}
		answer.Version = uint64(len(on))
	case p != nil:
		n.answer(p, m, &answer)
	}
	n.pools.mu.Unlock()
	if err != nil {
		return err
	}
	for i := range on {
		n.post(on[i].to, &on[i].m)
	}
	if m.Reply == 0 {
		return nil
	}
	n.mu.Lock()
	n.tally.sent(0)
	n.mu.Unlock()
	if err := n.trans.Reply(to, &answer); err != nil {
		n.lost(to, err)
	}
	return nil
}

// answer answers a PoolAsk: Version stays 0 when there is nothing to give.
func (n *Node) answer(p *hostPool, m, answer *wire.Message) {
	ps := uint64(n.cfg.PageSize)
	arg, power := logged(m.Epoch)
	// What this host has written to pages that are homed elsewhere may not be there yet.
	home := p.homed(uint64(n.cfg.Self)*p.partBytes/ps, n.cfg.Self, n.cfg.PageSize) && p.Placement != PoolCyclic
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
		for i := 0; i+1 < len(m.Numbers); i += 2 {
			if err := p.part.TakeBack(m.Numbers[i], m.Numbers[i+1], int(m.From)); err != nil {
				return nil, fmt.Errorf("host %d gives back page %d of pool %q: %w", m.From, m.Numbers[i], p.Name, err)
			}
		}
		return nil, nil
	}
	for _, at := range m.Numbers {
		page := at / uint64(n.cfg.PageSize)
		if at < p.Pool.Bytes && p.Tables.Pages[page].Load() == 0 {
			if tenant, ok := p.part.Tenant(page); ok {
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

// takeObject takes back an object that another host has freed.
func (n *Node) takeObject(p *hostPool, at, page uint64) error {
	if _, err := p.part.Size(at); err != nil {
		return err
	}
	if p.homed(page, n.cfg.Self, n.cfg.PageSize) {
		return p.part.Free(at)
	}
	if !p.Tables.Retire(at) {
		return pool.ErrFree
	}
	p.aside = append(p.aside, at)
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
	return append(on, post{to, wire.Message{Type: wire.PoolGive, Obj: m.Obj, Version: giveObjects, Reply: m.Reply, Host: m.Host,
		Numbers: []uint64{at}}})
}
