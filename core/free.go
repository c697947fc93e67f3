package core

import (
	"cmp"
	"slices"
	"strconv"

	"jiajia/core/wire"
)

// Giving memory back (P18). jia_free gives up what its host has of an allocation. The barrier that follows takes the pages
// back: after a first rendezvous nobody has any traffic about them left, so each host discards its frames and forgets its
// records; after a second one all have, and the range may be allocated again.

const (
	giveUpStep  = 1 << 15 // pages that one step of a jia_free looks at
	recycleStep = 1 << 14 // pages that one step of a barrier discards
)

// Free begins jia_free of the allocation at an address. When it is Done no message about its pages comes from this host any
// more, and none is under way to it. Address 0 is nothing.
func (m *Machine) Free(w Waiter, addr uint64, fx *Effects) (Status, error) {
	if addr == 0 {
		m.called(CallFree, 0, []uint64{0})
		return Done, nil
	}
	e, err := m.toFree(addr)
	if err != nil {
		return Done, err
	}
	m.endPins(e.first, e.end())
	e.freed = true // from now on no access, fetch or eviction of its pages begins
	o := m.begin(w, opFree)
	o.phase, o.extent, o.page = phGiveUp, e, e.first
	if len(m.open) > 0 && m.cfg.Plant != PlantFreeUnsent {
		// A thread of this host may have left a scope and passed its lock on here, where that takes no flush (P5). Who gets the
		// lock after this host may still use the memory.
		o.phase = phFlush
		for _, p := range m.dirty {
			if p >= e.first && p < e.end() && m.pages.at(m, p).state == Dirty {
				o.pending = append(o.pending, p)
			}
		}
		slices.Sort(o.pending)
	}
	return m.Resume(w, fx)
}

// toFree returns the allocation that begins at an address.
func (m *Machine) toFree(addr uint64) (*extent, error) {
	p, ok := m.PageAt(addr)
	if !ok {
		return nil, misuse("jia_free(%#x): this is not shared memory; free what jia_alloc has returned", addr)
	}
	e := m.extentOf(p)
	switch {
	case e == nil:
		return nil, misuse("jia_free(%#x): nothing is allocated there; it was freed before, or never allocated", addr)
	case e.freed:
		return nil, misuse("jia_free(%#x): %s that has been freed already; free an allocation once", addr, e)
	case e.waits:
		return nil, misuse("jia_free(%#x): %s of the run before, which this run has not asked for again: after a restore make the calls again whose memory "+
			"had not been freed, in their order, and free after that", addr, e)
	case addr != m.address(e.first):
		return nil, misuse("jia_free(%#x): this is inside %s of %d bytes that begins at %#x; free it by its first address",
			addr, e, e.pages*uint64(m.cfg.PageSize), m.address(e.first))
	}
	return e, nil
}

// giveUp drops the copies of a freed allocation's pages, and waits for what is under way.
func (m *Machine) giveUp(w Waiter, o *op, fx *Effects) Status {
	e := o.extent
	if o.phase == phFlush {
		if st := m.goFlush(w, o, fx); st != Done {
			return st
		}
	}
	if o.phase == phAcks {
		if st := m.goAcks(w, o); st != Done {
			return st
		}
		o.phase, o.next, o.pending = phGiveUp, 0, o.pending[:0]
	}
	if o.phase == phGiveUp {
		end := min(e.end(), o.page+PageID(m.stepPages(giveUpStep)))
		m.abandon(o, o.page, end, fx)
		if o.page = end; o.page < e.end() {
			return Again
		}
		o.phase = phQuiet
	}
	for m.cfg.Plant != PlantFreeInFlight && o.next < len(o.pending) {
		if m.pages.at(m, o.pending[o.next]).flags&(flagFetching|flagUnacked) != 0 {
			return m.park(w)
		}
		o.next++
	}
	if m.awaitsClaim(e) && m.cfg.Plant != PlantFreeInFlight {
		return m.park(w)
	}
	m.freed = append(m.freed, e)
	m.called(CallFree, e.first, []uint64{m.address(e.first)})
	return Done
}

// awaitsClaim tells whether a thread of this host has the answer to a claim of one of an allocation's pages still to read. The page may be
// this host's already, if another host has asked for it.
func (m *Machine) awaitsClaim(e *extent) bool {
	for i := range m.ops {
		o := &m.ops[i]
		if o.kind == opNone {
			continue
		}
		for _, r := range o.requests {
			if r.claim && o.window[r.first] >= e.first && o.window[r.first] < e.end() {
				return true
			}
		}
	}
	return false
}

// abandon drops the copies of pages, dirty ones without a diff, and takes all access away, also to those that are homed here:
// a host that has not called jia_free yet may still ask for these. It lists in o.pending what is under way.
func (m *Machine) abandon(o *op, first, end PageID, fx *Effects) {
	m.records(first, end, func(p PageID, pg *page) {
		if pg.home != m.cfg.Self {
			switch {
			case pg.state != Absent:
				m.drop(p, pg)
			case pg.flags&flagFetching != 0:
				pg.flags |= flagDoomed
			}
			if pg.flags&(flagFetching|flagUnacked) != 0 {
				o.pending = append(o.pending, p)
			}
		}
		fx.span(Abandon, p, 1)
	})
}

