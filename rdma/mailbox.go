//go:build rdma

package rdma

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// A Mailbox implements node.Mailbox.
type Mailbox struct {
	*desk
	id uint32

	mu    sync.Mutex // held by the thread in Send or Recv; Close takes it to be sure that nobody is
	dead  bool
	lines []*conn // by host id; nil where there is none
	turn  int     // host to look at first when waiting for any
	inbox inbox
	hand  hand
}

// OpenMailbox implements node.Transport.
func (t *Transport) OpenMailbox(id uint32) (node.Mailbox, error) {
	if err := t.enter("open mailbox"); err != nil {
		return nil, err
	}
	defer t.calls.Done()
	if !t.serving.Load() {
		return nil, errors.New("open mailbox: the transport has not been started")
	}
	b := &Mailbox{id: id, lines: make([]*conn, len(t.peers))}
	n := 0
	for _, p := range t.peers {
		if p != nil {
			n++
		}
	}
	var err error
	if b.desk, err = t.newDesk(max(n, 1)); err != nil {
		return nil, fmt.Errorf("open mailbox %d: %w", id, err)
	}
	b.inbox.desk, b.hand.desk = b.desk, b.desk
	for i, p := range t.peers {
		if p == nil {
			continue
		}
		c, err := b.in.connect(p, nil)
		if err == nil {
			b.lines[i] = c
			err = t.open(c, forMailbox, id)
		}
		if err != nil {
			return nil, fmt.Errorf("open mailbox %d: %w", id, err)
		}
	}
	t.mu.Lock()
	t.boxes = append(t.boxes, b)
	t.mu.Unlock()
	return b, nil
}

// ID implements node.Mailbox.
func (b *Mailbox) ID() uint32 { return b.id }

// line returns the connection with a host, or what keeps it from being used.
func (b *Mailbox) line(host wire.HostID) (*conn, error) {
	if b.dead {
		return nil, net.ErrClosed
	}
	if _, err := b.t.usable(host); err != nil {
		return nil, err
	}
	return b.lines[host], nil
}

// Send implements node.Mailbox.
func (b *Mailbox) Send(to wire.HostID, m *wire.Message, body ...[]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, err := b.line(to)
	if err == nil {
		err = b.send(c, m, body)
	}
	if err != nil {
		return fmt.Errorf("send %v to host %d: %w", m.Type, to, err)
	}
	return nil
}

func (b *Mailbox) send(c *conn, m *wire.Message, body [][]byte) error {
	if err := wire.CheckRequest(m, b.t.o.Self, body); err != nil {
		return err
	}
	if err := c.sendAll(m, body, b.room); err != nil {
		return b.t.broken(c.peer, err)
	}
	return nil
}

// room waits until something can be sent over c. It is for a desk whose thread is the only one that reads it.
func (d *desk) room(c *conn) error {
	return d.await(func() (bool, error) {
		if err := c.ended(); err != nil {
			return false, err
		}
		d.pump()
		if c.moves() {
			return true, nil
		}
		return false, c.arm()
	})
}

// ended returns why the connection cannot be used.
func (c *conn) ended() error {
	if c.t.closed.Load() {
		return net.ErrClosed
	}
	if c.peer.lost() {
		return *c.peer.cause.Load()
	}
	return nil
}

// Recv implements node.Mailbox.
func (b *Mailbox) Recv(from wire.HostID, m *wire.Message, frames [][]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, err := b.next(from)
	if err == nil {
		err = b.inbox.receive(c, m, frames, func(m *wire.Message) error {
			if m.Port != b.id {
				return fmt.Errorf("%v: port %d at mailbox %d: %w", m.Type, m.Port, b.id, wire.ErrField)
			}
			return wire.Answers.Check(m, c.peer.id)
		})
		if err != nil {
			err = b.t.broken(c.peer, err)
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

// next waits until something has come from a host, or from any.
func (b *Mailbox) next(from wire.HostID) (c *conn, err error) {
	if from != wire.Any {
		if c, err = b.line(from); err != nil {
			return nil, err
		}
		return c, b.await(func() (bool, error) {
			if err := c.ended(); err != nil {
				return false, err
			}
			b.pump()
			return c.arrived(), nil
		})
	}
	if len(b.in.all) == 0 {
		return nil, errors.New("there is no other host")
	}
	err = b.await(func() (bool, error) {
		if b.dead || b.t.closed.Load() {
			return false, net.ErrClosed
		}
		b.pump()
		c = b.first()
		if c == nil {
			return false, nil
		}
		return true, c.ended()
	})
	return c, err
}

// first returns a connection on which something has come, or whose peer is lost; each has its turn.
func (b *Mailbox) first() *conn {
	for i := range b.lines {
		k := (b.turn + i) % len(b.lines)
		if c := b.lines[k]; c != nil && (c.arrived() || c.peer.lost()) {
			b.turn = k + 1
			return c
		}
	}
	return nil
}

// Ready implements node.Source.
func (b *Mailbox) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready()
}

func (b *Mailbox) ready() bool {
	if b.dead || b.t.closed.Load() {
		return true
	}
	b.pump()
	return b.first() != nil
}

// Arm implements node.Source.
func (b *Mailbox) Arm(fds []unix.PollFd) []unix.PollFd {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dead && (b.in.cq.Notify() != nil || b.ready()) {
		b.ring() // no event will come for what is here already
	}
	return b.fds(fds)
}

// Disarm implements node.Source.
func (b *Mailbox) Disarm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dead {
		b.drain()
	}
}

// detach waits until nobody is in a call and makes further ones fail.
func (b *Mailbox) detach() {
	b.mu.Lock()
	b.dead = true
	b.mu.Unlock()
}
