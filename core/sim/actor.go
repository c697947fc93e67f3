package sim

import (
	"encoding/binary"
	"errors"
	"fmt"

	"jiajia/core"
	"jiajia/core/wire"
)

// actor is a thread: of the program, or one that evicts, writes back and prefetches as it likes.
type actor struct {
	h     *host
	name  string
	owner core.Owner
	ops   []op
	pc    int
	prio  uint64
	after hold // takes no step before this one, unless nothing else can happen

	// The call into the machine that is under way, if inCall. Its waiter is borrowed from the host's pool.
	inCall  bool
	waiter  core.Waiter
	status  core.Status
	fx      core.Effects
	next    int      // effect to carry out
	emptied []uint64 // diff messages of the last step that are acknowledged here: they carry nothing, or are stored
	// What the effect before that one still has to do by itself at another host.
	read  *reading
	store *storing
	// done is the answer to an atomic operation that it has carried out at another host by itself.
	done *wire.Message

	// Of the try for a lock that is under way: whether other threads wanted it when it began, and how often it was wanted by then.
	others bool
	wants  int

	took   []core.PageID // pinned pages that the call under way has taken access to away
	regain []core.PageID // those that are to be made writable again before anything else
	again  bool          // the call under way does that, and is no operation

	random bool // takes operations at random for as long as the storm lasts
	reaper bool // reclaims when the machine asks for it
	saver  bool // writes the host's parts of checkpoints
	joined bool // counted at its meeting

	load *loading // that is under way, or nil
}

// ready tells whether the actor can take a step now.
func (c *cluster) ready(a *actor) bool {
	if !c.due(a.after) {
		return false
	}
	if a.load != nil {
		return c.loadReady(a)
	}
	if !a.inCall {
		return c.opReady(a)
	}
	if a.read != nil {
		return c.readReady(a)
	}
	if a.store != nil || a.next < len(a.fx.List) || len(a.emptied) > 0 || a.done != nil {
		return true
	}
	switch a.status {
	case core.Await:
		from, link := a.h.m.Awaiting(a.waiter)
		if link {
			return len(a.h.links[from]) > 0 && c.due(a.h.links[from][0].after)
		}
		for _, p := range a.h.boxes[a.waiter] {
			if c.due(p.after) && a.awaits(p, from) {
				return true
			}
		}
		return false
	case core.Parked:
		return a.h.woken[a.waiter]
	}
	return true
}

// awaits tells whether a packet in the mailbox is what the call waits for. A host's answers to requests for pages come in the
// order of the requests.
func (a *actor) awaits(p *packet, from core.HostID) bool {
	if from != wire.Any && core.HostID(binary.LittleEndian.Uint32(p.bytes[8:])) != from {
		return false
	}
	if pages := a.h.m.AwaitingPages(a.waiter); len(pages) > 0 {
		return core.PageID(binary.LittleEndian.Uint64(p.bytes[32:])) == pages[0]
	}
	return true
}

// opReady tells whether the next operation of the program can begin.
func (c *cluster) opReady(a *actor) bool {
	if len(a.regain) > 0 {
		return true
	}
	switch {
	case a.random:
		return c.storm && a.h.allocated
	case a.reaper:
		return a.h.short
	case a.saver:
		return a.h.canSave()
	}
	if a.pc >= len(a.ops) {
		return false
	}
	o := &a.ops[a.pc]
	switch {
	case !a.h.allocated:
		return a == c.leader(int(a.h.id)) // whose first operations these are
	case o.kind == opJoin:
		return !a.joined || a.h.meetings[o.id] >= o.count
	case a.h.waitsForPart(o):
		return false
	}
	return true
}

