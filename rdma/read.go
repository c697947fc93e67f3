//go:build rdma

package rdma

import (
	"fmt"

	"jiajia/core/wire"
)

// readPages copies pages of a peer into frames.
//
// The order of the requests is what rule P15 of docs/protocol.md asks for: the marks, the bytes that sum them up, and only then the reads.
// A reliable queue pair carries out an RDMA WRITE before an RDMA READ that was posted after it: InfiniBand Architecture
// Specification, volume 1, section 10.8.3.3, Work Request Operation Ordering, and section 9.5, Transaction Ordering. At the
// home, the device's reads do not pass its earlier writes on PCI Express, as no region is registered for relaxed ordering.
func (h *hand) readPages(l *lane, pages []wire.PageID, frames [][]byte) (bool, error) {
	size := h.t.o.PageSize
	for i, p := range pages {
		if len(frames[i]) != size {
			return false, fmt.Errorf("page %d into %d bytes: %w", p, len(frames[i]), wire.ErrField)
		}
	}
	list, ok, err := h.locate(l, pages)
	if err != nil || !ok {
		return false, err
	}
	for most := min(len(h.bounce())/size, len(h.ones())); len(pages) > 0; {
		n := min(len(pages), most)
		h.mark(l, list, pages[:n])
		h.fetch(list, pages[:n])
		if err := h.run(l); err != nil {
			return false, err
		}
		for i, frame := range frames[:n] {
			copy(frame, h.bounce()[i*size:])
		}
		pages, frames = pages[n:], frames[n:]
	}
	return true, nil
}

// A stretch is pages of an extent that follow each other.
type stretch struct {
	*extent
	at, n uint64 // index of the first in the extent, and how many
}

// stretchOf returns the longest one that pages begin with. All of them are in list.
func stretchOf(list []extent, e *extent, pages []wire.PageID) stretch {
	if e == nil || !e.has(pages[0]) {
		e = find(list, uint64(pages[0]))
	}
	s := stretch{e, uint64(pages[0]) - e.first, 1}
	for s.n < uint64(len(pages)) && uint64(pages[s.n]) == uint64(pages[0])+s.n && e.has(pages[s.n]) {
		s.n++
	}
	return s
}

// mark adds the requests that mark pages.
func (h *hand) mark(l *lane, list []extent, pages []wire.PageID) {
	var s stretch
	for rest := pages; len(rest) > 0; rest = rest[s.n:] {
		s = stretchOf(list, s.extent, rest)
		h.write(l, h.ones()[:s.n], s.marks.addr+s.at, s.marks.key)
	}
	s = stretch{}
	summed := uint64(0) // the highest byte that is written already
	for rest := pages; len(rest) > 0; rest = rest[s.n:] {
		s = stretchOf(list, s.extent, rest)
		from, to := s.summary(s.at), s.summary(s.at+s.n-1)
		if from == summed {
			from++
		}
		if from <= to {
			h.write(l, h.ones()[:to-from+1], from, s.marks.key)
			summed = to
		}
	}
}

// fetch adds the requests that read pages into the bounce buffer, one after the other.
func (h *hand) fetch(list []extent, pages []wire.PageID) {
	size := uint64(h.t.o.PageSize)
	b := h.bounce()
	var s stretch
	for rest := pages; len(rest) > 0; rest = rest[s.n:] {
		s = stretchOf(list, s.extent, rest)
		h.read(b[:s.n*size], s.frames.addr+s.at*size, s.frames.key)
		b = b[s.n*size:]
	}
}
