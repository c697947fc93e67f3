// Package shm carries the messages of a job between hosts of one machine, through memory that they share.
//
// Two hosts meet at a Unix socket. When each has proved to the other that it belongs to the job and to the same user, they pass
// each other descriptors: of the memory that holds the rings of the pair, of each host's bells and mark table, and of its region.
// The socket then carries nothing but the memory of new mailboxes, and its end, which is that of the peer.
//
// Messages travel in rings, encoded as for a network. Each host has one serving thread, which takes the requests of all peers;
// answers lie in memory of the mailbox that waits for them, and links and data have rings of their own. Whoever waits sleeps at a
// futex in shared memory, or polls it for a while first.
//
// Pages are read from the peer's region, and diffs stored in it, without the peer: see far and marks.
//
// A peer is of the same user and knows the secret, so it is not taken for malicious; but what it writes into shared memory is
// checked after it has been copied, so that one that has gone wild cannot make this host read or write where it must not.
package shm

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/event"
	"jiajia/core/node"
	"jiajia/core/pulse"
	"jiajia/core/wire"
)

// patience is how long hosts wait for each other.
const patience = 10 * time.Second

// Options say who this host is.
type Options struct {
	Self     wire.HostID
	Hosts    int           // of the job
	Secret   []byte        // of the job; 16 bytes at least, the same on all hosts and known to nobody else
	Handler  node.Handler  // called by the serving thread
	Spin     time.Duration // how long a waiting thread polls before it sleeps; 0: not at all
	PageSize int           // bytes of a page, the same on all hosts, a multiple of the kernel's
	Memory   Memory        // what peers may read and write; the zero value for nothing

	// PeerTimeout is after what silence a peer is lost, the same on all hosts; 0: hosts do not beat, and only the end of a process is
	// noticed.
	PeerTimeout time.Duration

	// Log takes, at level warn, a few lines about refused connections; what else happens at debug. nil for none.
	Log *event.Log
}

// Memory is the region of a host: page p lies p times the page size into the file. The transport keeps neither the descriptor nor
// a mapping of its own, but passes it on to peers in Try.
type Memory struct {
	Fd   int    // of a memfd
	Size uint64 // bytes; 0: none is offered
}

// A Transport implements node.Transport, and the methods of a candidate in package core/route: Card, Try and Start.
//
// Lock order: a call's own lock (Mailbox, Link, outlet, outgoing, intake.turn) before maps; Transport.mu before outlet.mu and
// server.mu.
type Transport struct {
	o        Options
	card     string
	noCard   string // why not
	door     *net.UnixListener
	patience time.Duration // how long Try and OpenLink wait

	memory *segment // the bells, and the mark table behind them
	fd     int      // of memory
	dataFd int      // eventfd of the bell for data
	bells  *control
	marks  marks
	upTo   atomic.Uint64 // one past the highest page that was published
	server *server
	intake intake
	clock  pulse.Clock // of the thread that beats
	// shareLocks: see ShareLocks. Fixed before Start.
	shareLocks bool
	spares     spares
	closed     atomic.Bool
	started    atomic.Bool

	peers  []*peer // by host id; nil for those that are none. Fixed by Start
	active []*peer // these in a row
	met    []*peer // by host id: those found by Try, before Start

	calls sync.WaitGroup // what Close waits for: Try, Start, OpenMailbox and OpenLink, entered under mu, and what they have started

	mu      sync.Mutex // guards what follows
	boxes   []*Mailbox
	stopped chan struct{} // closed by Close
	through chan struct{} // closed when Close is through

	// maps is held for reading by those who use memory without a lock that Close waits for, and for writing while that is freed.
	maps  sync.RWMutex
	freed bool
}

var (
	_ node.Transport  = (*Transport)(nil)
	_ node.LockSharer = (*Transport)(nil)
)

// control is what a host's own memory begins with.
type control struct {
	server   bell
	data     bell
	attended atomic.Uint32 // 1: a thread reads data, and the serving thread does not
	beats    atomic.Uint32 // changes with each beat of this host
}

// Where the cells of locks and the mark table are, behind control.
const (
	locksStart = 4096
	marksStart = locksStart + lockCells*cellBytes
)

// Listen makes a transport. When there cannot be one on this machine, it has no card; errors are those of the caller.
func Listen(o Options) (*Transport, error) {
	switch {
	case len(o.Secret) < 16:
		return nil, fmt.Errorf("shared memory: a secret of %d bytes is too short [16 at least]", len(o.Secret))
	case o.Handler == nil || o.PageSize <= 0 || o.PageSize > wire.MaxPage || o.PageSize%os.Getpagesize() != 0:
		return nil, fmt.Errorf("shared memory: no handler, or impossible page size %d", o.PageSize)
	case o.Self < 0 || int(o.Self) >= o.Hosts || o.Hosts > wire.MaxHosts:
		return nil, fmt.Errorf("shared memory: impossible host id %d of %d", o.Self, o.Hosts)
	}
	t := &Transport{
		o: o, patience: patience, fd: -1, dataFd: -1, stopped: make(chan struct{}), through: make(chan struct{}),
		peers: make([]*peer, o.Hosts), met: make([]*peer, o.Hosts),
	}
	t.intake.t = t
	t.server = &server{t: t, done: make(chan struct{})}
	if err := t.open(); err != nil {
		t.noCard = err.Error()
	}
	return t, nil
}