// step takes one step of an actor that is ready.
func (c *cluster) step(a *actor) {
	switch {
	case a.load != nil:
		c.stepLoad(a)
	case !a.inCall && len(a.regain) > 0:
		c.regainOne(a)
	case !a.inCall && a.random:
		c.randomCall(a)
	case !a.inCall && a.reaper:
		c.reclaim(a)
	case !a.inCall && a.saver:
		c.save(a)
	case !a.inCall:
		c.begin(a, &a.ops[a.pc])
	case a.read != nil:
		c.stepRead(a)
	case a.store != nil:
		c.stepStore(a)
	case a.next < len(a.fx.List):
		e := &a.fx.List[a.next]
		a.next++
		if !e.Memory() {
			c.carryOut(a.h, a, e, &a.fx, nil)
		}
	case len(a.emptied) > 0:
		// What the step wanted to wait for may have been these acknowledgements.
		a.fx.Reset()
		for _, id := range a.emptied {
			msg := wire.Message{Type: wire.DiffAck, From: a.h.id, Obj: id}
			c.must(a.h, a.h.m.Handle(&msg, &a.fx))
		}
		a.emptied = a.emptied[:0]
		if a.status == core.Done {
			c.after(a, core.Done, nil) // only with a planted mistake
			break
		}
		c.resume(a)
	case a.done != nil:
		a.fx.Reset()
		c.checkResult(a, a.done.Version)
		c.must(a.h, a.h.m.Handle(a.done, &a.fx))
		a.done = nil
		c.resume(a)
	case a.status == core.Again:
		a.fx.Reset()
		c.resume(a)
	case a.status == core.Parked:
		a.h.woken[a.waiter] = false
		a.fx.Reset()
		c.resume(a)
	case a.status == core.Await:
		c.receive(a)
	default:
		c.endCall(a)
		return
	}
	if a.inCall && a.status == core.Done && a.next >= len(a.fx.List) && len(a.emptied) == 0 && a.read == nil && a.store == nil {
		c.endCall(a)
	}
}

// call borrows a waiter and begins a call into the machine.
func (c *cluster) call(a *actor, f func(w core.Waiter, fx *core.Effects) (core.Status, error)) {
	k := 0
	if !c.scripted {
		k = c.r.n(len(a.h.idle))
	}
	a.waiter = a.h.idle[k]
	a.h.idle = append(a.h.idle[:k:k], a.h.idle[k+1:]...)
	a.inCall = true
	a.h.calls[a.waiter]++
	a.fx.Reset()
	st, err := f(a.waiter, &a.fx)
	c.after(a, st, err)
}

func (c *cluster) resume(a *actor) {
	c.asker = asker{a.h.id, a.waiter}
	st, err := a.h.m.Resume(a.waiter, &a.fx)
	c.after(a, st, err)
}

func (c *cluster) after(a *actor, st core.Status, err error) {
	if a.again && errors.Is(err, core.ErrUnallocated) {
		err = nil // another thread has freed the page meanwhile, and with that the pin is over
	}
	if err != nil {
		c.failf("%s: %v", a.name, err)
		a.status = core.Parked // for good
		return
	}
	a.status, a.next = st, 0
	switch {
	case !c.storm:
	case st == core.Again && c.r.chance(40):
		a.after = c.hold(60, 6) // long work is cut so that others get in between
	case a == c.laggard && c.r.chance(40):
		a.after = c.hold(150, 6)
	}
	c.memoryEffects(a.h, &a.fx)
	c.watchPins(a.h, a)
	for a.next < len(a.fx.List) && a.fx.List[a.next].Memory() {
		a.next++
	}
	if c.tracing() {
		c.tracef("%s: %v", a.name, [...]string{"done", "again", "await", "parked"}[st])
	}
	c.check(a.h)
}

// receive takes one of the messages that the call waits for.
func (c *cluster) receive(a *actor) {
	from, link := a.h.m.Awaiting(a.waiter)
	var p *packet
	if link {
		p = a.h.links[from][0]
		a.h.links[from] = a.h.links[from][1:]
	} else {
		box := a.h.boxes[a.waiter]
		k := 0
		if !c.scripted {
			k = c.r.n(len(box))
		}
		for !c.due(box[k].after) || !a.awaits(box[k], from) {
			k = (k + 1) % len(box)
		}
		p = box[k]
		a.h.boxes[a.waiter] = append(box[:k:k], box[k+1:]...)
	}
	msg, body := c.decode(p.bytes)
	if c.tracing() {
		c.tracef("%s: takes %s", a.name, describeMessage(&msg, body))
	}
	if msg.Type == wire.Page {
		pages := a.h.m.AwaitingPages(a.waiter)
		if pages == nil {
			c.failf("%s: a page came and none is awaited", a.name)
			return
		}
		for i, p := range pages {
			a.h.mem.frames[p], a.h.mem.has[p] = frame{}, true
			if msg.Carries(i) {
				body = body[copy(a.h.mem.frames[p][:], body):]
			}
		}
	}
	if msg.Type == wire.AtomicDone {
		c.checkResult(a, msg.Version)
	}
	a.fx.Reset()
	c.must(a.h, a.h.m.Handle(&msg, &a.fx))
	if c.scripted || c.r.chance(50) {
		c.resume(a)
	} else {
		c.after(a, core.Again, nil) // others run between the message and the thread
	}
}

