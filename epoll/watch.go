package epoll

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/pulse"
)

// A machine that vanishes (power, cable, switch) says nothing, and a host that waits for it would wait for ever; the
// kernel gives up data that nobody acknowledges only after a quarter of an hour. So each pair of hosts has one
// connection that carries no messages: over it the two tell each other that they live (beat.go), and the kernel sees whether the other
// machine acknowledges it. Where hosts do not beat, keep-alive probes do the same; their answers come
// from the other kernel, whatever its process is doing. TCP_USER_TIMEOUT on the busy connections would be no substitute:
// Linux applies it also to a receiver that does not read, so it would declare a host lost that was merely stopped. On the
// watch connection it is right, since the few beats that a stopped host leaves unread always find room.
//
// Twenty seconds without an answer are more than a network takes to recover from a failed switch or a virtual machine to
// move, and few enough for a person who waits. Three probes may be lost by chance. Who sets a longer deadline for hosts wants more patience.
const (
	probeIdle  = 5 * time.Second // of silence before the first probe
	probeGap   = 5 * time.Second
	probes     = 3
	vanishTime = probeIdle + probes*probeGap
)

// vanishing is how long probes go unanswered before a connection is given up, for a deadline for silent hosts: longer than that, so that
// of the two the one says so that knows more. The kernel knows no more than nine hours between probes.
func vanishing(deadline time.Duration) time.Duration {
	return min(max(vanishTime, 2*deadline), 24*time.Hour)
}

// A watch is the source of such a connection: its other end closes when the peer's process or machine is gone.
type watch struct {
	t    *Transport
	peer *peer
	fd   int
}

// watch begins to watch p's machine through fd. Loop's thread.
func (t *Transport) watch(p *peer, fd int) {
	p.watched = true
	w := &watch{t, p, fd}
	if err := t.loop.watch(fd, w, unix.EPOLLRDHUP); err != nil { // beats are another thread's business
		t.broken(p, err)
		return
	}
	p.watch.Store(w)
	if t.o.PeerTimeout != 0 {
		w.tell() // at once: silence counts from the first beat on
	}
	t.joined(p)
}

// ready implements source: the connection has ended, which is behind all beats.
func (w *watch) ready(uint32) {
	for {
		beats, err := w.read()
		if err != nil {
			w.t.loop.forget(w.fd)
			w.t.broken(w.peer, err)
		}
		if err != nil || !beats {
			return
		}
	}
}

// read takes beats from the connection, and tells whether there were any. Any thread.
func (w *watch) read() (beats bool, err error) {
	var b [2 * pulse.BeatsEach]byte
	n, _, err := unix.Recvfrom(w.fd, b[:], unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false, nil
	case err == unix.ECONNRESET: // it has left beats unread
		return false, errHungUp
	case err != nil:
		return false, os.NewSyscallError("recv", err)
	case n == 0:
		return false, errHungUp
	}
	for _, v := range b[:n] {
		if v != beat {
			return true, errors.New("bytes that are no beats on the connection for these")
		}
	}
	return true, nil
}

// keepAlive sets the probes of a watch connection, or of a link, that is given up after so long.
func keepAlive(fd int, p purpose, vanish time.Duration) error {
	seconds := func(at time.Duration) int { return int(at / time.Second * vanish / vanishTime) }
	type option struct{ level, name, value int }
	options := []option{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds(probeIdle)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds(probeGap)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, probes},
	}
	if p == forWatch {
		options = append(options, option{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(vanish / time.Millisecond)})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt keepalive", err)
		}
	}
	return nil
}

// closedByPeer tells whether a connection ended because the process at the other end closed it, or died: its kernel
// then ends all the others, too, each behind what was sent on it.
func closedByPeer(err error) bool {
	return errors.Is(err, errHungUp) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}

// explain adds what the user can do about an error of an established connection.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ETIMEDOUT), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH),
		errors.Is(err, unix.EHOSTDOWN), errors.Is(err, unix.ENETDOWN):
		return fmt.Errorf("no sign of life from its machine: %w [is the machine up? is the network between the hosts?]", err)
	case errors.Is(err, unix.EBADF), errors.Is(err, unix.ENOTSOCK):
		return fmt.Errorf("%w [%s]", err, closedOurs)
	}
	return err
}

// closedOurs is what to do about descriptors of the transport that are not there any more.
const closedOurs = "the program has closed descriptors of the library: let it close only those that it has opened"
