// Package epoll carries the messages of a job over TCP.
//
// Each host has one thread, the loop, which sleeps in epoll_wait and serves the requests of its peers; it never
// blocks. Everybody who waits for something (a page, a lock, a barrier) reads the connection that the answer comes on
// itself, with an ordinary blocking system call, as a wake-up through a second thread would double the time. Four
// kinds of connections follow from that:
//
//   - one service connection for each pair of hosts, read by the loops at both ends, for Post;
//   - one connection from each mailbox to each peer: requests are read by the peer's loop, answers, which any thread
//     of the peer may send, by the thread that holds the mailbox;
//   - one link for each pair of neighbours in the barrier tree, read by application threads at both ends;
//   - one connection for each pair of hosts that send each other data, made by the first to send, read by a thread that
//     waits for data, or by the loop when none does.
//
// A fifth kind carries no messages: by one watch connection for each pair of hosts they tell each other that they live.
//
// Writing never needs the loop either, unless a socket is full.
package epoll

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/event"
	"jiajia/core/node"
	"jiajia/core/pulse"
	"jiajia/core/wire"
)

// dialTimeout is how long hosts wait for each other: they start at different times.
const dialTimeout = 10 * time.Second

// Options say who this host is.
type Options struct {
	Self     wire.HostID
	Secret   []byte        // of the job; 16 bytes at least, the same on all hosts and known to nobody else
	Handler  node.Handler  // called by the loop
	Spin     time.Duration // how long a waiting thread polls before it sleeps; 0: not at all
	PageSize int           // bytes of a page, the same on all hosts

	// PeerTimeout is after what silence a peer is lost, the same on all hosts; 0: hosts do not beat, and only the end of a process or a
	// machine is noticed.
	PeerTimeout time.Duration

	// Log takes, at level warn, one line for each kind of refused connection, and at most mostRemarks of them; what else
	// happens to connections at debug. nil for none.
	Log *event.Log

	// Fail is called, by the loop, when the transport cannot go on at all; it ends the job and does not return. nil: panic.
	Fail func(err error)
}

// A Transport implements node.Transport over TCP.
//
// Lock order: conn.mu before Transport.mu before loop.mu.
type Transport struct {
	o      Options
	addr   string
	zone   uint32 // interface of a link-local address; else 0
	open   opener
	door   *door
	loop   *loop
	intake *intake
	clock  pulse.Clock // of the thread that beats

	peers   []*peer       // by host id, nil for this host and those that are no peers; fixed by Start
	missing atomic.Int32  // service and watch connections still to come
	whole   chan struct{} // closed when none is missing

	dialTimeout time.Duration
	strangers   atomic.Uint64
	closed      atomic.Bool
	stopped     chan struct{} // closed by Close
	stopfd      int           // eventfd, readable from Close on

	calls sync.WaitGroup // Start, OpenMailbox and OpenLink in progress; entered under mu

	mu      sync.Mutex // guards what follows, and peer.fds
	started bool
	boxes   []*Mailbox
	links   []*Link
	freed   chan struct{} // closed when Close is through
}

var _ node.Transport = (*Transport)(nil)

// A peer is another host.
type peer struct {
	id      wire.HostID
	addr    string
	service conn
	fds     []int        // all connections with it but the link; they stay open until Close, so that no number is used again too early
	links   []int        // the link, if there is one; the same holds
	joins   atomic.Int32 // service and watch connections that are there

	boxMu sync.RWMutex
	boxes map[uint32]*conn // our ends of its mailboxes' connections

	linked  bool                  // a link has been accepted; of the loop's thread alone
	watched bool                  // there is a watch connection; of the loop's thread alone
	watch   atomic.Pointer[watch] // the same, once it is in use
	parked  chan int              // the accepted link, until OpenLink takes it

	feeding bool // a data connection has been accepted; of the loop's thread alone
	outlet  outlet

	cause atomic.Pointer[error] // why the host is lost, once it is
	gone  chan struct{}         // closed when it is
}

func (p *peer) lost() bool { return p.cause.Load() != nil }

// addBox registers our end of a mailbox's connection, unless there is one.
func (p *peer) addBox(id uint32, c *conn) bool {
	p.boxMu.Lock()
	defer p.boxMu.Unlock()
	if p.boxes[id] != nil {
		return false
	}
	p.boxes[id] = c
	return true
}

func (p *peer) dropBox(id uint32, c *conn) {
	p.boxMu.Lock()
	defer p.boxMu.Unlock()
	if p.boxes[id] == c {
		delete(p.boxes, id)
	}
}

