package epoll

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// All sockets are in blocking mode, except the listener: calls that must not sleep say so with MSG_DONTWAIT.

// listen returns a non-blocking listener on exactly the given address, and its address with the port that it got. Under
// the network "tcp", the IPv6 wildcard stands for both families, and for IPv4 alone on a machine without IPv6.
func listen(network, address string) (fd int, local unix.Sockaddr, err error) {
	sa, family, err := resolve(network, address, 0)
	if err != nil {
		return -1, nil, err
	}
	both := network == "tcp" && family == unix.AF_INET6 && addrPort(sa).Addr().IsUnspecified()
	fd, err = openSocket(family)
	if both && errors.Is(err, unix.EAFNOSUPPORT) {
		sa, family = &unix.SockaddrInet4{Port: int(addrPort(sa).Port())}, unix.AF_INET
		fd, err = openSocket(family)
	}
	if err != nil {
		return -1, nil, err
	}
	defer closeOnError(&err, fd)
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return -1, nil, os.NewSyscallError("setsockopt SO_REUSEADDR", err)
	}
	if family == unix.AF_INET6 {
		only := 1
		if both {
			only = 0
		}
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return -1, nil, os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	if err = unix.Bind(fd, sa); err == unix.EADDRNOTAVAIL {
		return -1, nil, fmt.Errorf("%w [is it an address of this machine? see: ip address]", os.NewSyscallError("bind", err))
	} else if err != nil {
		return -1, nil, os.NewSyscallError("bind", err)
	}
	if err = unix.Listen(fd, 4096); err != nil {
		return -1, nil, os.NewSyscallError("listen", err)
	}
	if local, err = unix.Getsockname(fd); err != nil {
		return -1, nil, os.NewSyscallError("getsockname", err)
	}
	return fd, local, nil
}

// An opener makes a non-blocking TCP socket of a family.
type opener func(family int) (fd int, err error)

// openSocket is the opener.
func openSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	return fd, nil
}

// closeOnError closes fd when a function ends with an error. fd is taken at the defer statement: "return -1, err"
// changes a named result before deferred calls run.
func closeOnError(err *error, fd int) {
	if *err != nil {
		unix.Close(fd)
	}
}

// connect makes one attempt, which ends at the deadline or when stop becomes readable.
func connect(open opener, sa unix.Sockaddr, family, stop int, deadline time.Time) (fd int, err error) {
	if fd, err = open(family); err != nil {
		return -1, err
	}
	defer closeOnError(&err, fd)
	if err = unix.Connect(fd, sa); err == unix.EINPROGRESS || err == unix.EINTR {
		if err = await(fd, unix.POLLOUT, stop, deadline); err != nil {
			return -1, err
		}
		var soerr int
		if soerr, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && soerr != 0 {
			err = unix.Errno(soerr)
		}
	}
	if err != nil {
		return -1, os.NewSyscallError("connect", err)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return -1, os.NewSyscallError("getsockname", err)
	}
	if format(local) == format(sa) {
		// Nobody listened, and the kernel joined the socket with itself, which TCP allows.
		return -1, os.NewSyscallError("connect", unix.ECONNREFUSED)
	}
	if err = unix.SetNonblock(fd, false); err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return fd, nil
}

// tune sets what every connection needs.
func (t *Transport) tune(fd int, p purpose) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt TCP_NODELAY", err)
	}
	if onThisMachine(fd) {
		// Nothing queues or gets lost there, so the simplest congestion control is best: models of the path and
		// paced sending only cost time. Every kernel has reno and permits it; if not, no harm is done.
		_ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno")
	}
	if p != forWatch && p != forLink {
		return nil
	}
	// Links have probes of their own: see broken.
	return keepAlive(fd, p, vanishing(t.o.PeerTimeout))
}

// await sleeps until fd has one of the events, the deadline passes (os.ErrDeadlineExceeded), or stop becomes readable
// (net.ErrClosed). fd may be -1.
func await(fd int, events int16, stop int, deadline time.Time) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(stop), Events: unix.POLLIN}}
	for {
		wait := time.Until(deadline)
		if wait <= 0 {
			return os.ErrDeadlineExceeded
		}
		n, err := unix.Poll(fds, int(wait.Milliseconds())+1)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return os.NewSyscallError("poll", err)
		case err != nil || n == 0:
			continue
		case fds[1].Revents != 0:
			return net.ErrClosed
		}
		return nil
	}
}

// readFull reads exactly len(b) bytes, and writeFull writes them, under the same conditions as await.
func readFull(fd int, b []byte, stop int, deadline time.Time) error {
	for len(b) > 0 {
		if err := await(fd, unix.POLLIN, stop, deadline); err != nil {
			return err
		}
		n, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
		case err != nil:
			return os.NewSyscallError("recv", err)
		case n == 0:
			return errHungUp
		default:
			b = b[n:]
		}
	}
	return nil
}

func writeFull(fd int, b []byte, stop int, deadline time.Time) error {
	for len(b) > 0 {
		if err := await(fd, unix.POLLOUT, stop, deadline); err != nil {
			return err
		}
		n, err := unix.SendmsgN(fd, b, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
		case err != nil:
			return os.NewSyscallError("send", err)
		default:
			b = b[n:]
		}
	}
	return nil
}

// errHungUp is the end of a stream that should have gone on.
var errHungUp = errors.New("the other end closed the connection")
