package core

import (
	"cmp"
	"fmt"
	"slices"

	"jiajia/core/wire"
)

// outDiff is a diff message on its way: pages of one home whose changes it carries.
type outDiff struct {
	id     uint64
	home   HostID
	waiter Waiter // who sent it and reads the acknowledgement
	pages  []PageID
}

// flushStep is how many pages one step flushes at most, so that the server gets the mutex in between and the home
// applies the first pages while the next are compared.
const flushStep = 128

// flushAll begins the flush of every page that is dirty now (P4).
func (m *Machine) flushAll(o *op) {
	o.phase, o.next = phFlush, 0
	o.pending = o.pending[:0]
	keep := m.dirty[:0]
	for _, p := range m.dirty {
		pg := m.pages.at(m, p)
		if pg.state == Dirty || pg.state == HomeDirty {
			keep = append(keep, p)
			if pg.state == HomeDirty && m.cfg.Plant == PlantHomeNotProtected {
				continue
			}
			o.pending = append(o.pending, p)
		} else {
			pg.flags &^= flagListed
		}
	}
	m.dirty = keep
	slices.Sort(o.pending)
}

// stepPages is how many pages a step may deal with: so many, or fewer if they are large, unless the configuration says otherwise.
func (m *Machine) stepPages(most int) int {
	if m.cfg.StepPages > 0 {
		return m.cfg.StepPages
	}
	return pagesLike(most, m.cfg.PageSize)
}

// pagesLike is how many pages of a size make as many bytes as so many of 4 KiB, and as many of these at most; at least one.
func pagesLike(most, pageSize int) int { return min(most, max(1, most*4096/pageSize)) }

// goFlush flushes the next pages of o.pending and, pass after pass, those that had to wait for the acknowledgement of an
// earlier diff (P2). When it is Done, all are flushed and o.until covers every flush of the host so far, whoever started
// it (P4).
func (m *Machine) goFlush(w Waiter, o *op, fx *Effects) Status {
	if m.cfg.Plant == PlantLogBeforeProtect && o.until == 0 {
		for _, p := range o.pending {
			m.logPage(p)
		}
		o.until = 1
		return Again
	}
	end := min(o.next+m.stepPages(flushStep), len(o.pending))
	o.blocked = m.flushPages(w, o, o.pending[o.next:end], o.blocked, fx)
	o.next = end
	if end < len(o.pending) {
		return Again
	}
	if len(o.blocked) > 0 {
		o.pending, o.blocked, o.next = o.blocked, o.pending[:0], 0
		return m.awaitAcks(w, o)
	}
	o.until = m.nextDiff
	o.phase = phAcks
	return Done
}

// awaitAcks waits for an acknowledgement of one of the pages in o.pending: reads its own, sleeps when only other threads
// have some due. When all have come in already, between two steps of the pass, nobody would wake the sleeper.
func (m *Machine) awaitAcks(w Waiter, o *op) Status {
	if len(o.acks) > 0 {
		return Await
	}
	for _, p := range o.pending {
		if m.pages.at(m, p).flags&flagUnacked != 0 {
			return m.park(w)
		}
	}
	return Again
}

// goAcks waits until every diff below o.until is acknowledged, and every one of the caller's own.
func (m *Machine) goAcks(w Waiter, o *op) Status {
	if m.cfg.Plant == PlantNoAck {
		o.acks = o.acks[:0]
		return Done
	}
	if len(o.acks) > 0 {
		return Await
	}
	if len(m.diffs) > 0 && m.diffs[0].id < o.until && m.cfg.Plant != PlantOwnAcks {
		return m.park(w)
	}
	return Done
}

// flushPages flushes those of the given sorted pages that are dirty: write-protect, log, snapshot the diff and drop the
// twin are one step (P1). It appends to blocked the dirty ones that have to wait for an acknowledgement first.
func (m *Machine) flushPages(w Waiter, o *op, pages, blocked []PageID, fx *Effects) []PageID {
	ready := m.scratch[:0]
	for _, p := range pages {
		pg := m.pages.at(m, p)
		switch {
		case pg.state == Dirty && pg.flags&flagUnacked != 0 && m.cfg.Plant != PlantDoubleFlush:
			blocked = append(blocked, p)
		case pg.state == Dirty || pg.state == HomeDirty:
			ready = append(ready, p)
			fx.run(Protect, p)
		}
	}
	m.scratch = ready
	for _, p := range ready {
		m.logFlush(o, p)
		pg := m.pages.at(m, p)
		m.lapse(o, p, pg)
		if pg.state == HomeDirty {
			pg.state = HomeClean
			continue
		}
		pg.state = ReadOnly
		pg.flags |= flagUnacked
		d := m.diffFor(w, pg.home, fx)
		d.pages = append(d.pages, p)
		fx.add(Effect{Kind: Diff, Page: p, Host: pg.home, ID: d.id})
	}
	for _, d := range m.building {
		m.sendDiff(o, d, fx)
	}
	m.building = m.building[:0]
	return blocked
}

