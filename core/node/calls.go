package node

import (
	"errors"
	"fmt"

	"jiajia/core"
	"jiajia/core/event"
	"jiajia/core/region"
	"jiajia/core/wire"
)

// The calls of the program. owner names the calling thread. They block as jia.h says and end the job on misuse.

// Lock enters the scope of a lock.
func (n *Node) Lock(owner core.Owner, id core.LockID) {
	t := n.getThread()
	n.mu.Lock()
	t.call = callLock
	st, err := n.machine.Lock(t.id, owner, id, &t.fx)
	n.finish(t, st, err)
}

// Unlock leaves it.
func (n *Node) Unlock(owner core.Owner, id core.LockID) {
	n.returnPools(false)
	t := n.getThread()
	n.mu.Lock()
	t.call = callUnlock
	st, err := n.machine.Unlock(t.id, owner, id, &t.fx)
	n.finish(t, st, err)
}

// Rendezvous waits until one thread of every host has called it with the same kind.
func (n *Node) Rendezvous(owner core.Owner, kind wire.Kind) {
	if kind != wire.KindWait {
		n.returnPools(true)
	}
	t := n.getThread()
	if n.cfg.Log.On(event.Debug) {
		defer n.logBarrier(kind)()
	}
	n.plan(kind)
	if kind == wire.KindExit {
		n.finishCheckpoint()
		n.hints.stop()
		n.takeTheRest()
	}
	n.mu.Lock()
	t.call = rendezvous[kind]
	st, err := n.machine.Barrier(t.id, owner, kind, &t.fx)
	if err == nil && kind == wire.KindExit {
		n.leaving.Store(true)
	}
	n.finish(t, st, err)
	if kind == wire.KindExit {
		n.left.Store(true)
	}
}

// CV is jia_setcv, jia_resetcv or jia_waitcv.
func (n *Node) CV(call wire.Type, id core.CVID) {
	t := n.getThread()
	n.mu.Lock()
	if call == wire.CVWait {
		t.call = callWait
	}
	st, err := n.machine.CV(t.id, call, id, &t.fx)
	n.finish(t, st, err)
}

// Alloc gives out shared memory and returns its offset in the region, in bytes. See core.Machine.Alloc.
func (n *Node) Alloc(call core.AllocCall, args ...uint64) uint64 {
	n.mu.Lock()
	p, err := n.machine.Alloc(call, args...)
	if err == nil {
		err = n.publishNewest()
	}
	n.mu.Unlock()
	if err != nil {
		n.fail(err)
	}
	return uint64(p) * uint64(n.cfg.PageSize)
}

// AllocAttr is Alloc with attributes. It returns an error where the arguments cannot be, a *core.Misuse, and where there is no
// room, which wraps core.ErrNoRoom.
func (n *Node) AllocAttr(size uint64, attr *core.Attr) (uint64, error) {
	n.mu.Lock()
	p, err := n.machine.AllocAttr(size, attr)
	var failed error
	if err == nil {
		n.named.grow(len(n.machine.Names()))
		failed = n.publishNewest()
	}
	n.mu.Unlock()
	if other := new(core.Mismatch); errors.As(err, &other) {
		failed = err
	}
	if failed != nil {
		n.fail(failed)
	}
	if attr.Name != "" && err == nil {
		n.cfg.Log.Debugf("%q is %d bytes at %#x", attr.Name, size, uint64(n.region.Base())+uint64(p)*uint64(n.cfg.PageSize))
	}
	return uint64(p) * uint64(n.cfg.PageSize), err
}

// Home returns the home of the page at an address. ok is false when it is no shared memory that the program may use, and decided
// when this host does not know of the page's first writer yet.
func (n *Node) Home(addr uint64) (home wire.HostID, decided, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, ok := n.machine.PageAt(addr)
	if !ok || !n.machine.Allocated(p) {
		return 0, false, false
	}
	home, decided = n.machine.HomeOf(p)
	return home, decided, true
}

// Free gives the allocation at an address back. See core.Machine.Free.
func (n *Node) Free(addr uint64) {
	t := n.getThread()
	n.mu.Lock()
	st, err := n.machine.Free(t.id, addr, &t.fx)
	n.finish(t, st, err)
}

// publishNewest tells the transport of the pages of the last allocation that are homed here. Called under mu, right after it.
func (n *Node) publishNewest() error {
	if !n.direct {
		return nil
	}
	n.spans = n.machine.HomeSpans(n.spans[:0])
	return n.publish()
}

// publish tells the transport of the pages of n.spans, which are homed here.
func (n *Node) publish() error {
	if len(n.spans) == 0 {
		return nil
	}
	if err := n.trans.Publish(n.spans); err != nil {
		return fmt.Errorf("let other hosts reach the pages of this one: %w", err)
	}
	n.keep()
	return nil
}

func (n *Node) finish(t *thread, st core.Status, err error) {
	if err := n.run(t, st, err); err != nil {
		n.fail(err)
	}
	n.regain(t)
	n.putThread(t)
}

// fault serves an access that the application view did not permit, in the thread that made it. It returns false for memory
// that no allocation covers, which then crashes the program as it would without us.
func (n *Node) fault(page uint64, write region.Write) bool {
	n.throttle(nil)
	t := n.getThread()
	n.mu.Lock()
	t.call, t.write, t.page = callFault, write != region.No, core.PageID(page)
	st, err := n.machine.Fault(t.id, core.PageID(page), write != region.No, &t.fx)
	err = n.run(t, st, err)
	n.putThread(t)
	switch {
	case err == nil:
		return true
	case errors.Is(err, core.ErrUnallocated):
		return false
	}
	n.fail(err)
	return false
}