func (p *peer) box(id uint32) *conn {
	p.boxMu.RLock()
	defer p.boxMu.RUnlock()
	return p.boxes[id]
}

// Listen binds to one address, such as "127.0.0.1:0", "[fd00::7]:0" or "[fe80::1%eth0]:0", and to no other, or to all
// that a wildcard stands for: "0.0.0.0:0" or "[::]:0", the latter for IPv4 as well when network is "tcp". Peers cannot
// connect to a wildcard: tell them an address of this machine in its place. Connections are accepted from Start on. Network is "tcp", "tcp4" or "tcp6".
func Listen(network, bindAddr string, o Options) (*Transport, error) {
	if len(o.Secret) < 16 {
		return nil, fmt.Errorf("listen on %s: a secret of %d bytes is too short [16 at least]", bindAddr, len(o.Secret))
	}
	if o.Handler == nil || o.PageSize <= 0 || o.PageSize > wire.MaxPage || o.Self < 0 || o.Self >= wire.MaxHosts {
		return nil, fmt.Errorf("listen on %s: no handler, impossible page size %d or host id %d", bindAddr, o.PageSize, o.Self)
	}
	fd, local, err := listen(network, bindAddr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", bindAddr, err)
	}
	stopfd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("eventfd", err)
	}
	l, err := newLoop()
	if err != nil {
		unix.Close(fd)
		unix.Close(stopfd)
		return nil, err
	}
	t := &Transport{
		o: o, addr: format(local), zone: zoneOf(local), open: openSocket, loop: l, stopfd: stopfd, dialTimeout: dialTimeout,
		whole: make(chan struct{}), stopped: make(chan struct{}), freed: make(chan struct{}),
	}
	t.door = &door{t: t, fd: fd, timeout: guestTimeout, most: guestLimit(), remarks: remarks{log: o.Log}}
	if t.intake, err = newIntake(t); err != nil {
		unix.Close(fd)
		unix.Close(stopfd)
		l.free()
		return nil, err
	}
	return t, nil
}

// Addr is the address that the transport listens on.
func (t *Transport) Addr() string { return t.addr }

// Strangers counts the connections that were dropped because they did not prove to belong to the job.
func (t *Transport) Strangers() uint64 { return t.strangers.Load() }

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

// Start takes the addresses of all hosts, in order, starts serving, and returns when there is a service connection
// with each: so all hosts must call it, within ten seconds. A host whose address is "" is no peer: it is reached in another way,
// and must say the same of this one. After an error the transport can only be closed.
func (t *Transport) Start(addrs []string) error {
	if err := t.enter("start"); err != nil {
		return err
	}
	defer t.calls.Done()
	if int(t.o.Self) >= len(addrs) {
		return fmt.Errorf("start host %d: there are only %d addresses", t.o.Self, len(addrs))
	}
	if err := t.serve(addrs); err != nil {
		return fmt.Errorf("start host %d: %w", t.o.Self, err)
	}
	deadline := time.Now().Add(t.dialTimeout)
	for _, p := range t.peers[:t.o.Self] {
		if p == nil {
			continue
		}
		service, err := t.dial(p, forService, 0, deadline)
		if err != nil {
			return err
		}
		watch, err := t.dial(p, forWatch, 0, deadline)
		if err != nil {
			return err
		}
		t.loop.do(func() {
			if err := p.service.attach(service); err != nil {
				t.broken(p, err)
				return
			}
			t.joined(p)
			t.watch(p, watch)
		})
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-t.whole:
		return nil
	case <-t.stopped:
		return fmt.Errorf("start host %d: %w", t.o.Self, net.ErrClosed)
	case <-timer.C:
	}
	for _, p := range t.peers {
		if p != nil && p.joins.Load() < joinsEach {
			return fmt.Errorf("host %d (%s) did not connect to host %d (%s) within %v [did it start, and can it reach that address? "+
				"does a firewall drop packets?]", p.id, p.addr, t.o.Self, t.addr, t.dialTimeout)
		}
	}
	return nil
}

