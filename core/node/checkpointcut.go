package node

import (
	"time"

	"jiajia/core"
	"jiajia/core/snapshot"
	"jiajia/core/stats"
)

// saving is a checkpoint from its cut to its result.
type saving struct {
	generation uint64
	full       bool
	began      time.Time // of the marking

	// Guarded by Node.mu.
	snap    *snapshot.Snapshot // the pages that are still to be taken for the file; nil when nobody will take any more
	storing bool               // the goroutine that takes them is there: who waits for it does not wait for the barrier
	copied  uint64             // pages that were copied before they changed
	stopped time.Duration      // how long the program stood still, once it goes on

	// Set before the storing begins.
	zero     []core.Span
	state    any // for the manifest
	sections []Section
}

// A Section is named data that a host stores beside its pages.
type Section struct {
	Name string
	Data []byte
}

// An addition gathers what a checkpoint is to have beside pages. It is called in the thread that is in the barrier, when no host's program
// goes on yet, and appends to dst what it owns no more.
type addition func(dst []Section) []Section

// cutEffect carries out an effect of a cut. Called under mu.
func (n *Node) cutEffect(t *thread, e *core.Effect) {
	c := &n.ckpt
	switch e.Kind {
	case core.CutBegin:
		c.saving = &saving{generation: e.ID, full: e.Count == 1, began: time.Now(), snap: snapshot.New(n.cfg.PageSize)}
		c.begun, c.active = e.ID, true
		c.closed.Store(true)
	case core.Save:
		c.saving.snap.Add(uint64(e.Page), e.Count)
	case core.Zero:
		c.saving.zero = append(c.saving.zero, core.Span{Page: e.Page, Count: e.Count})
	case core.CutEnd:
		if c.state != nil {
			c.saving.state = c.state()
		}
		t.cut, t.cutting = c.saving, true
	}
}

// preserve copies those of the pages that are about to change that are to be stored as they are. Called under mu.
func (n *Node) preserve(page, count uint64) {
	s := n.ckpt.saving
	if s == nil || s.snap == nil {
		return
	}
	before := s.snap.Copied()
	s.snap.Before(page, count, n.region.Frame)
	if after := s.snap.Copied(); after > before {
		s.copied += (after - before) / uint64(n.cfg.PageSize)
		n.crowd(s)
	}
}

// crowd has threads wait that need more memory for copies, if these take too much. Called under mu.
func (n *Node) crowd(s *saving) {
	if s.storing && s.snap.Copied() > n.ckpt.cfg.CopyBytes {
		n.ckpt.crowded.Store(true)
	}
}

// beginSaving has what t has cut stored, in the background, from now on. It comes before any host knows that all have cut.
func (n *Node) beginSaving(t *thread) {
	t.cutting = false
	s := t.cut
	for _, add := range n.ckpt.additions {
		s.sections = add(s.sections)
	}
	n.mu.Lock()
	s.storing = true
	n.crowd(s)
	n.mu.Unlock()
	n.background.Go(func() { n.save(s) })
}

// leaveCut notes that t goes on after a cut. Called under mu.
func (n *Node) leaveCut(t *thread) {
	if t.cut != nil {
		t.cut.stopped = time.Since(t.cut.began)
		n.tally.row[stats.Cutting] += uint64(t.cut.stopped)
		t.cut = nil
	}
}
