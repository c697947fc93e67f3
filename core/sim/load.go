package sim

import (
	"bytes"
	"maps"
	"slices"

	"jiajia/core"
	"jiajia/core/wire"
)

// How a host brings home what it reads of a checkpoint, step by step as core/node does (bring.go): pages of first touch that may be claimed
// are; then pages that live here are stored, and others sent as diffs to pages that are zero.

// A block is a run of pages of a part.
type block struct {
	first  core.PageID
	frames []frame
}

// loading is what a host has still to load.
type loading struct {
	waiter  core.Waiter
	left    []block
	block   block // under way: claimed up to claimed, brought home up to placed
	claimed int
	placed  int
	claims  bool      // answers to claims of this block are under way
	filling [][]patch // by home: pages that are not sent yet
	largest int       // pages in a message
	sent    uint64    // messages with pages
	due     int       // messages that are not answered
	most    int       // ... at most
	unacked bool      // a planted mistake does not wait for the last ones
}

// loadOps returns what thread 0 of a host does before anything else.
func (c *cluster) loadOps(h *host) []op {
	ops := []op{{kind: opLoad}}
	for part, list := range c.p.image.cvs {
		for _, id := range list {
			if c.readers[part] == h.id && c.opt.Plant != core.PlantLoadForgetsCVs {
				ops = append(ops, op{kind: opSet, id: int(id)})
			}
		}
	}
	if c.opt.Plant != core.PlantLoadAlone {
		ops = append(ops, op{kind: opBarrier, call: wire.KindWait})
	}
	return append(ops, op{kind: opLoaded})
}

// beginLoad draws in what pieces a host loads.
func (c *cluster) beginLoad(a *actor) {
	l := &loading{filling: make([][]patch, c.p.hosts), largest: c.r.between(1, 4), most: c.r.between(1, 4), unacked: c.opt.Plant == core.PlantLoadUnacked}
	k := c.r.n(len(a.h.idle))
	l.waiter = a.h.idle[k]
	a.h.idle = slices.Delete(a.h.idle, k, k+1)
	a.h.calls[l.waiter]++
	run := c.r.between(1, 4)
	for part, pages := range c.p.image.parts {
		if c.readers[part] != a.h.id {
			continue
		}
		first := len(l.left)
		for _, p := range slices.Sorted(maps.Keys(pages)) {
			last := len(l.left) - 1
			if last < first || len(l.left[last].frames) == run || l.left[last].first+core.PageID(len(l.left[last].frames)) != p {
				l.left = append(l.left, block{first: p})
				last++
			}
			l.left[last].frames = append(l.left[last].frames, c.restoredFrame(p, pages[p]))
		}
	}
	a.load = l
}

// restoredFrame is what a checkpoint has of a page, unless a planted mistake forgets some of it.
func (c *cluster) restoredFrame(p core.PageID, f frame) frame {
	for i, d := range c.p.image.data {
		if c.opt.Plant == core.PlantLoadForgetsWords && d.page == p && c.p.image.atomic[i] {
			clear(f[d.offset : d.offset+d.size])
		}
	}
	return f
}

// full is the index of a home for which there are pages to send: as many as a message holds or, with any, some. -1: there is none.
func (l *loading) full(any bool) int {
	return slices.IndexFunc(l.filling, func(f []patch) bool { return len(f) >= l.largest || any && len(f) > 0 })
}

// waits tells whether nothing goes on before an answer has come.
func (l *loading) waits() bool {
	placed := l.placed == len(l.block.frames)
	switch {
	case l.due == 0:
		return false
	case l.claims && l.claimed == len(l.block.frames):
		return true // who lives where has to be known
	case placed && len(l.left) == 0 && l.full(true) < 0:
		return !l.unacked
	}
	return l.due >= l.most
}

func (c *cluster) loadReady(a *actor) bool {
	l := a.load
	return !l.waits() || slices.ContainsFunc(a.h.boxes[l.waiter], func(p *packet) bool { return c.due(p.after) })
}

// stepLoad takes one step of a host's loading.
func (c *cluster) stepLoad(a *actor) {
	l := a.load
	switch home := l.full(false); {
	case l.waits():
		c.takeAnswer(a)
	case home >= 0:
		c.sendLoaded(a, home)
	case l.claimed < len(l.block.frames):
		c.claimLoaded(a)
	case l.placed < len(l.block.frames):
		c.place(a)
	case len(l.left) > 0:
		l.block, l.left = l.left[0], l.left[1:]
		l.claimed, l.placed = 0, 0
	case l.full(true) >= 0:
		c.sendLoaded(a, l.full(true))
	default:
		c.endLoad(a)
	}
}

