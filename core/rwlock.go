package core

import (
	"fmt"
	"slices"

	"jiajia/core/wire"
)

// RWMode says how a reader/writer lock is asked for.
type RWMode uint64

const (
	RWRead  RWMode = 0
	RWWrite RWMode = 1
	RWTry   RWMode = 2 // added to either: be refused rather than wait
)

func (mode RWMode) String() string {
	return [...]string{"jia_rwlock_rdlock", "jia_rwlock_wrlock", "jia_rwlock_tryrdlock", "jia_rwlock_trywrlock"}[mode]
}

// rwlock is what this host knows of one reader/writer lock (P21).
type rwlock struct {
	id LockID

	// readers are the threads of this host that hold it as readers; writer the one that does as a writer, if written.
	readers []Owner
	written bool
	writer  Owner
	// mark is where in the write log the writer's scope began, and version what it was granted with. Valid while written.
	mark, version uint64
	// seen is the newest version whose notices this host has dropped its copies for. It never goes back (P11).
	seen uint64

	hall
}

// hall is the manager's side of a reader/writer lock: who is in, who waits, first come first served, and what was written.
// Invariant: reading is 0 while busy, and who waits at the head of the queue cannot be let in.
type hall struct {
	queue   []rwWaiting
	reading int  // readers that are in
	busy    bool // a writer is in
	count   uint64
	notices noticeList
}

type rwWaiting struct {
	waiting
	write bool
}

func (m *Machine) rwlock(id LockID) *rwlock {
	k := m.rwlocks[id]
	if k == nil {
		k = &rwlock{id: id}
		m.rwlocks[id] = k
	}
	return k
}

func (k *rwlock) holds(owner Owner) bool {
	return k.written && k.writer == owner || slices.Contains(k.readers, owner)
}

// RWLock enters the scope of a reader/writer lock for a thread, as one of its readers or as its only writer. When it was only to
// try, Refused tells the result.
func (m *Machine) RWLock(w Waiter, owner Owner, id LockID, mode RWMode, fx *Effects) (Status, error) {
	if id < 0 {
		return Done, misuse("%v(%d): a lock is a number from 0 up", mode, id)
	}
	k := m.rwlock(id)
	if k.holds(owner) {
		if mode&RWTry != 0 {
			m.op(w).refused = true
			return Done, nil
		}
		return Done, misuse("%v(%d): this thread holds reader/writer lock %d already; locks are not recursive", mode, id, id)
	}
	o := m.begin(w, opRWLock)
	o.rw, o.owner, o.mode = k, owner, mode
	o.phase, o.peer = phReply, m.manager(id)
	ask := wire.Message{Type: wire.RWAsk, From: m.cfg.Self, Reply: uint32(w), Obj: uint64(id), Version: k.seen, Epoch: uint64(mode)}
	if o.peer != m.cfg.Self {
		fx.send(Send, o.peer, ask)
	} else if err := m.manageRW(&ask, fx); err != nil {
		panic(err)
	}
	return m.Resume(w, fx)
}

func (m *Machine) acquireRW(w Waiter, o *op, fx *Effects) Status {
	switch o.phase {
	case phReply:
		switch {
		case o.refused:
			return Done
		case o.granted:
			o.phase = phEpoch
		case o.peer == m.cfg.Self:
			return Parked
		default:
			return Await
		}
		fallthrough
	case phEpoch:
		if m.epoch < o.epoch && m.cfg.Plant != PlantRWNoEpochWait {
			return m.park(w)
		}
		o.phase = phInval
	}
	if st := m.goInvalidate(w, o, fx); st != Done {
		return st
	}
	m.enterRW(o)
	return Done
}

// enterRW opens the scope, when the copies are gone that the grant named.
func (m *Machine) enterRW(o *op) {
	k := o.rw
	k.seen = max(k.seen, o.version)
	m.held[o.owner]++
	if o.mode&RWWrite == 0 {
		k.readers = append(k.readers, o.owner)
		return
	}
	k.written, k.writer, k.version = true, o.owner, o.version
	k.mark = m.log.seq
	m.writing = append(m.writing, k)
}

