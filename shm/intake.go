package shm

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
)

// An intake reads the data that others send: the thread that attends does, or the serving thread when there is none and the
// handler has room. While a thread attends, senders do not wake the serving thread.
type intake struct {
	t       *Transport
	recalls atomic.Bool
	full    atomic.Bool // the handler has no room for more; set under mu

	attended atomic.Bool // a thread is between Take and Leave
	mu       sync.Mutex  // held while the handler says whether it is full

	// turn is held by the reader: the serving thread for one turn, or the thread that attends, which keeps the memory in place.
	turn sync.Mutex
}

// due tells whether the serving thread is to read.
func (in *intake) due() bool {
	return in.t.bells.attended.Load() == 0 && !in.full.Load() && in.any()
}

// any tells whether there is something to read. Any thread.
func (in *intake) any() bool {
	for _, p := range in.t.active {
		if p.data.unread() && !p.lost() {
			return true
		}
	}
	return false
}

// serve reads in the serving thread.
func (in *intake) serve() bool {
	if !in.due() || !in.turn.TryLock() {
		return false // or a thread that attends is faster
	}
	defer in.turn.Unlock()
	return in.read(func() bool { return !in.look() })
}

// look asks the handler whether it is full. Under mu, so that an Accept which answers to that comes after it.
func (in *intake) look() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	full := in.t.o.Handler.Full()
	in.full.Store(full)
	return full
}

// read delivers what has come. The caller holds turn.
func (in *intake) read(more func() bool) (progress bool) {
	for _, p := range in.t.active {
		if p.lost() || !p.data.any() {
			continue
		}
		some, err := p.data.turn(in.t.o.Handler.Data, more)
		if err != nil {
			in.t.broken(p, err)
		}
		progress = progress || some
	}
	return progress
}

// Attend implements node.Transport.
func (t *Transport) Attend(done func() bool) error {
	in := &t.intake
	if err := in.Take(); err != nil {
		return err
	}
	defer in.Leave()
	ready := func() bool { return t.closed.Load() || in.recalls.Load() || in.any() }
	for !done() {
		if t.closed.Load() {
			return net.ErrClosed
		}
		if in.read(always) {
			continue
		}
		t.bells.data.await(t.o.Spin, ready)
		in.recalls.Store(false)
	}
	return nil
}

// Recall implements node.Transport.
func (t *Transport) Recall() {
	t.intake.recalls.Store(true)
	t.use(func() { t.dataAlarm().ring() })
}

// Accept implements node.Transport.
func (t *Transport) Accept() {
	t.intake.mu.Lock()
	t.intake.full.Store(false)
	t.intake.mu.Unlock()
	t.ringServer()
}

// Feed implements node.Transport.
func (t *Transport) Feed() node.Feed { return &t.intake }

// Take implements node.Feed.
func (in *intake) Take() error {
	if !in.attended.CompareAndSwap(false, true) {
		return errors.New("attend: another thread does")
	}
	in.turn.Lock()
	if !in.t.use(func() { in.t.bells.attended.Store(1) }) {
		in.turn.Unlock()
		in.attended.Store(false)
		return net.ErrClosed
	}
	return nil
}

// Leave implements node.Feed.
func (in *intake) Leave() {
	in.look()
	in.t.bells.attended.Store(0)
	if in.due() { // its sender has not woken the serving thread
		in.t.serverAlarm().ring()
	}
	in.attended.Store(false)
	in.turn.Unlock() // last: Close frees the bells when it has turn
}

// Turn implements node.Feed.
func (in *intake) Turn() error {
	if in.t.closed.Load() {
		return net.ErrClosed
	}
	in.recalls.Store(false)
	in.read(always)
	return nil
}

// Ready implements node.Source. It is asked between Take and Leave only.
func (in *intake) Ready() bool { return in.t.closed.Load() || in.recalls.Load() || in.any() }

// Arm implements node.Source.
func (in *intake) Arm(fds []unix.PollFd) []unix.PollFd {
	a := in.t.dataAlarm()
	a.arm(in.Ready)
	return append(fds, unix.PollFd{Fd: int32(a.fd), Events: unix.POLLIN})
}

// Disarm implements node.Source.
func (in *intake) Disarm() { in.t.dataAlarm().disarm() }
