package node

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jiajia/core"
)

// twins keeps the copies of dirty pages as they were before the first write. They lie outside the Go heap, in slabs that
// are reused and never given back: as many as pages were ever dirty at once.
type twins struct {
	pageSize int
	byPage   map[core.PageID][]byte
	free     [][]byte
}

const slabTwins = 64

// take copies a page to a fresh twin.
func (t *twins) take(p core.PageID, frame []byte) error {
	if len(t.free) == 0 {
		slab, err := unix.Mmap(-1, 0, slabTwins*t.pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return fmt.Errorf("memory for twins: %w", err)
		}
		for i := slabTwins - 1; i >= 0; i-- {
			t.free = append(t.free, slab[i*t.pageSize:(i+1)*t.pageSize:(i+1)*t.pageSize])
		}
	}
	if t.byPage == nil {
		t.byPage = make(map[core.PageID][]byte)
	}
	twin := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	copy(twin, frame)
	t.byPage[p] = twin
	return nil
}

// of returns a page's twin.
func (t *twins) of(p core.PageID) []byte {
	twin, ok := t.byPage[p]
	if !ok {
		panic(fmt.Sprintf("node: page %d has no twin", p))
	}
	return twin
}

func (t *twins) drop(p core.PageID) {
	t.free = append(t.free, t.of(p))
	delete(t.byPage, p)
}
