package core

import (
	"cmp"
	"slices"

	"jiajia/core/wire"
	"jiajia/lru"
)

// pageCache keeps count of the frames that this host has of pages homed elsewhere. A frame stays when its page is invalidated,
// since the next fetch of the page is cheaper with it; so live and stale frames count alike, and are given back when room is
// short. Home pages and twins do not count.
type pageCache struct {
	lru *lru.Cache // nil without a bound
	// coming counts the pages on their way that have no frame yet.
	coming int
	// kept are the pages whose frames are never given back, and do not count, sorted and not adjacent.
	kept []Span
	// came counts the frames that came since pages were probed last, while the cache was crowded.
	came  int
	asked bool // NeedRoom was said, or Reclaim is at work

	list                      []uint64 // scratch
	evicted, probed, returned uint64   // pages, for the statistics
}

const (
	leastSlack, mostSlack = 2, 1024
	reclaimStep           = 128 // pages that one step gives up, or hides, at most
)

// slack is how many frames are kept free ahead of need: Reclaim works up to it, and is asked for when half of it is used.
func (c *pageCache) slack() int {
	n := c.lru.Capacity()
	return min(max(n/8, leastSlack), mostSlack, n/2)
}

// room is how many frames there may still be; below 0 when there are too many.
func (c *pageCache) room() int {
	if c.lru == nil {
		return wire.MaxWindow // as many as anybody asks for at once
	}
	return c.lru.Capacity() - c.lru.Len() - c.coming
}

// crowded tells whether it is worth knowing which pages are in use.
func (c *pageCache) crowded() bool { return c.lru.Len() > c.lru.Capacity()/4*3 }

// needs tells whether a fetch of p takes a frame that is not counted yet.
func (c *pageCache) needs(p PageID, pg *page) bool {
	return c.lru != nil && pg.flags&flagCounted == 0 && !c.keeps(p)
}

func (c *pageCache) keeps(p PageID) bool {
	if len(c.kept) == 0 {
		return false
	}
	_, kept := c.keptRun(p)
	return kept
}

// keptRun tells whether p is kept, and for how many pages from p on that is so.
func (c *pageCache) keptRun(p PageID) (count uint64, kept bool) {
	i, _ := slices.BinarySearchFunc(c.kept, p, func(s Span, p PageID) int {
		if s.Page+PageID(s.Count) <= p {
			return -1
		}
		return 1
	})
	switch {
	case i == len(c.kept):
		return ^uint64(0), false
	case p < c.kept[i].Page:
		return uint64(c.kept[i].Page - p), false
	}
	return c.kept[i].Count - uint64(p-c.kept[i].Page), true
}

// comes notes that a page is on its way, if that is not known yet.
func (m *Machine) comes(p PageID, pg *page) {
	if pg.flags&flagFetching == 0 && m.cache.needs(p, pg) {
		m.cache.coming++
	}
	pg.flags |= flagFetching
}

// came notes that a page which was on its way is here, or that it will not come.
func (m *Machine) came(p PageID, pg *page) {
	if pg.flags&flagFetching != 0 && m.cache.needs(p, pg) {
		m.cache.coming--
	}
}

// frameCame counts the frame of a page that is homed elsewhere, and used now.
func (m *Machine) frameCame(p PageID, pg *page) {
	c := &m.cache
	if c.lru == nil || c.keeps(p) {
		return
	}
	if pg.flags&flagCounted == 0 && c.crowded() {
		c.came++
	}
	pg.flags |= flagCounted
	c.lru.Insert(uint64(p))
}

// frameStale notes that a page's content is worth nothing any more.
func (m *Machine) frameStale(p PageID, pg *page) {
	if pg.flags&flagCounted != 0 {
		m.cache.lru.Stale(uint64(p))
	}
}

// frameGone ends the counting of a page's frame.
func (m *Machine) frameGone(p PageID, pg *page) {
	if pg.flags&flagCounted != 0 {
		pg.flags &^= flagCounted
		m.cache.lru.Remove(uint64(p))
	}
}

