package shm

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// A Link implements node.Link. Its ends lie in the memory of the pair; each has a bell, at which its host's threads wait for
// messages and for room alike.
type Link struct {
	t    *Transport
	peer *peer
	bell alarm
	out  sink

	opened atomic.Bool // OpenLink was called here

	sendMu sync.Mutex // held in Send
	enc    []byte

	recvMu sync.Mutex // held in Recv, and by a Send that makes room
	in     reader
	leaves atomic.Uint32 // how often a Recv has ended
	heeded atomic.Bool   // a Send waits for that

	dead bool // guarded by both mutexes
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
	if err := p.link.open(p); err != nil {
		return nil, fmt.Errorf("open link with host %d: %w", to, err)
	}
	return p.link, nil
}

func (l *Link) open(p *peer) error {
	if l.opened.Swap(true) {
		return errors.New("it is open already")
	}
	mine, theirs := &p.meet.linked[p.side], &p.meet.linked[1-p.side]
	mine.Store(1)
	p.theirLink.ring()
	if p.side == connector {
		return l.ended()
	}
	var late atomic.Bool
	timer := time.AfterFunc(l.t.patience, func() {
		late.Store(true)
		l.t.use(l.bell.ring)
	})
	defer timer.Stop()
	l.bell.await(0, func() bool { return theirs.Load() != 0 || late.Load() || l.ended() != nil })
	if err := l.ended(); err != nil {
		return err
	}
	if theirs.Load() == 0 {
		return fmt.Errorf("that host did not open it within %v", l.t.patience)
	}
	return nil
}

// ended returns why the link cannot be used.
func (l *Link) ended() error {
	if l.dead || l.t.closed.Load() {
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
	for b := l.enc; ; {
		n, err := l.out.push(b)
		if err != nil {
			return l.t.broken(l.peer, err)
		}
		l.out.tell()
		if b = b[n:]; len(b) == 0 {
			return nil
		}
		if l.out.h.want.Store(1); l.out.room() {
			continue
		}
		if err := l.makeRoom(); err != nil {
			return err
		}
		if err := l.ended(); err != nil {
			return err
		}
	}
}

// makeRoom waits until the ring takes more. The peer may be sending as well and wait for us to read: two hosts that exchange
// lists longer than the ring would wait for each other for ever. So what comes is read meanwhile and kept for Recv.
func (l *Link) makeRoom() error {
	leaves := l.leaves.Load()
	if l.heeded.Store(true); !l.recvMu.TryLock() { // a Recv in another thread reads, until it leaves
		l.bell.await(0, func() bool { return l.out.room() || l.leaves.Load() != leaves || l.ended() != nil })
		return nil
	}
	defer l.recvMu.Unlock()
	keeps := len(l.in.early) < wire.MaxList
	l.bell.await(0, func() bool { return l.out.room() || keeps && l.in.any() || l.ended() != nil })
	if keeps {
		if err := l.in.takeEarly(); err != nil {
			return l.t.broken(l.peer, err)
		}
	}
	return nil
}

// Recv implements node.Link. What a host sent before it left can still be read afterwards: the last message of a job is
// followed at once by the end of its sender.
func (l *Link) Recv(m *wire.Message) error {
	l.recvMu.Lock()
	err := net.ErrClosed
	if !l.dead && !l.t.closed.Load() {
		err = l.in.receive(m, nil, l.t.o.Spin)
	}
	l.recvMu.Unlock()
	// Not before: a Send that has found it held waits for the count to change.
	if l.leaves.Add(1); l.heeded.Load() && l.heeded.Swap(false) {
		l.t.use(l.bell.ring)
	}
	if err != nil {
		return fmt.Errorf("receive over the link with host %d: %w", l.peer.id, err)
	}
	return nil
}

// detach waits until nobody is in a call and makes further ones fail.
func (l *Link) detach() {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	l.recvMu.Lock()
	defer l.recvMu.Unlock()
	l.dead = true
}
