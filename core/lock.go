package core

import (
	"fmt"
	"slices"

	"jiajia/core/wire"
)

// token says where a lock is, as seen from this host.
type token uint8

const (
	tokenElsewhere token = iota
	tokenFree            // here, nobody holds it: this host held it last; while it is offered, another may have taken it
	tokenHeld            // here, held by a thread of this host (or on its way through jia_lock or jia_unlock)
)

// waiting is a host that waits for a lock: where the grant must go and what it has seen.
type waiting struct {
	host HostID
	port uint32
	seen uint64
	try  bool // it does not wait, but wants to be refused if the lock is not free (P20)
}

// lock is what this host knows of one lock. It exists once a thread here or, at its manager, any host has asked for it.
type lock struct {
	id    LockID
	token token
	// requested: a request of this host is under way; there is at most one (P12).
	requested bool
	// next is the one host to which the lock passes at the next release; a forward may come in before this host's own
	// grant (P12). Valid when hasNext.
	next    waiting
	hasNext bool
	// tail is the last requester, which holds the lock or will; kept at the manager.
	tail HostID

	owner Owner
	// version counts releases; it travels with the token and is valid while that is here. seen is the newest version
	// that this host has seen. Neither is ever reset (P11).
	version, seen uint64
	// mark is where in the write log the scope of this host's tenure began. Valid while the lock is in Machine.open.
	mark uint64
	// local are threads of this host that wait for it, first come first served; handoffs counts how often in a row the
	// lock passed among them while a remote host waited.
	local    []Waiter
	handoffs int
	notices  noticeList
	// offered: the lock is free here, in words that other hosts reach, one of which may have taken it by now. Invariant:
	// then the token is free, and local is empty.
	offered bool
	// place: this host was refused the lock when it tried for it, and keeps its place in the queue, behind host before; it has
	// passed no request on since (P20). Invariant: then the token is elsewhere, nothing is requested, and there is no next.
	place  bool
	before HostID
}

// localBound is how often a lock passes to a thread of the same host while another host waits for it (P5, P12).
const localBound = 8

func (m *Machine) manager(id LockID) HostID { return HostID(int(id) % m.cfg.Hosts) }

func (m *Machine) lock(id LockID) *lock {
	l := m.locks[id]
	if l == nil {
		l = &lock{id: id, tail: m.manager(id)}
		if l.tail == m.cfg.Self && !m.worded(id) {
			l.token = tokenFree
		}
		m.locks[id] = l
	}
	return l
}

// Lock enters the scope of a lock for a thread.
func (m *Machine) Lock(w Waiter, owner Owner, id LockID, fx *Effects) (Status, error) {
	if id < 0 {
		return Done, misuse("jia_lock(%d): a lock is a number from 0 up", id)
	}
	l := m.lock(id)
	if l.token == tokenHeld && l.owner == owner {
		return Done, misuse("jia_lock(%d): this thread holds lock %d already; locks are not recursive", id, id)
	}
	if len(l.local) == 0 && m.takeBack(l) {
		o := m.op(w)
		o.taken, o.refused = false, false
		m.enter(l, owner)
		return Done, nil
	}
	o := m.begin(w, opLock)
	o.lock, o.owner = l, owner
	return m.Resume(w, fx)
}

// enter gives a free lock to a thread of this host and opens a scope: its mark comes after the invalidations that came
// with the grant (P5).
func (m *Machine) enter(l *lock, owner Owner) {
	l.token, l.owner = tokenHeld, owner
	l.mark = m.log.seq
	m.open = append(m.open, l)
	m.held[owner]++
}

