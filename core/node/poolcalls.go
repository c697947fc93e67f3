package node

import (
	"errors"
	"fmt"
	"math/bits"

	"jiajia/core"
	"jiajia/core/stats"
	"jiajia/core/wire"
	"jiajia/pool"
)

// The calls of the program that the magazines of its threads do not serve. Objects are named by their offsets in the pool.

// What a PoolAsk asks for, in its Version.
const (
	askPages  = iota + 1 // a loan of pages; Epoch: how many, and the logarithm of their alignment in pages
	askObject            // an object; Epoch: its size and the logarithm of its alignment
	askSize              // how large an object is; Epoch: where it is
)

// What a PoolGive gives back, in its Version, when it is posted.
const (
	giveObjects = iota // Numbers: where they are; Host: who has freed them
	givePages          // Numbers: the first page and how many, pair by pair; Host: who had them
	giveReceipt        // either was taken. In all three Epoch: the weight, see fullWeight; Reply: the round
)

// lendAtLeast is how many pages one request brings, if they are there.
const lendAtLeast = 16

// withLog packs a number and the logarithm of a power of two.
func withLog(v, power uint64) uint64    { return v<<6 | uint64(bits.TrailingZeros64(power)) }
func logged(e uint64) (v, power uint64) { return e >> 6, 1 << (e & 63) }

// PoolTake fills a magazine with objects of a class, as many as come easily up to len(dst), and returns how many: 0 when the pool is used up.
func (n *Node) PoolTake(id, class int, dst []uint64) int {
	n.pools.mu.Lock()
	p := n.pools.list[id]
	n.pools.mu.Unlock()
	size := uint64(p.Classes.Sizes[class])
	got := 0
	n.untilRoom(p, p.part.PagesFor(size), 1, func() bool {
		got = p.part.Take(class, dst)
		return got > 0
	})
	return got
}

// PoolPut takes objects back from a magazine.
func (n *Node) PoolPut(id int, objects []uint64) {
	n.pools.mu.Lock()
	p := n.pools.list[id]
	for _, at := range objects {
		p.part.Put(at)
	}
	n.withdraw(p)
	n.pools.mu.Unlock()
}

// PoolAlloc gives the program an object of size bytes, at least 1, at a multiple of align. fresh tells that its memory is zero; ok is
// false when the pool is used up.
func (n *Node) PoolAlloc(id int, size, align uint64) (at uint64, fresh, ok bool) {
	n.pools.mu.Lock()
	p := n.pools.list[id]
	n.pools.mu.Unlock()
	pages := max(1, align/uint64(n.cfg.PageSize))
	ok = n.untilRoom(p, p.part.PagesFor(size), pages, func() (ok bool) {
		at, fresh, ok = p.part.Alloc(size, align)
		return ok
	})
	if !ok && p.Mix {
		at, ok = n.askForObject(p, size, align)
	}
	return at, fresh, ok
}

// untilRoom calls take, under the mutex, until it says that it has got what it wanted. In between it looks for room: what is to be
// refreshed first, then pages of other hosts, of which so many are wanted at a multiple of align pages.
func (n *Node) untilRoom(p *hostPool, need, align uint64, take func() bool) bool {
	for {
		n.pools.mu.Lock()
		if take() {
			n.pools.mu.Unlock()
			return true
		}
		found := p.aside
		p.aside = aside{}
		n.pools.mu.Unlock()
		if len(found.objects)+len(found.pages) > 0 {
			n.reuse(p, found)
			continue
		}
		if need > p.largestPart() {
			return false
		}
		n.returnPools(true) // it may be what others have no room for
		if p.Mix || !n.borrow(p, need, align) {
			return false
		}
	}
}

// reuse makes ready for use what others have given back, on pages that are homed elsewhere.
func (n *Node) reuse(p *hostPool, found aside) {
	ps := uint64(n.cfg.PageSize)
	var pages []core.PageID
	n.pools.mu.Lock()
	for _, at := range found.objects {
		room, _ := p.part.Room(at) // it was looked at when it came
		pages = n.pagesOf(p, pages, at, room)
	}
	n.pools.mu.Unlock()
	for i := 0; i < len(found.pages); i += 2 {
		pages = n.pagesOf(p, pages, found.pages[i]*ps, found.pages[i+1]*ps)
	}
	n.refresh(pages)
	n.pools.mu.Lock()
	for _, at := range found.objects {
		p.part.Restore(at)
	}
	var err error
	for i, h := range found.from {
		err = errors.Join(err, n.endLoan(p, found.pages[2*i], found.pages[2*i+1], h))
	}
	n.withdraw(p)
	n.pools.mu.Unlock()
	if err != nil {
		n.fail(err)
	}
}

// pagesOf appends the pages that bytes of a pool lie on.
func (n *Node) pagesOf(p *hostPool, list []core.PageID, at, bytes uint64) []core.PageID {
	ps := uint64(n.cfg.PageSize)
	for i := (p.Base + at) / ps; i <= (p.Base+at+bytes-1)/ps; i++ {
		list = append(list, core.PageID(i))
	}
	return list
}

// refresh has the calling thread see what other hosts have written to pages.
func (n *Node) refresh(pages []core.PageID) {
	t := n.getThread()
	n.mu.Lock()
	st, err := n.machine.Refresh(t.id, pages, &t.fx)
	n.finish(t, st, err)
}

// askOthers asks one host after the other until one gives something: where it is, and how much. got is 0 when none does.
func (n *Node) askOthers(p *hostPool, what, arg uint64) (at, got uint64) {
	t := n.getThread()
	defer n.putThread(t)
	for h := range n.others {
		m := wire.Message{Type: wire.PoolAsk, Obj: p.Serial, Version: what, Epoch: arg}
		if n.askPool(t, p, h, &m); t.in.Version > 0 {
			return t.in.Epoch, t.in.Version
		}
	}
	return 0, 0
}

