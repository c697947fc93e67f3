package sim

import (
	"slices"

	"jiajia/core"
)

// Pinned pages are writable but for the time that a thread needs which took access away: it gets it back when its call is
// over. Nobody else takes access to them away.

// pin pins a page of the actor's host and makes it writable, or unpins it.
func (c *cluster) pin(a *actor, p core.PageID) {
	m := a.h.m
	if m.Unpin(p, 1) {
		a.h.held[p] = false
		return
	}
	if !m.Allocated(p) {
		return
	}
	a.h.held[p] = false
	c.must(a.h, m.Pin(p, 1))
	a.regain = append(a.regain, p)
}

// regainOne begins to make one of the pages writable again that the actor owes.
func (c *cluster) regainOne(a *actor) {
	p := a.regain[0]
	a.regain = a.regain[1:]
	if !a.h.m.Allocated(p) {
		return // it was freed
	}
	a.again = true
	if c.tracing() {
		c.tracef("%s: makes pinned p%d writable", a.name, p)
	}
	c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) { return a.h.m.Fault(w, p, true, fx) })
}

// watchPins notes what a step has done to pinned pages of a host: one of a, or of the server when a is nil.
func (c *cluster) watchPins(h *host, a *actor) {
	for _, s := range h.m.Pins() {
		writable := h.mem.access[s.Page] == readWrite
		if h.held[s.Page] && !writable {
			if a == nil {
				c.failf("host %d took access to page %d away, which is pinned, and nobody gets it back", h.id, s.Page)
				return
			}
			a.took = append(a.took, s.Page)
		}
		h.held[s.Page] = writable
	}
}

// owe learns at the end of a call which pages the actor has to make writable again.
func (c *cluster) owe(a *actor) {
	list := a.h.m.Lapsed(a.waiter, nil)
	for _, p := range a.took {
		if !slices.Contains(list, p) && slices.Contains(a.h.m.Pins(), core.Span{Page: p, Count: 1}) && c.opt.Plant == core.PlantNone {
			c.failf("%s took access to page %d away, which is pinned, and was not told", a.name, p)
		}
	}
	a.took = a.took[:0]
	a.regain = append(a.regain, list...)
}
