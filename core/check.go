package core

import (
	"fmt"
	"slices"
)

// Check says which of the machine's invariants does not hold. It is for tests: it looks at every allocated page.
func (m *Machine) Check() error {
	if m.collections < m.epoch || m.collections > m.epoch+1 {
		return fmt.Errorf("host %d: epoch %d with %d collections", m.cfg.Self, m.epoch, m.collections)
	}
	for p := PageID(0); p < m.allocated; p++ {
		pg := m.pages.find(p)
		if pg == nil {
			continue
		}
		if err := m.checkPage(p, pg); err != nil {
			return fmt.Errorf("host %d: page %d (%v, flags %b): %w", m.cfg.Self, p, pg.state, pg.flags, err)
		}
	}
	if homed, cached := m.countPages(); homed != m.homed || cached != m.cached {
		return fmt.Errorf("host %d: %d home pages in use and %d cached, counted %d and %d", m.cfg.Self, homed, cached, m.homed, m.cached)
	}
	if err := m.checkExtents(); err != nil {
		return err
	}
	if err := m.checkCache(); err != nil {
		return fmt.Errorf("host %d: %w", m.cfg.Self, err)
	}
	for _, l := range m.open {
		if l.token != tokenHeld {
			return fmt.Errorf("host %d: lock %d has an open scope but is not held", m.cfg.Self, l.id)
		}
	}
	for _, l := range m.locks {
		if l.place && (l.token != tokenElsewhere || l.requested || l.hasNext) {
			return fmt.Errorf("host %d: lock %d was refused, its token is %d, requested %v, with a successor %v", m.cfg.Self, l.id, l.token, l.requested, l.hasNext)
		}
		if l.offered && (l.token != tokenFree || len(l.local) > 0) {
			return fmt.Errorf("host %d: lock %d is offered, its token is %d, and %d threads wait", m.cfg.Self, l.id, l.token, len(l.local))
		}
	}
	return nil
}

// countPages counts what Usage keeps count of.
func (m *Machine) countPages() (homed, cached uint64) {
	for _, c := range m.pages.chunks {
		for i := 0; c != nil && i < len(c); i++ {
			switch pg := &c[i]; {
			case pg.home < 0 || pg.state == Absent || pg.state == HomeFresh || pg.flags&flagBlank != 0:
			case pg.home == m.cfg.Self:
				homed++
			default:
				cached++
			}
		}
	}
	return homed, cached
}

func (m *Machine) checkPage(p PageID, pg *page) error {
	home := pg.home == m.cfg.Self
	dirty := pg.state == Dirty || pg.state == HomeDirty
	switch {
	case pg.home < 0:
		return nil // not used yet
	case home != (pg.state >= HomeFresh):
		return fmt.Errorf("homed at host %d", pg.home)
	case dirty && pg.flags&flagListed == 0:
		return fmt.Errorf("dirty and not listed")
	case (pg.flags&flagListed != 0) != slices.Contains(m.dirty, p):
		return fmt.Errorf("flag and list of dirty pages differ")
	case pg.flags&flagFetching != 0 && pg.state != Absent:
		return fmt.Errorf("fetched while here")
	case pg.flags&flagDoomed != 0 && pg.flags&flagFetching == 0:
		return fmt.Errorf("doomed without a fetch")
	case pg.flags&flagBlank != 0 && pg.state != HomeClean && pg.state != HomeIdle:
		return fmt.Errorf("blank")
	case pg.flags&flagAhead != 0 && pg.state == Absent && pg.flags&flagFetching == 0:
		return fmt.Errorf("fetched ahead and not here")
	case pg.flags&flagUndecided != 0 && pg.state != HomeFresh && (pg.state != HomeClean || pg.flags&flagBlank == 0) && pg.state != Absent && pg.state != ReadOnly,
		pg.flags&flagUndecided != 0 && pg.flags&(flagListed|flagUnacked) != 0:
		return fmt.Errorf("undecided")
	case pg.flags&flagProbed != 0 && pg.state != ReadOnly && pg.state != Dirty:
		return fmt.Errorf("probed")
	case m.cfg.Cuts && (pg.state == HomeUntracked || pg.state == HomeDirty) && pg.flags&flagShut == 0 && !m.cuts.counts(p), m.cuts.unsaved.Has(uint64(p)) && !home:
		return fmt.Errorf("saved by the next checkpoint: %v", m.cuts.counts(p))
	case pg.flags&flagShut != 0 && !(m.cuts.shut && home && pg.state >= HomeUntracked):
		return fmt.Errorf("shut")
	case home && pg.flags&(flagFetching|flagUnacked|flagAhead) != 0, !home && pg.flags&(flagBlank|flagAnnounced|flagNeighbour) != 0:
		return fmt.Errorf("flag of another kind of page")
	}
	unacked := slices.ContainsFunc(m.diffs, func(d *outDiff) bool { return slices.Contains(d.pages, p) })
	if unacked != (pg.flags&flagUnacked != 0) {
		return fmt.Errorf("diff under way is %v", unacked)
	}
	return nil
}