func (m *Machine) acquire(w Waiter, o *op, fx *Effects) (Status, error) {
	l := o.lock
	switch o.phase {
	case phStart, phLocal:
		if o.granted {
			return Done, nil
		}
		if (len(l.local) == 0 || l.local[0] == w) && m.takeBack(l) {
			l.local = slices.DeleteFunc(l.local, func(v Waiter) bool { return v == w })
			m.enter(l, o.owner)
			return Done, nil
		}
		if l.token != tokenElsewhere || l.requested {
			if o.phase == phStart {
				l.local = append(l.local, w)
			}
			o.phase = phLocal
			return m.park(w), nil
		}
		l.local = slices.DeleteFunc(l.local, func(v Waiter) bool { return v == w })
		if l.place {
			return m.returnToPlace(o, l)
		}
		if m.worded(l.id) {
			return m.follow(o, l)
		}
		m.request(w, o, l, fx)
		return Await, nil
	case phTake:
		return m.take(w, o, l, fx)
	case phGrant:
		if o.refused {
			return Done, nil
		}
		return Await, nil
	case phEpoch:
		if m.epoch < o.epoch && m.cfg.Plant != PlantNoEpochWait {
			return m.park(w), nil
		}
		o.phase = phInval
		fallthrough
	case phInval:
		if st := m.goInvalidate(w, o, fx); st != Done {
			return st, nil
		}
		m.enter(l, o.owner)
		return Done, nil
	}
	panic(fmt.Sprintf("core: host %d lock %d in phase %d", m.cfg.Self, l.id, o.phase))
}

// request asks the manager for the lock; the grant comes from whoever holds it.
func (m *Machine) request(w Waiter, o *op, l *lock, fx *Effects) {
	l.requested = true
	o.phase = phGrant
	me := waiting{m.cfg.Self, uint32(w), l.seen, o.try}
	if m.manager(l.id) == m.cfg.Self {
		m.enqueue(l, me, fx)
		return
	}
	fx.send(Send, m.manager(l.id), wire.Message{Type: wire.LockReq, Reply: me.port, Obj: uint64(l.id), Version: me.seen, Epoch: tries(o.try)})
}

// manage is the manager's side of a request.
func (m *Machine) manage(msg *wire.Message, fx *Effects) error {
	id := LockID(msg.Obj)
	if m.manager(id) != m.cfg.Self || m.worded(id) {
		return m.unexpected(msg)
	}
	l := m.lock(id)
	if l.tail == msg.From {
		return fmt.Errorf("host %d asked for lock %d, which it has", msg.From, id)
	}
	m.enqueue(l, waiting{msg.From, msg.Reply, msg.Version, msg.Epoch == tries(true)}, fx)
	return nil
}

// enqueue makes r the last requester and tells the previous one to pass the lock on to it (P12).
func (m *Machine) enqueue(l *lock, r waiting, fx *Effects) {
	previous := l.tail
	l.tail = r.host
	if previous == m.cfg.Self {
		if err := m.successor(l.id, r, fx); err != nil {
			panic(err)
		}
		return
	}
	m.forward(l, r, previous, fx)
}

// forward tells a host who follows it.
func (m *Machine) forward(l *lock, r waiting, to HostID, fx *Effects) {
	fx.send(Send, to, wire.Message{Type: wire.LockFwd, Obj: uint64(l.id), Host: r.host, Reply: r.port, Version: r.seen, Epoch: tries(r.try)})
}

// successor learns who gets the lock after this host: at once if it is free here.
func (m *Machine) successor(id LockID, r waiting, fx *Effects) error {
	l := m.lock(id)
	if l.hasNext || int(r.host) >= m.cfg.Hosts || r.host == m.cfg.Self {
		return fmt.Errorf("lock %d: host %d is to follow host %d, which has a successor or is its own", id, r.host, m.cfg.Self)
	}
	if l.place {
		m.passOn(l, r, fx)
		return nil
	}
	if l.token == tokenFree && len(l.local) == 0 {
		if !m.takeBack(l) {
			return fmt.Errorf("lock %d: host %d is to follow host %d, from which it was taken", id, r.host, m.cfg.Self)
		}
		m.grant(l, r, fx)
		return nil
	}
	if r.try {
		fx.send(Reply, r.host, wire.Message{Type: wire.LockBusy, Port: r.port, Obj: uint64(l.id)})
		return nil
	}
	l.next, l.hasNext = r, true
	return nil
}

