package node

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jiajia/core"
)

// twins keeps the copies of dirty pages as they were before the first write. They lie outside the Go heap, in slabs that
// are reused and never given back: as many as pages were ever dirty at once. The tables hold no pointers, so that the
// garbage collector does not care how many there are.
type twins struct {
	pageSize int
	slabs    [][]byte
	byPage   map[core.PageID]uint32 // number of the page's twin: slab times slabTwins, plus place
	free     []uint32
}

const slabTwins = 64

// take copies a page to a fresh twin.
func (t *twins) take(p core.PageID, frame []byte) error {
	if len(t.free) == 0 {
		slab, err := unix.Mmap(-1, 0, slabTwins*t.pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return fmt.Errorf("memory for twins: %w", err)
		}
		t.slabs = append(t.slabs, slab)
		for i := slabTwins * len(t.slabs); i > slabTwins*(len(t.slabs)-1); i-- {
			t.free = append(t.free, uint32(i-1))
		}
	}
	if t.byPage == nil {
		t.byPage = make(map[core.PageID]uint32)
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	copy(t.twin(i), frame)
	t.byPage[p] = i
	return nil
}

func (t *twins) twin(i uint32) []byte {
	at := int(i%slabTwins) * t.pageSize
	return t.slabs[i/slabTwins][at : at+t.pageSize]
}

func (t *twins) number(p core.PageID) uint32 {
	i, ok := t.byPage[p]
	if !ok {
		panic(fmt.Sprintf("node: page %d has no twin", p))
	}
	return i
}

// of returns a page's twin.
func (t *twins) of(p core.PageID) []byte { return t.twin(t.number(p)) }

// forget drops the twins of those of the pages from p on that have one.
func (t *twins) forget(p core.PageID, count uint64) {
	if uint64(len(t.byPage)) < count {
		for q := range t.byPage {
			if uint64(q-p) < count {
				t.drop(q)
			}
		}
		return
	}
	for q := p; q < p+core.PageID(count); q++ {
		if _, ok := t.byPage[q]; ok {
			t.drop(q)
		}
	}
}

func (t *twins) drop(p core.PageID) {
	t.free = append(t.free, t.number(p))
	delete(t.byPage, p)
}
