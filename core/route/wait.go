package route

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
)

// sources are what a thread waits for, of all parts.
type sources []node.Source

// Ready implements node.Source.
func (s sources) Ready() bool {
	for _, one := range s {
		if one.Ready() {
			return true
		}
	}
	return false
}

// Arm implements node.Source.
func (s sources) Arm(fds []unix.PollFd) []unix.PollFd {
	for _, one := range s {
		fds = one.Arm(fds)
	}
	return fds
}

// Disarm implements node.Source.
func (s sources) Disarm() {
	for _, one := range s {
		one.Disarm()
	}
}

// A sleeper is a thread that may sleep in poll(2); it keeps the memory that this takes.
type sleeper struct{ fds []unix.PollFd }

// sleep returns when one of the sources is ready, one of the bells rings, or for no reason.
func (s *sleeper) sleep(on sources, bells ...*bell) error {
	s.fds = s.fds[:0]
	for _, b := range bells {
		s.fds = append(s.fds, unix.PollFd{Fd: int32(b.fd), Events: unix.POLLIN})
	}
	s.fds = on.Arm(s.fds)
	_, err := unix.Poll(s.fds, -1)
	on.Disarm()
	if err != nil && err != unix.EINTR {
		return os.NewSyscallError("poll", err)
	}
	return nil
}

func yield() { unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// A bell wakes threads that sleep in poll(2).
type bell struct {
	mu sync.Mutex // held while fd is used by others than sleepers, who are gone when it is freed
	fd int        // an eventfd; -1: none
}

func (b *bell) open() (err error) {
	if b.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		b.fd = -1
		return fmt.Errorf("create an eventfd: %w", err)
	}
	return nil
}

// ring wakes the sleepers until silence. Any goroutine, also after free.
func (b *bell) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd >= 0 {
		unix.Write(b.fd, one[:])
	}
}

func (b *bell) silence() {
	var count [8]byte
	unix.Read(b.fd, count[:])
}

func (b *bell) free() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd >= 0 {
		unix.Close(b.fd)
		b.fd = -1
	}
}
