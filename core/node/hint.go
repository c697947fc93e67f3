package node

import (
	"sync"

	"jiajia/core"
	"jiajia/core/wire"
)

// mostHints is how many ranges may wait to be fetched. Beyond them, hints are dropped.
const mostHints = 256

// hints are ranges of pages that the program will need. A goroutine fetches them, one window after the other; it ends when
// there are none left.
type hints struct {
	mu      sync.Mutex
	idle    sync.Cond // of mu: no goroutine is fetching
	queue   []core.Span
	working bool
	stopped bool
}

// Prefetch starts to fetch the pages that hold size bytes from offset on, and does not wait. It is a hint: memory that was not
// allocated is left out, and when too many hints wait, the newest are dropped.
func (n *Node) Prefetch(offset, size uint64) {
	first, count, ok := n.pagesOf(offset, size)
	if !ok || count == 0 || n.cfg.Hosts == 1 {
		return
	}
	h := &n.hints
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped || len(h.queue) >= mostHints {
		return
	}
	h.queue = append(h.queue, core.Span{Page: first, Count: count})
	if !h.working {
		h.working = true
		go n.followHints()
	}
}

// followHints fetches what is hinted at until nothing is left.
func (n *Node) followHints() {
	t := n.getThread()
	var pages []core.PageID
	for {
		pages = n.hints.next(pages[:0])
		if len(pages) == 0 {
			break
		}
		t.span = span{call: callBackground}
		n.mu.Lock()
		st, err := n.machine.Prefetch(t.id, pages, &t.fx)
		if err := n.run(t, st, err); err != nil {
			n.fail(err)
		}
	}
	n.putThread(t)
}

// next appends the pages of the next window to dst; none means that the goroutine is to end.
func (h *hints) next(dst []core.PageID) []core.PageID {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped || len(h.queue) == 0 {
		h.working = false
		h.idle.Broadcast()
		return dst
	}
	s := &h.queue[0]
	for range min(s.Count, wire.MaxWindow) {
		dst = append(dst, s.Page)
		s.Page++
		s.Count--
	}
	if s.Count == 0 {
		h.queue = append(h.queue[:0], h.queue[1:]...)
	}
	return dst
}

// stop drops all hints, from now on too, and waits for the fetch that is under way.
func (h *hints) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped, h.queue = true, nil
	for h.working {
		h.idle.Wait()
	}
}
