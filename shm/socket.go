package shm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// receive reads one message of at most so many bytes, with at most so many descriptors, which are the caller's to close.
func receive(conn *net.UnixConn, bytes, most int) (b []byte, fds []int, err error) {
	return receiveBy(bytes, most, func(b, oob []byte) (n, oobn, flags int, err error) {
		n, oobn, flags, _, err = conn.ReadMsgUnix(b, oob)
		return n, oobn, flags, err
	})
}

func receiveBy(bytes, most int, read func(b, oob []byte) (n, oobn, flags int, err error)) (b []byte, fds []int, err error) {
	b = make([]byte, bytes+1)
	oob := make([]byte, unix.CmsgSpace(4*(most+1)))
	n, oobn, flags, err := read(b, oob)
	if err != nil {
		return nil, nil, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return nil, nil, fmt.Errorf("control message: %w", err)
	}
	for i := range messages {
		some, err := unix.ParseUnixRights(&messages[i])
		if err == nil {
			fds = append(fds, some...)
		}
	}
	switch {
	case flags&unix.MSG_CTRUNC != 0:
		closeAll(fds)
		return nil, nil, errors.New("descriptors did not arrive [raise the limit of open files, ulimit -n]")
	case n > bytes || len(fds) > most:
		closeAll(fds)
		return nil, nil, errors.New("more bytes or descriptors than belong there")
	case n == 0:
		closeAll(fds)
		return nil, nil, io.EOF
	}
	return b[:n], fds, nil
}

// crowdTime is how long a sender of descriptors waits while too many are on their way.
const crowdTime = 5 * time.Second

// crowded calls send again while the kernel says that the user has more descriptors in messages that nobody has read yet than one
// process may have open: where many hosts start at once, that passes as they read.
func crowded(send func() error) error {
	for start, gap := time.Now(), time.Millisecond; ; gap = min(2*gap, 20*time.Millisecond) {
		err := send()
		if !errors.Is(err, unix.ETOOMANYREFS) {
			return err
		}
		if time.Since(start) > crowdTime {
			return fmt.Errorf("%w [raise the limit of open files, ulimit -n]", err)
		}
		time.Sleep(gap)
	}
}

// write sends one message.
func write(conn *net.UnixConn, b []byte, fds []int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	return crowded(func() error {
		_, _, err := conn.WriteMsgUnix(b, rights, nil)
		return err
	})
}

// keep takes the connection out of package net when the handshake is over. While a goroutine waits there, the Go runtime polls
// a descriptor of its own all the time, and has nothing but a stack trace to say when the program closes that.
func (p *peer) keep() error {
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { p.sock, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, failed); err != nil {
		p.sock = -1
		return fmt.Errorf("keep the connection: %w", err)
	}
	p.conn.Close()
	return os.NewSyscallError("fcntl", unix.SetNonblock(p.sock, false))
}

// hangUp tells the peer, and whoever of this host uses the connection, that it is over.
func (p *peer) hangUp() {
	_ = unix.Shutdown(p.sock, unix.SHUT_RDWR) // it fails when the peer was faster
}

// Messages on the socket, once a peer has been accepted, announce a mailbox: its id, and descriptors of its memory and of the
// eventfd of its bell.
const (
	boxMagic = "JIA3mbox"
	boxSize  = len(boxMagic) + 4
)

// sendBox announces a mailbox of this host.
func (p *peer) sendBox(id uint32, memory, eventfd int) error {
	b := binary.LittleEndian.AppendUint32([]byte(boxMagic), id)
	return crowded(func() error {
		return explain(os.NewSyscallError("sendmsg", unix.Sendmsg(p.sock, b, unix.UnixRights(memory, eventfd), nil, unix.MSG_NOSIGNAL)))
	})
}

// hear takes what the peer has to say, if anything. Errors are those of the connection or the peer.
func (p *peer) hear() error {
	b, fds, err := receiveBy(boxSize, 2, func(b, oob []byte) (n, oobn, flags int, err error) {
		n, oobn, flags, _, err = unix.Recvmsg(p.sock, b, oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		return n, oobn, flags, os.NewSyscallError("recvmsg", err)
	})
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return explain(err)
	}
	return p.addBox(b, fds)
}

var errClosedOurs = errors.New("the program has closed descriptors of the library: let it close only those that it has opened")

// explain says what the user can do about an error of an established connection.
func explain(err error) error {
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.ENOTSOCK) {
		return fmt.Errorf("%w [%w]", err, errClosedOurs)
	}
	return err
}

// watchTime is how long a descriptor may be closed by the program before that is noticed: poll does not wake for it.
const watchTime = time.Second

// watch takes the mailboxes of the peers until all peers are gone, or the transport is closed, which hangs up.
func (t *Transport) watch() {
	defer t.calls.Done()
	fds := make([]unix.PollFd, len(t.active))
	for i, p := range t.active {
		fds[i] = unix.PollFd{Fd: int32(p.sock), Events: unix.POLLIN}
	}
	for left := len(fds); left > 0 && !t.closed.Load(); {
		n, err := unix.Poll(fds, int(watchTime/time.Millisecond))
		if err != nil && err != unix.EINTR {
			t.o.Log.Warnf("shared memory: hosts that end are not noticed any more: %v", os.NewSyscallError("poll", err))
			return
		}
		for i := 0; i < len(fds) && n > 0; i++ {
			if fds[i].Fd < 0 || fds[i].Revents == 0 {
				continue
			}
			n--
			if err := t.active[i].hear(); err != nil {
				t.broken(t.active[i], err)
				fds[i].Fd = -1
				left--
			}
		}
	}
}
