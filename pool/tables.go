package pool

import "sync/atomic"

// Tables are what handing out and taking back a small object needs to know. Both begin as zero, and memory that is only reserved
// is enough: they are touched where the pool is used.
type Tables struct {
	// Pages has a word for each page of the pool. Its upper half is 1 and the class for a page of a span here, LargeObject for one
	// of a large object here, and 0 for all others; the lower half is the page's place in its span, or 0 for the first page of a
	// large object and 1 for the others.
	Pages []atomic.Uint32
	// Live has a bit for each granule of the pool, in the order of their weight: set while the object that begins there is the program's.
	// It says so of the objects of this host only.
	Live []atomic.Uint32
}

// LargeObject stands for a class in Tables.Pages.
const LargeObject = 0xffff

// Words returns how long the tables of a pool are.
func Words(pageSize int, pages uint64) (ofPages, ofLive uint64) {
	return pages, (pages*uint64(pageSize)/Granule + 31) / 32
}

// MarkLive notes that the object at an offset becomes the program's.
func (t *Tables) MarkLive(at uint64) {
	t.Live[at/Granule/32].Or(1 << (at / Granule % 32))
}

// Retire notes that it is the program's no more, and tells whether it was.
func (t *Tables) Retire(at uint64) bool {
	bit := uint32(1) << (at / Granule % 32)
	return t.Live[at/Granule/32].And(^bit)&bit != 0
}

// live tells whether the object at an offset is the program's.
func (t *Tables) live(at uint64) bool {
	return t.Live[at/Granule/32].Load()>>(at/Granule%32)&1 != 0
}

// entry makes a word of Pages.
func entry(class, place uint64) uint32 { return uint32(class<<16 | place) }
