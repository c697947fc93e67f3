//go:build rdma

package rdma

import (
	"fmt"
	"net"
	"sync"

	"jiajia/core/wire"
)

// An outlet is the connection on which this host sends data to a peer, made when it first does. Nothing but credits comes back on it, so
// that who sends can read it.
type outlet struct {
	mu   sync.Mutex // held while a message is sent, which keeps their order
	d    *desk
	c    *conn
	dead bool
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
	o := &p.outlet
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead {
		return net.ErrClosed
	}
	if _, err := t.usable(p.id); err != nil {
		return err
	}
	if o.c == nil {
		if err := t.connectOutlet(p); err != nil {
			return err
		}
	}
	stalled := false
	err := o.c.sendAll(m, body, func(c *conn) error {
		if !stalled {
			stalled = true
			t.o.Handler.Stalled(p.id)
		}
		return o.d.room(c)
	})
	if err != nil {
		return t.broken(p, err)
	}
	return nil
}

func (t *Transport) connectOutlet(p *peer) error {
	if err := t.enter("connect"); err != nil {
		return err
	}
	defer t.calls.Done()
	t.o.Handler.Stalled(p.id)
	d, err := t.newDesk(1)
	if err != nil {
		return err
	}
	c, err := d.in.connect(p, nil)
	if err == nil {
		err = t.open(c, forData, 0)
	}
	if err != nil {
		return err // the desk is freed by Close
	}
	p.outlet.d, p.outlet.c = d, c
	return nil
}

// detach waits until nobody sends and makes further attempts fail.
func (o *outlet) detach() {
	o.mu.Lock()
	o.dead = true
	o.mu.Unlock()
}