// grantedRW takes the manager's grant.
func (m *Machine) grantedRW(msg *wire.Message) error {
	o, err := m.mailbox(msg, phReply)
	if err != nil {
		return err
	}
	if o.kind != opRWLock || LockID(msg.Obj) != o.rw.id || msg.From != o.peer || o.granted {
		return m.unexpected(msg)
	}
	o.granted, o.epoch, o.version = true, msg.Epoch, msg.Version
	if m.cfg.Plant == PlantRWSeenEarly {
		o.rw.seen = max(o.rw.seen, o.version)
	}
	for _, n := range msg.Notices {
		if uint64(n.Page)+n.Count > m.cfg.Pages {
			return fmt.Errorf("host %d sent a notice of page %d, beyond the region", msg.From, n.Page)
		}
		for p := n.Page; p < n.Page+PageID(n.Count); p++ {
			o.pending = append(o.pending, p)
		}
	}
	slices.Sort(o.pending)
	return nil
}

// RWUnlock leaves the scope of a reader/writer lock.
func (m *Machine) RWUnlock(w Waiter, owner Owner, id LockID, fx *Effects) (Status, error) {
	k := m.rwlocks[id]
	if k == nil || !k.holds(owner) {
		return Done, misuse("jia_rwlock_unlock(%d): this thread does not hold reader/writer lock %d", id, id)
	}
	if m.held[owner]--; m.held[owner] == 0 {
		delete(m.held, owner)
	}
	o := m.begin(w, opRWUnlock)
	o.rw, o.peer = k, m.manager(id)
	if i := slices.Index(k.readers, owner); i >= 0 {
		k.readers = slices.Delete(k.readers, i, i+1)
		o.phase = phReply
		m.endRW(o, wire.Message{Type: wire.RWDone, Reply: uint32(w), Obj: uint64(id), Epoch: endsReader}, fx)
	} else {
		m.takeMarks()
		m.flushAll(o)
	}
	return m.Resume(w, fx)
}

// releaseRW ends when the manager knows of the end of the scope: whoever tries for the lock after that is not refused on its account.
func (m *Machine) releaseRW(w Waiter, o *op, fx *Effects) Status {
	if o.phase == phFlush {
		if st := m.goFlush(w, o, fx); st != Done {
			return st
		}
		if m.cfg.Plant == PlantRWUnflushed {
			m.endWrite(w, o, fx)
		}
	}
	if o.phase == phAcks {
		if st := m.goAcks(w, o); st != Done {
			return st
		}
		o.phase = phReply
		if m.cfg.Plant != PlantRWUnflushed {
			m.endWrite(w, o, fx)
		}
	}
	if !o.granted {
		return Await
	}
	return Done
}

// mostEnded is how many runs of pages one RWDone names: a host's server takes messages of bounded length.
const mostEnded = 16384

// endWrite is the atomic end of a writer's scope: version + 1, collect the notices, close the scope, tell the manager (P4).
func (m *Machine) endWrite(w Waiter, o *op, fx *Effects) {
	k := o.rw
	version := k.version + 1
	k.seen = max(k.seen, version)
	var list []wire.Notice
	for _, p := range m.loggedSince(k.mark) {
		if i := len(list) - 1; i >= 0 && list[i].Page+PageID(list[i].Count) == p {
			list[i].Count++
		} else {
			list = append(list, wire.Notice{Page: p, Count: 1, Version: version, Epoch: m.collections})
		}
	}
	k.written, k.writer = false, 0
	m.writing = slices.DeleteFunc(m.writing, func(j *rwlock) bool { return j == k })
	msg := wire.Message{Type: wire.RWDone, Reply: uint32(w), Obj: uint64(k.id), Version: version, Epoch: endsMore}
	for ; len(list) > mostEnded; list = list[mostEnded:] {
		msg.Notices = list[:mostEnded]
		m.endRW(o, msg, fx)
	}
	msg.Notices, msg.Epoch = list, endsWriter
	m.endRW(o, msg, fx)
}

// What RWDone says.
const (
	endsReader uint64 = iota
	endsWriter
	endsMore
)

// endRW tells the manager, which answers unless there is more to come.
func (m *Machine) endRW(o *op, msg wire.Message, fx *Effects) {
	if o.peer != m.cfg.Self {
		fx.send(Send, o.peer, msg)
		return
	}
	msg.From, o.granted = m.cfg.Self, true
	if err := m.endedRW(&msg, fx); err != nil {
		panic(err)
	}
}

