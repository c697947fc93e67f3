package shm

import (
	"encoding/binary"
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A bell, in shared memory, wakes the threads of one host, from any host. Whoever sleeps announces it first and then looks once
// more whether there is something; whoever has made something looks for sleepers afterwards. All are sequentially consistent
// operations, so one of the two sees the other.
type bell struct {
	seq      atomic.Uint32 // what threads sleep on: each wake-up changes it
	sleeping atomic.Uint32 // 1: somebody sleeps on seq, or is about to
	polled   atomic.Uint32 // 1: somebody sleeps in poll(2), at an eventfd, or is about to
	vain     atomic.Uint32 // waits in a row that have outlasted pollAlone, or had none
	_        [48]byte
}

// An alarm is a bell together with the eventfd of those who sleep in poll; -1 where nobody does.
type alarm struct {
	*bell
	fd int
}

// ring wakes all who sleep.
func (a alarm) ring() {
	if a.sleeping.Load() != 0 && a.sleeping.Swap(0) != 0 {
		a.seq.Add(1)
		futex(&a.seq, futexWake, math.MaxInt32)
	}
	if a.polled.Load() != 0 && a.polled.Swap(0) != 0 && a.fd >= 0 {
		signal(a.fd)
	}
}

// await returns when ready does so with true; ready must then stay true until the caller has acted. It polls for as long as spin
// says, giving the processor to whoever wants it, and sleeps until the bell is rung.
func (b *bell) await(spin time.Duration, ready func() bool) {
	if ready() {
		return
	}
	if spin > 0 && b.spin(spin, ready) {
		return
	}
	for {
		seq := b.seq.Load() // before the announcement: a wake-up that follows it is seen
		b.sleeping.Store(1)
		if ready() {
			return
		}
		futex(&b.seq, futexWait, seq)
		if ready() {
			return
		}
	}
}

// spin is the polling part of await, and tells whether it is over. An answer of a peer that has a processor of its own is there
// within pollAlone, and to offer ours to others would delay the look at it; a peer that shares ours cannot answer before we do. So
// waits begin without an offer for as long as that pays, and else try it once in a while.
func (b *bell) spin(limit time.Duration, ready func() bool) bool {
	vain, alone := b.vain.Load(), pollAlone
	if vain%retryAlone != 0 {
		alone = 0
	}
	start := sinceLoad()
	for waited := time.Duration(0); waited < limit; waited = sinceLoad() - start {
		for range looks {
			if !ready() {
				continue
			}
			if waited >= alone {
				b.vain.Store(vain + 1)
			} else if vain != 0 {
				b.vain.Store(0)
			}
			return true
		}
		if waited >= alone {
			yield()
		}
	}
	b.vain.Store(vain + 1)
	return false
}

const (
	looks      = 8 // between two readings of the clock
	pollAlone  = time.Microsecond
	retryAlone = 8 // waits
)

// sinceLoad is a clock. time.Now would read two.
func sinceLoad() time.Duration { return time.Since(loaded) }

var loaded = time.Now()

// arm announces a sleep in poll at the eventfd, which becomes readable at once when there is something already.
func (a alarm) arm(ready func() bool) {
	a.polled.Store(1)
	if ready() {
		signal(a.fd)
	}
}

// disarm ends it.
func (a alarm) disarm() {
	a.polled.Store(0)
	var count [8]byte
	unix.Read(a.fd, count[:])
}

func newEventfd() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) }

func signal(eventfd int) {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(eventfd, one[:])
}

// Operations of futex(2), between processes.
const (
	futexWait = 0
	futexWake = 1
)

// futex makes the system call of that name. EINTR and EAGAIN need no handling: callers look again.
func futex(word *atomic.Uint32, op int, val uint32) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), uintptr(op), uintptr(val), 0, 0, 0)
}

func yield() { unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