// open acquires what a host needs to meet others.
func (t *Transport) open() (err error) {
	pages := t.o.Memory.Size / uint64(t.o.PageSize)
	if t.memory, t.fd, err = makeSegment("jia-bells", marksStart+marksBytes(pages)); err != nil {
		return err
	}
	t.bells = at[control](t.memory, 0)
	t.marks = marksAt(t.memory, marksStart, pages)
	if t.dataFd, err = newEventfd(); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	t.card, t.door, err = openDoor()
	return err
}

// dataAlarm is this host's own, for who reads data.
func (t *Transport) dataAlarm() alarm { return alarm{&t.bells.data, t.dataFd} }

func (t *Transport) serverAlarm() alarm { return alarm{&t.bells.server, -1} }

func (t *Transport) ringServer() { t.use(func() { t.serverAlarm().ring() }) }

// use calls f with the memory in place, unless it is gone.
func (t *Transport) use(f func()) bool {
	t.maps.RLock()
	defer t.maps.RUnlock()
	if t.freed || t.bells == nil {
		return false
	}
	f()
	return true
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

// Start serves the peers to keep, by host id, which Try must have found, and drops the others. After an error the transport can
// only be closed.
func (t *Transport) Start(keep []bool) error {
	if err := t.enter("start"); err != nil {
		return err
	}
	defer t.calls.Done()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return fmt.Errorf("start shared memory: %w", net.ErrClosed)
	}
	if t.started.Load() || len(keep) != t.o.Hosts {
		return fmt.Errorf("start shared memory: started already, or %d hosts instead of %d", len(keep), t.o.Hosts)
	}
	for id, p := range t.met {
		switch {
		case keep[id] && p != nil:
			t.peers[id] = p
			t.active = append(t.active, p)
		case keep[id] && wire.HostID(id) != t.o.Self:
			return fmt.Errorf("start shared memory: host %d cannot be reached so", id)
		case p != nil:
			p.free()
		}
		t.met[id] = nil
	}
	if t.bells == nil {
		return nil // nobody to serve
	}
	t.started.Store(true)
	t.calls.Add(1)
	go t.watch()
	go t.server.run()
	t.beat()
	return nil
}

// to returns the peer with the given id.
func (t *Transport) to(id wire.HostID) (*peer, error) {
	if id < 0 || int(id) >= len(t.peers) || t.peers[id] == nil {
		return nil, fmt.Errorf("host %d is not a peer of host %d", id, t.o.Self)
	}
	return t.peers[id], nil
}

var errHungUp = errors.New("the other end closed the connection [did that host end early, or has its program closed descriptors of the library?]")

// broken records that the connection with p failed and returns the error to report: net.ErrClosed when it is we who closed it,
// else the first cause. On the first one whoever waits for p is woken, p is told, and the handler.
func (t *Transport) broken(p *peer, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return net.ErrClosed
	}
	if cause := p.cause.Load(); cause != nil {
		return *cause
	}
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		err = errHungUp
	}
	if _, silent := err.(pulse.Silence); !silent {
		err = fmt.Errorf("connection with host %d (shared memory): %w", p.id, err)
	}
	var lost error = &node.LostHost{Host: p.id, Cause: err}
	p.cause.Store(&lost)
	p.hangUp()
	t.wakeAll()
	t.server.do(func() { t.o.Handler.Lost(p.id, err) })
	return lost
}

// wakeAll has all who wait look whether what they wait for can still come. The caller holds mu.
func (t *Transport) wakeAll() {
	t.use(func() {
		t.serverAlarm().ring()
		t.dataAlarm().ring()
		for _, b := range t.boxes {
			b.bell.ring()
		}
		for _, p := range t.active {
			p.link.bell.ring()
			p.outgoing.room.ring()
		}
	})
	for _, p := range t.active {
		p.service.rouse()
	}
}

// Reaches implements node.Transport.
func (t *Transport) Reaches(host wire.HostID) bool {
	p, err := t.to(host)
	return err == nil && p.far != nil
}

// Publish implements node.Transport.
func (t *Transport) Publish(home []node.Span) error {
	for _, s := range home {
		for end := uint64(s.Page) + s.Count; ; {
			old := t.upTo.Load()
			if old >= end || t.upTo.CompareAndSwap(old, end) {
				break
			}
		}
	}
	return nil
}

// Marked implements node.Transport.
func (t *Transport) Marked(dst []wire.PageID) []wire.PageID {
	t.use(func() { dst = t.marks.take(dst, t.upTo.Load()) })
	return dst
}

// Close implements node.Transport. It may be called again, but not by the Handler: it waits for the end of the serving thread.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed.Swap(true) {
		t.mu.Unlock()
		<-t.through
		return nil
	}
	close(t.stopped)
	if t.door != nil {
		t.door.Close()
	}
	for _, p := range t.active {
		p.hangUp()
	}
	t.wakeAll()
	t.mu.Unlock()
	t.clock.Stop()

	if t.started.Load() {
		<-t.server.done
	}
	t.calls.Wait()
	t.free()
	close(t.through)
	return nil
}

// free gives back all memory and descriptors. The serving thread and all calls that open something have ended; threads that send
// or receive may still be on their way out, and are waited for.
func (t *Transport) free() {
	for _, b := range t.boxes {
		b.detach()
	}
	for _, p := range t.active {
		p.detach()
	}
	t.intake.turn.Lock()
	defer t.intake.turn.Unlock()
	t.maps.Lock()
	defer t.maps.Unlock()
	t.freed = true
	for _, b := range t.boxes {
		b.free()
	}
	for _, p := range slices.Concat(t.active, t.met) {
		if p != nil {
			p.free()
		}
	}
	t.memory.free()
	for _, fd := range []int{t.fd, t.dataFd} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
