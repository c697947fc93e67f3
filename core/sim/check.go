package sim

import (
	"bytes"

	"jiajia/core"
)

// check holds a host to what must be true between any two steps.
func (c *cluster) check(h *host) {
	if c.opt.Plant != core.PlantNone {
		return // a planted mistake has to show in what programs read
	}
	c.must(h, h.m.Check())
	if !h.allocated {
		return
	}
	for p := core.PageID(0); p < core.PageID(c.p.pages); p++ {
		if h.freeing > 0 && !h.m.Allocated(p) {
			continue // jia_free is on its way there
		}
		st := h.m.StateOf(p)
		if most := mostAccess(st); h.mem.access[p] > most {
			c.failf("host %d: page %d is %v but its access is %v", h.id, p, st, h.mem.access[p])
		}
		if (st == core.Dirty) != (h.mem.twins[p] != nil) {
			c.failf("host %d: page %d is %v, has a twin: %v", h.id, p, st, h.mem.twins[p] != nil)
		}
		if c.p.touches() {
			c.checkHomes(p)
		}
		if _, ok := h.m.Home(p); !ok {
			continue
		}
		if home, _ := c.homeOf(p); home.allocated {
			c.checkCopies(home, p)
		}
		if id, _ := h.m.HomeOf(p); id != h.id && h.mem.has[p] && !h.m.Counts(p) {
			c.failf("host %d: page %d is %v and has a frame that does not count", h.id, p, st)
		}
	}
	c.checkBudget(h)
}

func mostAccess(s core.State) access {
	switch s {
	case core.Absent, core.HomeFresh:
		return none
	case core.ReadOnly, core.HomeIdle, core.HomeClean:
		return readOnly
	}
	return readWrite
}

// checkCopies: when the home believes that nobody else holds a copy, then nobody does who has left as many barriers.
// Who has not will drop its copy on the way out.
func (c *cluster) checkCopies(home *host, p core.PageID) {
	if home.marks[p] {
		return // somebody reads it by himself, which the home will hear of
	}
	switch st := home.m.StateOf(p); st {
	case core.HomeFresh, core.HomeUntracked, core.HomeIdle:
		for _, h := range c.hosts {
			if h != home && h.allocated && h.m.Epoch() >= home.m.Epoch() && h.m.StateOf(p) != core.Absent {
				c.failf("host %d holds page %d as %v while its home %d has it as %v", h.id, p, h.m.StateOf(p), home.id, st)
			}
		}
	}
}

// judge compares the data that a thread of h may read now with the flat memory, where h has a copy, whether or not the
// program reads them.
func (c *cluster) judge(h *host, readable func(datum int) bool) {
	if c.scripted {
		return
	}
	for i, d := range c.p.data {
		if !h.m.Allocated(d.page) {
			continue // this host has freed it
		}
		at := h.mem.frames[d.page][d.offset : d.offset+d.size]
		flat := c.flat[int(d.page)*pageBytes+d.offset:][:d.size]
		if readable(i) && h.mem.access[d.page] > none && !bytes.Equal(at, flat) {
			c.failf("host %d may read %v: %x, should be %x", h.id, d, at, flat)
		}
	}
}

// finish checks what must be true when nothing can happen any more.
func (c *cluster) finish() {
	for _, a := range c.actors {
		if a.inCall || a.pc < len(a.ops) {
			c.failf("deadlock: %s", c.threads())
			return
		}
	}
	for _, h := range c.hosts {
		if c.opt.Plant == core.PlantNone {
			c.must(h, h.m.Quiescent())
		}
	}
	for _, h := range c.hosts {
		if h.part != nil {
			c.failf("host %d never heard what became of generation %d", h.id, h.part.of.number)
		}
	}
	for l := range c.p.locks {
		tokens := 0
		for _, h := range c.hosts {
			if h.m.HasLock(core.LockID(l)) {
				tokens++
			}
		}
		if tokens != 1 && !(tokens == 0 && c.words.unused(core.LockID(l))) {
			c.failf("lock %d is at %d hosts", l, tokens)
		}
	}
	for _, d := range c.p.data {
		home, _ := c.homeOf(d.page)
		at := home.mem.frames[d.page][d.offset : d.offset+d.size]
		if flat := c.flat[int(d.page)*pageBytes+d.offset:][:d.size]; c.p.settled && !bytes.Equal(at, flat) {
			c.failf("at the end %v is %x at its home %d, should be %x", d, at, home.id, flat)
		}
	}
}