// borrow gets pages of other hosts, and tells whether any has given some.
func (n *Node) borrow(p *hostPool, need, align uint64) bool {
	first, pages := n.askOthers(p, askPages, withLog(need, align))
	if pages == 0 {
		return false
	}
	ps := uint64(n.cfg.PageSize)
	n.refresh(n.pagesOf(p, nil, first*ps, pages*ps))
	n.pools.mu.Lock()
	p.part.Borrow(first, pages)
	n.pools.mu.Unlock()
	return true
}

// askForObject gets an object from another host.
func (n *Node) askForObject(p *hostPool, size, align uint64) (at uint64, ok bool) {
	if size >= 1<<57 {
		return 0, false
	}
	at, room := n.askOthers(p, askObject, withLog(size, align))
	if room == 0 {
		return 0, false
	}
	n.refresh(n.pagesOf(p, nil, at, room))
	return at, true
}

// others yields the other hosts, the one with the next number first.
func (n *Node) others(yield func(wire.HostID) bool) {
	for i := 1; i < n.cfg.Hosts; i++ {
		if !yield(wire.HostID((int(n.cfg.Self) + i) % n.cfg.Hosts)) {
			return
		}
	}
}

// askPool sends a request and waits for the answer, in t.in.
func (n *Node) askPool(t *thread, p *hostPool, to wire.HostID, m *wire.Message) {
	m.Reply = uint32(t.id)
	n.mu.Lock()
	n.tally.sent(0)
	pause := n.tally.pauses(stats.Waiting)
	n.mu.Unlock()
	n.send(t, to, m)
	if err := t.box.Recv(to, &t.in, nil); err != nil {
		n.peerFailed(to, err)
	}
	n.mu.Lock()
	n.tally.received(&t.in)
	n.tally.resumes(pause)
	n.mu.Unlock()
	n.pools.mu.Lock()
	p.Asked++
	n.pools.mu.Unlock()
}

// PoolFree takes an object back that no magazine takes: a large one, or one of another host.
func (n *Node) PoolFree(id int, at uint64) {
	n.pools.mu.Lock()
	p := n.pools.list[id]
	err := n.free(p, at)
	flush := p.queued >= flushAt
	n.pools.mu.Unlock()
	if err != nil {
		n.fail(n.badFree(p, n.cfg.Self, at, err))
	}
	if flush {
		n.returnPools(false)
	}
}

// free frees an object here, or notes it for the host that has it.
func (n *Node) free(p *hostPool, at uint64) error {
	if p.Tables.Pages[at/uint64(n.cfg.PageSize)].Load() != 0 {
		err := p.part.Free(at)
		n.withdraw(p)
		return err
	}
	h := p.owner(at)
	if h == n.cfg.Self {
		tenant, ok := p.part.Tenant(at / uint64(n.cfg.PageSize))
		if !ok {
			return pool.ErrNoObject
		}
		h = wire.HostID(tenant)
	}
	p.back[h].objects = append(p.back[h].objects, at)
	p.queued++
	p.Returned++
	n.pools.due.Store(true)
	return nil
}

// withdraw notes pages of others that nothing is left on.
func (n *Node) withdraw(p *hostPool) {
	p.part.Withdraw(func(first, pages uint64) {
		b := &p.back[p.owner(first*uint64(n.cfg.PageSize))]
		b.pages = append(b.pages, first, pages)
		n.pools.due.Store(true)
	})
}

// badFree words a mistake of the program on a host.
func (n *Node) badFree(p *hostPool, host wire.HostID, at uint64, err error) error {
	who := ""
	if host != n.cfg.Self {
		who = fmt.Sprintf(" on host %d", host)
	}
	return fmt.Errorf("jia_pool_free(%d, %#x)%s, pool %q: %w; pass what jia_pool_alloc returned and nobody has freed", p.ID, n.region.Base()+uintptr(p.Base+at), who, p.Name, err)
}

// PoolSize returns how many bytes the object at an offset has room for, asking its owner where that is another host.
func (n *Node) PoolSize(id int, at uint64) uint64 {
	n.pools.mu.Lock()
	p := n.pools.list[id]
	size, elsewhere := n.sizeOf(p, at)
	if h := p.owner(at); size == 0 && h != n.cfg.Self {
		elsewhere = h
	}
	n.pools.mu.Unlock()
	if elsewhere != n.cfg.Self {
		t := n.getThread()
		for size == 0 && elsewhere != n.cfg.Self { // the owner, and then perhaps its tenant
			ask := wire.Message{Type: wire.PoolAsk, Obj: p.Serial, Version: askSize, Epoch: at}
			n.askPool(t, p, elsewhere, &ask)
			if size = t.in.Version; t.in.Host == elsewhere {
				break
			}
			elsewhere = t.in.Host
		}
		n.putThread(t)
	}
	if size == 0 {
		n.fail(fmt.Errorf("jia_pool_realloc(%d, %#x), pool %q: %w; pass what jia_pool_alloc returned and nobody has freed",
			p.ID, n.region.Base()+uintptr(p.Base+at), p.Name, pool.ErrNoObject))
	}
	return size
}

// sizeOf returns the size of a live object here, 0 when there is none; and this host, or the one that has the page instead.
func (n *Node) sizeOf(p *hostPool, at uint64) (size uint64, elsewhere wire.HostID) {
	if size, err := p.part.Size(at); err == nil {
		return size, n.cfg.Self
	}
	if tenant, ok := p.part.Tenant(at / uint64(n.cfg.PageSize)); ok {
		return 0, wire.HostID(tenant)
	}
	return 0, n.cfg.Self
}