// logFlush makes the log entry of a flush, unless a planted mistake has it otherwise.
func (m *Machine) logFlush(o *op, p PageID) {
	switch m.cfg.Plant {
	case PlantLogDirtyOnly:
	case PlantLogBeforeProtect:
		if o.phase == phInval {
			m.logPage(p)
		}
	case PlantLogAfterProtect:
		o.lateLog = append(o.lateLog, p)
	case PlantClearLog:
		m.pages.at(m, p).logged = 0
	default:
		m.logPage(p)
	}
}

// diffFor returns the message to a home that the flush step under way is filling.
func (m *Machine) diffFor(w Waiter, home HostID, fx *Effects) *outDiff {
	for i, d := range m.building {
		if d.home != home {
			continue
		}
		if len(d.pages) < m.perDiff {
			return d
		}
		m.building = append(m.building[:i], m.building[i+1:]...)
		m.sendDiff(m.op(w), d, fx)
		break
	}
	d := &outDiff{}
	if n := len(m.free); n > 0 {
		d, m.free = m.free[n-1], m.free[:n-1]
	}
	*d = outDiff{id: m.nextDiff, home: home, waiter: w, pages: d.pages[:0]}
	m.nextDiff++
	m.diffs = append(m.diffs, d)
	m.building = append(m.building, d)
	return d
}

func (m *Machine) sendDiff(o *op, d *outDiff, fx *Effects) {
	o.acks = append(o.acks, ackDue{d.id, d.home})
	fx.add(Effect{Kind: SendDiff, Host: d.home, ID: d.id, Waiter: d.waiter})
}

// acked ends a diff message: the home has applied its last byte.
func (m *Machine) acked(id uint64, fx *Effects) error {
	i, ok := slices.BinarySearchFunc(m.diffs, id, func(d *outDiff, id uint64) int { return cmp.Compare(d.id, id) })
	if !ok {
		return fmt.Errorf("acknowledgement of diff message %d, which is not under way", id)
	}
	d := m.diffs[i]
	m.diffs = slices.Delete(m.diffs, i, i+1)
	for _, p := range d.pages {
		m.pages.at(m, p).flags &^= flagUnacked
		m.wakeParked(fx, p, phFetch)
	}
	o := m.op(d.waiter)
	o.acks = slices.DeleteFunc(o.acks, func(a ackDue) bool { return a.id == id })
	m.free = append(m.free, d)
	m.wakeParked(fx, 0, phFlush, phAcks, phInval, phQuiet)
	if m.cache.room() < 0 {
		m.checkRoom(fx) // its pages may go now
	}
	return nil
}

// HandleDiff notes, before the driver stores the bytes, which home pages a Diff message is about to change. The driver
// then applies it and sends the DiffAck that it finds in fx, last: the home acknowledges after the last byte.
func (m *Machine) HandleDiff(msg *wire.Message, pages []PageID, fx *Effects) error {
	for _, p := range pages {
		pg, err := m.asHome(p, msg)
		if err != nil {
			return err
		}
		if pg.flags&flagUndecided != 0 && m.cfg.Plant == PlantNone {
			return fmt.Errorf("host %d sent a diff of page %d, whose home is not decided", msg.From, p)
		}
		m.changedByOther(p, pg)
	}
	fx.send(Reply, msg.From, wire.Message{Type: wire.DiffAck, Port: msg.Reply, Obj: msg.Obj})
	return nil
}

// changedByOther notes that another host is about to change a page homed here.
func (m *Machine) changedByOther(p PageID, pg *page) {
	m.changes(p)
	if pg.state == HomeFresh {
		pg.state = HomeClean
		m.homed++
	}
	m.notBlank(pg)
}

// Clean writes a dirty page back to its home and keeps it.
func (m *Machine) Clean(w Waiter, p PageID, fx *Effects) (Status, error) {
	return m.startEvict(w, opClean, p, fx)
}

// Evict writes a page back if it is dirty, and drops it unless it was written again meanwhile.
func (m *Machine) Evict(w Waiter, p PageID, fx *Effects) (Status, error) {
	return m.startEvict(w, opEvict, p, fx)
}

func (m *Machine) startEvict(w Waiter, kind opKind, p PageID, fx *Effects) (Status, error) {
	if !m.Allocated(p) {
		return Done, nil
	}
	o := m.begin(w, kind)
	o.page = p
	return m.Resume(w, fx)
}

func (m *Machine) evict(w Waiter, o *op, fx *Effects) Status {
	pg := m.pages.at(m, o.page)
	switch {
	case o.phase == phStart && pg.flags&flagPinned != 0:
		return Done
	case m.cfg.Plant == PlantLogBeforeProtect && o.until == 0 && pg.state == Dirty:
		m.logPage(o.page)
		o.until = 1
		return Again
	case len(o.acks) > 0:
		return Await
	case o.phase == phStart && pg.state == Dirty && pg.flags&flagUnacked == 0:
		o.phase = phAcks
		o.pending = append(o.pending[:0], o.page)
		o.blocked = m.flushPages(w, o, o.pending, o.blocked, fx)
		return Await
	case o.kind == opEvict && pg.state == ReadOnly && (pg.flags&flagUnacked == 0 || m.cfg.Plant == PlantRefetchBeforeAck):
		m.drop(o.page, pg)
		fx.add(Effect{Kind: Unmap, Page: o.page, Count: 1})
	}
	return Done
}