// records calls f for the records in use among those of the pages from first up to end. The cost follows what is here.
func (m *Machine) records(first, end PageID, f func(p PageID, pg *page)) {
	for p := first; p < end; {
		next := min(end, (p/chunkPages+1)*chunkPages)
		if c := uint64(p / chunkPages); c < uint64(len(m.pages.chunks)) && m.pages.chunks[c] != nil {
			for ; p < next; p++ {
				if pg := &m.pages.chunks[c][p%chunkPages]; pg.home >= 0 {
					f(p, pg)
				}
			}
		}
		p = next
	}
}

func (e *extent) String() string {
	if e.name != "" {
		return strconv.Quote(e.name) + ", an allocation"
	}
	return "an allocation"
}

func (e *extent) end() PageID { return e.first + PageID(e.pages) }

// recycling is the part of a barrier that takes freed memory back.
type recycling struct {
	frees int       // how many of Machine.freed it takes back: those of calls that the barrier has compared
	going []*extent // these, by page, from the time on when they are no allocations any more
	next  int       // index in going of the one whose pages are discarded next
	page  PageID    // ... from this one on
	again bool      // the second rendezvous is under way or over
	kept  []wire.Range
}

// beginRecycle comes after the first rendezvous, when nobody uses the freed pages any more and nothing about them is under
// way. From now on a host that asks for one of them has allocated it anew.
func (m *Machine) beginRecycle(o *op) {
	r := &m.bar.recycling
	if m.cfg.Plant != PlantKeepMarks {
		m.takeMarks() // of who has read them by himself: the last ones
	}
	r.going = append(r.going[:0], m.freed[:r.frees]...)
	slices.SortFunc(r.going, func(a, b *extent) int { return cmp.Compare(a.first, b.first) })
	m.extents = slices.DeleteFunc(m.extents, func(e *extent) bool {
		_, gone := slices.BinarySearchFunc(r.going, e.first, func(g *extent, p PageID) int { return cmp.Compare(g.first, p) })
		return gone
	})
	m.lastFound, m.newest = nil, nil
	r.next, r.page = 0, r.going[0].first
	o.phase = phRecycle
}

// recycle discards the next of the freed pages and forgets what was known of them.
func (m *Machine) recycle(fx *Effects) Status {
	r := &m.bar.recycling
	listed := false
	for left := uint64(m.stepPages(recycleStep)); left > 0 && r.next < len(r.going); {
		e := r.going[r.next]
		n := min(left, uint64(e.end()-r.page))
		m.records(r.page, r.page+PageID(n), func(p PageID, pg *page) {
			listed = listed || pg.flags&flagListed != 0
			m.forget(p, pg)
		})
		m.givenBack(r.page, n)
		if m.cfg.Plant != PlantKeepFrames {
			fx.span(Discard, r.page, n)
		}
		left -= n
		if r.page += PageID(n); r.page == e.end() {
			if r.next++; r.next < len(r.going) {
				r.page = r.going[r.next].first
			}
		}
	}
	if listed {
		m.dirty = slices.DeleteFunc(m.dirty, func(p PageID) bool { return m.pages.find(p).flags&flagListed == 0 })
	}
	if r.next < len(r.going) {
		return Again
	}
	return Done
}

// forget makes a page's record one that has not been used.
func (m *Machine) forget(p PageID, pg *page) {
	switch {
	case m.cfg.Plant == PlantKeepRecords && pg.home == m.cfg.Self:
		return
	case pg.state == Absent || pg.state == HomeFresh || pg.flags&flagBlank != 0:
	case pg.home == m.cfg.Self:
		m.homed--
	default:
		m.cached--
	}
	m.frameGone(p, pg)
	*pg = page{home: wire.Many}
}

// meetAgain begins the second rendezvous: no host leaves it before all have discarded their frames. It says nothing of what
// was written; what the first one said takes effect at the exit of both (P7, P10).
func (m *Machine) meetAgain(o *op, fx *Effects) {
	b := &m.bar
	if m.cfg.Plant == PlantUntrackFirst {
		m.untrack(b.release)
	}
	b.number++
	b.again, b.kept = true, b.release
	b.release, b.done, b.allocs = nil, false, 0
	o.own, o.phase = nil, phGather
	if b.exchange {
		m.arrive(b.children[0], o, nil, fx)
	}
}

// recycled ends the recycling: the ranges are there for the next allocations.
func (m *Machine) recycled() {
	r := &m.bar.recycling
	for _, e := range r.going {
		m.vacate(Span{e.first, e.pages})
	}
	m.freed = slices.Delete(m.freed, 0, r.frees)
	if r.again {
		m.bar.release = r.kept
	}
	clear(r.going)
	*r = recycling{going: r.going[:0]}
}
