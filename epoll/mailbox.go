package epoll

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// A Mailbox implements node.Mailbox.
type Mailbox struct {
	t  *Transport
	id uint32

	mu     sync.Mutex // held by the thread in Send or Recv; Close takes it to be sure that nobody is
	dead   bool
	lines  []line // one to each peer
	byHost []int  // index into lines, by host id
	turn   int    // line to look at first when waiting for any
	polls  []unix.PollFd
	enc    []byte
	out    vector
}

// A line is a mailbox's connection with one peer.
type line struct {
	peer *peer
	stream
	check func(*wire.Message) error // what may come; a field, as a closure made for each message would be allocated
}

// OpenMailbox implements node.Transport.
func (t *Transport) OpenMailbox(id uint32) (node.Mailbox, error) {
	if err := t.enter("open mailbox"); err != nil {
		return nil, err
	}
	defer t.calls.Done()
	if t.peers == nil {
		return nil, errors.New("open mailbox: the transport has not been started")
	}
	b := &Mailbox{t: t, id: id, byHost: make([]int, len(t.peers))}
	deadline := time.Now().Add(t.dialTimeout)
	for _, p := range t.peers {
		if p == nil {
			continue
		}
		fd, err := t.dial(p, forMailbox, b.id, deadline)
		if err != nil {
			return nil, fmt.Errorf("open mailbox %d: %w", b.id, err)
		}
		b.byHost[p.id] = len(b.lines)
		b.lines = append(b.lines, line{peer: p, stream: newStream(fd), check: func(m *wire.Message) error {
			if m.Port != b.id {
				return fmt.Errorf("%v: port %d at mailbox %d: %w", m.Type, m.Port, b.id, wire.ErrField)
			}
			return wire.Answers.Check(m, p.id)
		}})
		b.polls = append(b.polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	t.mu.Lock()
	t.boxes = append(t.boxes, b)
	t.mu.Unlock()
	return b, nil
}

// ID implements node.Mailbox.
func (b *Mailbox) ID() uint32 { return b.id }

// line returns the connection with a host, or what keeps it from being used.
func (b *Mailbox) line(host wire.HostID) (*line, error) {
	p, err := b.t.to(host)
	if err != nil {
		return nil, err
	}
	if b.dead || b.t.closed.Load() {
		return nil, net.ErrClosed
	}
	if p.lost() {
		return nil, *p.cause.Load()
	}
	return &b.lines[b.byHost[host]], nil
}

// Send implements node.Mailbox. The pieces of body are sent from where they are.
func (b *Mailbox) Send(to wire.HostID, m *wire.Message, body ...[]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, err := b.line(to)
	if err == nil {
		err = b.send(l, m, body)
	}
	if err != nil {
		return fmt.Errorf("send %v to host %d: %w", m.Type, to, err)
	}
	return nil
}

func (b *Mailbox) send(l *line, m *wire.Message, body [][]byte) error {
	if err := wire.CheckRequest(m, b.t.o.Self, body); err != nil {
		return err
	}
	b.enc = wire.Append(b.enc[:0], m)
	b.out.set(b.enc)
	for _, p := range body {
		b.out.add(p)
	}
	defer b.out.clear()
	if e := b.out.sendAll(l.fd, nil); e != 0 {
		return b.t.broken(l.peer, os.NewSyscallError("sendmsg", e))
	}
	return nil
}

// Recv implements node.Mailbox.
func (b *Mailbox) Recv(from wire.HostID, m *wire.Message, frames [][]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, err := b.await(from)
	if err == nil {
		if err = l.receive(m, frames, b.t.o.Spin, l.check); err != nil {
			err = b.t.broken(l.peer, err)
		}
	}
	if err != nil {
		if from == wire.Any {
			return fmt.Errorf("receive in mailbox %d: %w", b.id, err)
		}
		return fmt.Errorf("receive from host %d in mailbox %d: %w", from, b.id, err)
	}
	return nil
}

// await returns the connection to receive from: the only one that may be meant, or one on which something has arrived.
func (b *Mailbox) await(from wire.HostID) (*line, error) {
	if from != wire.Any {
		return b.line(from)
	}
	switch len(b.lines) {
	case 0:
		return nil, errors.New("there is no other host")
	case 1:
		return b.line(b.lines[0].peer.id)
	}
	for i := range b.lines {
		if l := b.next(i); l.buffered() > 0 {
			return b.line(l.peer.id)
		}
	}
	for start, timeout := time.Now(), 0; ; {
		if b.dead || b.t.closed.Load() {
			return nil, net.ErrClosed
		}
		if time.Since(start) >= b.t.o.Spin {
			timeout = -1
		}
		n, err := unix.Poll(b.polls, timeout)
		if err != nil && err != unix.EINTR {
			return nil, os.NewSyscallError("poll", err)
		}
		if n <= 0 {
			yield()
			continue
		}
		for i := range b.lines {
			l := b.next(i)
			if b.polls[b.byHost[l.peer.id]].Revents != 0 {
				b.turn = (b.byHost[l.peer.id] + 1) % len(b.lines)
				return b.line(l.peer.id)
			}
		}
	}
}

// next returns the i-th line from the one whose turn it is.
func (b *Mailbox) next(i int) *line { return &b.lines[(b.turn+i)%len(b.lines)] }

// detach waits until nobody is in a call and makes further ones fail.
func (b *Mailbox) detach() {
	b.mu.Lock()
	b.dead = true
	b.mu.Unlock()
}
