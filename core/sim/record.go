package sim

import (
	"slices"

	"jiajia/core"
)

// What checkpoints say of allocations and condition variables is compared with what the programs have done.

// makes has a host make an allocation call, which is on its record from then on.
func (c *cluster) makes(h *host, a allocation) core.PageID {
	var p core.PageID
	var err error
	if a.call == core.CallAllocAttr {
		p, err = h.m.AllocAttr(a.args[0], &core.Attr{Placement: core.Placement(a.args[1]), Host: a.args[2], Block: a.args[3]})
	} else {
		p, err = h.m.Alloc(a.call, a.args...)
	}
	c.must(h, err)
	if len(h.waiting) > 0 {
		h.waiting = h.waiting[1:]
	}
	h.record = append(h.record, piece{a, p})
	return p
}

// forgets takes what is about to be freed from the record.
func (h *host) forgets(p core.PageID) {
	h.record = slices.DeleteFunc(h.record, func(a piece) bool { return a.at == p })
}

// savedPieces are the allocations of a checkpoint.
func savedPieces(s *core.Saved) (list []piece) {
	for _, a := range s.Allocs {
		list = append(list, piece{allocation{a.Call, a.Args}, a.Page})
	}
	return list
}

// saves has a host that has marked its pages say what a checkpoint has besides them. The allocations are those that its program has made
// and not freed, in its order, and behind them those that it has not asked for yet.
func (c *cluster) saves(h *host) {
	g := h.part.of
	g.cvs[h.id] = h.m.SetCVs()
	if c.scripted {
		return
	}
	saved := h.m.Saved()
	same := func(a, b piece) bool { return a.at == b.at && a.call == b.call && slices.Equal(a.args, b.args) }
	if is, should := savedPieces(&saved), append(slices.Clone(h.record), h.waiting...); !slices.EqualFunc(is, should, same) {
		c.failf("host %d saves the allocations %v, should be %v", h.id, is, should)
	}
	if g.saved == nil {
		g.saved = &saved
	} else if g.saved.Random != saved.Random {
		c.failf("hosts save different states of jia_alloc_random")
	}
}

// checkCVs: the condition variables that the parts say are set are those that were set at the barrier.
func (c *cluster) checkCVs(g *generation) {
	var all []core.CVID
	for _, list := range g.cvs {
		all = append(all, list...)
	}
	slices.Sort(all)
	if should := c.cutting.set[g.at]; !slices.Equal(all, should) && !c.scripted {
		c.failf("generation %d has the condition variables %v as set, should be %v", g.number, all, should)
	}
}

// checkRestored: on every host each page of the checkpoint lives where its allocation's call says, with as many hosts as there are now.
func (c *cluster) checkRestored(s *core.Saved) {
	for i := range s.Allocs {
		a := &s.Allocs[i]
		for k := range a.Pages {
			should := homeByCall(a, k, s.Hosts, c.p.hosts)
			for _, h := range c.hosts {
				if is, ok := h.m.Home(a.Page + core.PageID(k)); !ok || is != should {
					c.failf("host %d takes host %d (%v) for the home of page %d, which is host %d", h.id, is, ok, a.Page+core.PageID(k), should)
				}
			}
		}
	}
}

// homeByCall is where page i of an allocation lives, or its manager if it is one of first touch. The allocation was saved by so many hosts.
func homeByCall(a *core.Allocation, i uint64, before, now int) core.HostID {
	n := uint64(now)
	home := i
	switch a.Call {
	case core.CallAlloc1:
		home = 0
	case core.CallAlloc2:
		home = i / pagesOf(a.Args[1])
	case core.CallAlloc2p:
		home = a.Args[1]
	case core.CallAlloc3:
		home = a.Args[2] + i/pagesOf(a.Args[1])
	case core.CallAlloc4, core.CallAllocArray:
		all := lap(a, n)
		home = all[i%uint64(len(all))]
	case core.CallAllocRandom:
		home = a.Draw
	case core.CallAllocAttr:
		switch home = a.Args[2]; core.Placement(a.Args[1]) {
		case core.Cyclic:
			home += i / pagesOf(a.Args[3])
		case core.Blocks:
			home += i / ((a.Pages-1)/n + 1)
		}
	case core.CallAllocTouch:
		if before != now {
			home = i / ((a.Pages-1)/n + 1)
		}
	}
	return core.HostID(home % n)
}

func pagesOf(bytes uint64) uint64 { return (bytes + pageBytes - 1) / pageBytes }

// lap is where the first pages live of an allocation that names runs of them: for all hosts one after the other, or for one host each.
// After these it begins anew.
func lap(a *core.Allocation, hosts uint64) (homes []uint64) {
	add := func(bytes, home uint64) {
		for range pagesOf(bytes) {
			homes = append(homes, home)
		}
	}
	if a.Call == core.CallAllocArray {
		for h, bytes := range a.Args[1:] {
			add(bytes, uint64(h))
		}
		return homes
	}
	for _, bytes := range a.Args[2:] {
		for h := range hosts {
			add(bytes, a.Args[1]+h)
		}
	}
	return homes
}
