package node

import (
	"fmt"

	"jiajia/core"
)

// MinCachePages is how many pages a page cache must hold at least. One access may need two pages, several threads may be at
// it at once, and some frames are kept free ahead of need.
const MinCachePages = 16

// A FrameKeeper is a Transport by which frames of this host stay in use by a device, also some of pages that are homed elsewhere. They are
// not given back as long as it is open.
type FrameKeeper interface {
	Transport

	// Kept appends to dst the runs of pages whose frames have come into such use since it was called last. Called under the node's
	// mutex, after Publish.
	Kept(dst []Span) []Span
}

// CachePages turns the size of a page cache in bytes into pages. The error says how much is needed.
func CachePages(bytes uint64, pageSize int) (uint64, error) {
	pages := bytes / uint64(pageSize)
	if pages < MinCachePages {
		return 0, fmt.Errorf("a page cache of %d bytes is smaller than the library needs: %d bytes, %d pages of %d; raise JIA_CACHE_SIZE, or leave it out",
			bytes, MinCachePages*pageSize, MinCachePages, pageSize)
	}
	return pages, nil
}

// ResizeCache changes how many pages of other hosts this one may hold. Before it returns, it gives back what is too much, as far as that
// is not in use just now. Any thread.
func (n *Node) ResizeCache(bytes uint64) error {
	pages, err := CachePages(bytes, n.cfg.PageSize)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.machine.ResizeCache(pages)
	frames, most := n.machine.Cache()
	n.mu.Unlock()
	if frames > most {
		n.reclaim(n.getThread(), callOther)
	}
	return nil
}

// reclaim gives frames back, and finds out which pages are in use.
func (n *Node) reclaim(t *thread, as call) {
	n.mu.Lock()
	t.call = as
	st, err := n.machine.Reclaim(t.id, &t.fx)
	n.finish(t, st, err)
}

// reclaimAhead does so whenever the machine asks for it, so that faults find room. When the job is about to end, peers may be gone
// that a new thread would connect to, and nobody needs room.
func (n *Node) reclaimAhead() {
	for {
		select {
		case <-n.short:
		case <-n.over:
			return
		}
		t, err := n.borrowThread()
		switch {
		case err == nil:
			n.reclaim(t, callBackground)
		case !n.leaving.Load():
			n.fail(err)
		}
	}
}

// needRoom has it done soon.
func (n *Node) needRoom() {
	select {
	case n.short <- struct{}{}:
	default: // somebody has asked already
	}
}

// keep learns which frames the transport keeps. Called under mu.
func (n *Node) keep() {
	if k, ok := n.trans.(FrameKeeper); ok {
		n.spans = k.Kept(n.spans[:0])
		n.machine.Keep(n.spans)
	}
}

// discard takes access to pages away and gives their frames back, but only clears those that the transport keeps. Called under mu.
func (n *Node) discard(page, count uint64) error {
	for count > 0 {
		run, kept := n.machine.KeptRun(core.PageID(page))
		run = min(run, count)
		if !kept {
			if err := n.region.Discard(page, run); err != nil {
				return err
			}
		} else {
			if err := n.region.Unmap(page, run); err != nil {
				return err
			}
			clear(n.region.Frames(page, run)[:run*uint64(n.cfg.PageSize)])
		}
		page, count = page+run, count-run
	}
	return nil
}
