package node

import (
	"fmt"
	"runtime/debug"
	"time"

	"jiajia/ckpt"
	"jiajia/core/capacity"
	"jiajia/core/stats"
)

// Sizes of what is done at once, in bytes; at least one page. A step of taking holds the node's mutex while it copies.
const (
	takeStep  = 256 << 10
	writeStep = 1 << 20
)

// returned is how many bytes of copies the system gets back at once.
const returned = 32 << 20

// save stores what was cut, sees to the result and tidies up. It is a goroutine of its own: one at a time.
func (n *Node) save(s *saving) {
	p, ok := n.awaitPlan(s)
	if !ok {
		return
	}
	began := time.Now()
	n.atDisk("writing its part to")
	part, err := n.writePart(s, p)
	n.atDisk("")
	took := time.Since(began)
	n.mu.Lock()
	s.snap = nil // after an error: what is left of it is not wanted
	n.relieve(0)
	copied := s.copied * uint64(n.cfg.PageSize)
	n.mu.Unlock()
	for _, x := range s.sections {
		copied += uint64(len(x.Data))
	}
	if s.sections = nil; copied > returned {
		debug.FreeOSMemory() // the collector would leave several checkpoints' copies lie before it begins
	}
	done, ok := n.conclude(s, p, reportOf(part, err))
	if !ok {
		return
	}
	n.applyResult(s, part, done)
	n.atDisk("removing what is not needed from")
	switch {
	case done.Errno == 0:
		n.logSaved(s, part, took)
		if err := n.ckpt.store.Prune(done.Keep); err != nil {
			n.cfg.Log.Warnf("old checkpoints are left behind: %v", err)
		}
	case err == nil: // another host has failed, which may do so each time: this disk must not fill up with parts that are for nothing
		if err := n.ckpt.store.RemovePart(p.Job, p.Generation, int(n.cfg.Self)); err != nil {
			n.cfg.Log.Warnf("what this host has written for checkpoint %d is left behind: %v", p.Generation, err)
		}
	}
	n.readyForNext()
	n.atDisk("")
	n.mu.Lock()
	n.ckpt.active = false
	n.mu.Unlock()
	n.ckpt.turn()
}

// awaitPlan returns what host 0 has said of a checkpoint. ok is false when the host is closed.
func (n *Node) awaitPlan(s *saving) (p planned, ok bool) {
	select {
	case p = <-n.ckpt.plans:
	case <-n.over:
		return p, false
	}
	if p.Generation != s.generation {
		n.fail(fmt.Errorf("host 0 has planned checkpoint %d, and the barrier took checkpoint %d", p.Generation, s.generation))
	}
	return p, true
}

// writePart writes this host's part.
func (n *Node) writePart(s *saving, p planned) (ckpt.Part, error) {
	if n.cfg.Self == 0 { // which commits the manifest, and says what is removed
		if err := n.ckpt.store.Claim(); err != nil {
			return ckpt.Part{}, err
		}
	}
	w, err := n.ckpt.store.CreatePart(ckpt.PartInfo{Job: p.Job, Generation: p.Generation, Base: p.Base, Host: int(n.cfg.Self), Hosts: n.cfg.Hosts,
		PageSize: n.cfg.PageSize, Compress: n.ckpt.cfg.Compress})
	if err != nil {
		return ckpt.Part{}, err
	}
	defer w.Abandon()
	for _, z := range s.zero {
		if err := w.Zero(uint64(z.Page), z.Count); err != nil {
			return ckpt.Part{}, err
		}
	}
	if err := n.writePages(s, w); err != nil {
		return ckpt.Part{}, err
	}
	for _, x := range s.sections {
		if err := w.Section(x.Name, x.Data); err != nil {
			return ckpt.Part{}, err
		}
	}
	return w.Close()
}

// writePages writes the pages of the snapshot in the largest runs that it hands out.
func (n *Node) writePages(s *saving, w *ckpt.PartWriter) error {
	size := n.cfg.PageSize
	buf := make([]byte, max(writeStep, size))
	step := max(takeStep, size)
	var first uint64
	filled := 0
	flush := func() error {
		if filled == 0 {
			return nil
		}
		err := w.Pages(first, buf[:filled])
		filled = 0
		return err
	}
	for {
		if filled+step > len(buf) {
			if err := flush(); err != nil {
				return err
			}
		}
		n.mu.Lock()
		p, count, ok := s.snap.Take(buf[filled:filled+step], n.region.Frame)
		n.relieve(s.snap.Copied())
		n.mu.Unlock()
		if !ok {
			return flush()
		}
		if filled > 0 && p != first+uint64(filled/size) {
			own := buf[filled : filled+int(count)*size]
			if err := flush(); err != nil {
				return err
			}
			copy(buf, own)
		}
		if filled == 0 {
			first = p
		}
		filled += int(count) * size
	}
}

// relieve lets threads go on that wait for memory, if copies take no more than this. Called under mu.
func (n *Node) relieve(copies uint64) {
	c := &n.ckpt
	if c.crowded.Load() && copies <= c.cfg.CopyBytes/4*3 {
		c.crowded.Store(false)
		c.turn()
	}
}

// applyResult has the host know what became of a checkpoint.
func (n *Node) applyResult(s *saving, part ckpt.Part, done concluded) {
	c := &n.ckpt
	answer := server{n: n}
	n.mu.Lock()
	n.machine.CutDone(done.Errno == 0, &answer.fx)
	err := n.memory(nil, &answer.fx)
	c.saving = nil
	c.closed.Store(false)
	if c.result = -done.Errno; done.Errno == 0 {
		c.result = number(s.generation)
		n.tally.row[stats.Checkpoints]++
		n.tally.row[stats.CheckpointBytes] += uint64(part.Bytes)
	}
	n.mu.Unlock()
	if err != nil {
		n.fail(err)
	}
	answer.emit()
	c.turn()
}

// logSaved tells what this host has stored.
func (n *Node) logSaved(s *saving, part ckpt.Part, took time.Duration) {
	n.mu.Lock()
	copied, stopped := s.copied, s.stopped
	n.mu.Unlock()
	kind := "changes"
	if s.full {
		kind = "full"
	}
	n.cfg.Log.Infof("checkpoint %d (%s): %d page(s), %s in %.3f s (%.0f MB/s), %d of them copied before they changed; the program stood for %.2f ms",
		s.generation, kind, part.Pages, capacity.Size(uint64(part.Bytes)), took.Seconds(), float64(part.Bytes)/1e6/max(took.Seconds(), 1e-6), copied,
		float64(stopped.Microseconds())/1e3)
}
