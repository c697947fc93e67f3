package rdma

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"jiajia/core/wire"
)

// marks are those of an extent, at its home. Peers set a mark, then the byte that sums it up, and then read the page; the home
// takes the bytes of the summary and then the marks. Peers' devices write single bytes, which the processors' atomic
// operations on whole words neither lose nor take twice; no device needs atomic operations of its own.
type marks struct {
	table, summary []atomic.Uint64 // of 8 bytes each
}

func newMarks(b []byte, count uint64) marks {
	n := roundUp(count, 8)
	return marks{words(b[:n]), words(b[n:marksBytes(count)])}
}

// words returns aligned bytes as words.
func words(b []byte) []atomic.Uint64 {
	return unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
}

// take appends the marked pages of an extent to dst, and clears their marks. The caller fences before and after all.
func (m *marks) take(dst []wire.PageID, e *extent) []wire.PageID {
	const wordsPerSummary = pagesPerSummary / 8
	for i := range m.summary {
		for s := swapAny(&m.summary[i]); s != 0; {
			at := (i*8 + firstByte(&s)) * wordsPerSummary
			for k := at; k < min(at+wordsPerSummary, len(m.table)); k++ {
				for w := swapAny(&m.table[k]); w != 0; {
					if page := uint64(k*8 + firstByte(&w)); page < e.count {
						dst = append(dst, wire.PageID(e.first+page))
					}
				}
			}
		}
	}
	return dst
}

// swapAny takes what is in a word, and disturbs it only if there is something.
func swapAny(w *atomic.Uint64) uint64 {
	if w.Load() == 0 {
		return 0
	}
	return w.Swap(0)
}

// firstByte returns the index in memory of a byte of *w that is not 0, and clears it.
func firstByte(w *uint64) int {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], *w)
	i := bits.TrailingZeros64(binary.LittleEndian.Uint64(b[:])) / 8
	b[i] = 0
	*w = binary.NativeEndian.Uint64(b[:])
	return i
}
