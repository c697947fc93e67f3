package sim

import "jiajia/core"

// want notes that a thread is about to ask for a lock.
func (c *cluster) want(lock int) {
	c.wanted[lock]++
	c.wants[lock]++
}

// try begins to try for a lock.
func (c *cluster) try(a *actor, o *op) {
	a.others = c.wanted[o.id] > 0
	c.want(o.id)
	a.wants = c.wants[o.id]
	c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) {
		return a.h.m.TryLock(w, a.owner, core.LockID(o.id), fx)
	})
}

// refusedTo has a thread go on behind a scope that it was refused. Somebody else must have held the lock meanwhile, or wanted it.
func (c *cluster) refusedTo(a *actor, o *op) {
	if !a.others && a.wants == c.wants[o.id] {
		c.failf("%s was refused lock %d, which nobody held or wanted", a.name, o.id)
	}
	c.wanted[o.id]--
	c.tracef("%s: is refused lock %d", a.name, o.id)
	c.skip(a, func(o *op) bool { return o.kind == opUnlock })
}

// skip has a thread leave out the rest of a scope, up to the unlock of the lock that the scope began with.
func (c *cluster) skip(a *actor, unlock func(o *op) bool) {
	id, over := a.ops[a.pc].id, false
	for a.pc < len(a.ops) && !over {
		over = unlock(&a.ops[a.pc]) && a.ops[a.pc].id == id
		a.pc++
		c.progress++
	}
}
