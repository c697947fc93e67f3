package epoll

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// A Link implements node.Link.
type Link struct {
	t    *Transport
	peer *peer
	fd   int

	sendMu sync.Mutex // held in Send
	enc    []byte
	out    vector

	recvMu sync.Mutex // held in Recv, and by a Send that makes room
	in     stream
	check  func(*wire.Message) error
}

// OpenLink implements node.Transport.
func (t *Transport) OpenLink(to wire.HostID) (node.Link, error) {
	if err := t.enter("open link"); err != nil {
		return nil, err
	}
	defer t.calls.Done()
	p, err := t.to(to)
	if err != nil {
		return nil, fmt.Errorf("open link: %w", err)
	}
	fd, err := t.linkWith(p)
	if err != nil {
		return nil, fmt.Errorf("open link with host %d: %w", to, err)
	}
	l := &Link{t: t, peer: p, fd: fd, in: newStream(fd), check: func(m *wire.Message) error { return wire.OverLink.Check(m, p.id) }}
	t.mu.Lock()
	t.links = append(t.links, l)
	t.mu.Unlock()
	return l, nil
}

func (t *Transport) linkWith(p *peer) (int, error) {
	if t.o.Self > p.id {
		return t.dial(p, forLink, 0, time.Now().Add(t.dialTimeout))
	}
	timer := time.NewTimer(t.dialTimeout)
	defer timer.Stop()
	select {
	case fd := <-p.parked:
		return fd, nil
	case <-p.gone:
		return -1, *p.cause.Load()
	case <-t.stopped:
		return -1, net.ErrClosed
	case <-timer.C:
		return -1, fmt.Errorf("host %d (%s) did not connect within %v", p.id, p.addr, t.dialTimeout)
	}
}

// ended returns why the link cannot be used.
func (l *Link) ended() error {
	if l.t.closed.Load() {
		return net.ErrClosed
	}
	if l.peer.lost() {
		return *l.peer.cause.Load()
	}
	return nil
}

// Send implements node.Link. Both ends may send at the same time, however long the messages are.
func (l *Link) Send(m *wire.Message) error {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	err := l.ended()
	if err == nil {
		err = wire.OverLink.Check(m, l.t.o.Self)
	}
	if err == nil {
		err = l.send(m)
	}
	if err != nil {
		return fmt.Errorf("send %v over the link with host %d: %w", m.Type, l.peer.id, err)
	}
	return nil
}

func (l *Link) send(m *wire.Message) error {
	if cap(l.enc) > keepBytes {
		l.enc = nil
	}
	if n := wire.PayloadLen(m); n > wire.MaxList {
		return fmt.Errorf("%d payload bytes: %w", n, wire.ErrField)
	}
	l.enc = wire.Append(l.enc[:0], m)
	l.out.set(l.enc)
	defer l.out.clear()
	for !l.out.done() {
		n, e := l.out.trySend(l.fd)
		switch e {
		case 0:
			l.out.advance(n)
		case unix.EINTR:
		case unix.EAGAIN:
			if err := l.makeRoom(); err != nil {
				return l.t.broken(l.peer, err)
			}
		default:
			return l.t.broken(l.peer, os.NewSyscallError("sendmsg", e))
		}
	}
	return nil
}

// makeRoom waits until the socket takes more. The peer may be sending as well and wait for us to read: two hosts that
// exchange lists longer than the socket's buffers would wait for each other for ever. So what comes is read meanwhile
// and kept for Recv.
func (l *Link) makeRoom() error {
	fds := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLOUT}}
	timeout := -1
	if !l.recvMu.TryLock() {
		timeout = 1 // ms: a Recv in another thread reads; look again whether it still does
	} else {
		defer l.recvMu.Unlock()
		if l.in.buffered() < wire.MaxList {
			fds[0].Events |= unix.POLLIN
		}
	}
	if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
		return os.NewSyscallError("poll", err)
	}
	if fds[0].Revents&unix.POLLIN != 0 {
		return l.in.fill(l.in.buffered()+1, 0)
	}
	return nil
}

// Recv implements node.Link. What a host sent before it left can still be read when other connections have told that it
// is gone: the last message of a job is followed at once by the end of its sender.
func (l *Link) Recv(m *wire.Message) error {
	l.recvMu.Lock()
	defer l.recvMu.Unlock()
	var err error = net.ErrClosed
	if !l.t.closed.Load() {
		if err = l.in.receive(m, nil, l.t.o.Spin, l.check); err != nil {
			err = l.t.broken(l.peer, err)
		}
	}
	if err != nil {
		return fmt.Errorf("receive over the link with host %d: %w", l.peer.id, err)
	}
	return nil
}

// detach waits until nobody is in a call; later ones fail as the transport is closed.
func (l *Link) detach() {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	l.recvMu.Lock()
	defer l.recvMu.Unlock()
	l.fd, l.in.fd = -1, -1
}
