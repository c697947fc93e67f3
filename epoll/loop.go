package epoll

import (
	"encoding/binary"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

const eventsAtOnce = 128

// A source is something that the loop watches; ready is called in the loop's thread and must not block.
type source interface {
	ready(events uint32)
}

// The loop is a host's one serving thread: it waits for sockets and calls their sources. Listening sockets and unfinished
// handshakes are level-triggered; connections are edge-triggered (see connEvents).
type loop struct {
	epfd   int
	wakefd int // eventfd; readable while there are errands
	done   chan struct{}

	// Of the loop's thread alone.
	sources []source // by descriptor; nil where none is watched
	events  [eventsAtOnce]unix.EpollEvent
	space   space

	mu      sync.Mutex
	errands []func() // to be run in the loop's thread
	closed  bool     // no more errands are taken; wakefd may be gone
}

func newLoop() (*loop, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wakefd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epfd)
		return nil, os.NewSyscallError("eventfd", err)
	}
	l := &loop{epfd: epfd, wakefd: wakefd, done: make(chan struct{}), space: newSpace()}
	if err := l.watch(wakefd, (*waker)(l), unix.EPOLLIN); err != nil {
		unix.Close(epfd)
		unix.Close(wakefd)
		return nil, err
	}
	return l, nil
}

// watch adds a descriptor. Loop's thread, or before run.
func (l *loop) watch(fd int, s source, events uint32) error {
	for fd >= len(l.sources) {
		l.sources = append(l.sources, nil)
	}
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	l.sources[fd] = s
	return nil
}

// rearm changes the events that a watched descriptor waits for. Any thread: the kernel takes it into account while
// the loop sleeps.
func (l *loop) rearm(fd int, events uint32) {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	unix.EpollCtl(l.epfd, unix.EPOLL_CTL_MOD, fd, &ev)
}

// heed takes a descriptor whose source waits for EPOLLIN out of the loop's sight, or back into it. Any thread. A descriptor without
// events would still cost each arrival a look at the loop.
func (l *loop) heed(fd int, on bool) {
	if on {
		unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	} else {
		unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, fd, nil)
	}
}

// forget stops watching. It must come before the descriptor is closed. Loop's thread.
func (l *loop) forget(fd int) {
	if fd < len(l.sources) && l.sources[fd] != nil {
		l.sources[fd] = nil
		unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, fd, nil)
	}
}

// do has f called in the loop's thread, soon; after close it does nothing. Any thread.
func (l *loop) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.errands = append(l.errands, f)
	l.wake()
}

func (l *loop) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(l.wakefd, one[:])
}

// A waker is the loop as the source that runs its errands.
type waker loop

func (w *waker) ready(uint32) {
	var count [8]byte
	unix.Read(w.wakefd, count[:])
	w.mu.Lock()
	errands := w.errands
	w.errands = nil
	w.mu.Unlock()
	for _, f := range errands {
		f()
	}
}

// run serves until close. timers is called before each wait and returns how long the wait may last, in milliseconds,
// or -1 for ever. failed is called when it cannot go on.
func (l *loop) run(timers func() int, failed func(error)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(l.done)
	for {
		n, err := unix.EpollWait(l.epfd, l.events[:], timers())
		if err != nil && err != unix.EINTR {
			failed(os.NewSyscallError("epoll_wait", err)) // somebody has closed the descriptor, which is ours
			return
		}
		for i := range max(n, 0) {
			ev := &l.events[i]
			// An earlier event of this turn may have closed the descriptor, or even opened it anew; sources put up with
			// being called for nothing.
			if s := l.sources[ev.Fd]; s != nil {
				s.ready(ev.Events)
			}
		}
		l.mu.Lock()
		closed := l.closed
		l.mu.Unlock()
		if closed {
			return
		}
	}
}

// close ends run after the current turn and drops the errands. It may be called again.
func (l *loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.errands = nil
		l.wake()
	}
}

// free closes the loop's own descriptors, after run has returned.
func (l *loop) free() {
	unix.Close(l.epfd)
	unix.Close(l.wakefd)
}
