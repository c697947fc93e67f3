package sim

import (
	"encoding/binary"

	"jiajia/core"
	"jiajia/core/wire"
)

// asker is a call that an answer is for.
type asker struct {
	host   core.HostID
	waiter core.Waiter
}

func load(b []byte) uint64 {
	if len(b) == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func store(b []byte, v uint64) {
	if len(b) == 4 {
		binary.LittleEndian.PutUint32(b, uint32(v))
	} else {
		binary.LittleEndian.PutUint64(b, v)
	}
}

// atomic begins an atomic operation. A compare-exchange hopes for what the word holds now.
func (c *cluster) atomic(a *actor, o *op) {
	d := c.p.data[o.datum]
	op := core.Atomic{Kind: core.AtomicKind(o.id), Width: uint64(d.size), At: uint64(d.page)*pageBytes + uint64(d.offset), Operand: o.value}
	if d.size == 4 {
		op.Operand = uint64(uint32(o.value))
	}
	op.Compare = load(c.flat[op.At:][:d.size])
	c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) {
		c.asker = asker{a.h.id, w}
		return a.h.m.Atomic(w, op, fx)
	})
}

// execute carries out an atomic operation at the home of its word, and on the flat memory: there all of them happen one after the
// other, and every one finds what the one before left.
func (c *cluster) execute(h *host, e *core.Effect, fx *core.Effects) {
	a := &fx.Atomic
	at := a.At % pageBytes
	bytes, flat := h.mem.frames[e.Page][at:at+a.Width], c.flat[a.At:][:a.Width]
	old := load(bytes)
	if should := load(flat); old != should {
		c.failf("host %d: atomic %v of p%d[%d:%d] finds %#x, should be %#x", h.id, a.Kind, e.Page, at, at+a.Width, old, should)
	}
	now, stored := a.After(old)
	if stored {
		store(flat, now)
		c.storesInside(c.asker.host, int(a.At), int(a.Width))
		if c.cutting != nil {
			c.cutting.executed[c.asker] = core.Span{Page: core.PageID(a.At), Count: a.Width}
		}
		if a.Width == wordBytes {
			c.stored[storedWord{e.Page, int(at), now}] = true
		}
		if c.opt.Plant == core.PlantAtomicInTwo && c.asker.host != h.id {
			h.late = func() { store(bytes, now) }
		} else {
			store(bytes, now)
		}
	}
	if c.tracing() {
		c.tracef("%d: atomic %v of p%d[%d:%d]: %#x -> %#x", h.id, a.Kind, e.Page, at, at+a.Width, old, now)
	}
	c.results[c.asker] = old
	fx.Msgs[e.Msg].Version = old
}

// finishExecution does what a planted mistake has put off until the answer goes out.
func (c *cluster) finishExecution(h *host, msg *wire.Message) {
	if msg.Type == wire.AtomicDone && h.late != nil {
		h.late()
		h.late = nil
	}
}

// checkResult: the answer is that to this call's operation.
func (c *cluster) checkResult(a *actor, got uint64) {
	if want, ok := c.results[asker{a.h.id, a.waiter}]; !ok || got != want {
		c.failf("%s: its atomic operation found %#x, the answer is %#x", a.name, want, got)
	}
}

// reachWord has a thread carry out the operation that it is about to ask for, at a home that it reaches.
func (c *cluster) reachWord(a *actor, e *core.Effect, msg *wire.Message) bool {
	home := c.hosts[e.Host]
	if a == nil || msg.Type != wire.Atomic || !c.reach[a.h.id][e.Host] || c.gated(a.h) || c.refused(home) {
		return false
	}
	op, _ := core.AtomicOf(msg)
	fx := core.Effects{Atomic: op, Msgs: []wire.Message{{Type: wire.AtomicDone, From: home.id, Port: msg.Reply, Obj: msg.Obj}}}
	c.asker = asker{a.h.id, a.waiter}
	c.execute(home, &core.Effect{Kind: core.Execute, Page: core.PageID(op.At / pageBytes)}, &fx)
	a.done = &fx.Msgs[0]
	return true
}
