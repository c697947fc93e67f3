package node

import (
	"errors"

	"golang.org/x/sys/unix"

	"jiajia/core"
	"jiajia/core/region"
	"jiajia/core/wire"
)

// Pin fetches the pages that hold size bytes from offset on, and keeps them here and writable until Unpin. It returns 0, or
// EINVAL for memory that was not allocated.
func (n *Node) Pin(offset, size uint64) unix.Errno {
	first, count, ok := n.pagesIn(offset, size)
	if !ok {
		return unix.EINVAL
	}
	if count == 0 {
		return 0
	}
	t := n.getThread()
	defer n.putThread(t)
	n.mu.Lock()
	err := n.machine.Pin(first, count)
	n.keepPins()
	n.mu.Unlock()
	if err != nil {
		return unix.EINVAL
	}
	for p, end := first, first+core.PageID(count); p < end; {
		t.held = t.held[:0]
		for ; p < end && len(t.held) < wire.MaxWindow; p++ {
			t.held = append(t.held, p)
		}
		n.hold(t)
	}
	return 0
}

// Unpin ends one Pin of the same pages. It returns 0, or EINVAL when there is none.
func (n *Node) Unpin(offset, size uint64) unix.Errno {
	first, count, ok := n.pagesIn(offset, size)
	if !ok {
		return unix.EINVAL
	}
	if count == 0 {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.machine.Unpin(first, count) {
		return unix.EINVAL
	}
	n.keepPins()
	return 0
}

// pagesIn returns the pages that hold a range of bytes, and whether the region holds it.
func (n *Node) pagesIn(offset, size uint64) (first core.PageID, count uint64, ok bool) {
	page := uint64(n.cfg.PageSize)
	bytes := n.region.Pages() * page
	if offset > bytes || size > bytes-offset {
		return 0, 0, false
	}
	if size == 0 {
		return 0, 0, true
	}
	f := offset / page
	return core.PageID(f), (offset+size-1)/page + 1 - f, true
}

// keepPins lets others know which pages are pinned. It is called with mu held.
func (n *Node) keepPins() {
	n.pinned.Store(len(n.machine.Pins()) > 0)
	var spans []region.Span
	for _, s := range n.machine.Pins() {
		spans = append(spans, region.Span{Page: uint64(s.Page), Count: s.Count})
	}
	n.region.Keep(spans)
}

// hold fetches the pages of t.held, at most wire.MaxWindow, and makes them writable.
func (n *Node) hold(t *thread) {
	t.span = span{}
	n.mu.Lock()
	st, err := n.machine.Prefetch(t.id, t.held, &t.fx)
	if err := n.run(t, st, err); err != nil {
		n.fail(err)
	}
	for _, p := range t.held {
		t.span = span{}
		n.throttle(nil)
		n.mu.Lock()
		st, err := n.machine.Fault(t.id, p, true, &t.fx)
		if err := n.run(t, st, err); err != nil && !errors.Is(err, core.ErrUnallocated) {
			n.fail(err)
		}
	}
}

// regain makes the pinned pages writable again that a call of t has taken access to away. It is the last thing that the call
// does.
func (n *Node) regain(t *thread) {
	if !n.pinned.Load() || n.leaving.Load() {
		return
	}
	n.mu.Lock()
	t.lapsed = n.machine.Lapsed(t.id, t.lapsed[:0])
	n.mu.Unlock()
	for list := t.lapsed; len(list) > 0; {
		k := min(len(list), wire.MaxWindow)
		t.held = append(t.held[:0], list[:k]...)
		list = list[k:]
		n.hold(t)
	}
}
