package node

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"jiajia/core"
	"jiajia/core/wire"
)

// Atomic carries out an operation on the shared word at an address, a.At left aside, and returns what the word held before.
func (n *Node) Atomic(address uintptr, a core.Atomic) uint64 {
	a.At = uint64(address - n.region.Base())
	if address < n.region.Base() || a.At >= n.region.Pages()*uint64(n.cfg.PageSize) {
		n.fail(notShared(address, &a))
	}
	if a.At%a.Width != 0 {
		n.fail(fmt.Errorf("%s(%#x): the address is not a multiple of %d; only words in their natural places can be changed at once",
			a.Call(), address, a.Width))
	}
	t := n.getThread()
	n.mu.Lock()
	st, err := n.machine.Atomic(t.id, a, &t.fx)
	err = n.run(t, st, err)
	old := t.result
	if err == nil {
		n.regain(t)
	}
	n.putThread(t)
	if errors.Is(err, core.ErrUnallocated) {
		err = notShared(address, &a)
	}
	if err != nil {
		n.fail(err)
	}
	return old
}

func notShared(address uintptr, a *core.Atomic) error {
	return fmt.Errorf("%s(%#x): no shared memory was allocated there; give it the address of a word that lies in what jia_alloc returned",
		a.Call(), address)
}

// Execute carries out an operation on a word in the frame of its page, and is a full fence. It is atomic to whatever else the
// processors of this machine do there.
func Execute(frame []byte, a *core.Atomic) (old uint64) {
	at := unsafe.Pointer(&frame[a.At%uint64(len(frame))])
	if a.Width == 4 {
		return uint64(execute((*atomic.Uint32)(at), a.Kind, uint32(a.Operand), uint32(a.Compare)))
	}
	return execute((*atomic.Uint64)(at), a.Kind, a.Operand, a.Compare)
}

// A word is what sync/atomic has for words of either width.
type word[T uint32 | uint64] interface {
	Load() T
	Swap(T) T
	Add(T) T
	CompareAndSwap(old, now T) bool
}

func execute[T uint32 | uint64, W word[T]](w W, kind core.AtomicKind, operand, compare T) (old T) {
	switch kind {
	case core.AtomicStore, core.AtomicExchange:
		return w.Swap(operand)
	case core.AtomicFetchAdd:
		return w.Add(operand) - operand
	case core.AtomicCompareExchange:
		for old = w.Load(); old == compare && !w.CompareAndSwap(old, operand); old = w.Load() {
		}
		return old
	}
	return w.Load()
}

// A WordMailbox is a Mailbox that can carry out operations on words in other hosts' memory, where Reaches says so.
type WordMailbox interface {
	Mailbox

	// Atomic carries out an operation in the frame of its home, without that host's threads, as if by Execute. ok is false as for
	// Read; then nothing was done, and the operation is to be asked for by a message.
	Atomic(home wire.HostID, a *core.Atomic) (old uint64, ok bool, err error)
}

// reachable tells whether m asks for an operation on a word in memory that this host reaches.
func (n *Node) reachable(to wire.HostID, m *wire.Message) bool {
	return m.Type == wire.Atomic && n.reached[to]
}

// reachWord carries out the operation that a thread is about to ask for at a home that is reached, if the transport can. When it
// returns false, it has counted the message that is to be sent instead.
func (n *Node) reachWord(t *thread, home wire.HostID, m *wire.Message) bool {
	if box, can := t.box.(WordMailbox); can && !n.ckpt.closed.Load() {
		a, _ := core.AtomicOf(m)
		old, ok, err := box.Atomic(home, &a)
		if err != nil {
			n.peerFailed(home, err)
		}
		if ok {
			t.result = old
			t.done = wire.Message{Type: wire.AtomicDone, From: home, Port: m.Reply, Obj: m.Obj, Version: old}
			return true
		}
	}
	n.mu.Lock()
	n.tally.sent(0)
	n.mu.Unlock()
	return false
}
