package epoll

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A machine that vanishes (power, cable, switch) says nothing, and a host that waits for it would wait for ever; the
// kernel gives up data that nobody acknowledges only after a quarter of an hour. So each pair of hosts has one
// connection on which nothing is sent after its handshake: there, keep-alive probes always run, and their answers come
// from the other kernel, whatever its process is doing. TCP_USER_TIMEOUT on the busy connections would be no substitute:
// Linux applies it also to a receiver that does not read, so it would declare a host lost that was merely stopped. On the
// watch connection it is right, and takes care of a machine that vanishes before it has acknowledged the handshake.
//
// Twenty seconds without an answer are more than a network takes to recover from a failed switch or a virtual machine to
// move, and few enough for a person who waits. Three probes may be lost by chance.
const (
	probeIdle  = 5 * time.Second // of silence before the first probe
	probeGap   = 5 * time.Second
	probes     = 3
	vanishTime = probeIdle + probes*probeGap
)

// A watch is the source of such a connection: it becomes readable when the peer's process or machine is gone.
type watch struct {
	t    *Transport
	peer *peer
	fd   int
}

// watch begins to watch p's machine through fd. Loop's thread.
func (t *Transport) watch(p *peer, fd int) {
	p.watched = true
	if err := t.loop.watch(fd, &watch{t, p, fd}, unix.EPOLLIN|unix.EPOLLRDHUP); err != nil {
		t.broken(p, err)
		return
	}
	t.joined(p)
}

// ready implements source.
func (w *watch) ready(uint32) {
	var b [1]byte
	n, _, err := unix.Recvfrom(w.fd, b[:], unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil:
		err = os.NewSyscallError("recv", err)
	case n > 0:
		err = errors.New("bytes on the connection that has none")
	default:
		err = errHungUp
	}
	w.t.loop.forget(w.fd)
	w.t.broken(w.peer, err)
}

// keepAlive sets the probes of a watch connection, or of a link.
func keepAlive(fd int, p purpose) error {
	type option struct{ level, name, value int }
	options := []option{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(probeIdle / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(probeGap / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, probes},
	}
	if p == forWatch {
		options = append(options, option{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(vanishTime / time.Millisecond)})
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
		return fmt.Errorf("no sign of life from its machine for %v: %w [is the machine up? is the network between the hosts?]", vanishTime, err)
	case errors.Is(err, unix.EBADF), errors.Is(err, unix.ENOTSOCK):
		return fmt.Errorf("%w [%s]", err, closedOurs)
	}
	return err
}

// closedOurs is what to do about descriptors of the transport that are not there any more.
const closedOurs = "the program has closed descriptors of the library: let it close only those that it has opened"
