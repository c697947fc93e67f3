package core

// invalStep is how many pages one step of an invalidation looks at.
const invalStep = 4096

// goInvalidate drops the copies of the pages in o.pending, which are sorted. A fetch under way is doomed (P6). A dirty
// page is flushed, its acknowledgement awaited, and it is dropped only if it is clean again by then.
func (m *Machine) goInvalidate(w Waiter, o *op, fx *Effects) Status {
	end := min(o.next+m.stepPages(invalStep), len(o.pending))
	first := len(o.blocked)
	for _, p := range o.pending[o.next:end] {
		pg := m.pages.find(p)
		if pg == nil || pg.home == m.cfg.Self {
			continue // never seen here, or at home, where the page is always current (P8)
		}
		unacked := pg.flags&flagUnacked != 0 && m.cfg.Plant != PlantRefetchBeforeAck
		switch {
		case pg.state == Absent:
			if pg.flags&flagFetching != 0 {
				pg.flags |= flagDoomed
			}
		case pg.state == ReadOnly && !unacked,
			pg.state == Dirty && !unacked && o.until > 0 && m.cfg.Plant == PlantDropRedirtied:
			m.drop(p, pg)
			fx.run(Unmap, p)
		default:
			o.blocked = append(o.blocked, p)
		}
	}
	o.next = end
	// Flush what is dirty among the pages that stay for another pass; the flush blocks nothing further.
	m.flushPages(w, o, o.blocked[first:], nil, fx)
	if end < len(o.pending) {
		return Again
	}
	if len(o.blocked) > 0 {
		o.pending, o.blocked, o.next = o.blocked, o.pending[:0], 0
		o.until = 1
		return m.awaitAcks(w, o)
	}
	if len(o.acks) > 0 {
		return Await // of a page that another thread of this host has given up meanwhile, and waits for
	}
	return Done
}