// endCall gives the waiter back and finishes the operation, unless it was a fault: its access is tried again.
func (c *cluster) endCall(a *actor) {
	c.owe(a)
	if c.cutting != nil {
		delete(c.cutting.executed, asker{a.h.id, a.waiter})
	}
	a.inCall = false
	a.h.calls[a.waiter]++
	a.h.idle = append(a.h.idle, a.waiter)
	if n := len(a.h.boxes[a.waiter]); n > 0 {
		if c.opt.Plant != core.PlantNoAck {
			c.failf("%s: call done with %d messages left in its mailbox", a.name, n)
		}
		c.net = append(c.net, a.h.boxes[a.waiter]...)
		a.h.boxes[a.waiter] = nil
	}
	if a.random || a.reaper || a.again {
		a.again = false
		return
	}
	o := &a.ops[a.pc]
	switch o.kind {
	case opRead, opWrite, opPeek:
		return
	case opLock, opTry:
		if o.kind == opTry && a.h.m.Refused(a.waiter) {
			c.refusedTo(a, o)
			return
		}
		if c.holder[o.id] != nil {
			c.failf("%s got lock %d, which %s holds", a.name, o.id, c.holder[o.id].name)
		}
		c.holder[o.id] = a
		c.judge(a.h, func(d int) bool { return c.p.guard[d] == o.id })
	case opFree:
		if a.h.freeing--; a.h.freeing == 0 {
			a.h.unpinned = 0
		}
	case opUnlock:
		c.wanted[o.id]--
	case opRWLock:
		if !c.enteredRW(a, o) {
			return
		}
	case opRWUnlock:
		c.wanted[rwKey+o.id]--
	case opBarrier:
		c.left(a, o)
	case opWait:
		if !c.set[o.id] {
			c.failf("%s left jia_waitcv(%d) before it was set", a.name, o.id)
		}
	}
	c.advance(a)
}

func (c *cluster) advance(a *actor) {
	if c.tracing() {
		c.tracef("%s: %s done", a.name, a.ops[a.pc].describe(c.p))
	}
	a.pc++
	c.progress++
}

// begin begins the next operation of the program, or does it when no call is needed.
func (c *cluster) begin(a *actor, o *op) {
	m := a.h.m
	switch o.kind {
	case opRead, opWrite:
		c.access(a, o, c.p.data[o.datum])
	case opPeek:
		c.access(a, o, datum{o.page, o.id * wordBytes, wordBytes})
	case opTry:
		c.try(a, o)
	case opRWLock:
		c.lockRW(a, o)
	case opRWUnlock:
		c.unlockRW(a, o)
	case opLock:
		c.want(o.id)
		c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) {
			return m.Lock(w, a.owner, core.LockID(o.id), fx)
		})
	case opUnlock:
		c.holder[o.id] = nil
		c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) {
			return m.Unlock(w, a.owner, core.LockID(o.id), fx)
		})
	case opBarrier:
		c.arrived[a.h.id]++
		c.beginsRendezvous(a, o)
		if o.call == wire.KindExit {
			c.judge(a.h, func(int) bool { return true }) // everybody has only read since the barrier before
		}
		c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) { return m.Barrier(w, a.owner, o.call, fx) })
	case opJoin:
		if !a.joined {
			a.joined = true
			a.h.meetings[o.id]++
			return
		}
		a.joined = false
		c.advance(a)
	case opAlloc:
		c.alloc(a.h)
		c.advance(a)
	case opLoad:
		c.beginLoad(a)
	case opLoaded:
		m.Loaded()
		c.advance(a)
	case opSet, opReset, opWait:
		if o.kind != opWait {
			c.set[o.id] = o.kind == opSet
		}
		t := map[opKind]wire.Type{opSet: wire.CVSet, opReset: wire.CVReset, opWait: wire.CVWait}[o.kind]
		c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) { return m.CV(w, t, core.CVID(o.id), fx) })
	case opFree:
		c.free(a, o)
	case opAnew:
		c.allocAnew(a.h, o.id)
		c.advance(a)
	case opEvict, opClean, opPrefetch, opHide:
		c.hint(a, o.kind, o.page, o.count)
	case opReclaim:
		c.reclaim(a)
	case opAtomic:
		c.atomic(a, o)
	}
}

