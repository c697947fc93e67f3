//go:build rdma

package rdma

import (
	"errors"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
)

// Attend implements node.Transport.
func (t *Transport) Attend(done func() bool) error {
	in := t.intake
	if err := in.Take(); err != nil {
		return err
	}
	defer in.Leave()
	return in.attend(done)
}

func (in *intake) attend(done func() bool) error {
	start := time.Now()
	for !done() {
		switch {
		case in.t.closed.Load():
			return net.ErrClosed
		case in.read() || done():
		case time.Since(start) < in.t.o.Spin:
			yield()
		default:
			fds := in.Arm(nil)
			if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
				return os.NewSyscallError("poll", err)
			}
			in.Disarm()
		}
	}
	return nil
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
	in.read()
	return nil
}

// Ready implements node.Source.
func (in *intake) Ready() bool {
	if len(in.pending) == 0 {
		in.pump()
	}
	return len(in.pending) > 0 || in.t.closed.Load()
}

// Arm implements node.Source.
func (in *intake) Arm(fds []unix.PollFd) []unix.PollFd {
	in.notify()
	if in.Ready() {
		ring(in.bell)
	}
	return append(fds, unix.PollFd{Fd: int32(in.ch.FD), Events: unix.POLLIN}, unix.PollFd{Fd: int32(in.bell), Events: unix.POLLIN})
}

// Disarm implements node.Source.
func (in *intake) Disarm() {
	in.drain()
	hush(in.bell)
}

// Recall implements node.Transport.
func (t *Transport) Recall() {
	t.intake.mu.Lock()
	defer t.intake.mu.Unlock()
	if t.intake.bell >= 0 {
		ring(t.intake.bell)
	}
}

// Accept implements node.Transport.
func (t *Transport) Accept() { t.intake.set(func() { t.intake.full = false }) }
