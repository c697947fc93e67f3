package core

import (
	"fmt"

	"jiajia/core/wire"
)

// AtomicKind names the operations on shared words.
type AtomicKind uint8

const (
	AtomicLoad AtomicKind = iota
	AtomicStore
	AtomicFetchAdd
	AtomicExchange
	AtomicCompareExchange

	lastAtomic = AtomicCompareExchange
)

var atomicNames = [...]string{"load", "store", "fetch_add", "exchange", "compare_exchange"}

func (k AtomicKind) String() string { return atomicNames[k] }

// Atomic is an operation on one shared word.
type Atomic struct {
	Kind    AtomicKind
	Width   uint64 // bytes of the word: 4 or 8
	At      uint64 // where it is in the region, in bytes: a multiple of Width
	Operand uint64 // what is stored, or added
	Compare uint64 // of AtomicCompareExchange: what the word must hold
}

// Call is the name of the call that makes the operation.
func (a *Atomic) Call() string { return fmt.Sprintf("jia_atomic_%v_u%d", a.Kind, 8*a.Width) }

// After returns what the word holds after the operation if it held old before, and whether it is stored to at all.
func (a *Atomic) After(old uint64) (now uint64, stored bool) {
	switch a.Kind {
	case AtomicStore, AtomicExchange:
		return a.Operand, true
	case AtomicFetchAdd:
		if a.Width == 4 {
			return uint64(uint32(old) + uint32(a.Operand)), true
		}
		return old + a.Operand, true
	case AtomicCompareExchange:
		if old == a.Compare {
			return a.Operand, true
		}
	}
	return old, false
}

// code is how a message names the operation and the width.
func (a *Atomic) code() wire.HostID { return wire.HostID(a.Kind)<<1 | wire.HostID(a.Width/8) }

// AtomicOf returns the operation that a message asks for.
func AtomicOf(msg *wire.Message) (a Atomic, ok bool) {
	a = Atomic{Kind: AtomicKind(msg.Host >> 1), Width: 4 + 4*uint64(msg.Host&1), At: msg.Obj, Operand: msg.Version, Compare: msg.Epoch}
	return a, msg.Host>>1 <= HostID(lastAtomic) && a.At%a.Width == 0
}

func (m *Machine) pageOf(a *Atomic) PageID { return PageID(a.At / uint64(m.cfg.PageSize)) }

// Atomic carries out an operation on a shared word, at its home (P19). What the word held before is in the AtomicDone that
// comes in or, at home, in the message of the Execute.
func (m *Machine) Atomic(w Waiter, a Atomic, fx *Effects) (Status, error) {
	p := m.pageOf(&a)
	if !m.Allocated(p) {
		return Done, ErrUnallocated
	}
	if pg := m.pages.at(m, p); pg.home == m.cfg.Self && pg.flags&flagUndecided == 0 {
		m.executeHere(p, pg, a, fx)
		return Done, nil
	}
	o := m.begin(w, opAtomic)
	o.page, o.last, o.atomic, o.write = p, p, a, true
	return m.Resume(w, fx)
}

// executeHere carries out an operation of a thread of this host on a page homed here.
func (m *Machine) executeHere(p PageID, pg *page, a Atomic, fx *Effects) {
	if a.Kind != AtomicLoad {
		m.storesHere(p, pg)
	}
	m.execute(p, a, fx)
}

// decide finds out where a first-touch page lives: the operation counts as a store (P17), but for a load at the page's manager.
func (m *Machine) decide(w Waiter, o *op, pg *page, fx *Effects) Status {
	switch {
	case pg.home == m.cfg.Self && o.atomic.Kind == AtomicLoad:
		return Done // of a word that nobody has stored to
	case pg.home == m.cfg.Self:
		pg.flags &^= flagUndecided
		fx.add(Effect{Kind: Publish, Page: o.page, Count: 1})
		return Done
	case pg.flags&flagFetching != 0:
		o.phase = phFetch
		return m.park(w)
	}
	m.claim(w, o, o.page, pg, fx)
	return Await
}

