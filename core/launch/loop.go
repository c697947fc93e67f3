package launch

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A loop runs functions in one goroutine: when a descriptor becomes readable, when a time has come, or when another
// goroutine asks for it. What those functions share needs no lock. The supervisor has two loops, one that decides and
// one that relays output and may block in a write.
type loop struct {
	epoll  int
	wake   int // an eventfd: something was posted
	ready  map[int]func()
	room   map[int]func() // descriptors watched for room to write too
	timers []timer        // in no order: there are a handful
	over   bool           // stop was called

	mu     sync.Mutex
	posted []func() // guarded by mu; every other field belongs to the goroutine in run
}

type timer struct {
	at time.Time
	do func()
}

func newLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll instance: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create an eventfd: %w", err), unix.Close(epoll))
	}
	l := &loop{epoll: epoll, wake: wake, ready: make(map[int]func()), room: make(map[int]func())}
	return l, l.watch(wake, l.runPosted)
}

// watch calls do whenever fd is readable, at its end or in error, until unwatch. Only from the loop's goroutine, or
// before run.
func (l *loop) watch(fd int, do func()) error {
	l.ready[fd] = do
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("watch descriptor %d: %w", fd, err)
	}
	return nil
}

// whenRoom calls do once, when fd, which is watched, can be written. Only from the loop's goroutine, or before run.
func (l *loop) whenRoom(fd int, do func()) {
	l.room[fd] = do
	l.modify(fd, unix.EPOLLIN|unix.EPOLLOUT)
}

func (l *loop) modify(fd int, events uint32) {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		panic(fmt.Sprintf("launch: watch descriptor %d for other events: %v", fd, err))
	}
}

// unwatch forgets fd, which must still be open. Only from the loop's goroutine.
func (l *loop) unwatch(fd int) {
	delete(l.ready, fd)
	delete(l.room, fd)
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		panic(fmt.Sprintf("launch: forget descriptor %d: %v", fd, err))
	}
}

// after calls do once, d from now. Only from the loop's goroutine, or before run.
func (l *loop) after(d time.Duration, do func()) {
	l.timers = append(l.timers, timer{at: time.Now().Add(d), do: do})
}

// post calls do soon, after everything posted before it. From any goroutine; never blocks.
func (l *loop) post(do func()) {
	l.mu.Lock()
	l.posted = append(l.posted, do)
	l.mu.Unlock()
	// The only possible error is a counter that is about to overflow, and then run is awake anyway.
	_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (l *loop) runPosted() {
	var counter [8]byte
	_, _ = unix.Read(l.wake, counter[:]) // clears it; empty if a former call took the work
	l.mu.Lock()
	work := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, do := range work {
		do()
	}
}

// stop makes run return once the function that called it has. Only from the loop's goroutine.
func (l *loop) stop() { l.over = true }

// run calls the functions until stop. An error means that the kernel's side of the loop is broken.
func (l *loop) run() error {
	events := make([]unix.EpollEvent, 64)
	for !l.over {
		n, err := unix.EpollWait(l.epoll, events, l.untilNext())
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for events: %w", err)
		}
		for i := 0; i < n && !l.over; i++ {
			// A function called earlier in this round may have closed the descriptor: look it up each time.
			fd := int(events[i].Fd)
			if do := l.room[fd]; do != nil && events[i].Events&^unix.EPOLLIN != 0 {
				delete(l.room, fd)
				l.modify(fd, unix.EPOLLIN)
				do()
			}
			if do := l.ready[fd]; do != nil && events[i].Events&^unix.EPOLLOUT != 0 {
				do()
			}
		}
		l.runTimers()
	}
	return nil
}

// untilNext returns the milliseconds until the first timer, rounded up, or -1 when there is none.
func (l *loop) untilNext() int {
	if len(l.timers) == 0 {
		return -1
	}
	first := l.timers[0].at
	for _, t := range l.timers[1:] {
		if t.at.Before(first) {
			first = t.at
		}
	}
	return max(0, int((time.Until(first)+time.Millisecond-1)/time.Millisecond))
}

func (l *loop) runTimers() {
	if len(l.timers) == 0 {
		return
	}
	now := time.Now()
	all := l.timers
	l.timers = nil // functions may add new ones
	for _, t := range all {
		if l.over || t.at.After(now) {
			l.timers = append(l.timers, t)
		} else {
			t.do()
		}
	}
}
