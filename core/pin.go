package core

import "slices"

// A pinned page is one that the program keeps for system calls, which do not fault pages in: it stays here, and writable but
// for the time that a call of a thread needs to flush or invalidate it. Pins are an agreement between this host's machine
// and its driver; no other host knows of them.
//
// Being writable all the time, a pinned page counts as written whenever the host flushes, so others may invalidate copies of a
// page that did not change. That is the price of not seeing what system calls write.

// Pin keeps count pages from first on. The driver then makes them writable, by Fault. It returns ErrUnallocated, and pins
// nothing, when an allocation does not cover them all.
func (m *Machine) Pin(first PageID, count uint64) error {
	for p := first; p < first+PageID(count); p++ {
		if !m.Allocated(p) {
			return ErrUnallocated
		}
	}
	s := Span{first, count}
	m.pins = append(m.pins, s)
	m.markPinned(s)
	return nil
}

// Unpin ends one Pin of the same pages. It returns false when there is none.
func (m *Machine) Unpin(first PageID, count uint64) bool {
	gone := Span{first, count}
	i := slices.Index(m.pins, gone)
	if i < 0 {
		return false
	}
	m.pins = slices.Delete(m.pins, i, i+1)
	for p := first; p < first+PageID(count); p++ {
		m.pages.at(m, p).flags &^= flagPinned
	}
	for _, s := range m.pins {
		from, to := max(s.Page, first), min(s.Page+PageID(s.Count), first+PageID(count))
		if from < to {
			m.markPinned(Span{from, uint64(to - from)})
		}
	}
	return true
}

// endPins ends all pins of the pages from first up to end, which are freed. Of a pin that goes beyond them the rest stays.
func (m *Machine) endPins(first, end PageID) {
	pins := m.pins
	m.pins = nil
	for _, s := range pins {
		for p := max(s.Page, first); p < min(s.end(), end); p++ {
			m.pages.at(m, p).flags &^= flagPinned
		}
		if s.Page < first {
			m.pins = append(m.pins, Span{s.Page, uint64(min(s.end(), first) - s.Page)})
		}
		if s.end() > end {
			from := max(s.Page, end)
			m.pins = append(m.pins, Span{from, uint64(s.end() - from)})
		}
	}
}

func (m *Machine) markPinned(s Span) {
	for p := s.Page; p < s.Page+PageID(s.Count); p++ {
		m.pages.at(m, p).flags |= flagPinned
	}
}

// Pins returns the pages that are pinned: one span for each Pin that no Unpin has ended. It is valid until the next call of
// either.
func (m *Machine) Pins() []Span { return m.pins }

// lapse notes that o took access to a page away, which the thread then has to get back if the page is pinned.
func (m *Machine) lapse(o *op, p PageID, pg *page) {
	if pg.flags&flagPinned != 0 {
		o.lapsed = append(o.lapsed, p)
	}
}

// Lapsed appends to dst the pinned pages that calls of w have taken access to away since it was last asked, in order and each
// once. The driver gets it back, by Fault for a store, before the program's call returns.
func (m *Machine) Lapsed(w Waiter, dst []PageID) []PageID {
	o := m.op(w)
	slices.Sort(o.lapsed)
	for _, p := range slices.Compact(o.lapsed) {
		if m.pages.at(m, p).flags&flagPinned != 0 {
			dst = append(dst, p)
		}
	}
	o.lapsed = o.lapsed[:0]
	return dst
}
