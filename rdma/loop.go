//go:build rdma

package rdma

import (
	"encoding/binary"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/pulse"
	"jiajia/rdma/verbs"
)

// tickTime is from one look at the peers to the next (see tick), or less where hosts beat more often. With what a queue pair takes to give up, some 2 s, or else
// muteTime, a peer whose machine or cable is gone is known within 4.
const tickTime = time.Second / 2

func (t *Transport) tickTime() time.Duration {
	if t.o.PeerTimeout == 0 {
		return tickTime
	}
	return min(tickTime, pulse.Interval(t.o.PeerTimeout))
}

// A source is something whose completions the loop is told of; completed is called in the loop's thread and must not block.
type source interface{ completed() }

// The loop is a host's one serving thread: it waits for completions, events of the connection manager and errands.
type loop struct {
	epfd   int
	wakefd int // eventfd; readable while there are errands
	timer  int
	ch     *verbs.Channel // of the sources that it serves
	done   chan struct{}
	watch  map[int]func() // by descriptor; of the loop's thread, or before run

	mu      sync.Mutex
	sources []source // by token
	errands []func() // to be run in the loop's thread
	closed  bool     // no more errands are taken; wakefd may be gone
}

func newLoop(ch *verbs.Channel, tick time.Duration) (l *loop, err error) {
	l = &loop{epfd: -1, wakefd: -1, timer: -1, ch: ch, done: make(chan struct{}), watch: make(map[int]func())}
	defer func() {
		if err != nil {
			l.free()
		}
	}()
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if l.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	if l.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	every := unix.NsecToTimespec(int64(tick))
	if err = unix.TimerfdSettime(l.timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return nil, os.NewSyscallError("timerfd_settime", err)
	}
	if err = l.add(l.wakefd, l.runErrands); err == nil {
		err = l.add(ch.FD, l.completions)
	}
	return l, err
}

// add has f called when a descriptor is readable, level-triggered. Loop's thread, or before run.
func (l *loop) add(fd int, f func()) error {
	l.watch[fd] = f
	return l.heed(fd, true)
}

// heed takes a descriptor out of the loop's sight, or back into it. Any thread.
func (l *loop) heed(fd int, on bool) error {
	op := unix.EPOLL_CTL_DEL
	if on {
		op = unix.EPOLL_CTL_ADD
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epfd, op, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}))
}

// register names a source, for the channel to tell of. Any thread.
func (l *loop) register(s source) (token uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sources = append(l.sources, s)
	return uint64(len(l.sources) - 1)
}

// completions calls the sources that have news.
func (l *loop) completions() {
	for {
		token, ok := l.ch.Event()
		if !ok {
			return
		}
		l.mu.Lock()
		s := l.sources[token]
		l.mu.Unlock()
		s.completed()
	}
}

// do has f called in the loop's thread, soon; after close it does nothing. Any thread.
func (l *loop) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.errands = append(l.errands, f)
		l.wake()
	}
}

// call has f called in the loop's thread, or after that has ended in this one, and waits for it. Not the loop's thread.
func (l *loop) call(f func()) {
	ran := make(chan struct{})
	l.do(func() { f(); close(ran) })
	select {
	case <-ran:
		return
	case <-l.done:
	}
	select {
	case <-ran:
	default:
		f()
	}
}

func (l *loop) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(l.wakefd, one[:])
}

// runErrands runs the errands.
func (l *loop) runErrands() {
	var count [8]byte
	unix.Read(l.wakefd, count[:])
	l.mu.Lock()
	errands := l.errands
	l.errands = nil
	l.mu.Unlock()
	for _, f := range errands {
		f()
	}
}

// run serves until close. failed is called when it cannot go on.
func (l *loop) run(failed func(error)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(l.done)
	var events [16]unix.EpollEvent
	for {
		n, err := unix.EpollWait(l.epfd, events[:], -1)
		if err != nil && err != unix.EINTR {
			failed(os.NewSyscallError("epoll_wait", err))
			return
		}
		for _, ev := range events[:max(n, 0)] {
			l.watch[int(ev.Fd)]()
		}
		l.mu.Lock()
		closed := l.closed
		l.mu.Unlock()
		if closed {
			return
		}
	}
}

// close ends run after the current turn and drops the errands.
func (l *loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed, l.errands = true, nil
	l.wake()
}

// free closes the loop's own descriptors, after run has returned.
func (l *loop) free() {
	for _, fd := range []int{l.epfd, l.wakefd, l.timer} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
