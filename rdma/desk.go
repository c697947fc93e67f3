//go:build rdma

package rdma

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/rdma/verbs"
)

// A desk is where a thread waits for segments: a mailbox, an end of a link, the sender of data. It is used by one thread at a
// time, but for ring.
type desk struct {
	t    *Transport
	ch   *verbs.Channel
	bell int // eventfd: look up, a peer is lost or the transport closed
	in   *receiver
	also *verbs.CQ     // which the thread waits for, too, at the moment; or nil
	spin time.Duration // how long polling has been worth it lately
}

// newDesk makes a desk for so many connections; it is freed by Close.
func (t *Transport) newDesk(most int) (d *desk, err error) {
	d = &desk{t: t, bell: -1, spin: t.o.Spin}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.free())
			d = nil
		}
	}()
	if d.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return d, os.NewSyscallError("eventfd", err)
	}
	if d.ch, err = t.context.NewChannel(); err != nil {
		return d, err
	}
	if d.in, err = t.newReceiver(d.ch, nil, most, true); err != nil {
		return d, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.desks = append(t.desks, d)
	return d, nil
}

func (d *desk) free() error {
	var errs []error
	if d.in != nil {
		errs = append(errs, d.in.free())
	}
	if d.ch != nil {
		errs = append(errs, d.ch.Free())
	}
	if d.bell >= 0 {
		errs = append(errs, unix.Close(d.bell))
	}
	return errors.Join(errs...)
}

// ring wakes the thread that waits. Any thread.
func (d *desk) ring() { ring(d.bell) }

func ring(fd int) {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(fd, one[:])
}

func hush(fd int) {
	var count [8]byte
	unix.Read(fd, count[:])
}

// pump takes what has come to where it is waited for.
func (d *desk) pump() {
	for d.in.poll(func(c *conn, s seg) { c.segs = append(c.segs, s) }) == cap(d.in.list) {
	}
}

// await waits until done says true or an error. It polls for a while, which is twice as long the next time if it helped, and
// half as long if it did not, and then sleeps.
func (d *desk) await(done func() (bool, error)) error {
	if ok, err := done(); ok || err != nil {
		return err
	}
	if d.t.o.Spin > 0 {
		for start := time.Now(); time.Since(start) < d.spin; {
			yield()
			if ok, err := done(); ok || err != nil {
				d.spin = min(2*d.spin, d.t.o.Spin)
				return err
			}
		}
		d.spin = max(d.spin/2, d.t.o.Spin/16)
	}
	var fds [2]unix.PollFd
	for {
		if err := d.in.cq.Notify(); err != nil {
			return err
		}
		if d.also != nil {
			if err := d.also.Notify(); err != nil {
				return err
			}
		}
		if ok, err := done(); ok || err != nil {
			return err
		}
		d.fds(fds[:0])
		if _, err := unix.Poll(fds[:], -1); err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		d.drain()
	}
}

func (d *desk) fds(fds []unix.PollFd) []unix.PollFd {
	return append(fds, unix.PollFd{Fd: int32(d.ch.FD), Events: unix.POLLIN}, unix.PollFd{Fd: int32(d.bell), Events: unix.POLLIN})
}

// drain takes the events that a sleep has ended with.
func (d *desk) drain() {
	for {
		if _, ok := d.ch.Event(); !ok {
			break
		}
	}
	hush(d.bell)
}

// yield gives the processor to whoever wants it.
func yield() { unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