// grant sends the lock to another host, with the notices that it has not seen.
func (m *Machine) grant(l *lock, r waiting, fx *Effects) {
	msg := wire.Message{Type: wire.LockGrant, Port: r.port, Obj: uint64(l.id), Version: l.version, Epoch: m.epoch}
	if m.cfg.Plant != PlantDropNotice {
		msg.Notices = l.notices.newer(r.seen, m.epoch)
	}
	if m.cfg.Plant == PlantNoRetain {
		l.notices = noticeList{}
	}
	l.token = tokenElsewhere
	l.hasNext = false
	l.handoffs = 0
	fx.send(Reply, r.host, msg)
}

// granted takes a lock over from another host: merge its notices into the list that travels on (P13), then invalidate.
func (m *Machine) granted(msg *wire.Message) error {
	o, err := m.mailbox(msg, phGrant)
	if err != nil {
		return err
	}
	l := o.lock
	if LockID(msg.Obj) != l.id || l.token != tokenElsewhere || msg.Version < l.seen {
		return m.unexpected(msg)
	}
	l.token, l.owner, l.requested = tokenHeld, o.owner, false
	l.version, l.seen = msg.Version, msg.Version
	o.epoch = msg.Epoch
	o.phase, o.next = phEpoch, 0
	o.pending, o.blocked = o.pending[:0], o.blocked[:0]
	for _, n := range msg.Notices {
		for p := n.Page; p < n.Page+PageID(n.Count); p++ {
			if uint64(p) >= m.cfg.Pages {
				return fmt.Errorf("host %d sent a notice of page %d, beyond the region", msg.From, p)
			}
			l.notices.add(p, n.Version, n.Epoch)
			o.pending = append(o.pending, p)
		}
	}
	slices.Sort(o.pending)
	return nil
}

// Unlock leaves the scope of a lock.
func (m *Machine) Unlock(w Waiter, owner Owner, id LockID, fx *Effects) (Status, error) {
	if id < 0 {
		return Done, misuse("jia_unlock(%d): a lock is a number from 0 up", id)
	}
	l := m.locks[id]
	if l == nil || l.token != tokenHeld || l.owner != owner {
		return Done, misuse("jia_unlock(%d): this thread does not hold lock %d", id, id)
	}
	if m.held[owner]--; m.held[owner] == 0 {
		delete(m.held, owner)
	}
	if len(l.local) > 0 && (!l.hasNext || l.handoffs < localBound) {
		m.passLocally(l, fx)
		return Done, nil
	}
	m.takeMarks()
	if len(m.dirty) == 0 && len(m.diffs) == 0 {
		m.finishRelease(l, fx)
		return Done, nil
	}
	o := m.begin(w, opUnlock)
	o.lock = l
	m.flushAll(o)
	return m.Resume(w, fx)
}

// passLocally hands a held lock to the first local waiter: threads of a host share its memory, so there is nothing to
// flush, send or invalidate, and the scope goes on (P5).
func (m *Machine) passLocally(l *lock, fx *Effects) {
	w := l.local[0]
	l.local = slices.Delete(l.local, 0, 1)
	if l.hasNext {
		l.handoffs++
	}
	o := m.op(w)
	o.granted = true
	l.owner = o.owner
	m.held[o.owner]++
	if m.cfg.Plant == PlantNewMarkLocally {
		l.mark = m.log.seq
	}
	m.wake(fx, w)
}

func (m *Machine) release(w Waiter, o *op, fx *Effects) Status {
	if o.phase == phFlush {
		if st := m.goFlush(w, o, fx); st != Done {
			return st
		}
	}
	if st := m.goAcks(w, o); st != Done {
		return st
	}
	m.finishRelease(o.lock, fx)
	return Done
}

// finishRelease is the atomic end of an unlock: version + 1, collect the notices, close the scope, pass or free the
// lock (P4).
func (m *Machine) finishRelease(l *lock, fx *Effects) {
	l.version++
	l.seen = l.version
	for _, p := range m.loggedSince(l.mark) {
		l.notices.add(p, l.version, m.collections)
	}
	m.open = slices.DeleteFunc(m.open, func(k *lock) bool { return k == l })
	l.owner = 0
	if l.hasNext {
		m.grant(l, l.next, fx)
	} else {
		l.token = tokenFree
		m.offer(l)
	}
	if len(l.local) > 0 {
		m.wake(fx, l.local[0])
	}
}