// Keep says that the frames of some pages are not to be given back, whoever's they are: a device uses them. They do not
// count any more.
func (m *Machine) Keep(spans []Span) {
	c := &m.cache
	for _, s := range spans {
		for p := s.Page; c.lru != nil && p < s.Page+PageID(s.Count); p++ {
			pg := m.pages.find(p)
			if pg == nil {
				continue
			}
			if pg.flags&flagFetching != 0 && c.needs(p, pg) {
				c.coming--
			}
			m.frameGone(p, pg)
		}
		c.kept = append(c.kept, s)
	}
	slices.SortFunc(c.kept, func(a, b Span) int { return cmp.Compare(a.Page, b.Page) })
	joined := c.kept[:0]
	for _, s := range c.kept {
		if n := len(joined) - 1; n >= 0 && joined[n].Page+PageID(joined[n].Count) >= s.Page {
			end := max(joined[n].Page+PageID(joined[n].Count), s.Page+PageID(s.Count))
			joined[n].Count = uint64(end - joined[n].Page)
			continue
		}
		joined = append(joined, s)
	}
	c.kept = joined
}

// KeptRun tells whether the frame of p is kept (Keep), and for how many pages from p on that is so.
func (m *Machine) KeptRun(p PageID) (count uint64, kept bool) { return m.cache.keptRun(p) }

// ResizeCache changes the number of frames that this host may have of pages homed elsewhere. Reclaim gives back what is too much.
// A machine without a bound stays so.
func (m *Machine) ResizeCache(pages uint64) {
	if m.cache.lru != nil {
		m.cache.lru.Resize(int(min(pages, m.cfg.Pages)))
	}
}

// Cache tells how many frames of pages homed elsewhere there are, and how many there may be: 0 for any number.
func (m *Machine) Cache() (frames, most uint64) {
	if m.cache.lru == nil {
		return 0, 0
	}
	return uint64(m.cache.lru.Len()), uint64(m.cache.lru.Capacity())
}

// Evictions tells how many copies were given up for want of room, how many pages were hidden to see whether they are in use, and
// how many of these were.
func (m *Machine) Evictions() (evicted, probed, returned uint64) {
	return m.cache.evicted, m.cache.probed, m.cache.returned
}

// Reclaim gives frames back until as many are free as are wanted ahead of need, and finds out which pages are in use. It is a call
// for a thread in the background, whenever NeedRoom says so, or at any other time.
func (m *Machine) Reclaim(w Waiter, fx *Effects) (Status, error) {
	m.cache.asked = true
	m.begin(w, opReclaim)
	return m.Resume(w, fx)
}

func (m *Machine) reclaim(w Waiter, o *op, fx *Effects) Status {
	c := &m.cache
	if c.lru == nil {
		return Done
	}
	if len(o.acks) > 0 {
		return Await
	}
	if o.phase == phReclaim {
		m.evictClean(o, o.pending, fx)
		o.pending = o.pending[:0]
	}
	if want := c.slack() - c.room(); want > 0 && (o.phase == phStart || o.freed > 0) {
		o.phase, o.freed = phReclaim, 0
		if st := m.evictSome(w, o, want, fx); st != Done {
			return st
		}
		if o.freed > 0 {
			return Again
		}
	}
	return m.probe(o, fx)
}

// makeRoom is what a fault does that finds no room for the page which it needs: it gives up a batch of others. If there are none that
// can be given up, the fault goes over the budget by its page, for it must not wait for threads that may wait for it.
func (m *Machine) makeRoom(w Waiter, o *op, fx *Effects) Status {
	if o.phase == phReclaim {
		if len(o.acks) > 0 {
			return Await
		}
		m.evictClean(o, o.pending, fx)
		o.pending = o.pending[:0]
		o.phase = phStart
		return Done
	}
	c := &m.cache
	if o.roomMade || c.room() > 0 || !c.needs(o.page, m.pages.at(m, o.page)) {
		return Done
	}
	o.phase, o.roomMade = phReclaim, true
	st := m.evictSome(w, o, max(1, c.slack()-c.room()), fx)
	if st == Done {
		o.phase = phFetch
	}
	return st
}

// roomBeside is how many pages there is room for besides p, which is about to be fetched.
func (m *Machine) roomBeside(p PageID) int {
	n := m.cache.room()
	if m.cache.needs(p, m.pages.at(m, p)) {
		n--
	}
	return max(n, 0)
}

// checkRoom asks for Reclaim when room gets short, or when there is reason to look which pages are in use.
func (m *Machine) checkRoom(fx *Effects) {
	c := &m.cache
	if c.lru == nil || c.asked {
		return
	}
	half := max(c.slack()/2, 1)
	if c.room() <= half || c.came >= half {
		c.asked = true
		fx.add(Effect{Kind: NeedRoom})
	}
}