// manageRW is the manager's side of a request.
func (m *Machine) manageRW(msg *wire.Message, fx *Effects) error {
	id, mode := LockID(msg.Obj), RWMode(msg.Epoch)
	if m.manager(id) != m.cfg.Self {
		return m.unexpected(msg)
	}
	k := m.rwlock(id)
	r := rwWaiting{waiting{host: msg.From, port: msg.Reply, seen: msg.Version}, mode&RWWrite != 0}
	if mode&RWTry != 0 && !(len(k.queue) == 0 && k.free(r.write)) {
		if r.host == m.cfg.Self {
			m.op(Waiter(r.port)).refused = true
		} else {
			fx.send(Reply, r.host, wire.Message{Type: wire.LockBusy, Port: r.port, Obj: msg.Obj})
		}
		return nil
	}
	k.queue = append(k.queue, r)
	if len(k.queue) == 1 || m.cfg.Plant == PlantRWOverlap {
		m.admit(k, fx)
	}
	return nil
}

// free tells whether a writer, or a reader, may come in as far as those who are in are concerned.
func (k *hall) free(write bool) bool { return !k.busy && (k.reading == 0 || !write) }

// admit lets in who waits at the head of the queue: a writer alone, or all the readers up to the next writer.
func (m *Machine) admit(k *rwlock, fx *Effects) {
	for len(k.queue) > 0 {
		r := k.queue[0]
		if !k.free(r.write) && (r.write || m.cfg.Plant != PlantRWOverlap) {
			return
		}
		k.queue = slices.Delete(k.queue, 0, 1)
		if r.write {
			k.busy = true
		} else {
			k.reading++
		}
		m.grantRW(k, r.waiting, fx)
	}
}

// grantRW lets a thread in, with the notices that its host has not seen. What a barrier covers that this host has left is not
// among them, so the other waits until it has left that, too (P10).
func (m *Machine) grantRW(k *rwlock, r waiting, fx *Effects) {
	msg := wire.Message{Type: wire.RWGrant, From: m.cfg.Self, Port: r.port, Obj: uint64(k.id), Version: k.count, Epoch: m.epoch}
	if m.cfg.Plant != PlantRWNoNotices {
		msg.Notices = k.notices.newer(r.seen, m.epoch)
	}
	if r.host != m.cfg.Self {
		fx.send(Reply, r.host, msg)
		return
	}
	if err := m.grantedRW(&msg); err != nil {
		panic(err)
	}
	m.wake(fx, Waiter(r.port))
}

// endedRW is the manager's side of the end of a scope, and takes its answer at the other.
func (m *Machine) endedRW(msg *wire.Message, fx *Effects) error {
	if msg.Port != wire.Server {
		if int(msg.Port) >= len(m.ops) || m.ops[msg.Port].kind != opRWUnlock {
			return m.unexpected(msg)
		}
		m.ops[msg.Port].granted = true
		return nil
	}
	id := LockID(msg.Obj)
	k := m.rwlocks[id]
	if k == nil || m.manager(id) != m.cfg.Self {
		return m.unexpected(msg)
	}
	if msg.Epoch == endsReader {
		if k.reading == 0 {
			return m.unexpected(msg)
		}
		k.reading--
		m.dismiss(k, msg, fx)
		return nil
	}
	if !k.busy || msg.Version != k.count+1 {
		return m.unexpected(msg)
	}
	for _, n := range msg.Notices {
		if uint64(n.Page)+n.Count > m.cfg.Pages {
			return fmt.Errorf("host %d sent a notice of page %d, beyond the region", msg.From, n.Page)
		}
		for p := n.Page; p < n.Page+PageID(n.Count); p++ {
			k.notices.add(p, msg.Version, n.Epoch)
		}
	}
	if msg.Epoch == endsWriter {
		k.count++
		k.busy = false
		m.dismiss(k, msg, fx)
	}
	return nil
}

// dismiss lets in who can come in now that somebody has left, and tells the latter.
func (m *Machine) dismiss(k *rwlock, msg *wire.Message, fx *Effects) {
	m.admit(k, fx)
	if msg.From != m.cfg.Self {
		fx.send(Reply, msg.From, wire.Message{Type: wire.RWDone, Port: msg.Reply, Obj: msg.Obj})
	}
}
