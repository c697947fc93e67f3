package core

import (
	"fmt"
	"slices"

	"jiajia/core/wire"
)

// treeArity is how many children a host has in the barrier tree.
const treeArity = 4

// barrier is this host's place in the tree and the rendezvous under way. Arrivals go up, each with the ranges of pages
// written below it; the root combines them and sends the whole down. Two hosts exchange their arrivals instead, which
// is a barrier in one message each way.
type barrier struct {
	parent   HostID // -1 at the root, and in an exchange
	children []HostID
	exchange bool

	number uint64 // of rendezvous that this host has left, of any kind
	busy   bool   // a thread of this host is in one
	mark   uint64 // where in the write log this interval began
	allocs int    // how many of newAllocs were made before this host's thread came, while busy: the rest is for the next one

	// arrived holds, for each child, its arrival at rendezvous number+1 once it is known.
	arrived []arrival
	release []wire.Range // the combined ranges, valid when released
	done    bool         // released

	recycling // of what was freed, between the first rendezvous and the exit
}

type arrival struct {
	here   bool
	msg    wire.Message
	ranges []wire.Range
}

func (b *barrier) init(self HostID, hosts int) {
	b.parent = -1
	if hosts == 2 {
		b.exchange = true
		b.children = []HostID{1 - self}
	} else {
		if self > 0 {
			b.parent = (self - 1) / treeArity
		}
		for c := self*treeArity + 1; c <= self*treeArity+treeArity && int(c) < hosts; c++ {
			b.children = append(b.children, c)
		}
	}
	b.arrived = make([]arrival, len(b.children))
}

// Links returns the hosts whose barrier threads this host's exchanges messages with.
func (m *Machine) Links() []HostID {
	l := append([]HostID(nil), m.bar.children...)
	if m.bar.parent >= 0 {
		l = append(l, m.bar.parent)
	}
	return l
}

// Tree returns this host's place in the tree of all hosts, whose root is host 0 and every edge of which is one of Links:
// the host above, -1 at the root, and those below.
func (m *Machine) Tree() (parent HostID, children []HostID) {
	if m.bar.exchange && m.cfg.Self > 0 {
		return 0, nil
	}
	return m.bar.parent, m.bar.children
}

// Barrier begins a rendezvous of all hosts; one thread of each host calls it.
func (m *Machine) Barrier(w Waiter, owner Owner, kind wire.Kind, fx *Effects) (Status, error) {
	if n := m.held[owner]; n > 0 && kind != wire.KindWait {
		return Done, misuse("%v: called inside a critical section (this thread holds %d lock(s)); unlock first", kind, n)
	}
	if m.bar.busy {
		return Done, misuse("%v: another thread of this host is in a barrier; one thread of each host calls it", kind)
	}
	m.bar.busy, m.bar.allocs = true, len(m.newAllocs)
	o := m.begin(w, opBarrier)
	o.kindBar = kind
	m.planCut(kind)
	if kind != wire.KindWait {
		m.bar.frees = len(m.freed)
		m.takeMarks()
		m.flushAll(o)
	}
	return m.Resume(w, fx)
}

func (m *Machine) barrier(w Waiter, o *op, fx *Effects) (Status, error) {
	b := &m.bar
	if o.phase == phFlush {
		if st := m.goFlush(w, o, fx); st != Done {
			return st, nil
		}
	}
	if o.phase == phAcks {
		if st := m.goAcks(w, o); st != Done {
			return st, nil
		}
		o.phase = phStart
	}
	if o.phase == phStart {
		m.collect(o, fx)
	}
	if o.phase == phGather {
		for i := range b.arrived {
			if !b.arrived[i].here {
				o.peer = b.children[i]
				return Await, nil
			}
		}
		if err := m.combine(o, fx); err != nil {
			return Done, err
		}
	}
	if o.phase == phRelease {
		if !b.done {
			o.peer = b.parent
			return Await, nil
		}
		m.passDown(o, fx)
	}
	if o.phase == phInval {
		if st := m.goInvalidate(w, o, fx); st != Done {
			return st, nil
		}
		switch {
		case b.again && !m.marksLate():
			m.leave(o, fx)
			return Done, nil
		case b.frees > 0 && !b.again:
			m.beginRecycle(o)
		case m.cuts.now.Generation > 0:
			m.awaitClaims(o)
		default:
			m.leave(o, fx)
			return Done, nil
		}
	}
	if o.phase == phRecycle {
		if st := m.recycle(fx); st != Done {
			return st, nil
		}
		if m.cfg.Plant == PlantMeetOnce {
			m.leave(o, fx)
			return Done, nil
		}
		m.awaitClaims(o)
	}
	if m.cuts.now.Generation > 0 && b.again == m.marksLate() {
		if st := m.cut(w, o, fx); st != Done {
			return st, nil
		}
		if b.again || m.cfg.Plant == PlantCutOnce && b.frees == 0 {
			m.leave(o, fx)
			return Done, nil
		}
	}
	m.meetAgain(o, fx)
	return Again, nil
}

