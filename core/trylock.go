package core

import "jiajia/core/wire"

// A host that tries for a lock joins its queue like one that asks for it, but is refused if the lock is not free by then, where the
// request arrives. Its place in the queue stays: the host is behind the one that has refused it, and whoever joins after it is behind
// that one, too (P20).

// tries is how a message says whether its sender only tries.
func tries(try bool) uint64 {
	if try {
		return 1
	}
	return 0
}

// TryLock enters the scope of a lock for a thread unless somebody holds the lock, or is waiting for it. Refused tells. It waits for
// answers of other hosts' servers alone.
func (m *Machine) TryLock(w Waiter, owner Owner, id LockID, fx *Effects) (Status, error) {
	if id < 0 {
		return Done, misuse("jia_trylock(%d): a lock is a number from 0 up", id)
	}
	l, o := m.lock(id), m.op(w)
	o.taken, o.refused = false, false
	switch {
	case len(l.local) == 0 && m.takeBack(l):
		m.enter(l, owner)
		return Done, nil
	case l.token != tokenElsewhere || l.requested || len(l.local) > 0:
		o.refused = true
		return Done, nil
	}
	o = m.begin(w, opLock)
	o.lock, o.owner, o.try = l, owner, true
	return m.Resume(w, fx)
}

// Refused tells whether w's call, which is done, has not got what it tried for.
func (m *Machine) Refused(w Waiter) bool { return m.op(w).refused }

// returnToPlace asks for a lock from where this host already is in its queue: the host before it is known.
func (m *Machine) returnToPlace(o *op, l *lock) (Status, error) {
	l.place, l.requested = false, true
	o.phase, o.peer = phTake, l.before
	return Again, nil
}

// passOn lets the host that follows this one, which was refused, take its place.
func (m *Machine) passOn(l *lock, r waiting, fx *Effects) {
	l.place = false
	if m.cfg.Plant == PlantTryForgetsPlace {
		l.next, l.hasNext = r, true
		return
	}
	m.forward(l, r, l.before, fx)
}

// refused ends a try: the lock is not free.
func (m *Machine) refused(msg *wire.Message, fx *Effects) error {
	if o, err := m.mailbox(msg, phReply); err == nil && o.kind == opRWLock {
		o.refused = true
		return nil
	}
	o, err := m.mailbox(msg, phGrant)
	if err != nil {
		return err
	}
	l := o.lock
	if o.kind != opLock || !o.try || LockID(msg.Obj) != l.id {
		return m.unexpected(msg)
	}
	o.refused = true
	l.requested, l.place, l.before = false, true, msg.From
	if l.hasNext && m.cfg.Plant != PlantTryKeepsNext {
		l.hasNext = false
		m.passOn(l, l.next, fx)
	}
	if len(l.local) > 0 && m.cfg.Plant != PlantTryNotWoken {
		m.wake(fx, l.local[0])
	}
	return nil
}
