package core

import (
	"fmt"

	"jiajia/core/pageset"
	"jiajia/core/wire"
)

// Cut is a checkpoint that a barrier takes.
type Cut struct {
	Generation uint64 // from 1 up
	// Full: everything is stored that was ever written, and not only what was written since the checkpoint before.
	Full bool
}

// markStep is how many pages one step of a barrier marks at most.
const markStep = 1 << 14

// cuts is what a machine keeps for checkpoints (P22). All pages are homed here.
//
// Invariant: a page that is writable here is in unsaved, or in saving and not marked yet.
type cuts struct {
	planned Cut // by PlanCut, for the next barrier
	now     Cut // of the barrier under way, as far as it is known; Generation is 0 if there is none
	// unsaved are the pages that no checkpoint has as they are, stored those that one has or was begun with. zeroed were given
	// back since the last one.
	unsaved, stored, zeroed pageset.Set
	// saving and zeroing are what the last checkpoint has to store, while open: its CutDone is to come.
	saving, zeroing pageset.Set
	open            bool
	marking         bool   // pages of saving from next on are not marked yet
	shut            bool   // some of them have flagShut; while not marking, those from next on
	next            uint64 // valid while marking or shut
}

// PlanCut has the next Barrier of host 0 take a checkpoint, if it is of KindBarrier or KindCheckpoint. Host 0 tells the others. It
// is called right before Barrier, on host 0 alone, and Config.Cuts must be set.
func (m *Machine) PlanCut(c Cut) { m.cuts.planned = c }

// CutDone says what became of the checkpoint that this host's last CutEnd belongs to: whether all of it, on all hosts, is stored for
// good. If not, what it had to store is part of the next one. Until this is called a barrier that takes another checkpoint waits on this
// host.
func (m *Machine) CutDone(ok bool, fx *Effects) {
	c := &m.cuts
	if !c.open || c.marking || c.shut {
		panic(fmt.Sprintf("core: host %d hears of the end of a checkpoint that it is not writing", m.cfg.Self))
	}
	if !ok && m.cfg.Plant != PlantForgetFailed {
		c.unsaved.Union(&c.saving)
		c.zeroed.Union(&c.zeroing)
	}
	c.saving, c.zeroing, c.open = pageset.Set{}, pageset.Set{}, false
	m.wakeParked(fx, 0, phCut)
}

// changes notes that a page homed here changes, or may from now on without a word.
func (m *Machine) changes(p PageID) {
	if m.cfg.Cuts {
		m.cuts.unsaved.Add(uint64(p), 1)
	}
}

// changedElsewhere notes the pages homed here that other hosts have announced: they may have stored there by themselves. And the diff of a
// thread that takes no part in barriers may have come in before its page was marked for the last checkpoint, and been applied after that.
func (m *Machine) changedElsewhere(announced []wire.Range) {
	if !m.cfg.Cuts || m.cfg.Plant == PlantForgetUnsaved {
		return
	}
	for _, r := range announced {
		for p, end := r.Page, r.Page+PageID(r.Count); r.Writer != m.cfg.Self && p < end; {
			e := m.extentOf(p)
			if e == nil || e.touch && m.cfg.Hosts > 1 {
				if pg := m.pages.find(p); pg != nil && pg.home == m.cfg.Self && pg.flags&flagUndecided == 0 {
					m.changes(p)
				}
				p++
				continue
			}
			home, n := e.run(p, m.cfg.Hosts)
			n = min(n, uint64(end-p))
			if home == m.cfg.Self {
				m.cuts.unsaved.Add(uint64(p), n)
			}
			p += PageID(n)
		}
	}
}

// givenBack notes that pages are no allocation's any more: what older checkpoints have of them must not come back.
func (m *Machine) givenBack(first PageID, count uint64) {
	if !m.cfg.Cuts {
		return
	}
	c := &m.cuts
	for _, s := range []*pageset.Set{&c.unsaved, &c.stored, &c.saving} {
		s.Remove(uint64(first), count)
	}
	if m.cfg.Plant != PlantZeroForgotten {
		c.zeroed.Add(uint64(first), count)
	}
}

