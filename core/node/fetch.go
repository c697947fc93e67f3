package node

import (
	"fmt"

	"jiajia/core"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// landing is where pages go that a thread fetches: into their frames or, where no frame is known to be, into a buffer. The
// kernel makes a frame from bytes that are there already at half the price of one that is filled through a view.
type landing struct {
	frames [][]byte // in the order of the pages
	buffer []byte   // room for as many pages; one that has a frame leaves its room empty
}

// land sets t.frames for pages that will come, and which nobody else touches meanwhile (P6).
func (n *Node) land(t *thread, pages []core.PageID) {
	t.frames = t.frames[:0]
	size := n.cfg.PageSize
	for i, p := range pages {
		if n.region.Known(uint64(p)) {
			t.frames = append(t.frames, n.region.Frame(uint64(p)))
			continue
		}
		if len(t.buffer) < len(pages)*size {
			t.buffer = make([]byte, len(pages)*size) // frames before this one are none of it
		}
		t.frames = append(t.frames, t.buffer[i*size:(i+1)*size])
	}
}

// settle completes the frames of pages that have come: of all or, with an answer m, of those that it carries. The others were
// never written at their home.
func (n *Node) settle(t *thread, pages []core.PageID, m *wire.Message) {
	size := n.cfg.PageSize
	fresh := func(i int) bool { return !n.region.Known(uint64(pages[i])) && (m == nil || m.Carries(i)) }
	for i := 0; i < len(pages); i++ {
		first := i
		if !fresh(i) {
			if m != nil && !m.Carries(i) && n.region.Known(uint64(pages[i])) {
				clear(t.frames[i])
			}
			continue
		}
		for i+1 < len(pages) && pages[i+1] == pages[i]+1 && fresh(i+1) {
			i++
		}
		if err := n.region.Store(uint64(pages[first]), t.buffer[first*size:(i+1)*size]); err != nil {
			n.fail(err)
		}
	}
}

// read fetches pages of a host that is reached.
func (n *Node) read(t *thread, from wire.HostID, pages []core.PageID) {
	n.land(t, pages)
	ok, err := t.box.Read(from, pages, t.frames)
	if err != nil {
		n.peerFailed(from, err)
	}
	if !ok {
		n.ask(t, from, pages)
		return
	}
	n.settle(t, pages, nil)
	n.mu.Lock()
	n.tally.row[stats.PagesRead] += uint64(len(pages))
	n.tally.row[stats.PagesFetched] += uint64(len(pages))
	n.chargeList(stats.PagesFetched, pages)
	n.tally.row[stats.PageBytesFetched] += uint64(len(pages) * n.cfg.PageSize)
	n.mu.Unlock()
}

// ask fetches pages that read could not, with messages to their home and, as far as the machine knows, still by itself: what is
// in the way now need not be there the next time.
func (n *Node) ask(t *thread, from wire.HostID, pages []core.PageID) {
	for len(pages) > 0 {
		count, stride := 1, core.PageID(1)
		if len(pages) > 1 {
			stride = pages[1] - pages[0]
		}
		for count < len(pages) && pages[count]-pages[count-1] == stride {
			count++
		}
		m := wire.Message{Type: wire.GetPage, Reply: uint32(t.id), Obj: uint64(pages[0]), Version: uint64(count), Epoch: uint64(stride)}
		n.send(t, from, &m)
		n.land(t, pages[:count])
		if err := t.box.Recv(from, &t.in, t.frames); err != nil {
			n.peerFailed(from, err)
		}
		if t.in.Type != wire.Page || t.in.Obj != uint64(pages[0]) {
			n.fail(fmt.Errorf("host %d answered a request for page %d with %v of object %d", from, pages[0], t.in.Type, t.in.Obj))
		}
		n.settle(t, pages[:count], &t.in)
		n.mu.Lock()
		n.tally.sent(0)
		n.tally.received(&t.in)
		n.tally.row[stats.PagesFetched] += uint64(count)
		n.chargeList(stats.PagesFetched, pages[:count])
		n.mu.Unlock()
		pages = pages[count:]
	}
}

// store stores a diff message at its home, which is reached. When it returns false, it has counted the message that is to be
// sent instead.
func (n *Node) store(t *thread, to wire.HostID, d *outDiff) bool {
	ok, err := false, error(nil)
	if !n.ckpt.closed.Load() {
		ok, err = t.box.Write(to, d.buf)
	}
	if err != nil {
		n.peerFailed(to, err)
	}
	n.mu.Lock()
	if ok {
		n.tally.row[stats.DiffsWritten] += d.pages
	} else {
		n.tally.sent(uint64(len(d.buf)))
	}
	n.mu.Unlock()
	return ok
}
