package shm

import (
	"math/bits"
	"sync/atomic"

	"jiajia/core/wire"
)

// marks is a mark table: a bit for each page that peers have begun to read since the home last took the marks in, and a bit for
// each 64 of these, so that taking in costs little when there is nothing. Bits are set from the table up and taken from the
// summary down; who finds a bit of the summary without one below has been overtaken by another.
type marks struct {
	table, summary []atomic.Uint64
}

const (
	pagesPerWord    = 64
	pagesPerSummary = 64 * pagesPerWord
)

func words(pages, each uint64) uint64 { return (pages + each - 1) / each }

// marksBytes is what the marks of so many pages take.
func marksBytes(pages uint64) uint64 {
	return 8 * (words(pages, pagesPerSummary) + words(pages, pagesPerWord))
}

func marksAt(s *segment, offset, pages uint64) marks {
	n := words(pages, pagesPerSummary)
	return marks{
		summary: arrayAt[atomic.Uint64](s, offset, n), table: arrayAt[atomic.Uint64](s, offset+8*n, words(pages, pagesPerWord)),
	}
}

// set marks pages, which the table must have.
func (m marks) set(pages []wire.PageID) {
	for i := 0; i < len(pages); {
		word := uint64(pages[i]) / pagesPerWord
		in := uint64(0)
		for ; i < len(pages) && uint64(pages[i])/pagesPerWord == word; i++ {
			in |= 1 << (pages[i] % pagesPerWord)
		}
		m.table[word].Or(in)
		m.summary[word/64].Or(1 << (word % 64))
	}
}

// take appends the marked pages among the first so many to dst, and clears their marks.
func (m marks) take(dst []wire.PageID, pages uint64) []wire.PageID {
	fence() // what the home has written so far is there for who marks after this
	for i := range min(words(pages, pagesPerSummary), uint64(len(m.summary))) {
		if m.summary[i].Load() == 0 {
			continue
		}
		for s := m.summary[i].Swap(0); s != 0; s &= s - 1 {
			word := i*64 + uint64(bits.TrailingZeros64(s))
			if word >= uint64(len(m.table)) {
				break // set by a peer gone wild
			}
			for w := m.table[word].Swap(0); w != 0; w &= w - 1 {
				dst = append(dst, wire.PageID(word*pagesPerWord+uint64(bits.TrailingZeros64(w))))
			}
		}
	}
	fence()
	return dst
}
