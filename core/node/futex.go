package node

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Operations of futex(2), private to this process.
const (
	futexWait = 0 | 128
	futexWake = 1 | 128
)

// futex makes the system call of that name. EINTR and EAGAIN need no handling: callers look at the word again.
func futex(word *atomic.Uint32, op, val uintptr) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), op, val, 0, 0, 0)
}