// hint is an operation on a page; a prefetch brings in some more.
func (c *cluster) hint(a *actor, kind opKind, p core.PageID, more int) {
	m := a.h.m
	c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) {
		switch {
		case kind == opEvict && more%2 == 1:
			return m.Refresh(w, c.some(p, more), fx)
		case kind == opClean && more%2 == 1:
			return m.Settle(w, fx)
		case kind == opEvict:
			return m.Evict(w, p, fx)
		case kind == opClean:
			return m.Clean(w, p, fx)
		case kind == opHide:
			return m.Hide(w, p, fx)
		}
		return m.Prefetch(w, c.some(p, more), fx)
	})
}

// randomCall lets an extra thread do something that no program asked for.
func (c *cluster) randomCall(a *actor) {
	kind := []opKind{opEvict, opClean, opPrefetch, opReclaim, opHide, opPin}[c.r.pick(c.swarm.hints...)]
	if kind == opReclaim {
		c.reclaim(a)
		return
	}
	p := core.PageID(c.r.n(int(c.p.pages)))
	if c.tracing() {
		c.tracef("%s: %s p%d", a.name, opNames[kind], p)
	}
	if kind == opPin {
		c.pin(a, p)
		return
	}
	c.hint(a, kind, p, c.r.n(2)*c.r.n(int(c.p.pages)))
}

// some returns p and, unless a story says which, a few other pages.
func (c *cluster) some(p core.PageID, more int) []core.PageID {
	pages := []core.PageID{p}
	for i := range more {
		q := core.PageID(c.r.n(int(c.p.pages)))
		if c.scripted {
			q = p + core.PageID(i) + 1
		}
		pages = append(pages, q)
	}
	return pages
}

// access is one load or store, or the fault that it raises.
func (c *cluster) access(a *actor, o *op, d datum) {
	need := readOnly
	if o.kind == opWrite {
		need = readWrite
	}
	if a.h.mem.access[d.page] < need {
		if c.tracing() {
			c.tracef("%s: faults for %s", a.name, o.describe(c.p))
		}
		c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) {
			return a.h.m.Fault(w, d.page, o.kind == opWrite, fx)
		})
		return
	}
	bytes := a.h.mem.frames[d.page][d.offset : d.offset+d.size]
	flat := c.flat[int(d.page)*pageBytes+d.offset:][:d.size]
	switch o.kind {
	case opWrite:
		var b [wordBytes]byte
		binary.LittleEndian.PutUint64(b[:], o.value)
		copy(bytes, b[:])
		copy(flat, b[:])
		c.storesInside(a.h.id, int(d.page)*pageBytes+d.offset, d.size)
		if d.size == wordBytes {
			c.stored[storedWord{d.page, d.offset, o.value}] = true
		}
	case opRead:
		if string(bytes) != string(flat) {
			c.failf("%s reads %v: %x, should be %x", a.name, d, bytes, flat)
		}
	case opPeek:
		v := binary.LittleEndian.Uint64(bytes)
		if c.whole[[2]int{int(d.page), d.offset}] && v != 0 && !c.stored[storedWord{d.page, d.offset, v}] {
			c.failf("%s reads %v without a lock: torn value %#x", a.name, d, v)
		}
	}
	if c.tracing() {
		c.tracef("%s: %s -> %x", a.name, o.describe(c.p), bytes)
	}
	a.pc++
	c.progress++
}

func (a *actor) String() string {
	at := "finished"
	if a.random || a.reaper || a.saver {
		at = "extra"
	} else if a.pc < len(a.ops) {
		at = fmt.Sprintf("op %d: %s %d", a.pc, opNames[a.ops[a.pc].kind], a.ops[a.pc].id)
	}
	if a.inCall {
		at += fmt.Sprintf(", waiter %d, status %d, %d effects due", a.waiter, a.status, len(a.fx.List)-a.next)
	}
	return a.name + " " + at
}
