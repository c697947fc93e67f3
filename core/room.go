package core

import (
	"fmt"
	"slices"
	"sort"
)

// Where allocations lie. Every host makes the same calls in the same order, and takes freed ranges back at the same
// barriers, so all of them find the same place for an allocation without a word.

// extentOf returns the allocation that a page belongs to, or nil. It may have been freed since the last barrier.
func (m *Machine) extentOf(p PageID) *extent {
	if e := m.lastFound; e != nil && uint64(p-e.first) < e.pages {
		return e
	}
	i := sort.Search(len(m.extents), func(i int) bool { return m.extents[i].first > p }) - 1
	if i < 0 || uint64(p-m.extents[i].first) >= m.extents[i].pages {
		return nil
	}
	m.lastFound = m.extents[i]
	return m.extents[i]
}

// Allocated tells whether the program may use a page.
func (m *Machine) Allocated(p PageID) bool {
	e := m.extentOf(p)
	return e != nil && !e.freed
}

// address is that of a page in the program.
func (m *Machine) address(p PageID) uint64 { return m.cfg.Base + uint64(p)*uint64(m.cfg.PageSize) }

// PageAt returns the page that an address of the region lies in.
func (m *Machine) PageAt(addr uint64) (p PageID, ok bool) {
	if addr < m.cfg.Base {
		return 0, false
	}
	p = PageID((addr - m.cfg.Base) / uint64(m.cfg.PageSize))
	return p, uint64(p) < m.cfg.Pages
}

// aligned returns the first page from p on whose address is a multiple of align, a power of two; ok is false when there is none.
func (m *Machine) aligned(p PageID, align uint64) (_ PageID, ok bool) {
	at := m.address(p)
	up := (at + align - 1) &^ (align - 1)
	if align <= uint64(m.cfg.PageSize) && m.cfg.Base%align == 0 {
		return p, true
	}
	return PageID((up - m.cfg.Base) / uint64(m.cfg.PageSize)), up >= at
}

// settle finds a place for an allocation: in the first vacant range that is large enough, or else at the end. It returns
// false when there is none.
func (m *Machine) settle(e *extent, align uint64) bool {
	for i, s := range m.vacant {
		at, ok := m.aligned(s.Page, align)
		if skip := uint64(at - s.Page); ok && skip < s.Count && e.pages <= s.Count-skip {
			m.vacant = slices.Delete(m.vacant, i, i+1)
			m.vacate(Span{s.Page, skip})
			m.vacate(Span{at + PageID(e.pages), s.Count - skip - e.pages})
			m.occupy(e, at)
			return true
		}
	}
	at, ok := m.aligned(m.allocated, align)
	if !ok || uint64(at) > m.cfg.Pages || e.pages > m.cfg.Pages-uint64(at) {
		return false
	}
	end := m.allocated
	m.allocated = at + PageID(e.pages)
	m.vacate(Span{end, uint64(at - end)})
	m.occupy(e, at)
	return true
}

// occupy puts an allocation into the list of them.
func (m *Machine) occupy(e *extent, at PageID) {
	e.first = at
	i := sort.Search(len(m.extents), func(i int) bool { return m.extents[i].first > at })
	m.extents = slices.Insert(m.extents, i, e)
	m.newest = e
	m.undecide(e)
}

// vacate gives a range, which may be empty, to later allocations, joined to its vacant neighbours.
func (m *Machine) vacate(s Span) {
	if s.Count == 0 {
		return
	}
	i := sort.Search(len(m.vacant), func(i int) bool { return m.vacant[i].Page > s.Page })
	m.vacant = slices.Insert(m.vacant, i, s)
	if i+1 < len(m.vacant) && m.vacant[i].end() == m.vacant[i+1].Page {
		m.vacant[i].Count += m.vacant[i+1].Count
		m.vacant = slices.Delete(m.vacant, i+1, i+2)
	}
	if i > 0 && m.vacant[i-1].end() == m.vacant[i].Page {
		m.vacant[i-1].Count += m.vacant[i].Count
		m.vacant = slices.Delete(m.vacant, i, i+1)
	}
	if n := len(m.vacant) - 1; m.vacant[n].end() == m.allocated {
		m.allocated = m.vacant[n].Page
		m.vacant = m.vacant[:n]
	}
}

func (s Span) end() PageID { return s.Page + PageID(s.Count) }

// checkExtents says what is wrong with the lists of what is allocated and vacant, if anything is. It is for tests.
func (m *Machine) checkExtents() error {
	last := PageID(0)
	for _, e := range m.extents {
		if e.first < last || e.pages == 0 || e.end() > m.allocated {
			return fmt.Errorf("host %d: an allocation of %d pages at page %d overlaps, or is beyond page %d", m.cfg.Self, e.pages, e.first, m.allocated)
		}
		last = e.end()
	}
	last = 0
	for i, s := range m.vacant {
		at := sort.Search(len(m.extents), func(i int) bool { return m.extents[i].end() > s.Page })
		if i > 0 && s.Page <= last || s.Count == 0 || s.end() >= m.allocated || at < len(m.extents) && m.extents[at].first < s.end() {
			return fmt.Errorf("host %d: %d vacant pages at page %d overlap an allocation, or are not joined to their neighbours", m.cfg.Self, s.Count, s.Page)
		}
		last = s.end()
	}
	return nil
}
