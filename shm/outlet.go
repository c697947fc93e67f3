package shm

import (
	"fmt"
	"net"
	"sync"

	"jiajia/core/wire"
)

const keepBytes = 64 << 10 // buffers of at most so many bytes stay with their connection

// An outlet is a ring that any thread writes to, and never waits: what the ring does not take is queued, and the serving thread
// writes it when there is room.
type outlet struct {
	t    *Transport
	peer *peer

	mu sync.Mutex // guards what follows; held for no longer than copying takes
	sink
	dead    bool   // detached
	queue   []byte // bytes to write before anything else
	sent    int    // of queue
	enc     []byte
	drained *sync.Cond // the queue is empty, or the peer is lost, or the transport closed
}

func newOutlet(t *Transport, p *peer, s sink) *outlet {
	o := &outlet{t: t, peer: p, sink: s}
	o.drained = sync.NewCond(&o.mu)
	return o
}

// send sends a message, or queues what the ring does not take. With wait it first waits until nothing is queued. Any thread.
func (o *outlet) send(m *wire.Message, wait bool, body ...[]byte) error {
	o.mu.Lock()
	for wait && len(o.queue) > 0 && !o.ended() {
		o.drained.Wait()
	}
	if o.ended() {
		o.mu.Unlock()
		return o.t.broken(o.peer, nil)
	}
	err := o.sendLocked(m, body)
	o.mu.Unlock()
	if err != nil {
		return o.t.broken(o.peer, err)
	}
	return nil
}

func (o *outlet) ended() bool { return o.dead || o.peer.lost() || o.t.closed.Load() }

func (o *outlet) sendLocked(m *wire.Message, body [][]byte) error {
	if cap(o.enc) > keepBytes {
		o.enc = nil
	}
	o.enc = wire.Append(o.enc[:0], m)
	idle := len(o.queue) == 0
	if err := o.put(o.enc); err != nil {
		return err
	}
	for _, p := range body {
		if err := o.put(p); err != nil {
			return err
		}
	}
	if !idle {
		return nil
	}
	o.tell()
	if len(o.queue) == 0 {
		return nil
	}
	o.t.server.backlog(o)
	return o.flushLocked()
}

// put writes to the ring, or behind what is queued.
func (o *outlet) put(b []byte) error {
	if len(o.queue) == 0 {
		n, err := o.push(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	o.queue = append(o.queue, b...)
	return nil
}

// flushLocked writes what the ring takes from the queue, and sees to it that the serving thread is woken when there is room for
// more.
func (o *outlet) flushLocked() error {
	for o.sent < len(o.queue) {
		n, err := o.push(o.queue[o.sent:])
		if err != nil {
			return err
		}
		if o.sent += n; n > 0 {
			o.tell()
			continue
		}
		if o.sent > len(o.queue)/2 { // so that the queue does not grow for ever while it never runs dry
			o.queue = o.queue[:copy(o.queue, o.queue[o.sent:])]
			o.sent = 0
		}
		if o.h.want.Store(1); !o.room() {
			return nil
		}
	}
	o.queue, o.sent = o.queue[:0], 0
	if cap(o.queue) > keepBytes {
		o.queue = nil
	}
	o.drained.Broadcast()
	return nil
}

// flush is flushLocked for the serving thread; done when nothing is queued any more.
func (o *outlet) flush() (done bool) {
	o.mu.Lock()
	if o.ended() {
		o.mu.Unlock()
		return true
	}
	err := o.flushLocked()
	done = len(o.queue) == 0
	o.mu.Unlock()
	if err != nil {
		o.t.broken(o.peer, err)
		return true
	}
	return done
}

// rouse wakes those who wait for the queue to drain, as the peer is lost or the transport closed.
func (o *outlet) rouse() {
	o.mu.Lock()
	o.drained.Broadcast()
	o.mu.Unlock()
}

// detach makes the outlet unusable; its memory may go afterwards.
func (o *outlet) detach() {
	o.mu.Lock()
	o.dead = true
	o.queue = nil
	o.drained.Broadcast()
	o.mu.Unlock()
}

// Post implements node.Transport.
func (t *Transport) Post(to wire.HostID, m *wire.Message) error {
	p, err := t.to(to)
	if err == nil {
		err = wire.CheckPost(m, t.o.Self)
	}
	if err == nil {
		err = p.service.send(m, false)
	}
	if err != nil {
		return fmt.Errorf("post %v to host %d: %w", m.Type, to, err)
	}
	return nil
}

// Reply implements node.Transport.
func (t *Transport) Reply(to wire.HostID, m *wire.Message, body ...[]byte) error {
	if err := t.reply(to, m, body); err != nil {
		return fmt.Errorf("reply %v to host %d: %w", m.Type, to, err)
	}
	return nil
}

func (t *Transport) reply(to wire.HostID, m *wire.Message, body [][]byte) error {
	p, err := t.to(to)
	if err != nil {
		return err
	}
	if err := wire.CheckReply(m, t.o.Self, body); err != nil {
		return err
	}
	o := p.box(m.Port)
	if o == nil {
		if t.closed.Load() {
			return net.ErrClosed
		}
		return fmt.Errorf("it has no mailbox %d", m.Port)
	}
	return o.send(m, false, body...)
}
