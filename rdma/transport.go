//go:build rdma

package rdma

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"jiajia/core/node"
	"jiajia/core/pulse"
	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

// A Transport implements node.Transport over RDMA, for the peers that Start was told to keep.
//
// Lock order: conn.mu before Transport.mu before loop.mu. A receiver's lock, where it has one, comes before all.
type Transport struct {
	o       Options
	card    string
	door    *door
	context verbs.Context
	pd      *verbs.PD
	lobby   *verbs.PD // of service connections, which strangers are given, too: none of the keys of pd works there
	reads   int       // RDMA READs and atomics at once, of a queue pair
	loop    *loop
	banks   []*bank // of the loop's thread
	intake  *intake
	exports exports
	beats   beats

	unshared bool // the device has no shared receive queues
	freeRuns int  // of changed bytes that are written one by one however few bytes they are

	peers   []*peer // by host id, nil for this host and, from Start on, for those that are reached in another way
	joins   map[verbs.Handle]*join
	serving atomic.Bool // Start has been called
	closed  atomic.Bool
	stopped chan struct{}  // closed by Close
	calls   sync.WaitGroup // calls in progress that make something; entered under mu

	mu      sync.Mutex // guards what follows
	desks   []*desk
	boxes   []*Mailbox
	links   []*Link
	conns   []*conn                    // but for service connections
	asked   map[uint32]chan invitation // what open waits for, by token
	token   uint32
	freed   chan struct{} // closed when Close is through
	freeing error         // what Close returns
}

var _ node.FrameKeeper = (*Transport)(nil)

// A peer is another host.
type peer struct {
	id      wire.HostID
	join    *join // the service connection; set in the loop's thread before joined is closed
	service *conn
	joined  chan struct{}

	boxMu sync.RWMutex
	boxes map[uint32]*conn // our ends of its mailboxes' connections

	linked  bool       // a link has been asked for; of the loop's thread alone
	parked  chan *Link // the link that was asked for, until OpenLink takes it
	feeding bool       // the same for data
	outlet  outlet
	far     *far   // its memory, set by Try; nil: it offers none
	beats   place  // its counter, set by Try
	beat    uint64 // what that was; of the loop's thread alone
	heard   bool   // it has changed since the last tick; the same

	cause atomic.Pointer[error] // why the host is lost, once it is
	gone  chan struct{}         // closed when it is
}

func (p *peer) lost() bool { return p.cause.Load() != nil }

func (p *peer) box(id uint32) *conn {
	p.boxMu.RLock()
	defer p.boxMu.RUnlock()
	return p.boxes[id]
}

// New makes a transport that has touched nothing yet; Card opens it. It must be closed.
func New(o Options) *Transport {
	t := &Transport{
		o: o, joins: make(map[verbs.Handle]*join), asked: make(map[uint32]chan invitation),
		stopped: make(chan struct{}), freed: make(chan struct{}),
	}
	t.exports.t, t.freeRuns = t, freeRuns
	for i := range o.Hosts {
		var p *peer
		if wire.HostID(i) != o.Self {
			p = &peer{id: wire.HostID(i), joined: make(chan struct{}), boxes: make(map[uint32]*conn), parked: make(chan *Link, 1), gone: make(chan struct{})}
		}
		t.peers = append(t.peers, p)
	}
	return t
}

// enter marks a call in progress, for which Close waits; t.calls.Done ends it.
func (t *Transport) enter(op string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return fmt.Errorf("%s: %w", op, net.ErrClosed)
	}
	t.calls.Add(1)
	return nil
}

