package node

import "jiajia/core"

// TryLock enters the scope of a lock unless somebody else has it or waits for it, and tells whether it did.
func (n *Node) TryLock(owner core.Owner, id core.LockID) bool {
	t := n.getThread()
	n.mu.Lock()
	t.call = callLock
	st, err := n.machine.TryLock(t.id, owner, id, &t.fx)
	return n.finishTry(t, st, err)
}

// RWLock enters the scope of a reader/writer lock, and tells whether it did: a call that only tries may be refused.
func (n *Node) RWLock(owner core.Owner, id core.LockID, mode core.RWMode) bool {
	t := n.getThread()
	n.mu.Lock()
	t.call = callLock
	st, err := n.machine.RWLock(t.id, owner, id, mode, &t.fx)
	return n.finishTry(t, st, err)
}

// RWUnlock leaves it.
func (n *Node) RWUnlock(owner core.Owner, id core.LockID) {
	n.returnPools(false)
	t := n.getThread()
	n.mu.Lock()
	t.call = callUnlock
	st, err := n.machine.RWUnlock(t.id, owner, id, &t.fx)
	n.finish(t, st, err)
}

func (n *Node) finishTry(t *thread, st core.Status, err error) (entered bool) {
	if err := n.run(t, st, err); err != nil {
		n.fail(err)
	}
	entered = !t.refused
	n.regain(t)
	n.putThread(t)
	return entered
}
