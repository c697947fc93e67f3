package epoll

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"jiajia/core/wire"
)

const (
	maxMessage = wire.HeaderSize + wire.MaxDiff // that a loop accepts
	keepBytes  = 64 << 10                       // buffers of at most so many bytes stay with their connection
)

// A conn is the serving end of an authenticated connection: a service connection, the peer's end of a mailbox, or the
// receiving end for data. The loop reads it, or for data the intake's reader; any thread writes it and never waits: what the
// socket does not take is queued, and the loop sends it on when there is room.
type conn struct {
	t       *Transport
	peer    *peer
	allowed wire.Set // what may arrive
	space   *space   // the reader's

	// Reading side, of the reader alone. A message that did not arrive in one piece is put together in part.
	part   []byte // empty: between messages
	need   int    // bytes of part that allow the next step; 0 when part is empty
	known  bool   // the header of part is decoded in m
	m      wire.Message
	ranges uint64

	mu    sync.Mutex // guards what follows; held for no longer than a system call that does not sleep
	fd    int        // -1 before attach and after detach
	armed bool       // the loop waits for room in the socket; true exactly when queue is not empty, while fd >= 0
	queue backlog
	enc   []byte // the message being sent, without body
	out   vector
}

// attach gives c its socket and sends what has been queued. Loop's thread.
func (c *conn) attach(fd int) error {
	if err := c.t.loop.watch(fd, c, connEvents); err != nil {
		return err
	}
	c.mu.Lock()
	c.fd = fd
	e := c.flushLocked()
	c.mu.Unlock()
	if e != 0 {
		return os.NewSyscallError("sendmsg", e)
	}
	return nil
}

// detach makes c unusable; its descriptor may be closed afterwards.
func (c *conn) detach() {
	c.mu.Lock()
	c.fd = -1
	c.queue.clear()
	c.mu.Unlock()
}

// send sends a message, or queues what the socket does not take. body, pages, is read where it is, then or later, but
// not after detach. The common case is one system call. Any thread.
func (c *conn) send(m *wire.Message, body ...[]byte) error {
	if c.peer.lost() || c.t.closed.Load() {
		return c.t.broken(c.peer, nil)
	}
	c.mu.Lock()
	e := c.sendLocked(m, body)
	c.mu.Unlock()
	if e != 0 {
		return c.t.broken(c.peer, os.NewSyscallError("sendmsg", e))
	}
	return nil
}

func (c *conn) sendLocked(m *wire.Message, body [][]byte) unix.Errno {
	if cap(c.enc) > keepBytes {
		c.enc = nil
	}
	c.enc = wire.Append(c.enc[:0], m)
	if c.fd < 0 || !c.queue.empty() {
		c.enqueue(0, body)
		return 0
	}
	c.out.set(c.enc)
	for _, p := range body {
		c.out.add(p)
	}
	defer c.out.clear()
	for sent := 0; !c.out.done(); {
		n, e := c.out.trySend(c.fd)
		switch e {
		case 0:
			c.out.advance(n)
			sent += n
		case unix.EINTR:
		case unix.EAGAIN:
			c.enqueue(sent, body)
			c.arm(true)
			return 0
		default:
			return e
		}
	}
	return 0
}

// enqueue queues the message in enc and its body, less the bytes that have been sent.
func (c *conn) enqueue(sent int, body [][]byte) {
	k := min(sent, len(c.enc))
	c.queue.copy(c.enc[k:])
	for _, p := range body {
		sent -= k
		k = min(sent, len(p))
		c.queue.refer(p[k:])
	}
}

// flushLocked sends from the queue what the socket takes.
func (c *conn) flushLocked() unix.Errno {
	defer c.out.clear()
	for !c.queue.empty() {
		c.out.set(c.queue.pieces[:min(len(c.queue.pieces), maxIov)]...)
		n, e := c.out.trySend(c.fd)
		switch e {
		case 0:
			c.queue.advance(n)
		case unix.EINTR:
		case unix.EAGAIN:
			c.arm(true)
			return 0
		default:
			return e
		}
	}
	c.arm(false)
	return 0
}

func (c *conn) arm(on bool) {
	if c.armed == on {
		return
	}
	c.armed = on
	events := uint32(connEvents)
	if on {
		events |= unix.EPOLLOUT
	}
	c.t.loop.rearm(c.fd, events)
}