// Start has the transport serve the hosts for which keep says true, all of which Try must have found working. The
// connections with others are ended, and no more are accepted.
func (t *Transport) Start(keep []bool) error {
	if err := t.enter("start"); err != nil {
		return err
	}
	defer t.calls.Done()
	if t.serving.Load() || t.card == "" || len(keep) != len(t.peers) {
		return fmt.Errorf("start host %d: not opened, started already, or another number of hosts", t.o.Self)
	}
	err := fmt.Errorf("start host %d: %w", t.o.Self, net.ErrClosed)
	t.loop.call(func() {
		err = nil
		t.door.close()
		for i, p := range t.peers {
			switch {
			case p == nil:
			case !keep[i]:
				if p.join != nil {
					p.join.drop()
				}
				t.peers[i] = nil
			case p.join == nil:
				err = fmt.Errorf("start host %d: there is no RDMA connection with host %d", t.o.Self, i)
			case p.lost():
				err = fmt.Errorf("start host %d: %w", t.o.Self, *p.cause.Load())
			}
		}
		t.serving.Store(err == nil)
	})
	if err == nil {
		t.beats.start()
	}
	return err
}

// failed ends the job because the loop cannot go on.
func (t *Transport) failed(err error) {
	err = fmt.Errorf("serve the other hosts: %w", err)
	if t.o.Fail == nil {
		panic(err)
	}
	t.o.Fail(err)
}

// broken records that a connection with p failed and returns the error to report: net.ErrClosed when it is we who
// closed it, else the first cause. On the first one all others with p are useless too, whoever waits for p is woken, and the loop
// tells the handler. A link still delivers what p sent on it before.
func (t *Transport) broken(p *peer, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return net.ErrClosed
	}
	if cause := p.cause.Load(); cause != nil {
		return *cause
	}
	if _, silent := err.(pulse.Silence); !silent {
		err = fmt.Errorf("RDMA connection with host %d: %w", p.id, explain(err))
	}
	var lost error = &node.LostHost{Host: p.id, Cause: err}
	p.cause.Store(&lost)
	close(p.gone)
	for _, d := range t.desks {
		d.ring()
	}
	t.loop.do(func() {
		if p.join != nil && !p.join.gone {
			p.join.id.Disconnect() // the peer is to know, too
		}
		if t.serving.Load() && t.peers[p.id] == p { // not one that Start has dropped, and that was faster with the same
			t.o.Handler.Lost(p.id, err)
		}
	})
	return lost
}

// to returns the peer with the given id.
func (t *Transport) to(id wire.HostID) (*peer, error) {
	if id < 0 || int(id) >= len(t.peers) || t.peers[id] == nil {
		return nil, fmt.Errorf("host %d is not a peer of host %d over RDMA", id, t.o.Self)
	}
	if !t.serving.Load() {
		return nil, errors.New("the transport has not been started")
	}
	return t.peers[id], nil
}

// usable returns the peer, or why nothing can be sent to it.
func (t *Transport) usable(id wire.HostID) (*peer, error) {
	p, err := t.to(id)
	switch {
	case err != nil:
		return nil, err
	case t.closed.Load():
		return nil, net.ErrClosed
	case p.lost():
		return nil, *p.cause.Load()
	}
	return p, nil
}

// Post implements node.Transport.
func (t *Transport) Post(to wire.HostID, m *wire.Message) error {
	p, err := t.to(to)
	if err == nil {
		err = wire.CheckPost(m, t.o.Self)
	}
	if err == nil {
		err = p.service.send(m)
	}
	if err != nil {
		return fmt.Errorf("post %v to host %d: %w", m.Type, to, err)
	}
	return nil
}

// Reply implements node.Transport.
func (t *Transport) Reply(to wire.HostID, m *wire.Message, body ...[]byte) error {
	p, err := t.to(to)
	if err == nil {
		err = wire.CheckReply(m, t.o.Self, body)
	}
	if err != nil {
		return fmt.Errorf("reply %v to host %d: %w", m.Type, to, err)
	}
	c := p.box(m.Port)
	if c == nil {
		return fmt.Errorf("reply %v to host %d: it has no mailbox %d", m.Type, to, m.Port)
	}
	if err := c.send(m, body...); err != nil {
		return fmt.Errorf("reply %v to host %d: %w", m.Type, to, err)
	}
	return nil
}
