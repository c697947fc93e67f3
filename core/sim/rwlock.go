package sim

import "jiajia/core"

// rwKey is what the number of a reader/writer lock is raised by where locks of both kinds are counted.
const rwKey = 1000

// lockRW begins to ask, or to try, for a reader/writer lock.
func (c *cluster) lockRW(a *actor, o *op) {
	a.others = c.wanted[rwKey+o.id] > 0
	c.want(rwKey + o.id)
	a.wants = c.wants[rwKey+o.id]
	c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) {
		return a.h.m.RWLock(w, a.owner, core.LockID(o.id), core.RWMode(o.count), fx)
	})
}

// enteredRW judges what a thread has got: a writer is alone, and who comes in may read what the lock guards. It returns false if the
// thread was refused and goes on behind the scope.
func (c *cluster) enteredRW(a *actor, o *op) bool {
	mode := core.RWMode(o.count)
	if mode&core.RWTry != 0 && a.h.m.Refused(a.waiter) {
		if !a.others && a.wants == c.wants[rwKey+o.id] {
			c.failf("%s was refused reader/writer lock %d, which nobody held or wanted", a.name, o.id)
		}
		c.wanted[rwKey+o.id]--
		c.tracef("%s: is refused reader/writer lock %d", a.name, o.id)
		c.skip(a, func(o *op) bool { return o.kind == opRWUnlock })
		return false
	}
	write := mode&core.RWWrite != 0
	if in := c.inside[o.id]; len(in) > 0 && (write || c.writers[o.id]) {
		c.failf("%s got reader/writer lock %d (%v), which %s is in", a.name, o.id, mode, in[0].name)
	}
	c.inside[o.id] = append(c.inside[o.id], a)
	c.writers[o.id] = write
	c.judge(a.h, func(d int) bool { return c.p.rwGuard[d] == o.id })
	return true
}

// unlockRW begins to leave a reader/writer lock.
func (c *cluster) unlockRW(a *actor, o *op) {
	in := c.inside[o.id]
	for i := range in {
		if in[i] == a {
			c.inside[o.id] = append(in[:i:i], in[i+1:]...)
		}
	}
	c.call(a, func(w core.Waiter, fx *core.Effects) (core.Status, error) {
		return a.h.m.RWUnlock(w, a.owner, core.LockID(o.id), fx)
	})
}
