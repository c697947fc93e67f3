//go:build rdma

package rdma

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

// grace is how long the loop leaves data alone after a thread has attended: the same thread will often be back by then.
const grace = time.Millisecond

// An intake reads the connections on which data comes. Their channel is one of its own, which the loop watches: so a
// thread that waits for data takes all of them over with one system call, reads them itself, and is spared the wake-up through the loop.
//
// Lock order: turn before rack and mu, and all before the locks that Transport names.
type intake struct {
	t     *Transport
	ch    *verbs.Channel
	bell  int // eventfd: the attending thread is to look up
	timer int // timerfd: the grace is over; the loop watches it

	turn    sync.Mutex // held by the reader: the loop for one turn, or the thread that attends; guards pending
	pending []arrival  // that was taken and not served

	rack  sync.Mutex // guards rooms, while they are polled
	rooms []*receiver

	mu       sync.Mutex // guards what follows
	attended bool       // a thread attends, or is about to
	spared   bool       // one did so lately. Invariant: attended, or the timer runs
	visits   uint64     // how often one did, and how often when the timer was set
	counted  uint64
	ticking  bool // the timer runs
	full     bool // the handler has no room for more
	armed    bool // the loop watches the channel. Invariant: armed = !attended && !spared && !full
}

// An arrival is a segment of data.
type arrival struct {
	c *conn
	s seg
}

func newIntake(t *Transport) (in *intake, err error) {
	in = &intake{t: t, bell: -1, timer: -1, armed: true}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.free())
			in = nil
		}
	}()
	if in.ch, err = t.context.NewChannel(); err != nil {
		return in, err
	}
	if in.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return in, os.NewSyscallError("eventfd", err)
	}
	if in.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return in, os.NewSyscallError("timerfd_create", err)
	}
	if err = t.loop.add(in.ch.FD, in.ready); err == nil {
		err = t.loop.add(in.timer, in.graceOver)
	}
	return in, err
}

// roomSize is how many connections share a receive queue of the intake.
const roomSize = 4

// conn makes a connection that p sends data on. Loop's thread.
func (in *intake) conn(p *peer) (*conn, error) {
	in.rack.Lock()
	defer in.rack.Unlock()
	if n := len(in.rooms); n == 0 || len(in.rooms[n-1].all) == roomSize {
		r, err := in.t.newReceiver(in.ch, nil, roomSize, true)
		if err != nil {
			return nil, err
		}
		in.rooms = append(in.rooms, r)
	}
	c, err := in.rooms[len(in.rooms)-1].connect(p, nil)
	if err != nil {
		return nil, err
	}
	c.asm = assembly{from: p.id, allowed: wire.AsData}
	return c, nil
}

// pump takes what has come. The caller holds turn.
func (in *intake) pump() {
	in.rack.Lock()
	defer in.rack.Unlock()
	for _, r := range in.rooms {
		r.poll(func(c *conn, s seg) { in.pending = append(in.pending, arrival{c, s}) })
	}
}

// read serves what has come, and tells whether it was something. The caller holds turn.
func (in *intake) read() bool {
	in.pump()
	some := len(in.pending) > 0
	for _, a := range in.pending {
		in.t.serve(a.c, a.s)
	}
	in.pending = in.pending[:0]
	return some
}

// notify has the channel tell of what comes from now on.
func (in *intake) notify() {
	in.rack.Lock()
	defer in.rack.Unlock()
	for _, r := range in.rooms {
		if err := r.cq.Notify(); err != nil {
			in.t.failed(err)
		}
	}
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
		in.t.loop.heed(in.ch.FD, armed)
		if armed {
			in.t.loop.do(in.ready) // no event may come for what is here already
		}
	}
}

// ready reads for as long as nobody attends and the handler has room. Loop's thread.
func (in *intake) ready() {
	if !in.turn.TryLock() {
		return // the event is older than the thread that attends
	}
	full := in.t.o.Handler.Full()
	for notified := false; !full && !notified; {
		for in.drain(); !full && in.read(); {
			full = in.t.o.Handler.Full()
		}
		in.notify()
		notified = !in.read()
		full = full || in.t.o.Handler.Full()
	}
	in.turn.Unlock()
	in.set(func() { in.full = in.t.o.Handler.Full() })
}

// drain takes the channel's events.
func (in *intake) drain() {
	for {
		if _, ok := in.ch.Event(); !ok {
			return
		}
	}
}

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

// graceOver lets the loop read again. Loop's thread.
func (in *intake) graceOver() {
	hush(in.timer)
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

// free frees what the intake has, once nobody reads.
func (in *intake) free() error {
	in.turn.Lock()
	defer in.turn.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	var errs []error
	for _, r := range in.rooms {
		errs = append(errs, r.free())
	}
	if in.ch != nil {
		errs = append(errs, in.ch.Free())
	}
	for _, fd := range []*int{&in.bell, &in.timer} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
	return errors.Join(errs...)
}
