// Package pageset is a set of page numbers that is small where pages lie together: a bit for each page of a stretch that has
// some, and nothing for other stretches but a pointer. The zero Set is empty. It is not safe for concurrent use.
package pageset

import "math/bits"

const (
	wordPages  = 64
	chunkWords = 8 // a cache line
	chunkPages = chunkWords * wordPages
)

type chunk [chunkWords]uint64

// Set is a set of pages.
type Set struct {
	chunks []*chunk
	len    uint64
}

// Len returns how many pages are in the set.
func (s *Set) Len() uint64 { return s.len }

// Has tells whether a page is in the set.
func (s *Set) Has(p uint64) bool {
	c := p / chunkPages
	return c < uint64(len(s.chunks)) && s.chunks[c] != nil && s.chunks[c][p%chunkPages/wordPages]>>(p%wordPages)&1 != 0
}

// Add puts count pages from first on into the set.
func (s *Set) Add(first, count uint64) {
	if count == 0 {
		return
	}
	if last := (first + count - 1) / chunkPages; last >= uint64(len(s.chunks)) {
		s.chunks = append(s.chunks, make([]*chunk, last+1-uint64(len(s.chunks)))...)
	}
	for count > 0 {
		at := &s.chunks[first/chunkPages]
		if *at == nil {
			*at = new(chunk)
		}
		mask, n := maskOf(first, count)
		w := &(*at)[first%chunkPages/wordPages]
		s.len += uint64(bits.OnesCount64(mask &^ *w))
		*w |= mask
		first, count = first+n, count-n
	}
}

// Remove takes count pages from first on out of the set.
func (s *Set) Remove(first, count uint64) {
	for count > 0 && first/chunkPages < uint64(len(s.chunks)) {
		c := s.chunks[first/chunkPages]
		if c == nil {
			n := min(count, chunkPages-first%chunkPages)
			first, count = first+n, count-n
			continue
		}
		mask, n := maskOf(first, count)
		w := &c[first%chunkPages/wordPages]
		s.len -= uint64(bits.OnesCount64(mask & *w))
		*w &^= mask
		first, count = first+n, count-n
	}
}

// maskOf returns the bits of the first n of count pages, which are those in the word of the first.
func maskOf(first, count uint64) (mask, n uint64) {
	n = min(count, wordPages-first%wordPages)
	return ^uint64(0) >> (wordPages - n) << (first % wordPages), n
}

// Next returns the first run of pages in the set at or above from, cut to at most so many; count is 0 if there is none.
func (s *Set) Next(from, most uint64) (first, count uint64) {
	return s.run(from, s.end(), most)
}

// Within returns the first run of pages in the set among so many from first on; n is 0 if there is none. The cost follows count.
func (s *Set) Within(first, count uint64) (p, n uint64) {
	return s.run(first, min(first+count, s.end()), count)
}

func (s *Set) run(from, end, most uint64) (first, count uint64) {
	if first = s.seek(from, end, 0); first >= end {
		return 0, 0
	}
	if most < end-first {
		end = first + most
	}
	return first, s.seek(first, end, ^uint64(0)) - first
}

// Run returns how many pages from p on are in the set without a gap, at most so many.
func (s *Set) Run(p, most uint64) uint64 {
	if first, n := s.Within(p, most); n > 0 && first == p {
		return n
	}
	return 0
}

// end is above all pages of the set.
func (s *Set) end() uint64 { return uint64(len(s.chunks)) * chunkPages }

// seek returns the first page from from on that is in the set, or with flip all ones the first that is not; end, which is not above
// that of the set, if there is none below it.
func (s *Set) seek(from, end, flip uint64) uint64 {
	for from < end {
		c := s.chunks[from/chunkPages]
		next := (from/chunkPages + 1) * chunkPages
		if c == nil {
			if flip != 0 {
				return from
			}
			from = next
			continue
		}
		for ; from < min(next, end); from = (from/wordPages + 1) * wordPages {
			word := (c[from%chunkPages/wordPages] ^ flip) >> (from % wordPages)
			if word != 0 {
				return min(from+uint64(bits.TrailingZeros64(word)), end)
			}
		}
	}
	return end
}

// Union adds all pages of another set.
func (s *Set) Union(o *Set) {
	if len(o.chunks) > len(s.chunks) {
		s.chunks = append(s.chunks, make([]*chunk, len(o.chunks)-len(s.chunks))...)
	}
	for i, c := range o.chunks {
		if c == nil {
			continue
		}
		if s.chunks[i] == nil {
			s.chunks[i] = new(chunk)
		}
		for w, word := range c {
			s.len += uint64(bits.OnesCount64(word &^ s.chunks[i][w]))
			s.chunks[i][w] |= word
		}
	}
}
