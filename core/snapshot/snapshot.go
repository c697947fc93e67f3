// Package snapshot keeps what a checkpoint has yet to store of the pages that a barrier has marked: of a page that is about to
// change its bytes are copied first. It is a plain data structure without a lock; the caller has one mutex around all calls, and
// around everything that changes a page.
package snapshot

import "jiajia/core/pageset"

// Span is a run of pages.
type Span struct{ First, Count uint64 }

// Snapshot is a set of pages as they were when they were added. Invariant: a page of copies is in pending and in copied; every
// other page of pending has not changed since it was added.
type Snapshot struct {
	pageSize int
	pending  pageset.Set
	copied   pageset.Set
	copies   map[uint64][]byte
	free     [][]byte // frames of copies that were taken
	at       uint64   // where Take goes on among the pages that are not copied
	copiedAt uint64   // ... and among those that are
}

// New returns an empty snapshot.
func New(pageSize int) *Snapshot {
	return &Snapshot{pageSize: pageSize, copies: make(map[uint64][]byte)}
}

// Add adds pages, which nobody can change from now on without Before.
func (s *Snapshot) Add(first, count uint64) { s.pending.Add(first, count) }

// Before must be called when pages are about to change. It copies those among them that are to be stored still. frame returns the
// bytes of a page.
func (s *Snapshot) Before(first, count uint64, frame func(page uint64) []byte) {
	if count == 1 && !s.pending.Has(first) {
		return
	}
	for end := first + count; first < end; {
		p, n := s.pending.Within(first, end-first)
		if n == 0 {
			return
		}
		for q := p; q < p+n; q++ {
			if !s.copied.Has(q) {
				s.keep(q, frame(q))
			}
		}
		first = p + n
	}
}

func (s *Snapshot) keep(page uint64, bytes []byte) {
	var c []byte
	if n := len(s.free); n > 0 {
		c, s.free = s.free[n-1], s.free[:n-1]
	} else {
		c = make([]byte, s.pageSize)
	}
	copy(c, bytes)
	s.copies[page] = c
	s.copied.Add(page, 1)
}

// Take puts the bytes of the next run of pages into buf, as many of them as there is room for, and takes them out of the snapshot.
// Pages that are copied go first, for their memory is wanted: so runs do not come in order, but no page comes twice. ok is false
// when nothing is left. buf has room for one page at least.
func (s *Snapshot) Take(buf []byte, frame func(page uint64) []byte) (first, count uint64, ok bool) {
	most := uint64(len(buf) / s.pageSize)
	if first, count = next(&s.copied, &s.copiedAt, most); count > 0 {
		for i := range count {
			c := s.copies[first+i]
			copy(buf[i*uint64(s.pageSize):], c)
			delete(s.copies, first+i)
			s.free = append(s.free, c)
		}
		s.copied.Remove(first, count)
		s.pending.Remove(first, count)
		return first, count, true
	}
	if first, count = next(&s.pending, &s.at, most); count == 0 {
		return 0, 0, false
	}
	for i := range count {
		copy(buf[i*uint64(s.pageSize):][:s.pageSize], frame(first+i))
	}
	s.pending.Remove(first, count)
	return first, count, true
}

// next returns a run of a set, beginning where the one before has ended.
func next(s *pageset.Set, at *uint64, most uint64) (first, count uint64) {
	if s.Len() == 0 {
		return 0, 0
	}
	if first, count = s.Next(*at, most); count == 0 {
		first, count = s.Next(0, most)
	}
	*at = first + count
	return first, count
}

// Left returns how many pages have not been taken.
func (s *Snapshot) Left() uint64 { return s.pending.Len() }

// Copied returns how many bytes are held in copies.
func (s *Snapshot) Copied() uint64 { return s.copied.Len() * uint64(s.pageSize) }

// Spans returns the pages that have not been taken, in runs, in order.
func (s *Snapshot) Spans() (list []Span) {
	for at := uint64(0); ; {
		first, count := s.pending.Next(at, ^uint64(0))
		if count == 0 {
			return list
		}
		list = append(list, Span{first, count})
		at = first + count
	}
}
