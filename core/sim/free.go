package sim

import (
	"slices"

	"jiajia/core"
	"jiajia/core/wire"
)

// base is the address of page 0: something is freed by its address, and address 0 is nothing.
const base = 1 << 20

// A churn is what happens to allocations at one barrier: all hosts free some before it and allocate the same pages anew after
// it, in other pieces and with other homes. What was in them is zero then, for everybody.
type churn struct {
	frees  []extent // in this order
	allocs []piece
	wait   bool // jia_wait comes between the calls of jia_free and the barrier
}

type extent struct {
	first core.PageID
	pages int
}

// A piece is an allocation that must lie at a page.
type piece struct {
	allocation
	at core.PageID
}

// drawChurns chooses barriers at which some allocations are freed. Threads that take no part in these work on, and keep away
// from what is freed.
func (g *generator) drawChurns(seed uint64) {
	g.churns = make(map[int]*churn)
	r := source(seed ^ 0xc0ffee) // of its own: a program with a churn is another one with something added
	if !r.chance(25) {
		return
	}
	extents := g.extents
	for i := range g.intervals {
		if !r.chance(70) {
			continue
		}
		c := &churn{wait: r.chance(10)}
		gone := make([]bool, g.p.pages)
		extents = slices.DeleteFunc(extents, func(e extent) bool {
			if r.chance(50) {
				return false
			}
			c.frees = append(c.frees, e)
			for p := range e.pages {
				gone[int(e.first)+p] = true
			}
			return true
		})
		if len(c.frees) == 0 {
			c.frees, extents = extents, nil
			for p := range gone {
				gone[p] = true
			}
		}
		for k := range c.frees {
			j := r.n(k + 1)
			c.frees[k], c.frees[j] = c.frees[j], c.frees[k]
		}
		// The first range that is large enough is taken: in the order of pages all fit again.
		for p := 0; p < len(gone); {
			n := 0
			for p+n < len(gone) && gone[p+n] && (n == 0 || r.chance(70)) {
				n++
			}
			if n > 0 {
				c.allocs = append(c.allocs, piece{drawAlloc(&r, n, g.p.hosts), core.PageID(p)})
				extents = append(extents, extent{core.PageID(p), n})
			}
			p += max(n, 1)
		}
		g.churns[i] = c
		g.p.churns = append(g.p.churns, c)
	}
}

// recycled tells whether a page is freed while the thread of a span works on across a barrier.
func (s *span) recycled(p core.PageID) bool { return s.recycledWithin(p, s.first, s.last) }

// recycledWithin tells whether a page is freed at a barrier between the first and the last of some intervals, or is not there in one.
func (g *generator) recycledWithin(p core.PageID, first, last int) bool {
	for i := first; i <= last && g.absent != nil; i++ {
		if g.absent[i][p] {
			return true
		}
	}
	for i := first; i < last; i++ {
		if c := g.churns[i]; c != nil && slices.ContainsFunc(c.frees, func(e extent) bool {
			return p >= e.first && p < e.first+core.PageID(e.pages)
		}) {
			return true
		}
	}
	return false
}

func drawAlloc(r *source, pages, hosts int) allocation {
	size := uint64(pages) * pageBytes
	switch r.pick(55, 15, 15, 15) {
	case 0:
		return allocation{core.CallAlloc2p, []uint64{size, uint64(r.n(hosts))}}
	case 1:
		return allocation{core.CallAlloc, []uint64{size}}
	case 2:
		return allocation{core.CallAllocTouch, []uint64{size}}
	}
	return allocation{core.CallAlloc3, []uint64{size, pageBytes, uint64(r.n(hosts))}}
}

// recycling puts the calls of a churn around a barrier.
func (g *generator) recycling(interval int, barrier op) []op {
	c := g.churns[interval]
	if c == nil || interval >= g.intervals {
		return []op{barrier}
	}
	var ops []op
	for _, e := range c.frees {
		ops = append(ops, op{kind: opFree, page: e.first, count: e.pages})
	}
	if c.wait {
		ops = append(ops, op{kind: opBarrier, call: wire.KindWait})
	}
	return append(ops, barrier, op{kind: opAnew, id: slices.Index(g.p.churns, c)})
}

// free begins jia_free. Once all hosts have come to it, nobody may expect anything but zeros in the pages.
func (c *cluster) free(a *actor, o *op) {
	a.h.forgets(o.page)
	c.freedBy[o.page]++
	if c.freedBy[o.page] == c.p.hosts {
		c.freedBy[o.page] = 0
		clear(c.flat[int(o.page)*pageBytes:][:o.count*pageBytes])
	}
	a.h.freeing++
	for _, s := range a.h.m.Pins() {
		if s.Page >= o.page && s.Page < o.page+core.PageID(o.count) {
			a.h.unpinned++
		}
	}
	c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) {
		return a.h.m.Free(w, base+uint64(o.page)*pageBytes, fx)
	})
}

// allocAnew makes the allocations of a churn.
func (c *cluster) allocAnew(h *host, n int) {
	for _, a := range c.p.churns[n].allocs {
		if p := c.makes(h, a.allocation); p != a.at {
			c.failf("host %d: allocation at page %d instead of %d", h.id, p, a.at)
		}
	}
}
