package pulse

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Clock is a thread that does something at regular intervals, until it is stopped. The zero value is ready. It sleeps in a
// system call that needs no descriptor: Go's own timers come to an end with a stack trace where the program closes
// descriptors that are not its own.
type Clock struct {
	stopped atomic.Uint32 // 1: Stop has been called; the thread sleeps on it
}

// Run calls tick once in each interval, from the first one on, in a thread of its own, and returns after Stop. A thread that was kept
// from running does not make up for ticks that it has missed.
func (c *Clock) Run(every time.Duration, tick func(now time.Time)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		if c.sleep(time.Now().Add(every)) {
			return
		}
		tick(time.Now())
	}
}

// Stop ends Run soon. Any goroutine; it may be called before Run, and again.
func (c *Clock) Stop() {
	c.stopped.Store(1)
	c.futex(futexWake, 1, nil)
}

// sleep returns when it is time, with false, or when the clock is stopped, with true.
func (c *Clock) sleep(until time.Time) (stopped bool) {
	for c.stopped.Load() == 0 {
		left := time.Until(until)
		if left <= 0 {
			return false
		}
		pause := unix.NsecToTimespec(int64(left))
		c.futex(futexWait, 0, &pause)
	}
	return true
}

// Operations of futex(2), private to this process.
const (
	futexWait = 0 | 128
	futexWake = 1 | 128
)

// futex makes the system call of that name. Its errors need no handling: sleep looks at the word and the time again.
func (c *Clock) futex(op, val uintptr, limit *unix.Timespec) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&c.stopped)), op, val, uintptr(unsafe.Pointer(limit)), 0, 0)
}