// collect takes this host's notices and sets the next interval's mark, in one step (P9).
func (m *Machine) collect(o *op, fx *Effects) {
	b := &m.bar
	own := &o.own
	*own = (*own)[:0]
	if o.kindBar != wire.KindWait {
		for _, p := range m.loggedSince(b.mark) {
			*own = appendRun(*own, p, 1, m.cfg.Self)
			if pg := m.pages.at(m, p); pg.home == m.cfg.Self {
				pg.flags |= flagAnnounced
			}
		}
		if m.cfg.Plant != PlantMarkAtExit {
			b.mark = m.log.seq
		}
		m.logInFlight()
		m.collections++
		if m.cfg.Plant == PlantUntrackAtArrival {
			m.untrack(*own)
		}
	}
	if b.exchange {
		m.arrive(b.children[0], o, *own, fx)
	}
	o.phase = phGather
}

// logInFlight logs the pages once more whose diff is not acknowledged while the barrier's notices are collected: another
// thread or the evictor flushed them when the barrier's own flush was over. Their notices say nothing yet, for who
// fetches such a page after this barrier may be served before the diff comes in; so they belong to the next interval
// too (P9).
func (m *Machine) logInFlight() {
	if m.cfg.Plant == PlantForgetInFlight {
		return
	}
	for _, d := range m.diffs {
		for _, p := range d.pages {
			m.logPage(p)
		}
	}
}

// arrive sends this host's arrival.
func (m *Machine) arrive(to HostID, o *op, ranges []wire.Range, fx *Effects) {
	fx.send(SendLink, to, wire.Message{Type: wire.BarArrive, Kind: o.kindBar, Obj: m.bar.number + 1, Epoch: m.tellCut(to),
		Ranges: append([]wire.Range(nil), ranges...), Version: m.comparedCalls() + uint64(m.bar.allocs), Allocs: append([]wire.Alloc(nil), m.newAllocs[:m.bar.allocs]...)})
}

// childArrived keeps a child's arrival until this host's own thread comes.
func (m *Machine) childArrived(msg *wire.Message) error {
	b := &m.bar
	for i, c := range b.children {
		if c != msg.From {
			continue
		}
		if msg.Epoch != 0 && (msg.From != 0 || msg.Epoch == 1 || !takesCuts(msg.Kind)) {
			return m.unexpected(msg)
		}
		if b.arrived[i].here || msg.Obj != b.number+1 {
			return fmt.Errorf("host %d arrived at rendezvous %d, host %d is at %d", msg.From, msg.Obj, m.cfg.Self, b.number)
		}
		a := &b.arrived[i]
		a.here = true
		a.ranges = append(a.ranges[:0], msg.Ranges...)
		a.msg = *msg
		a.msg.Ranges, a.msg.Notices = nil, nil
		a.msg.Allocs = append([]wire.Alloc(nil), msg.Allocs...)
		return nil
	}
	return m.unexpected(msg)
}

// combine joins the arrivals of all children with this host's own.
func (m *Machine) combine(o *op, fx *Effects) error {
	b := &m.bar
	all := o.own
	for i := range b.arrived {
		a := &b.arrived[i]
		if a.msg.Kind != o.kindBar {
			return misuse("host %d called %v where host %d called %v (rendezvous %d); every host must make the same calls",
				m.cfg.Self, o.kindBar, a.msg.From, a.msg.Kind, b.number+1)
		}
		if err := m.compareAllocs(a.msg.From, a.msg.Version, a.msg.Allocs); err != nil {
			return err
		}
		if a.msg.From == 0 {
			if err := m.learnCut(&a.msg); err != nil {
				return err
			}
		}
		if len(a.ranges) > 0 {
			all = mergeRanges(nil, all, a.ranges)
		}
		a.here = false
	}
	if b.parent >= 0 {
		m.arrive(b.parent, o, all, fx)
	} else {
		b.release, b.done = all, true
	}
	m.newAllocs = slices.Delete(m.newAllocs, 0, b.allocs)
	o.phase = phRelease
	return nil
}

