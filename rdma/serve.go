//go:build rdma

package rdma

import (
	"jiajia/core/wire"
)

// bankSize is how many connections share a receive queue of the loop.
const bankSize = 8

// A bank is a receiver that the loop reads.
type bank struct{ *receiver }

// bankConn makes a connection that the loop reads.
func (t *Transport) bankConn(p *peer) (*conn, error) {
	if n := len(t.banks); n == 0 || len(t.banks[n-1].all) == bankSize {
		b := new(bank)
		var err error
		if b.receiver, err = t.newReceiver(t.loop.ch, b, bankSize, true); err != nil {
			return nil, err
		}
		t.banks = append(t.banks, b)
	}
	return t.banks[len(t.banks)-1].connect(p, nil)
}

// completed implements source.
func (b *bank) completed() {
	for range 2 { // what comes after the second look is told of
		for b.poll(b.t.serve) > 0 {
		}
		if err := b.cq.Notify(); err != nil {
			b.t.failed(err)
		}
	}
}

// serve acts on a segment of a peer. Loop's thread, or the intake's reader.
func (t *Transport) serve(c *conn, s seg) {
	if c.peer.lost() {
		return
	}
	if c.join != nil && c.asm.need == 0 && isInvitation(s.b) {
		if err := t.invited(c.peer, s.b); err != nil {
			t.broken(c.peer, err)
		}
		c.used(s)
		return
	}
	payload, complete, err := c.asm.take(s.b)
	switch m := &c.asm.m; {
	case err != nil:
		t.broken(c.peer, err)
		return
	case !complete:
	case m.Type == wire.Data || m.Type == wire.Collect:
		t.o.Handler.Data(m, payload)
	case m.Type == wire.Diff:
		t.o.Handler.Serve(m, payload)
	default:
		t.o.Handler.Serve(m, nil)
	}
	c.used(s)
}

// tick looks at all connections: what was sent over a broken one is told of even if nobody waits for it, and each service
// connection is probed, since a machine that vanishes says nothing. Loop's thread.
func (t *Transport) tick() {
	hush(t.loop.timer)
	for _, j := range t.joins {
		j.tick()
	}
	t.beats.tick()
	for _, c := range t.connections() {
		c.completed()
	}
}

// connections returns all that open has joined or answered.
func (t *Transport) connections() []*conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conns[:len(t.conns):len(t.conns)]
}
