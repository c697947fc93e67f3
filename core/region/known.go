package region

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// frameTable remembers, one byte per page, which frames exist because the region has made them. It is sparse like
// accessTable; unlike that one, entries of different pages may be read and set by several threads at once.
type frameTable struct {
	known []bool // indexed by page
}

func newFrameTable(pages uint64) (frameTable, error) {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(pages), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return frameTable{}, fmt.Errorf("reserve the frame table (%d bytes): %w%s", pages, err, reserveHint(err))
	}
	return frameTable{unsafe.Slice((*bool)(p), pages)}, nil
}

func (t frameTable) close() error {
	return unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(t.known)), uintptr(len(t.known)))
}

func (t frameTable) has(page uint64) bool { return t.known[page] }

func (t frameTable) note(page, n uint64) {
	for i := range t.known[page : page+n] {
		t.known[page+uint64(i)] = true
	}
}

// forget leaves the parts of the table alone that were never written, which then take no memory.
func (t frameTable) forget(page, n uint64) {
	for i, known := range t.known[page : page+n] {
		if known {
			t.known[page+uint64(i)] = false
		}
	}
}
