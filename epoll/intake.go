package epoll

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// grace is how long the loop leaves data alone after a thread has attended: the same thread will often be back by then, and
// is spared the system calls of a hand-over, which would be a quarter of a round trip.
const grace = time.Millisecond

// An intake reads the connections on which data comes. They are in an epoll instance of their own, which the loop watches
// like a socket: so a thread that waits for data takes all of them over from the loop with one system call, reads them
// itself, and is spared the wake-up through the loop. Level-triggered throughout.
//
// Lock order: turn before mu, and both before the locks that Transport names.
type intake struct {
	t     *Transport
	epfd  int // of the connections and of the bell
	bell  int // eventfd: the attending thread is to look up
	timer int // timerfd: the grace is over; the loop watches it

	turn   sync.Mutex // held by the reader: the loop for one turn, or the thread that attends; guards space, events, and
	space  space      // the reading sides of conns
	events [eventsAtOnce]unix.EpollEvent

	mu       sync.Mutex // guards what follows
	conns    []*conn    // by descriptor
	attended bool       // a thread attends, or is about to
	spared   bool       // one did so lately. Invariant: attended, or the timer runs
	visits   uint64     // how often one did, and how often when the timer was set
	counted  uint64
	ticking  bool // the timer runs
	full     bool // the handler has no room for more
	armed    bool // the loop watches epfd. Invariant: armed = !attended && !spared && !full, once Start has begun
}

func newIntake(t *Transport) (*intake, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epfd)
		return nil, os.NewSyscallError("eventfd", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		unix.Close(epfd)
		unix.Close(bell)
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	in := &intake{t: t, epfd: epfd, bell: bell, timer: timer, space: newSpace(), armed: true}
	if err := in.watch(bell); err != nil {
		in.free()
		return nil, err
	}
	return in, nil
}

func (in *intake) watch(fd int) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(in.epfd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}))
}

// add takes over a data connection with a peer. Any thread.
func (in *intake) add(p *peer, fd int) error {
	in.mu.Lock()
	for fd >= len(in.conns) {
		in.conns = append(in.conns, nil)
	}
	in.conns[fd] = &conn{t: in.t, peer: p, allowed: wire.AsData, space: &in.space, fd: fd}
	in.mu.Unlock()
	return in.watch(fd)
}

// set changes who reads.
func (in *intake) set(change func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	change()
	if in.t.closed.Load() {
		return // the loop's descriptors may be gone
	}
	if armed := !in.attended && !in.spared && !in.full; armed != in.armed {
		in.armed = armed
		in.t.loop.heed(in.epfd, armed)
	}
}

// ready implements source: the loop reads when nobody attends.
func (in *intake) ready(uint32) {
	if !in.turn.TryLock() {
		return // the event is older than the thread that attends
	}
	_ = in.read(0) // what epoll_wait could complain of is ours alone, and an attending thread would tell
	in.turn.Unlock()
	in.set(func() { in.full = in.t.o.Handler.Full() })
}

// Attend implements node.Transport.
func (t *Transport) Attend(done func() bool) error {
	in := t.intake
	if err := in.Take(); err != nil {
		return err
	}
	defer in.Leave()
	return in.attend(done)
}

// Feed implements node.Transport.
func (t *Transport) Feed() node.Feed { return t.intake }

// Take implements node.Feed.
func (in *intake) Take() error {
	var twice bool
	in.set(func() {
		twice, in.attended, in.spared = in.attended, true, true
		in.visits++
	})
	if twice {
		return errors.New("attend: another thread does")
	}
	in.turn.Lock()
	return nil
}

// Leave implements node.Feed.
func (in *intake) Leave() {
	in.turn.Unlock()
	in.set(func() {
		in.attended, in.full = false, in.t.o.Handler.Full()
		in.tick()
	})
}

// Turn implements node.Feed.
func (in *intake) Turn() error {
	if in.t.closed.Load() {
		return net.ErrClosed
	}
	return in.read(0)
}

// Ready implements node.Source.
func (in *intake) Ready() bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(in.epfd), Events: unix.POLLIN}}, 0)
	return n > 0 || err != nil && err != unix.EINTR || in.t.closed.Load()
}

// Arm implements node.Source.
func (in *intake) Arm(fds []unix.PollFd) []unix.PollFd {
	return append(fds, unix.PollFd{Fd: int32(in.epfd), Events: unix.POLLIN})
}

// Disarm implements node.Source.
func (in *intake) Disarm() {}

// tick sets the timer unless it runs. The caller holds mu.
func (in *intake) tick() {
	if in.ticking || in.t.closed.Load() {
		return
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(grace))}
	if err := unix.TimerfdSettime(in.timer, 0, &spec, nil); err != nil {
		in.spared = false // it cannot happen; if it did, the loop would take over at once
		return
	}
	in.ticking, in.counted = true, in.visits
}

// A graceEnd is the intake as the source that ends the grace.
type graceEnd intake

func (g *graceEnd) ready(uint32) {
	in := (*intake)(g)
	var count [8]byte
	unix.Read(in.timer, count[:])
	in.set(func() {
		in.ticking = false
		switch {
		case in.attended: // who leaves will set the timer
		case in.visits != in.counted:
			in.tick()
		default:
			in.spared = false
		}
	})
}

func (in *intake) attend(done func() bool) error {
	wait := 0
	if in.t.o.Spin == 0 {
		wait = -1
	}
	for start := time.Now(); !done(); {
		if in.t.closed.Load() {
			return net.ErrClosed
		}
		if wait == 0 && time.Since(start) >= in.t.o.Spin {
			wait = -1
		}
		if err := in.read(wait); err != nil {
			return err
		}
		if wait == 0 && !done() {
			yield()
		}
	}
	return nil
}

// read waits so many milliseconds, or for ever, until there is something to read, and serves it. The caller holds turn.
func (in *intake) read(wait int) error {
	n, err := unix.EpollWait(in.epfd, in.events[:], wait)
	if err != nil && err != unix.EINTR {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, ev := range in.events[:max(n, 0)] {
		fd := int(ev.Fd)
		if fd == in.bell {
			var count [8]byte
			unix.Read(in.bell, count[:])
			continue
		}
		in.mu.Lock()
		c := in.conns[fd]
		in.mu.Unlock()
		if _, _, err := c.read(); err != nil {
			unix.EpollCtl(in.epfd, unix.EPOLL_CTL_DEL, fd, nil)
			in.t.broken(c.peer, err)
		}
	}
	return nil
}

// Recall implements node.Transport.
func (t *Transport) Recall() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	t.intake.mu.Lock()
	defer t.intake.mu.Unlock()
	unix.Write(t.intake.bell, one[:])
}

// Accept implements node.Transport.
func (t *Transport) Accept() { t.intake.set(func() { t.intake.full = false }) }

// free closes what is the intake's own, once nobody reads. Connections belong to their peers.
func (in *intake) free() {
	in.turn.Lock()
	defer in.turn.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	unix.Close(in.epfd)
	unix.Close(in.bell)
	unix.Close(in.timer)
	in.bell = -1
}
