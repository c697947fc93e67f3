package sim

import (
	"maps"
	"slices"

	"jiajia/ckpt"
	"jiajia/core"
	"jiajia/core/snapshot"
	"jiajia/core/wire"
)

// What a program wants of a barrier at host 0 (op.count): no checkpoint, one of what was written since the last one, or of everything.
const (
	cutNone = iota
	cutNext
	cutFull
)

// drawCuts has some barriers of some programs take checkpoints, if none is being written then.
func (g *generator) drawCuts(seed uint64) {
	r, p := source(seed^0xc4ec4), g.p // of its own: but for the checkpoints the program is the same
	if !r.chance(30) && p.runs == 0 && (p.image == nil || r.chance(50)) {
		return
	}
	p.cuts = true
	often, full := []int{30, 70, 100}[r.n(3)], []int{10, 50}[r.n(2)]
	for i := range g.intervals {
		call, count := wire.KindBarrier, cutNone
		if r.chance(35) {
			call = wire.KindCheckpoint
		}
		if r.chance(often) {
			count = cutNext
			if r.chance(full) {
				count = cutFull
			}
		}
		for h := range p.threads {
			g.markBarrier(h, i, call, count)
		}
	}
}

// markBarrier says what the barrier at the end of an interval is.
func (g *generator) markBarrier(h, interval int, call wire.Kind, count int) {
	for i := range g.p.threads[h][0] {
		o := &g.p.threads[h][0][i]
		if o.kind != opBarrier || o.call == wire.KindWait {
			continue
		}
		if interval == 0 {
			o.call, o.count = call, count
			return
		}
		interval--
	}
}

// generation is a checkpoint that is being written, or was written last.
type generation struct {
	number   uint64
	at       int // the rendezvous
	full     bool
	base     uint64 // what it builds on, on disk
	failing  int    // the host that fails to write its part, or -1
	parts    int    // that are written
	over, ok bool

	// What the next run needs besides the parts, by what the hosts say at their cuts.
	saved *core.Saved
	cvs   [][]core.CVID // by host
	image []byte        // all memory, if it is known to be this and nothing else: the run began from here
}

// part is what one host has to store of a generation.
type part struct {
	of     *generation
	snap   *snapshot.Snapshot
	zeros  []core.Span
	pages  map[core.PageID]frame
	ended  bool // everything is marked
	closed bool
	file   *ckpt.PartWriter // if there are disks
	info   ckpt.Part        // once it is closed
}

// cutting is what the checkers know about checkpoints.
type cutting struct {
	planned map[uint64]*generation
	// At each rendezvous: how many hosts have begun it, all memory when the last one did, and which bytes were stored to by a host inside,
	// so that they may be saved or not.
	begun    map[int]int
	flat     map[int][]byte
	torn     map[int][]bool
	set      map[int][]core.CVID // condition variables that are set when the last host has begun it, in rising order
	executed map[asker]core.Span // atomic operations of calls that are not over: where, and how many bytes
	chains   []map[core.PageID]frame
	disks    *disks      // nil: parts are in chains only
	next     uint64      // number of the next generation
	newest   *generation // of this run that is complete, or nil
	base     uint64      // its number, 0 if none
	crash    int         // the step at which all machines crash; 0: none
}

func newCutting(hosts int) *cutting {
	k := &cutting{next: 1, set: map[int][]core.CVID{}, planned: map[uint64]*generation{}, begun: map[int]int{}, flat: map[int][]byte{}, torn: map[int][]bool{}, executed: map[asker]core.Span{}}
	for range hosts {
		k.chains = append(k.chains, map[core.PageID]frame{})
	}
	return k
}

// beginsRendezvous plans a checkpoint if the program wants one. What hosts have stored before they begin belongs to it, and what they store
// when they have left does not.
func (c *cluster) beginsRendezvous(a *actor, o *op) {
	k := c.cutting
	if k == nil {
		return
	}
	n := c.arrived[a.h.id]
	for who, at := range k.executed {
		if who.host == a.h.id {
			c.tears(n, int(at.Page), int(at.Count))
		}
	}
	if k.begun[n]++; k.begun[n] == c.p.hosts {
		k.flat[n] = slices.Clone(c.flat)
		for _, id := range slices.Sorted(maps.Keys(c.set)) {
			if c.set[id] {
				k.set[n] = append(k.set[n], core.CVID(id))
			}
		}
	}
	if o.count == cutNone || a.h.id != 0 || a.h.part != nil {
		return
	}
	g := &generation{number: k.next, at: n, full: o.count == cutFull, failing: -1, cvs: make([][]core.CVID, c.p.hosts)}
	if k.next++; !g.full {
		g.base = k.base
	}
	if !c.scripted && c.r.chance(25) {
		g.failing = c.r.n(c.p.hosts)
	}
	k.planned[g.number] = g
	a.h.m.PlanCut(core.Cut{Generation: g.number, Full: g.full})
}

// waitsForPart tells whether a host waits for the end of the generation before it begins a barrier.
func (h *host) waitsForPart(o *op) bool {
	return o.kind == opBarrier && o.call == wire.KindCheckpoint && o.count != cutNone && h.id == 0 && h.part != nil
}

// storesInside notes a store that a host makes: one that is in a rendezvous may be saved or not.
func (c *cluster) storesInside(h core.HostID, at, size int) {
	if c.cutting != nil && c.arrived[h] > c.exited[h] {
		c.tears(c.arrived[h], at, size)
	}
}

func (c *cluster) tears(rendezvous, at, size int) {
	k := c.cutting
	if k.torn[rendezvous] == nil {
		k.torn[rendezvous] = make([]bool, len(c.flat))
	}
	for i := range size {
		k.torn[rendezvous][at+i] = true
	}
}

