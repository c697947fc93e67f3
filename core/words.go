package core

import (
	"fmt"
	"slices"

	"jiajia/core/wire"
)

// LockWords are words of locks in memory that all hosts of a job reach without each other's processors (P16). For each lock
// there is a tail, the last host that has asked for it, and for each host and lock a cell, in which that host offers the lock
// while it is free there. Each method is one step, and orders what this host does before and after it. All are called under the
// mutex of the machine.
type LockWords interface {
	// Follow makes this host the tail of a lock and returns the one before; ok is false when there was none yet.
	Follow(id LockID) (before HostID, ok bool, err error)

	// Offer puts a lock into this host's cell, which is empty. The words keep nothing of o.
	Offer(id LockID, o *Offer)

	// Take empties the cell of a host and fills in o, if the cell has an offer with Since at most seen. Nobody else but the
	// cell's host tries so at the same time.
	Take(id LockID, from HostID, seen uint64, o *Offer) bool

	// TakeBack empties this host's cell. It returns false if another host has done so.
	TakeBack(id LockID) bool
}

// Offer is what an acquirer must know of a free lock. Versions of a lock that a host offers ascend.
type Offer struct {
	Version uint64
	Epoch   uint64        // of the host that offers
	Since   uint64        // the notices are all those with versions above
	Notices []wire.Notice // by version, ascending
}

// mostOffered is how many notices a release looks through for an offer, which must not make a release slow.
const mostOffered = 128

// SetWords gives the machine the words of all locks below a number. Offers hold at most room notices. All hosts of the job do the
// same, before the machine is used.
func (m *Machine) SetWords(words LockWords, below LockID, room int) {
	m.words, m.wordsOf, m.room = words, below, room
}

// worded tells whether a lock has words; else it is asked for by messages alone.
func (m *Machine) worded(id LockID) bool { return id < m.wordsOf }

// Taken tells whether the lock that w's call has got came from another host without a message.
func (m *Machine) Taken(w Waiter) bool { return m.op(w).taken }

// takeBack makes sure of a lock that is free here, if it still is.
func (m *Machine) takeBack(l *lock) bool {
	if l.offered {
		l.offered = false
		if !m.words.TakeBack(l.id) && m.cfg.Plant != PlantOfferKept {
			l.token = tokenElsewhere
		}
	}
	return l.token == tokenFree
}

// offer lets other hosts take a lock that has become free.
func (m *Machine) offer(l *lock) {
	if !m.worded(l.id) || len(l.local) > 0 {
		return
	}
	o := &m.offers
	o.Version, o.Epoch = l.version, m.epoch
	o.Since, o.Notices = l.notices.latest(o.Notices[:0], m.room, m.epoch)
	switch m.cfg.Plant {
	case PlantTakeIncomplete:
		o.Since = 0
	case PlantOfferEarly:
		o.Notices = slices.DeleteFunc(o.Notices, func(n wire.Notice) bool { return n.Version == l.version })
	}
	l.offered = true
	m.words.Offer(l.id, o)
}

// follow asks for a lock through its tail.
func (m *Machine) follow(o *op, l *lock) (Status, error) {
	before, ok, err := m.words.Follow(l.id)
	switch {
	case err != nil:
		return Done, err
	case !ok: // nobody ever had it; that counts as if its manager had
		o.taken = m.manager(l.id) != m.cfg.Self
		m.enter(l, o.owner)
		return Done, nil
	case before < 0 || int(before) >= m.cfg.Hosts || before == m.cfg.Self:
		return Done, fmt.Errorf("lock %d: the host before host %d in its queue is host %d", l.id, m.cfg.Self, before)
	}
	l.requested = true
	o.phase, o.peer = phTake, before
	return Again, nil
}

// take takes the lock if the host before offers it, and else has that host pass it on (P12).
func (m *Machine) take(w Waiter, o *op, l *lock, fx *Effects) (Status, error) {
	offer := &m.offers
	o.phase = phGrant
	if !m.worded(l.id) || !m.words.Take(l.id, o.peer, l.seen, offer) {
		m.forward(l, waiting{m.cfg.Self, uint32(w), l.seen, o.try}, o.peer, fx)
		return Await, nil
	}
	if m.cfg.Plant == PlantTakeNoEpoch {
		offer.Epoch = 0
	}
	unseen, _ := slices.BinarySearchFunc(offer.Notices, l.seen, func(n wire.Notice, seen uint64) int {
		if n.Version <= seen {
			return -1
		}
		return 1
	})
	o.taken = true
	err := m.granted(&wire.Message{Type: wire.LockGrant, From: o.peer, Port: uint32(w), Obj: uint64(l.id), Version: offer.Version,
		Epoch: offer.Epoch, Notices: offer.Notices[unseen:]})
	if err != nil {
		return Done, err
	}
	return m.acquire(w, o, fx)
}

// latest appends the latest notices to dst, by version, in at most so many runs of pages, and says above which version they are
// all. Like newer it leaves out what a barrier covers.
func (n *noticeList) latest(dst []wire.Notice, most int, epoch uint64) (since uint64, out []wire.Notice) {
	if len(n.items) > indexLength && n.items[0].epoch < epoch {
		n.compact(epoch)
	}
	out = dst
	for i := len(n.items) - 1; i >= 0; i-- {
		x := &n.items[i]
		if x.page == noPage || x.epoch < epoch {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].Page == x.page+1 && out[k].Version == x.version && out[k].Epoch == x.epoch {
			out[k].Page, out[k].Count = x.page, out[k].Count+1
		} else if len(out) < most {
			out = append(out, wire.Notice{Page: x.page, Count: 1, Version: x.version, Epoch: x.epoch})
		} else {
			since = x.version
			break
		}
		if len(n.items)-i > mostOffered {
			since = x.version
			break
		}
	}
	slices.Reverse(out)
	return since, out
}