// mayEvict tells whether a page may be given up now: not while it is on its way, for its frame is being filled, nor while a diff of it
// is (P2), nor while the program keeps it for system calls.
func (m *Machine) mayEvict(p uint64) bool {
	pg := m.pages.at(m, PageID(p))
	busy := flagFetching | flagUnacked | flagPinned
	if m.cfg.Plant == PlantEvictFetching {
		busy = flagUnacked | flagPinned
	}
	return pg.flags&busy == 0
}

// evictSome gives up so many pages, at most a step's worth. The dirty ones among them are flushed, all in one step, so that each home
// gets them together; then they are o.pending, to be given up when they are acknowledged.
func (m *Machine) evictSome(w Waiter, o *op, want int, fx *Effects) Status {
	c := &m.cache
	c.list = c.lru.Victims(min(want, m.stepPages(reclaimStep)), m.mayEvict, c.list[:0])
	slices.Sort(c.list) // neighbours go together
	o.pending = o.pending[:0]
	for _, v := range c.list {
		if p := PageID(v); m.pages.at(m, p).state == Dirty && m.cfg.Plant != PlantEvictDirty {
			o.pending = append(o.pending, p)
		} else {
			m.evictOne(o, p, fx)
		}
	}
	if len(o.pending) == 0 {
		return Done
	}
	m.flushPages(w, o, o.pending, nil, fx)
	if m.cfg.Plant == PlantEvictUnacked {
		for _, p := range o.pending {
			m.pages.at(m, p).flags &^= flagUnacked
			m.evictOne(o, p, fx)
		}
	}
	return Await
}

// evictClean gives up those of the given pages that are clean still: others may have written them, or have dropped and fetched them,
// meanwhile.
func (m *Machine) evictClean(o *op, pages []PageID, fx *Effects) {
	for _, p := range pages {
		pg := m.pages.at(m, p)
		if pg.flags&flagCounted == 0 {
			continue
		}
		if pg.state == ReadOnly && m.mayEvict(uint64(p)) || pg.state == Dirty && m.cfg.Plant == PlantEvictRedirtied {
			m.evictOne(o, p, fx)
		}
	}
}

// evictOne gives a frame back, with the copy that is in it, if any.
func (m *Machine) evictOne(o *op, p PageID, fx *Effects) {
	pg := m.pages.at(m, p)
	if pg.state != Absent {
		m.forgetCopy(p, pg)
		m.cache.evicted++
	}
	m.frameGone(p, pg)
	fx.run(Discard, p)
	o.freed++
}

// probe hides pages whose use should show: their next access is a fault, which needs no message. As many as twice what came
// since the last time, so that the price of probing follows that of the misses.
func (m *Machine) probe(o *op, fx *Effects) Status {
	c := &m.cache
	if !c.crowded() {
		c.came = 0
		return Done
	}
	n := min(2*c.came, m.stepPages(reclaimStep))
	c.list = c.lru.Probe(n, c.list[:0])
	slices.Sort(c.list)
	for _, v := range c.list {
		if m.pages.at(m, PageID(v)).flags&flagPinned != 0 {
			c.lru.Touch(v) // counts as in use
			continue
		}
		m.hide(PageID(v), fx)
	}
	if len(c.list) < n {
		c.came = 0
	} else {
		c.came -= (n + 1) / 2
	}
	if c.came > 0 {
		o.phase, o.freed = phReclaim, 0
		return Again
	}
	return Done
}

// hide takes access to a copy away, so that its next use shows.
func (m *Machine) hide(p PageID, fx *Effects) {
	m.pages.at(m, p).flags |= flagProbed
	m.cache.probed++
	fx.run(Hide, p)
}

// Hide hides a page, if there is a copy of it.
func (m *Machine) Hide(_ Waiter, p PageID, fx *Effects) (Status, error) {
	if pg := m.pages.at(m, p); pg.flags&flagPinned == 0 && (pg.state == ReadOnly || pg.state == Dirty) {
		m.hide(p, fx)
	}
	return Done, nil
}

// used notes the first access to a page since it was hidden.
func (m *Machine) used(p PageID, pg *page) {
	pg.flags &^= flagProbed
	m.cache.returned++
	if m.cache.lru != nil {
		m.cache.lru.Touch(uint64(p))
	}
}
