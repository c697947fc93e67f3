package sim

// drawBudget draws how many frames a host may have of others' pages: few, or 0 for any number.
func (c *cluster) drawBudget() uint64 {
	if c.swarm.bounded == 0 || !c.r.chance(c.swarm.bounded) {
		return 0
	}
	return uint64(c.r.between(1, 5))
}

// reclaim gives pages up for lack of room.
func (c *cluster) reclaim(a *actor) {
	a.h.short = false
	c.call(a, a.h.m.Reclaim)
}

// checkBudget: a host has no more frames than it may, but for one that each of its threads may need besides, and those that are pinned. The
// pins of what is freed end at once, and its frames go step by step.
func (c *cluster) checkBudget(h *host) {
	frames, most := h.m.Cache()
	if most > 0 && frames > most+uint64(len(h.woken)-1+len(h.m.Pins())+h.unpinned) {
		c.failf("host %d has %d frames of others' pages, and may have %d", h.id, frames, most)
	}
}
