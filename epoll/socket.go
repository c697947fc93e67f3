package epoll

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// All sockets are in blocking mode, except the listener: calls that must not sleep say so with MSG_DONTWAIT.

// resolve turns "host:port" into a socket address; it takes names, too.
func resolve(network, address string) (unix.Sockaddr, int, error) {
	a, err := net.ResolveTCPAddr(network, address)
	if err != nil {
		return nil, 0, err
	}
	if a.IP == nil {
		return nil, 0, fmt.Errorf("address %q names no host", address)
	}
	if ip := a.IP.To4(); ip != nil {
		return &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}, unix.AF_INET, nil
	}
	sa := &unix.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP.To16())}
	if a.Zone != "" {
		nic, err := net.InterfaceByName(a.Zone)
		if err != nil {
			return nil, 0, fmt.Errorf("address %q: %w", address, err)
		}
		sa.ZoneId = uint32(nic.Index)
	}
	return sa, unix.AF_INET6, nil
}

// format is the inverse of resolve.
func format(sa unix.Sockaddr) string {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)).String()
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			if nic, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				ip = ip.WithZone(nic.Name)
			}
		}
		return netip.AddrPortFrom(ip, uint16(sa.Port)).String()
	}
	return "unknown address"
}

// listen returns a non-blocking listener on exactly the given address, and its address with the port that it got.
func listen(network, address string) (fd int, addr string, err error) {
	sa, family, err := resolve(network, address)
	if err != nil {
		return -1, "", err
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, "", os.NewSyscallError("socket", err)
	}
	defer closeOnError(&err, fd)
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return -1, "", os.NewSyscallError("setsockopt SO_REUSEADDR", err)
	}
	if family == unix.AF_INET6 {
		only := 1
		if network == "tcp" { // no family asked for: [::] stands for the addresses of both
			only = 0
		}
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return -1, "", os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	if err = unix.Bind(fd, sa); err != nil {
		return -1, "", os.NewSyscallError("bind", err)
	}
	if err = unix.Listen(fd, 4096); err != nil {
		return -1, "", os.NewSyscallError("listen", err)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return -1, "", os.NewSyscallError("getsockname", err)
	}
	return fd, format(local), nil
}

// closeOnError closes fd when a function ends with an error. fd is taken at the defer statement: "return -1, err"
// changes a named result before deferred calls run.
func closeOnError(err *error, fd int) {
	if *err != nil {
		unix.Close(fd)
	}
}

// connect makes one attempt, which ends at the deadline or when stop becomes readable.
func connect(sa unix.Sockaddr, family, stop int, deadline time.Time) (fd int, err error) {
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
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
func tune(fd int, p purpose) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt TCP_NODELAY", err)
	}
	if peer, err := unix.Getpeername(fd); err == nil && onLoopback(peer) {
		// Nothing queues or gets lost there, so the simplest congestion control is best: models of the path and
		// paced sending only cost time. Every kernel has reno and permits it; if not, no harm is done.
		_ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno")
	}
	if p != forService {
		return nil
	}
	// A peer's machine may vanish without a word. The service connection finds out, after about ten seconds, for all.
	for _, o := range []struct {
		level, name, value int
	}{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 5},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 5},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt keepalive", err)
		}
	}
	return nil
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

// onLoopback tells whether an address is this machine's own.
func onLoopback(sa unix.Sockaddr) bool {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Addr[0] == 127
	case *unix.SockaddrInet6:
		return sa.Addr == [16]byte{15: 1}
	}
	return false
}
