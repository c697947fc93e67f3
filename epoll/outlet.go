package epoll

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"jiajia/core/wire"
)

// inlineBytes is how long a payload is copied behind its header: for a short one that costs less than the vector that the kernel
// would have to read.
const inlineBytes = 1024

// An outlet is the connection on which this host sends data to a peer. It is made when one of the two first sends, and is
// then both's; when both do so at once there are two, each used in one direction.
type outlet struct {
	mu   sync.Mutex // held while a message is sent, which keeps their order
	fd   int        // -1 before that, and after detach
	dead bool
	enc  []byte
	out  vector
}

// SendData implements node.Transport. The pieces of body are sent from where they are.
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
	switch {
	case o.dead || t.closed.Load():
		return net.ErrClosed
	case p.lost():
		return *p.cause.Load()
	}
	if o.fd < 0 {
		if err := t.enter("connect"); err != nil {
			return err
		}
		t.o.Handler.Stalled(p.id)
		fd, err := t.dial(p, forData, 0, time.Now().Add(t.dialTimeout))
		t.calls.Done()
		if err == nil {
			err = t.intake.add(p, fd)
		}
		if err != nil {
			return err
		}
		o.fd = fd
	}
	o.enc = wire.Append(o.enc[:0], m)
	if m.Length <= inlineBytes {
		for _, b := range body {
			o.enc = append(o.enc, b...)
		}
		body = nil
	}
	o.out.set(o.enc)
	for _, b := range body {
		o.out.add(b)
	}
	defer o.out.clear()
	if e := o.out.sendAll(o.fd, func() { t.o.Handler.Stalled(p.id) }); e != 0 {
		return t.broken(p, os.NewSyscallError("sendmsg", e))
	}
	return nil
}

// adopt takes a connection that the peer has made, unless this host has one already or is making it. Loop's thread.
func (o *outlet) adopt(fd int) {
	if o.mu.TryLock() {
		if o.fd < 0 && !o.dead {
			o.fd = fd
		}
		o.mu.Unlock()
	}
}

// detach waits until nobody sends and makes further attempts fail.
func (o *outlet) detach() {
	o.mu.Lock()
	o.dead, o.fd = true, -1
	o.mu.Unlock()
}