// ready implements source.
func (c *conn) ready(events uint32) {
	var err error
	if events&unix.EPOLLOUT != 0 {
		c.mu.Lock()
		e := c.flushLocked()
		c.mu.Unlock()
		if e != 0 {
			err = os.NewSyscallError("sendmsg", e)
		}
	}
	for more := events&^unix.EPOLLOUT != 0; more && err == nil; {
		var got, space int
		got, space, err = c.read()
		more = got == space || got > 0 && events&hangUp != 0
	}
	if err != nil {
		c.t.loop.forget(c.fd)
		c.t.broken(c.peer, err)
	}
}

// connEvents are what the loop waits for on a connection. Edge-triggered: with level-triggered events the kernel looks at a
// connection that was served once more in the next wait, which a round trip can do without. So whoever is told of bytes
// must take them all; a read that returns less than there was room for has done so (epoll(7)), except that the end of
// the stream may stand behind it, and that is told by hangUp.
const (
	hangUp     = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	connEvents = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
)

// read receives once, got bytes into a space of so many, and serves the messages that have become complete.
func (c *conn) read() (got, space int, err error) {
	in, buf := &c.space.in, c.space.buf
	in.set(c.part[len(c.part):c.need], buf)
	n, e := in.tryRecv(c.fd)
	in.clear()
	switch {
	case e == unix.EAGAIN:
		return 0, 1, nil
	case e == unix.EINTR:
		return 1, 1, nil
	case e != 0:
		return 0, 0, os.NewSyscallError("recvmsg", e)
	case n == 0 && len(c.part) > 0:
		return 0, 0, fmt.Errorf("in the middle of a message: %w", errHungUp)
	case n == 0:
		return 0, 0, errHungUp
	}
	space = len(buf) + c.need - len(c.part)
	k := min(n, c.need-len(c.part))
	c.part = c.part[:len(c.part)+k]
	return n, space, c.feed(buf[:n-k])
}

// feed acts on the next bytes of the stream, after those in part.
func (c *conn) feed(b []byte) error {
	for {
		if len(c.part) > 0 {
			k := min(len(b), c.need-len(c.part))
			c.part = append(c.part, b[:k]...)
			b = b[k:]
			if len(c.part) < c.need {
				return nil
			}
			if err := c.step(); err != nil {
				return err
			}
			continue
		}
		if len(b) == 0 {
			return nil
		}
		size := wire.HeaderSize
		if len(b) >= wire.HeaderSize {
			var err error
			if size, err = c.header(b); err != nil {
				return err
			}
			if size <= len(b) {
				if err := c.serve(b[wire.HeaderSize:size]); err != nil {
					return err
				}
				b = b[size:]
				continue
			}
		}
		c.part, c.need = append(c.space.take(size), b...), size
		b = nil
	}
}

// step acts on part when it holds all the bytes that it needed: a header, or a whole message.
func (c *conn) step() error {
	if !c.known {
		size, err := c.header(c.part)
		if err != nil {
			return err
		}
		if size > c.need {
			if size > cap(c.part) {
				c.part = append(c.space.take(size), c.part...)
			}
			c.need = size
			return nil
		}
	}
	part := c.part
	c.part, c.need = nil, 0
	err := c.serve(part[wire.HeaderSize:])
	c.space.give(part)
	return err
}

// header decodes a header into c.m and returns the size of the whole message.
func (c *conn) header(b []byte) (size int, err error) {
	if c.ranges, err = wire.DecodeHeader(b, &c.m); err != nil {
		return 0, err
	}
	if err := c.allowed.Check(&c.m, c.peer.id); err != nil {
		return 0, err
	}
	if c.m.Port != wire.Server {
		return 0, fmt.Errorf("%v: port %d, not the server's: %w", c.m.Type, c.m.Port, wire.ErrField)
	}
	if c.m.Length > wire.MaxDiff {
		return 0, fmt.Errorf("%v: payload length %d for a server: %w", c.m.Type, c.m.Length, wire.ErrField)
	}
	c.known = true
	return wire.HeaderSize + int(c.m.Length), nil
}

// serve hands the message in c.m to the handler.
func (c *conn) serve(payload []byte) error {
	c.known = false
	if err := wire.DecodePayload(&c.m, c.ranges, payload); err != nil {
		return err
	}
	switch c.m.Type {
	case wire.Data, wire.Collect:
		c.t.o.Handler.Data(&c.m, payload)
	case wire.Diff:
		c.t.o.Handler.Serve(&c.m, payload)
	default:
		c.t.o.Handler.Serve(&c.m, nil)
	}
	return nil
}
