package shm

import (
	"fmt"
	"sync"

	"jiajia/core/wire"
)

// An outgoing is the ring on which this host sends data to a peer.
type outgoing struct {
	mu sync.Mutex // held while a message is sent, which keeps their order
	sink
	room   alarm    // our own, rung by the reader who has made room
	server alarm    // the peer's serving thread, for when nobody attends there
	there  *control // the peer's
	dead   bool
	enc    []byte
}

// SendData implements node.Transport.
func (t *Transport) SendData(to wire.HostID, m *wire.Message, body ...[]byte) error {
	p, err := t.to(to)
	if err == nil {
		err = wire.CheckData(m, t.o.Self, body)
	}
	if err == nil {
		err = t.sendData(p, m, body)
	}
	if err != nil {
		return fmt.Errorf("send %v to host %d: %w", m.Type, to, err)
	}
	return nil
}

func (t *Transport) sendData(p *peer, m *wire.Message, body [][]byte) error {
	o := &p.outgoing
	o.mu.Lock()
	defer o.mu.Unlock()
	o.enc = wire.Append(o.enc[:0], m)
	stalled := false
	if err := o.write(t, p, o.enc, &stalled); err != nil {
		return err
	}
	for _, b := range body {
		if err := o.write(t, p, b, &stalled); err != nil {
			return err
		}
	}
	if o.ended(t, p) {
		return t.broken(p, nil)
	}
	o.publish()
	return nil
}

func (o *outgoing) ended(t *Transport, p *peer) bool { return o.dead || t.closed.Load() || p.lost() }

// publish tells whoever reads there.
func (o *outgoing) publish() {
	o.tell()
	if o.there.attended.Load() == 0 {
		o.server.ring()
	}
}

// write writes b, and waits for room as often as it must.
func (o *outgoing) write(t *Transport, p *peer, b []byte, stalled *bool) error {
	for {
		if o.ended(t, p) {
			return t.broken(p, nil)
		}
		n, err := o.push(b)
		if err != nil {
			return t.broken(p, err)
		}
		if b = b[n:]; len(b) == 0 {
			return nil
		}
		o.publish()
		if o.h.want.Store(1); o.sink.room() {
			continue
		}
		if !*stalled {
			*stalled = true
			t.o.Handler.Stalled(p.id)
		}
		o.room.await(t.o.Spin, func() bool { return o.ended(t, p) || o.sink.room() })
	}
}

// detach waits until nobody sends and makes further attempts fail.
func (o *outgoing) detach() {
	o.mu.Lock()
	o.dead = true
	o.mu.Unlock()
}