// claimLoaded asks for the next page of the block if it is one that its reader becomes the home of.
func (c *cluster) claimLoaded(a *actor) {
	l := a.load
	p := l.block.first + core.PageID(l.claimed)
	l.claimed++
	home, claim, nowhere := a.h.m.LoadAt(p)
	if !claim || nowhere {
		return
	}
	msg := wire.Message{Type: wire.Claim, Reply: uint32(l.waiter), Obj: uint64(p)}
	c.post(a.h, &core.Effect{Kind: core.Send, Host: home}, &msg, nil)
	l.due++
	l.claims = true
}

// place stores the next page of the block, or adds it to the message to its home.
func (c *cluster) place(a *actor) {
	l, h := a.load, a.h
	p, f := l.block.first+core.PageID(l.placed), l.block.frames[l.placed]
	l.placed++
	l.claims = false
	home, _, nowhere := h.m.LoadAt(p)
	switch {
	case nowhere:
		c.failf("host %d has page %d to load, which is not allocated", h.id, p)
	case home == h.id:
		c.tracef("%s: loads p%d", a.name, p)
		a.fx.Reset()
		h.m.Load(p, &a.fx)
		c.memoryEffects(h, &a.fx)
		h.mem.frames[p], h.mem.has[p] = f, true
		c.check(h)
	default:
		pt := patch{page: p, data: f}
		for i := range f {
			if f[i] != 0 {
				pt.mask |= 1 << i
			}
		}
		if pt.mask != 0 {
			l.filling[home] = append(l.filling[home], pt)
		}
	}
}

func (c *cluster) sendLoaded(a *actor, home int) {
	l := a.load
	l.sent++
	l.due++
	c.postDiff(a.h, core.HostID(home), l.sent, l.waiter, l.filling[home])
	l.filling[home] = nil
}

// takeAnswer takes one of the answers that have come.
func (c *cluster) takeAnswer(a *actor) {
	l, box := a.load, a.h.boxes[a.load.waiter]
	k := c.r.n(len(box))
	for !c.due(box[k].after) {
		k = (k + 1) % len(box)
	}
	msg, body := c.decode(box[k].bytes)
	a.h.boxes[l.waiter] = slices.Delete(box, k, k+1)
	if c.tracing() {
		c.tracef("%s: takes %s", a.name, describeMessage(&msg, body))
	}
	if l.due--; msg.Type == wire.DiffAck {
		return
	}
	a.fx.Reset()
	c.must(a.h, a.h.m.LoadClaimed(&msg, &a.fx))
	c.memoryEffects(a.h, &a.fx)
	c.check(a.h)
}

// endLoad ends a host's loading. When all hosts have done so, everything is at its home.
func (c *cluster) endLoad(a *actor) {
	l := a.load
	if !l.unacked {
		a.h.calls[l.waiter]++
		a.h.idle = append(a.h.idle, l.waiter)
	}
	a.load = nil
	if c.loaded++; c.loaded == c.p.hosts && c.opt.Plant == core.PlantNone {
		c.checkLoaded()
	}
	c.advance(a)
}

// checkLoaded compares what is at the homes with the checkpoint. A page of first touch lives where it was read if there are as many hosts as
// before, else at its manager.
func (c *cluster) checkLoaded() {
	before := c.p.image.saved.Hosts
	for part, pages := range c.p.image.parts {
		for _, p := range slices.Sorted(maps.Keys(pages)) {
			a, touch := c.touched(p)
			should := c.readers[part]
			if before != c.p.hosts {
				should = homeByCall(a, uint64(p-a.Page), before, c.p.hosts)
			}
			if home, _ := c.homeOf(p); touch && home.id != should {
				c.failf("page %d of first touch is loaded at host %d, should be at host %d", p, home.id, should)
			}
		}
	}
	for p := range core.PageID(c.p.pages) {
		home, _ := c.homeOf(p)
		if at := c.flat[int(p)*pageBytes:][:pageBytes]; !bytes.Equal(home.mem.frames[p][:], at) {
			c.failf("page %d is loaded as %x at its home %d, should be %x", p, home.mem.frames[p], home.id, at)
		}
	}
}

// touched returns the allocation of the checkpoint that a page belongs to, and whether it is of first touch.
func (c *cluster) touched(p core.PageID) (a *core.Allocation, touch bool) {
	list := c.p.image.saved.Allocs
	i := slices.IndexFunc(list, func(a core.Allocation) bool { return p >= a.Page && uint64(p-a.Page) < a.Pages })
	return &list[i], list[i].Call == core.CallAllocTouch
}