// startAtomic begins the operation once the home of its page is known, or finds that out first.
func (m *Machine) startAtomic(w Waiter, o *op, fx *Effects) Status {
	p, pg := o.page, m.pages.at(m, o.page)
	if pg.flags&flagUndecided != 0 {
		if st := m.decide(w, o, pg, fx); st != Done {
			return st
		}
	}
	if pg.home == m.cfg.Self {
		m.executeHere(p, pg, o.atomic, fx)
		return Done
	}
	o.peer = pg.home
	if m.cfg.Plant == PlantAtomicEarlyLog {
		m.logPage(p)
	}
	if (pg.state == Dirty || pg.flags&flagUnacked != 0) && m.cfg.Plant != PlantAtomicOvertakes {
		o.phase = phFlush
		o.pending = append(o.pending, p)
		return m.atomic(w, o, fx)
	}
	m.sendAtomic(w, o, fx)
	return Await
}

// storesHere notes that a page homed here is stored to in this step, without a fault.
func (m *Machine) storesHere(p PageID, pg *page) {
	m.notBlank(pg)
	pg.flags &^= flagNeighbour | flagShut
	if m.cfg.Plant != PlantForgetAtomics {
		m.changes(p)
	}
	switch pg.state {
	case HomeFresh:
		m.homed++
		pg.state = HomeUntracked
	case HomeIdle:
		pg.state = HomeUntracked
	case HomeClean:
		if m.cfg.Plant != PlantAtomicAtHome {
			m.setDirty(p, pg, HomeDirty)
		}
	}
}

// execute has the driver carry out the operation. The message that it completes is the last of fx.Msgs.
func (m *Machine) execute(p PageID, a Atomic, fx *Effects) {
	fx.Atomic = a
	fx.Msgs = append(fx.Msgs, wire.Message{Type: wire.AtomicDone, Obj: a.At})
	fx.add(Effect{Kind: Execute, Page: p, Count: 1, Msg: len(fx.Msgs) - 1})
}

func (m *Machine) sendAtomic(w Waiter, o *op, fx *Effects) {
	o.phase = phReply
	a := &o.atomic
	fx.send(Send, o.peer, wire.Message{Type: wire.Atomic, Reply: uint32(w), Obj: a.At, Host: a.code(), Version: a.Operand, Epoch: a.Compare})
}

// atomic goes on with an operation on a word of another host. Before it goes out, what this host has stored to the page is at
// its home. When it has been executed it counts as a write of this host, and a copy that may be older is dropped.
func (m *Machine) atomic(w Waiter, o *op, fx *Effects) Status {
	if o.phase == phFetch {
		if st := m.fetched(w, o, fx); st != Done {
			return st
		}
	}
	if o.phase == phStart {
		return m.startAtomic(w, o, fx)
	}
	if o.phase == phFlush {
		if st := m.goInvalidate(w, o, fx); st != Done {
			return st
		}
		m.sendAtomic(w, o, fx)
		return Await
	}
	if o.phase == phReply {
		if !o.granted {
			return Await
		}
		_, stored := o.atomic.After(o.before)
		if stored && m.cfg.Plant != PlantAtomicUnlogged && m.cfg.Plant != PlantAtomicEarlyLog {
			m.logPage(o.page)
		}
		if !stored || m.cfg.Plant == PlantAtomicKeepsCopy {
			return Done
		}
		o.phase, o.next, o.until = phInval, 0, 0
		o.pending, o.blocked = append(o.pending[:0], o.page), o.blocked[:0]
	}
	return m.goInvalidate(w, o, fx)
}

// serveAtomic is the home's side. To its page the operation is what a diff is.
func (m *Machine) serveAtomic(msg *wire.Message, fx *Effects) error {
	a, ok := AtomicOf(msg)
	if !ok {
		return m.unexpected(msg)
	}
	p := m.pageOf(&a)
	pg, err := m.asHome(p, msg)
	if err != nil {
		return err
	}
	if a.Kind != AtomicLoad {
		m.changedByOther(p, pg)
	}
	m.execute(p, a, fx)
	done := len(fx.Msgs) - 1
	fx.Msgs[done].Port = msg.Reply
	fx.add(Effect{Kind: Reply, Host: msg.From, Msg: done})
	return nil
}

// atomicDone takes the home's answer.
func (m *Machine) atomicDone(msg *wire.Message) error {
	o, err := m.mailbox(msg, phReply)
	if err != nil {
		return err
	}
	if o.kind != opAtomic || msg.Obj != o.atomic.At || msg.From != o.peer {
		return m.unexpected(msg)
	}
	o.granted, o.before = true, msg.Version
	return nil
}
