package node

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"jiajia/core"
	"jiajia/core/diff"
	"jiajia/core/wire"
)

// thread is what one call of the program needs to wait and to talk: a mailbox, a place to sleep, buffers. Calls borrow
// one for their duration; there are as many as there ever were calls at once.
type thread struct {
	id   core.Waiter
	box  Mailbox // nil in a job of one host
	park parker
	fx   core.Effects
	in   wire.Message
	out  []outDiff
	// pages are those that the message brings which the call waits for, if it is a Page.
	pages []core.PageID
	landing
	// local are diff messages that carry nothing, or that this thread has stored itself: they are acknowledged here.
	local []uint64
	// held are pages to be made writable, lapsed pinned pages that calls of this thread took access to away.
	held, lapsed []core.PageID
	// result is what the word of the last atomic operation held before.
	result uint64
	// done is the answer to an atomic operation that this thread has carried out itself, until the machine has it; else its Type is 0.
	done wire.Message
	// cut is the checkpoint that this thread has cut in the barrier that it is in, else nil; cutting: it is to be stored from now on.
	cut     *saving
	cutting bool
	// span belongs to the statistics, and to one call.
	span
}

// span is what the statistics note about one call.
type span struct {
	call    call
	write   bool        // callFault: for a store
	page    core.PageID // callFault: of the access
	granted bool        // callLock: the lock came from another host
	refused bool        // callLock: it was only tried, and did not come
	timed   bool        // it had to wait
	pause   pause
}

// outDiff is a diff message that a step is filling.
type outDiff struct {
	id    uint64
	buf   []byte
	pages uint64 // with changes
}

func (n *Node) newThread() (*thread, error) {
	t := &thread{}
	if n.trans != nil {
		box, err := n.trans.OpenMailbox(n.boxes.Add(1))
		if err != nil {
			if errors.Is(err, unix.EMFILE) {
				err = fmt.Errorf("%w: raise the limit (ulimit -n), or have fewer threads wait at once; each takes a connection to every host", err)
			}
			return nil, fmt.Errorf("open a mailbox: %w", err)
		}
		t.box, t.id = box, core.Waiter(box.ID())
	}
	n.idleMu.Lock()
	defer n.idleMu.Unlock()
	old := *n.threads.Load()
	if t.box == nil {
		t.id = core.Waiter(len(old) + 1)
	}
	list := make([]*thread, max(len(old), int(t.id)+1))
	copy(list, old)
	list[t.id] = t
	n.threads.Store(&list)
	return t, nil
}

// getThread lends a thread to the caller until putThread.
func (n *Node) getThread() *thread {
	t, err := n.borrowThread()
	if err != nil {
		n.fail(err)
	}
	return t
}

func (n *Node) borrowThread() (*thread, error) {
	n.idleMu.Lock()
	if k := len(n.idle); k > 0 {
		t := n.idle[k-1]
		n.idle = n.idle[:k-1]
		n.idleMu.Unlock()
		return t, nil
	}
	n.idleMu.Unlock()
	return n.newThread()
}

func (n *Node) putThread(t *thread) {
	t.span = span{}
	n.idleMu.Lock()
	n.idle = append(n.idle, t)
	n.idleMu.Unlock()
}

// wake lets a parked thread look again.
func (n *Node) wake(w core.Waiter) { (*n.threads.Load())[w].park.wake() }

// diffBuffer returns the buffer of a diff message, with room for one more page.
func (t *thread) diffBuffer(id uint64, pageSize int) *outDiff {
	for i := range t.out {
		if t.out[i].id == id {
			return &t.out[i]
		}
	}
	if len(t.out) < cap(t.out) {
		t.out = t.out[:len(t.out)+1]
	} else {
		room := diff.MaxRecord(pageSize) // more is made when it is needed
		if pageSize <= 16<<10 {
			room *= 4
		}
		t.out = append(t.out, outDiff{buf: make([]byte, 0, room)})
	}
	d := &t.out[len(t.out)-1]
	*d = outDiff{id: id, buf: d.buf[:0]}
	return d
}

// parker is where a thread sleeps until another thread of its process wakes it. A wake that comes first is not lost. It is a
// futex, not a channel, because the sleeper is a thread of the program and not a goroutine that could be rescheduled.
type parker struct{ word atomic.Uint32 }

func (p *parker) wait() {
	for !p.word.CompareAndSwap(1, 0) {
		futex(&p.word, futexWait, 0)
	}
}

func (p *parker) wake() {
	if p.word.Swap(1) == 0 {
		futex(&p.word, futexWake, 1)
	}
}