// released is the parent's word that all have arrived.
func (m *Machine) released(msg *wire.Message) error {
	b := &m.bar
	if msg.From != b.parent || msg.Obj != b.number+1 || b.done || !b.busy {
		return m.unexpected(msg)
	}
	for _, r := range msg.Ranges {
		if uint64(r.Page)+r.Count > m.cfg.Pages {
			return fmt.Errorf("host %d sent a notice of page %d, beyond the region", msg.From, r.Page)
		}
	}
	b.release = append([]wire.Range(nil), msg.Ranges...)
	b.done = true
	return m.learnCut(msg)
}

// passDown tells the children, then sets out to invalidate every page that any other host announced.
func (m *Machine) passDown(o *op, fx *Effects) {
	b := &m.bar
	if !b.exchange {
		for _, c := range b.children {
			fx.send(SendLink, c, wire.Message{Type: wire.BarRelease, Kind: o.kindBar, Obj: b.number + 1, Epoch: m.tellCut(c), Ranges: b.release})
		}
	}
	m.changedElsewhere(b.release)
	o.phase, o.next, o.until = phInval, 0, 0
	o.pending, o.blocked = o.pending[:0], o.blocked[:0]
	for _, r := range b.release {
		if r.Writer != m.cfg.Self {
			o.pending = m.resident(o.pending, r)
		}
	}
}

// resident appends the pages of a range of which this host knows something. The cost follows what is here.
func (m *Machine) resident(out []PageID, r wire.Range) []PageID {
	end := r.Page + PageID(r.Count)
	for p := r.Page; p < end; {
		c := p / chunkPages
		next := min(end, (c+1)*chunkPages)
		if uint64(c) >= uint64(len(m.pages.chunks)) {
			break
		}
		if m.pages.chunks[c] != nil {
			for ; p < next; p++ {
				if pg := &m.pages.chunks[c][p%chunkPages]; pg.home >= 0 && pg.home != m.cfg.Self && (pg.state != Absent || pg.flags&^(flagUndecided|flagCounted) != 0) {
					out = append(out, p)
				}
			}
		}
		p = next
	}
	return out
}

// leave is the exit: home pages that only their home wrote become untracked, and the epoch rises now that the
// invalidations are complete (P7, P9, P10).
func (m *Machine) leave(o *op, fx *Effects) {
	b := &m.bar
	m.recycled()
	m.cuts.now = Cut{}
	b.number++
	b.busy, b.done = false, false
	if o.kindBar == wire.KindWait {
		return
	}
	switch m.cfg.Plant {
	case PlantMarkAtExit:
		b.mark = m.log.seq
	case PlantUntrackAny:
		for _, c := range m.pages.chunks {
			for i := range c {
				if c != nil && (c[i].state == HomeClean || c[i].state == HomeDirty) {
					c[i].state = HomeIdle
				}
			}
		}
	case PlantDropAllNotices:
		for _, l := range m.locks {
			l.notices = noticeList{}
		}
	}
	if m.cfg.Plant != PlantUntrackAtArrival {
		m.untrack(b.release)
	}
	m.epoch++
	m.wakeParked(fx, 0, phEpoch)
	m.compactLog()
}

// untrack ends the tracking of home pages that this host alone announced and that were not served since.
func (m *Machine) untrack(list []wire.Range) {
	for _, r := range list {
		for p := r.Page; p < r.Page+PageID(r.Count); p++ {
			pg := m.pages.find(p)
			if pg == nil || pg.flags&flagAnnounced == 0 {
				continue
			}
			pg.flags &^= flagAnnounced
			if r.Writer != m.cfg.Self {
				continue
			}
			switch pg.state {
			case HomeClean:
				pg.state = HomeIdle
			case HomeDirty:
				pg.state = HomeUntracked
			}
		}
	}
}