// serve makes the peers and starts the loop.
func (t *Transport) serve(addrs []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.started {
		return errors.New("started already")
	}
	t.peers = make([]*peer, len(addrs))
	count := 0
	for i := range t.peers {
		if wire.HostID(i) == t.o.Self || addrs[i] == "" {
			continue
		}
		count++
		p := &peer{
			id: wire.HostID(i), addr: addrs[i], boxes: make(map[uint32]*conn),
			parked: make(chan int, 1), gone: make(chan struct{}), outlet: outlet{fd: -1},
		}
		p.service = conn{t: t, peer: p, allowed: wire.Posts, space: &t.loop.space, fd: -1}
		t.peers[i] = p
	}
	t.door.most += joinsEach * len(addrs)
	t.missing.Store(int32(joinsEach * count))
	if count == 0 {
		close(t.whole)
	}
	if err := t.loop.watch(t.door.fd, t.door, unix.EPOLLIN); err != nil {
		return err
	}
	if err := t.loop.watch(t.intake.epfd, t.intake, unix.EPOLLIN); err != nil {
		return err
	}
	if err := t.loop.watch(t.intake.timer, (*graceEnd)(t.intake), unix.EPOLLIN); err != nil {
		return err
	}
	t.started = true
	go t.loop.run(t.door.timers, t.failed)
	t.beat()
	return nil
}

// failed ends the job because the loop cannot go on.
func (t *Transport) failed(err error) {
	err = fmt.Errorf("serve the other hosts: %w", explain(err))
	if t.o.Fail == nil {
		panic(err)
	}
	t.o.Fail(err)
}

// joinsEach is how many connections with each peer a started transport has: service and watch.
const joinsEach = 2

// joined counts a service or watch connection. Loop's thread.
func (t *Transport) joined(p *peer) {
	p.joins.Add(1)
	if t.missing.Add(-1) == 0 {
		close(t.whole)
	}
}

// own makes Close responsible for a descriptor. When it is too late for that, the descriptor is closed.
func (t *Transport) own(p *peer, fd int, what purpose) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed.Load():
		unix.Close(fd)
		return net.ErrClosed
	case p.lost():
		unix.Close(fd)
		return *p.cause.Load()
	}
	if what == forLink {
		p.links = append(p.links, fd)
	} else {
		p.fds = append(p.fds, fd)
	}
	return nil
}

// broken records that a connection with p failed and returns the error to report: net.ErrClosed when it is we who
// closed it, else the first cause. On the first one all other connections with p are shut down too, so that whoever
// waits for p learns of it, and the loop tells the handler.
//
// A link is left alone when it is p that closed the connection: what p sent on its links before it left, such as the last
// message of a job, may still be on its way. They end by themselves behind that, or by their keep-alive probes.
func (t *Transport) broken(p *peer, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return net.ErrClosed
	}
	if cause := p.cause.Load(); cause != nil {
		return *cause
	}
	left := closedByPeer(err)
	if _, silent := err.(pulse.Silence); !silent {
		err = fmt.Errorf("connection with host %d (%s): %w", p.id, p.addr, explain(err))
	}
	var lost error = &node.LostHost{Host: p.id, Cause: err}
	p.cause.Store(&lost)
	close(p.gone)
	shutdown(p.fds)
	if !left {
		shutdown(p.links)
	}
	t.loop.do(func() { t.o.Handler.Lost(p.id, err) })
	return lost
}

// shutdown wakes the threads that wait at any of the descriptors.
func shutdown(fds []int) {
	for _, fd := range fds {
		unix.Shutdown(fd, unix.SHUT_RDWR)
	}
}

// to returns the peer with the given id.
func (t *Transport) to(id wire.HostID) (*peer, error) {
	if id < 0 || int(id) >= len(t.peers) || t.peers[id] == nil {
		return nil, fmt.Errorf("host %d is not a peer of host %d", id, t.o.Self)
	}
	return t.peers[id], nil
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

// Close implements node.Transport. It may be called again, but not by the Handler: it waits for the loop's end.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed.Swap(true) {
		t.mu.Unlock()
		<-t.freed
		return nil
	}
	close(t.stopped)
	unix.Write(t.stopfd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	for _, p := range t.peers {
		if p != nil {
			shutdown(p.fds)
			shutdown(p.links)
		}
	}
	started := t.started
	t.mu.Unlock()

	t.Recall()
	t.clock.Stop()
	t.loop.close()
	if started {
		<-t.loop.done
	}
	t.calls.Wait()
	t.free()
	close(t.freed)
	return nil
}

// free closes all descriptors. The loop and all calls that open something have ended; threads that send or receive may
// still be on their way out, and are waited for.
func (t *Transport) free() {
	for _, b := range t.boxes {
		b.detach()
	}
	for _, l := range t.links {
		l.detach()
	}
	for _, p := range t.peers {
		if p == nil {
			continue
		}
		p.service.detach()
		p.outlet.detach()
		for _, c := range p.boxes {
			c.detach()
		}
		for _, fd := range append(p.fds, p.links...) {
			unix.Close(fd)
		}
	}
	t.door.close()
	t.intake.free()
	t.loop.free()
	unix.Close(t.stopfd)
}
