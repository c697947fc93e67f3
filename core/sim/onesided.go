package sim

import (
	"encoding/binary"

	"jiajia/core"
	"jiajia/core/wire"
)

// reading is a Read that a thread carries out: a mark, then word by word, page after page or all marks first. One that the home
// refuses asks for the pages one at a time instead.
type reading struct {
	home   *host
	pages  []core.PageID
	early  bool // all marks first
	marked int  // pages
	words  int  // of all pages
	asks   bool
	asked  bool
}

// storing is a diff message that a thread stores at its home by itself, word by word.
type storing struct {
	home    *host
	id      uint64
	waiter  core.Waiter
	patches []patch
	left    []patch // not stored yet
}

// drawReach draws which hosts reach each other's memory, and adds those of always.
func (c *cluster) drawReach(always [][2]core.HostID) {
	c.reach = make([][]bool, c.p.hosts)
	for i := range c.reach {
		c.reach[i] = make([]bool, c.p.hosts)
		for j := range i {
			if c.r.chance(c.swarm.oneSided) {
				c.reach[i][j], c.reach[j][i] = true, true
			}
		}
	}
	for _, pair := range always {
		c.reach[pair[0]][pair[1]], c.reach[pair[1]][pair[0]] = true, true
	}
}

// join tells the machine of a host whom it reaches.
func (c *cluster) join(h *host) {
	for g, yes := range c.reach[h.id] {
		if yes {
			h.m.SetReached(core.HostID(g))
			h.m.SetMarked(h.marked)
		}
	}
}

// marked appends the pages that were marked since the last call.
func (h *host) marked(dst []core.PageID) []core.PageID {
	for p := range h.marks {
		if h.marks[p] {
			dst = append(dst, core.PageID(p))
			h.marks[p] = false
		}
	}
	return dst
}

// refused draws whether a home cannot be read or stored to by others just now.
func (c *cluster) refused(home *host) bool {
	return !home.allocated && !home.restored || !c.scripted && c.r.chance(c.swarm.refuse)
}

func (c *cluster) beginRead(a *actor, e *core.Effect) {
	home := c.hosts[e.Host]
	a.read = &reading{home: home, pages: append([]core.PageID(nil), a.fx.PagesOf(e)...), asks: c.refused(home)}
	a.read.early = !c.scripted && c.r.chance(50)
}

// readReady tells whether a thread's read can go on.
func (c *cluster) readReady(a *actor) bool {
	return !a.read.asked || c.answer(a) >= 0
}

// answer returns the index of the page in the mailbox that the thread has asked for by itself, or -1.
func (c *cluster) answer(a *actor) int {
	for i, p := range a.h.boxes[a.waiter] {
		if c.due(p.after) && core.HostID(binary.LittleEndian.Uint32(p.bytes[8:])) == a.read.home.id {
			return i
		}
	}
	return -1
}

func (c *cluster) stepRead(a *actor) {
	r := a.read
	page := r.words / wordsPerPage
	after := c.opt.Plant == core.PlantMarkAfterRead
	switch {
	case r.asks:
		c.stepAsk(a)
		return
	case page < len(r.pages) && !after && r.marked < len(r.pages) && (r.early || r.marked <= page),
		after && page == len(r.pages):
		r.home.marks[r.pages[r.marked]] = true
		if c.tracing() {
			c.tracef("%s: marks p%d at %d", a.name, r.pages[r.marked], r.home.id)
		}
		r.marked++
	default:
		p, at := r.pages[page], r.words%wordsPerPage*wordBytes
		copy(a.h.mem.frames[p][at:at+wordBytes], r.home.mem.frames[p][at:])
		a.h.mem.has[p] = true
		r.words++
		if c.tracing() && r.words%wordsPerPage == 0 {
			c.tracef("%s: has read p%d of %d", a.name, p, r.home.id)
		}
	}
	if r.marked == len(r.pages) && r.words == len(r.pages)*wordsPerPage {
		a.read = nil
	}
}

// stepAsk asks for the next page by a message, or takes it.
func (c *cluster) stepAsk(a *actor) {
	r := a.read
	if !r.asked {
		msg := wire.Message{Type: wire.GetPage, Reply: uint32(a.waiter), Obj: uint64(r.pages[0]), Version: 1, Epoch: 1}
		c.post(a.h, &core.Effect{Kind: core.Send, Host: r.home.id}, &msg, nil)
		r.asked = true
		return
	}
	i := c.answer(a)
	box := a.h.boxes[a.waiter]
	msg, body := c.decode(box[i].bytes)
	a.h.boxes[a.waiter] = append(box[:i:i], box[i+1:]...)
	if msg.Type != wire.Page || msg.Obj != uint64(r.pages[0]) {
		c.failf("%s: asked for page %d, got %s", a.name, r.pages[0], describeMessage(&msg, body))
	}
	f := &a.h.mem.frames[r.pages[0]]
	*f, a.h.mem.has[r.pages[0]] = frame{}, true
	copy(f[:], body)
	if r.pages, r.asked = r.pages[1:], false; len(r.pages) == 0 {
		a.read = nil
	}
}

// beginStore sets out to store a diff at its home, unless it cannot be reached.
func (c *cluster) beginStore(a *actor, e *core.Effect, d *outDiff) bool {
	home := c.hosts[e.Host]
	if !c.reach[a.h.id][e.Host] || c.gated(a.h) || c.refused(home) {
		return false
	}
	a.store = &storing{home: home, id: e.ID, waiter: e.Waiter, patches: d.patches, left: append([]patch(nil), d.patches...)}
	return true
}

// stepStore stores one word. Now and then the home turns out to be beyond reach half-way: then everything goes as a message.
func (c *cluster) stepStore(a *actor) {
	s := a.store
	if c.refused(s.home) {
		a.store = nil
		c.postDiff(a.h, s.home.id, s.id, s.waiter, s.patches)
		return
	}
	if p := &s.left[0]; !s.home.applyWord(p) || p.mask == 0 {
		if c.tracing() {
			c.tracef("%s: has stored its diff of p%d at %d", a.name, p.page, s.home.id)
		}
		s.left = s.left[1:]
	}
	if len(s.left) == 0 {
		a.store = nil
		a.emptied = append(a.emptied, s.id)
	}
}