// Quiescent says what is still under way on this host, if anything is. It is for tests.
func (m *Machine) Quiescent() error {
	for w := range m.ops {
		if o := &m.ops[w]; o.kind != opNone || len(o.acks) > 0 {
			return fmt.Errorf("host %d: waiter %d is in call %d, phase %d, with %d acknowledgements due", m.cfg.Self, w, o.kind, o.phase, len(o.acks))
		}
	}
	switch {
	case len(m.diffs) > 0:
		return fmt.Errorf("host %d: %d diff messages are not acknowledged", m.cfg.Self, len(m.diffs))
	case len(m.parked) > 0:
		return fmt.Errorf("host %d: waiters %v are listed as parked", m.cfg.Self, m.parked)
	case len(m.held) > 0 || len(m.open) > 0:
		return fmt.Errorf("host %d: locks are held", m.cfg.Self)
	}
	for p := PageID(0); p < m.allocated; p++ {
		if pg := m.pages.find(p); pg != nil && pg.flags&flagFetching != 0 {
			return fmt.Errorf("host %d: page %d is being fetched", m.cfg.Self, p)
		}
	}
	return nil
}

// HasLock tells whether a lock is at this host, free or held, and takes back one that is offered. Its token is at one host or in
// one grant; when it has words, it is nowhere at first. It is for tests.
func (m *Machine) HasLock(id LockID) bool {
	l := m.lock(id)
	return m.takeBack(l) || l.token == tokenHeld
}

// checkCache compares what the page cache has counted with the pages.
func (m *Machine) checkCache() error {
	c := &m.cache
	if c.lru == nil {
		return nil
	}
	frames, coming := 0, 0
	for p := PageID(0); p < m.allocated; p++ {
		pg := m.pages.find(p)
		if pg == nil {
			continue
		}
		has := c.lru.Has(uint64(p))
		switch {
		case has != (pg.flags&flagCounted != 0), has && (pg.home == m.cfg.Self || c.keeps(p)):
			return fmt.Errorf("page %d (%v) is counted in the cache", p, pg.state)
		case !has && !c.keeps(p) && (pg.state == ReadOnly || pg.state == Dirty):
			return fmt.Errorf("page %d (%v) is not counted in the cache", p, pg.state)
		case has:
			frames++
		case pg.flags&flagFetching != 0 && !c.keeps(p):
			coming++
		}
	}
	if frames != c.lru.Len() || coming != c.coming {
		return fmt.Errorf("%d frames and %d on their way, counted %d and %d", frames, coming, c.lru.Len(), c.coming)
	}
	return nil
}

// Counts tells whether the page cache counts a frame of p, or will when p has come. It is for tests.
func (m *Machine) Counts(p PageID) bool {
	if m.cache.lru == nil || m.cache.keeps(p) {
		return true
	}
	pg := m.pages.find(p)
	return m.cache.lru.Has(uint64(p)) || pg != nil && pg.flags&flagFetching != 0
}