// cutEffect carries out what a machine says about checkpoints, and keeps what is to be saved from changing.
func (c *cluster) cutEffect(h *host, e *core.Effect) {
	switch e.Kind {
	case core.CutBegin:
		if h.part != nil && c.opt.Plant == core.PlantNone {
			c.failf("host %d begins generation %d and writes one still", h.id, e.ID)
		}
		g := c.cutting.planned[e.ID]
		if g == nil || g.full != (e.Count == 1) || g.at != c.arrived[h.id] {
			c.failf("host %d begins generation %d in rendezvous %d, planned is %+v", h.id, e.ID, c.arrived[h.id], g)
			return
		}
		h.part = &part{of: g, snap: snapshot.New(pageBytes), pages: map[core.PageID]frame{}}
	case core.Zero:
		h.part.zeros = append(h.part.zeros, core.Span{Page: e.Page, Count: e.Count})
	case core.Save:
		for p := e.Page; p < e.Page+core.PageID(e.Count); p++ {
			if h.mem.access[p] == readWrite && c.opt.Plant == core.PlantNone {
				c.failf("host %d is to save page %d, which can be written", h.id, p)
			}
		}
		h.part.snap.Add(uint64(e.Page), e.Count)
	case core.CutEnd:
		h.part.ended = true
		c.saves(h)
	case core.MapWrite, core.MapFresh, core.Discard, core.Execute:
		c.beforeChange(h, e.Page, max(e.Count, 1))
	}
}

func (c *cluster) beforeChange(h *host, first core.PageID, count uint64) {
	if h.part != nil && c.opt.Plant != core.PlantNoCopy {
		h.part.snap.Before(uint64(first), count, h.frame)
	}
}

func (h *host) frame(p uint64) []byte { return h.mem.frames[p][:] }

// gated tells whether a host must not store to others' memory by itself, since that may be what they save.
func (c *cluster) gated(h *host) bool {
	return h.part != nil && h.part.ended && c.opt.Plant != core.PlantNoGate
}

// canSave tells whether the thread that writes a host's part has something to do.
func (h *host) canSave() bool {
	return h.part != nil && h.part.ended && (!h.part.closed || h.part.of.over)
}

// save is a step of that thread: it takes some pages, closes the part, or hears what became of the generation.
func (c *cluster) save(a *actor) {
	part := a.h.part
	g := part.of
	if c.storm && c.r.chance(25) {
		a.after = c.hold(200, 6)
	}
	if g.over {
		if part.file != nil {
			part.file.Abandon()
		}
		a.h.part = nil
		c.tracef("%s: generation %d is over: %v", a.name, g.number, g.ok)
		a.fx.Reset()
		a.h.m.CutDone(g.ok, &a.fx)
		for i := range a.fx.List {
			c.carryOut(a.h, a, &a.fx.List[i], &a.fx, nil)
		}
		return
	}
	if g.failing == int(a.h.id) && c.r.chance(30) || !c.create(a.h) {
		g.over = true
		return
	}
	buf := make([]byte, pageBytes*c.r.between(1, 3))
	first, count, ok := part.snap.Take(buf, a.h.frame)
	for i := range count {
		p := core.PageID(first + i)
		if _, twice := part.pages[p]; twice {
			c.failf("host %d saves page %d twice", a.h.id, p)
		}
		part.pages[p] = frame(buf[i*pageBytes:])
		c.tracef("%s: saves p%d", a.name, p)
	}
	if ok {
		g.over = !c.write(part, first, buf[:count*pageBytes])
		return
	}
	if g.failing == int(a.h.id) || !c.close(part) {
		g.over = true
		return
	}
	part.closed = true
	if g.parts++; g.parts == c.p.hosts {
		g.over = true
		if g.ok = c.publish(g); g.ok {
			c.commit(g)
		}
	}
}

// commit adds the parts of a generation to what is stored, and restores it.
func (c *cluster) commit(g *generation) {
	for id, h := range c.hosts {
		chain := c.cutting.chains[id]
		if g.full {
			clear(chain)
		}
		for _, s := range h.part.zeros {
			for p := s.Page; p < s.Page+core.PageID(s.Count); p++ {
				delete(chain, p)
			}
		}
		for p, f := range h.part.pages {
			chain[p] = f
		}
	}
	c.restore(g, c.cutting.chains)
	c.checkCVs(g)
	c.cutting.newest, c.cutting.base = g, g.number
	if c.p.runs > 0 && c.r.chance(40) {
		c.cutting.crash = c.steps + c.r.between(1, 400)
	}
}

// restore compares what the parts of each host say of a generation, with those that it builds on, with what memory held at its barrier. It
// returns what they say.
func (c *cluster) restore(g *generation, chains []map[core.PageID]frame) []byte {
	k := c.cutting
	image := make([]byte, len(c.flat))
	from := map[core.PageID]int{}
	for id, chain := range chains {
		for p, f := range chain {
			if h, twice := from[p]; twice {
				c.failf("generation %d has page %d of hosts %d and %d", g.number, p, min(h, id), max(h, id))
			}
			from[p] = id
			copy(image[int(p)*pageBytes:], f[:])
		}
	}
	memory, torn := k.flat[g.at], k.torn[g.at]
	if g.image != nil {
		memory, torn = g.image, nil
	}
	for i, want := range memory {
		if image[i] != want && (torn == nil || !torn[i]) {
			c.failf("generation %d restores p%d[%d] as %#x, should be %#x", g.number, i/pageBytes, i%pageBytes, image[i], want)
			break
		}
	}
	return image
}
