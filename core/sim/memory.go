package sim

import (
	"math/bits"
	"slices"

	"jiajia/core"
)

// access is what the application view of a host permits on a page.
type access uint8

const (
	none access = iota
	readOnly
	readWrite
)

func (a access) String() string { return [...]string{"none", "ro", "rw"}[a] }

type frame [pageBytes]byte

// poison is what a frame holds after its page was dropped: nobody may rely on what was there.
const poison = 0xdb

// memory is the shared region of one host: frames, what the application view permits, and twins.
type memory struct {
	frames []frame
	access []access
	twins  []*frame
	has    []bool // there is memory behind the page; a page that is only read from its home has none before it comes
}

// patch is a page's diff: bit i of mask says that byte i changed.
type patch struct {
	page core.PageID
	mask uint64
	data frame
}

// outDiff is a diff message that a host has snapshot and not sent yet.
type outDiff struct{ patches []patch }

// memoryEffects carries out the memory effects of a step. They are one atomic action with it.
func (c *cluster) memoryEffects(h *host, fx *core.Effects) {
	for i := range fx.List {
		e := &fx.List[i]
		if e.Memory() {
			if c.tracing() {
				c.tracef("%d: %s", h.id, describeEffect(e, fx))
			}
			c.cutEffect(h, e)
			if e.Kind == core.Execute {
				c.execute(h, e, fx)
				continue
			}
			c.memoryEffect(h, e)
		}
	}
}

func (c *cluster) memoryEffect(h *host, e *core.Effect) {
	if e.Kind >= core.CutBegin && e.Kind <= core.CutEnd {
		return
	}
	m := &h.mem
	for p := e.Page; p < e.Page+core.PageID(max(e.Count, 1)); p++ {
		switch e.Kind {
		case core.Map, core.MapWrite, core.MapFresh:
			m.has[p] = true
		}
		switch e.Kind {
		case core.Protect:
			m.access[p] = min(m.access[p], readOnly)
		case core.Unmap:
			m.access[p] = none
			for i := range m.frames[p] {
				m.frames[p][i] = poison
			}
		case core.Map:
			m.access[p] = max(m.access[p], readOnly)
		case core.MapWrite:
			m.access[p] = readWrite
		case core.MapFresh:
			if m.frames[p] != (frame{}) && !slices.Contains(c.reach[h.id], true) {
				c.failf("host %d maps page %d as fresh, but it was written", h.id, p)
			}
			m.access[p] = readWrite
		case core.Discard:
			m.access[p], m.frames[p], m.has[p] = none, frame{}, false
		case core.Abandon:
			m.access[p], m.twins[p] = none, nil
		case core.Hide:
			m.access[p] = none
		case core.Twin:
			t := m.frames[p]
			m.twins[p] = &t
		case core.Diff:
			c.snapshot(h, e)
		}
	}
}

// snapshot compares a page with its twin.
func (c *cluster) snapshot(h *host, e *core.Effect) {
	page, twin := &h.mem.frames[e.Page], h.mem.twins[e.Page]
	if twin == nil {
		c.failf("host %d takes a diff of page %d without a twin", h.id, e.Page)
		return
	}
	pt := patch{page: e.Page, data: *page}
	for i := range page {
		if page[i] != twin[i] || c.opt.Plant == core.PlantWholePage {
			pt.mask |= 1 << i
		}
	}
	h.mem.twins[e.Page] = nil
	d := h.diffs[e.ID]
	if d == nil {
		d = &outDiff{}
		h.diffs[e.ID] = d
	}
	if pt.mask != 0 {
		d.patches = append(d.patches, pt)
	}
}

// applyWord applies one word of a patch to a home's frame: a single store, or a merge that cannot be interrupted, so it
// does not tear and does not touch its neighbours. It returns false when no word from the given one on has changes.
func (h *host) applyWord(p *patch) bool {
	if p.mask == 0 {
		return false
	}
	w := bits.TrailingZeros64(p.mask) / wordBytes
	for i := w * wordBytes; i < (w+1)*wordBytes; i++ {
		if p.mask&(1<<i) != 0 {
			h.mem.frames[p.page][i] = p.data[i]
		}
	}
	p.mask &^= 0xff << (w * wordBytes)
	return true
}