// code is how a message names a cut.
func (c Cut) code() uint64 {
	code := c.Generation << 1
	if c.Full {
		code |= 1
	}
	return code
}

// learnCut takes from a message of host 0 whether the rendezvous under way takes a checkpoint.
func (m *Machine) learnCut(msg *wire.Message) error {
	if m.bar.again {
		if msg.Epoch != 0 {
			return m.unexpected(msg)
		}
		return nil
	}
	m.cuts.now = Cut{msg.Epoch >> 1, msg.Epoch&1 != 0}
	switch {
	case msg.Epoch == 0:
	case msg.Epoch == 1 || !takesCuts(msg.Kind):
		return m.unexpected(msg)
	case !m.cfg.Cuts:
		return misuse("%v: host 0 takes a checkpoint, and host %d was started without JIA_CKPT_DIR; give all hosts the same settings", msg.Kind, m.cfg.Self)
	}
	return nil
}

func takesCuts(k wire.Kind) bool { return k == wire.KindBarrier || k == wire.KindCheckpoint }

// planCut is what host 0 does at the beginning of a rendezvous; the others do not know yet.
func (m *Machine) planCut(kind wire.Kind) {
	c := &m.cuts
	c.now = Cut{}
	if takesCuts(kind) {
		c.now = c.planned
	}
	c.planned = Cut{}
}

// cut marks the pages that the checkpoint of this barrier stores. Nobody leaves the barrier before all have done so.
func (m *Machine) cut(w Waiter, o *op, fx *Effects) Status {
	c := &m.cuts
	if !c.marking && !c.shut {
		if c.open && m.cfg.Plant != PlantCutOverlaps {
			return m.park(w) // the message that ends the checkpoint before is on its way
		}
		for _, p := range o.pending {
			if m.pages.at(m, p).claiming() && m.cfg.Plant != PlantCutClaims {
				return m.park(w)
			}
		}
		m.beginCut(fx)
	}
	if c.marking {
		if !m.mark(o, fx) {
			return Again
		}
		if c.marking, c.next = false, 0; c.shut {
			return Again // nobody can store to the pages once the effects are carried out
		}
	}
	if c.shut && !m.settleShut() {
		return Again
	}
	fx.add(Effect{Kind: CutEnd, ID: c.now.Generation, Count: c.now.code() & 1})
	return Done
}

// marksLate tells that a planted mistake marks pages after the second rendezvous.
func (m *Machine) marksLate() bool { return m.cfg.Plant == PlantMarkLate && m.cuts.now.Generation > 0 }

// awaitClaims begins a cut with the pages that threads of this host are claiming: what others have stored there by themselves is to be
// saved, too, and this host may be their home without knowing it yet (P17).
func (m *Machine) awaitClaims(o *op) {
	o.phase, o.next, o.pending = phCut, 0, o.pending[:0]
	for i := range m.ops {
		if m.ops[i].kind == opNone {
			continue
		}
		for _, r := range m.ops[i].requests {
			if r.claim {
				o.pending = append(o.pending, m.ops[i].window[r.first])
			}
		}
	}
}

func (m *Machine) beginCut(fx *Effects) {
	c := &m.cuts
	fx.add(Effect{Kind: CutBegin, ID: c.now.Generation, Count: c.now.code() & 1})
	c.open, c.marking, c.next = true, true, 0
	c.saving, c.unsaved = c.unsaved, pageset.Set{}
	if c.now.Full {
		c.saving.Union(&c.stored)
	}
	c.stored.Union(&c.saving)
	c.zeroing, c.zeroed = c.zeroed, pageset.Set{}
	for first, n := c.zeroing.Next(0, ^uint64(0)); n > 0; first, n = c.zeroing.Next(first+n, ^uint64(0)) {
		fx.span(Zero, PageID(first), n)
	}
}

