package sim

import (
	"slices"

	"jiajia/core"
)

// touchSalt sets the draw of first-touch extents apart, so that it does not change what else a seed draws.
const touchSalt = 0xf125707c4

// drawTouch makes some or all of the pages of some programs ones whose first writer becomes their home.
func (g *generator) drawTouch(seed uint64) {
	r, p := source(seed^touchSalt), g.p
	if !r.chance(30) {
		return
	}
	touched := p.pages
	if r.chance(25) {
		touched = uint64(r.between(1, int(p.pages)))
	}
	p.allocs = []allocation{{core.CallAllocTouch, []uint64{touched * pageBytes}}}
	g.extents = []extent{{0, int(touched)}}
	for q := core.PageID(touched); q < core.PageID(p.pages); q++ {
		p.allocs = append(p.allocs, allocation{core.CallAlloc2p, []uint64{pageBytes, uint64(r.n(p.hosts))}})
		g.extents = append(g.extents, extent{q, 1})
	}
}

// homeOf returns the home of a page: its manager knows, once it has allocated the page. While it is undecided that is the
// manager.
func (c *cluster) homeOf(p core.PageID) (home *host, decided bool) {
	for _, h := range c.hosts {
		if manager, known := h.m.Home(p); known {
			if id, decided := c.hosts[manager].m.HomeOf(p); decided {
				return c.hosts[id], true
			}
			return c.hosts[manager], false
		}
	}
	return c.hosts[0], false
}

// checkHomes: as long as a page's manager says that its home is undecided, nobody knows of a home, and all copies are blank;
// afterwards nobody takes another host for the home.
func (c *cluster) checkHomes(p core.PageID) {
	home, decided := c.homeOf(p)
	if !home.allocated {
		return
	}
	for _, h := range c.hosts {
		if _, known := h.m.Home(p); !known {
			return // freed, and not everywhere allocated anew
		}
	}
	for _, h := range c.hosts {
		switch id, knows := h.m.HomeOf(p); {
		case knows && (!decided || id != home.id):
			c.failf("host %d takes host %d for the home of page %d, which is host %d (%v)", h.id, id, p, home.id, decided)
		case !knows && h.mem.access[p] == readWrite:
			c.failf("host %d may write page %d, whose home it does not know", h.id, p)
		case !knows && h.mem.access[p] == readOnly && h.mem.frames[p] != (frame{}):
			c.failf("host %d knows page %d as blank, and its copy is %x", h.id, p, h.mem.frames[p])
		}
	}
}

// touches tells whether some pages get their homes by first touch.
func (p *Program) touches() bool {
	touch := func(a allocation) bool { return a.call == core.CallAllocTouch }
	return slices.ContainsFunc(p.allocs, touch) || slices.ContainsFunc(p.churns, func(c *churn) bool {
		return slices.ContainsFunc(c.allocs, func(a piece) bool { return touch(a.allocation) })
	})
}
