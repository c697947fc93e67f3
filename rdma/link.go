//go:build rdma

package rdma

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"time"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// A Link implements node.Link.
type Link struct {
	*desk
	c *conn

	sendMu sync.Mutex // held in Send
	recvMu sync.Mutex // held in Recv, and by a Send that makes room: by who reads
	inbox  inbox
}

// newLink makes our end of the link with p.
func (t *Transport) newLink(p *peer) (*Link, error) {
	d, err := t.newDesk(1)
	if err != nil {
		return nil, err
	}
	l := &Link{desk: d, inbox: inbox{desk: d}}
	if l.c, err = d.in.connect(p, nil); err != nil {
		return nil, err // the desk is freed by Close
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.links = append(t.links, l)
	return l, nil
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
	l, err := t.linkWith(p)
	if err != nil {
		return nil, fmt.Errorf("open link with host %d: %w", to, err)
	}
	return l, nil
}

func (t *Transport) linkWith(p *peer) (*Link, error) {
	if t.o.Self > p.id {
		l, err := t.newLink(p)
		if err != nil {
			return nil, err
		}
		return l, t.open(l.c, forLink, 0)
	}
	timer := time.NewTimer(openTime)
	defer timer.Stop()
	select {
	case l := <-p.parked:
		return l, nil
	case <-p.gone:
		return nil, *p.cause.Load()
	case <-t.stopped:
		return nil, net.ErrClosed
	case <-timer.C:
		return nil, fmt.Errorf("host %d did not ask for it within %v", p.id, openTime)
	}
}

// Send implements node.Link. Both ends may send at the same time, however long the messages are.
func (l *Link) Send(m *wire.Message) error {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	err := l.c.ended()
	if err == nil {
		err = wire.OverLink.Check(m, l.t.o.Self)
	}
	if n := wire.PayloadLen(m); err == nil && n > wire.MaxList {
		err = fmt.Errorf("%d payload bytes: %w", n, wire.ErrField)
	}
	if err == nil {
		if err = l.c.sendAll(m, nil, l.makeRoom); err != nil {
			err = l.t.broken(l.c.peer, err)
		}
	}
	if err != nil {
		return fmt.Errorf("send %v over the link with host %d: %w", m.Type, l.c.peer.id, err)
	}
	return nil
}

// makeRoom waits until something can be sent. The peer may be sending as well and wait for us to read: two hosts that
// exchange lists longer than the buffers would wait for each other for ever. So what comes is taken out of the buffers
// meanwhile and kept for Recv.
func (l *Link) makeRoom(c *conn) error {
	if !l.recvMu.TryLock() {
		// A Recv in another thread reads, and takes credits in; look again whether it still does.
		time.Sleep(100 * time.Microsecond)
		return c.ended()
	}
	defer l.recvMu.Unlock()
	kept := c.next
	return l.await(func() (bool, error) {
		if err := c.ended(); err != nil {
			return false, err
		}
		l.pump()
		for i := kept; i < len(c.segs); i++ {
			s := c.segs[i]
			if s.slot >= 0 {
				c.segs[i] = seg{bytes.Clone(s.b), -1}
				c.used(s)
			}
		}
		kept = len(c.segs)
		if c.moves() {
			return true, nil
		}
		return false, c.arm()
	})
}

// Recv implements node.Link. What a host sent before it left can still be received when it is known to be gone: the last message of a
// job is followed at once by the end of its sender.
func (l *Link) Recv(m *wire.Message) error {
	l.recvMu.Lock()
	defer l.recvMu.Unlock()
	var err error = net.ErrClosed
	if !l.t.closed.Load() {
		err = l.inbox.receive(l.c, m, nil, func(m *wire.Message) error { return wire.OverLink.Check(m, l.c.peer.id) })
		if err != nil {
			err = l.t.broken(l.c.peer, err)
		}
	}
	if err != nil {
		return fmt.Errorf("receive over the link with host %d: %w", l.c.peer.id, err)
	}
	return nil
}

// detach waits until nobody is in a call; later ones fail as the transport is closed.
func (l *Link) detach() {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	l.recvMu.Lock()
	defer l.recvMu.Unlock()
}