// mark write-protects the next pages of saving and adds them to the snapshot. It returns true when it has come to the end.
func (m *Machine) mark(o *op, fx *Effects) bool {
	c := &m.cuts
	begin, most := c.next, uint64(m.stepPages(markStep))
	for left := most; left > 0; {
		first, n := c.saving.Next(c.next, left)
		if n == 0 {
			c.next = ^uint64(0)
			break
		}
		for p := PageID(first); p < PageID(first+n); p++ {
			if pg := m.pages.find(p); pg != nil { // else others have written it, by themselves, and nobody here
				m.markPage(o, p, pg, fx)
			}
		}
		c.next, left = first+n, left-n
	}
	for left := most; left > 0; {
		first, n := c.saving.Next(begin, left)
		if n == 0 {
			return true
		}
		fx.span(Save, PageID(first), n)
		begin, left = first+n, left-n
	}
	return false
}

// markPage takes write access to a home page away. A page HomeIdle was not written since others have read it by themselves (P15): of one
// that was HomeUntracked that can be told only when nobody writes it any more.
func (m *Machine) markPage(o *op, p PageID, pg *page, fx *Effects) {
	switch {
	case pg.state == HomeUntracked && !m.oneSided:
		m.idle(pg)
	case pg.state == HomeUntracked:
		pg.flags |= flagShut
		m.cuts.shut = true
	case pg.state == HomeDirty:
		m.logPage(p)
		pg.state = HomeClean
	default:
		return
	}
	fx.run(Protect, p)
	m.lapse(o, p, pg)
}

func (m *Machine) idle(pg *page) {
	pg.state = HomeIdle
	pg.flags &^= flagNeighbour // nobody has read it
}

// settleShut goes through the pages that were HomeUntracked when they were marked, where others read by themselves. Those that nobody has
// begun to read, and nobody has stored to since they were marked, are HomeIdle. The others count as written. It returns true at the end.
func (m *Machine) settleShut() bool {
	c := &m.cuts
	if c.next == 0 && m.cfg.Plant != PlantCutForgetsMark {
		m.takeMarks()
	}
	for left := uint64(m.stepPages(markStep)); left > 0; {
		first, n := c.saving.Next(c.next, left)
		if n == 0 {
			c.shut = false
			return true
		}
		for p := PageID(first); p < PageID(first+n); p++ {
			pg := m.pages.find(p)
			if pg == nil || pg.flags&flagShut == 0 {
				continue
			}
			pg.flags &^= flagShut
			switch pg.state {
			case HomeUntracked:
				m.idle(pg)
			case HomeDirty:
				m.logPage(p)
				pg.state = HomeClean
			}
		}
		c.next, left = first+n, left-n
	}
	return false
}

// tellCut is what a host is told about the checkpoint of the rendezvous under way: in an exchange by host 0 alone.
func (m *Machine) tellCut(to HostID) uint64 {
	if m.bar.again || to == 0 || to == m.bar.parent {
		return 0
	}
	return m.cuts.now.code()
}

// homeRun is how many pages from p on a store may make writable. All of them count as changed, so where that matters they are no
// more than those right below p that do already, and p: who writes one after the other soon has long runs, and who does not, none.
func (m *Machine) homeRun(p PageID) PageID {
	most := PageID(pagesLike(freshRun, m.cfg.PageSize))
	if !m.cfg.Cuts {
		return most
	}
	n := PageID(1)
	for n < most && n <= p && m.cuts.unsaved.Has(uint64(p-n)) {
		n++
	}
	return n
}

// counts tells whether what is stored to a page from now on will be saved by a checkpoint, though nobody hears of it. It is for Check.
func (c *cuts) counts(p PageID) bool {
	return c.unsaved.Has(uint64(p)) || c.marking && uint64(p) >= c.next && c.saving.Has(uint64(p))
}
