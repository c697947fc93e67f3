// Package node runs one host: it owns the shared region, steps the protocol machine (package core) under one mutex, and
// carries out what the machine asks for, in whichever thread brought the event: the thread that faulted, locked or
// reached a barrier does its own round trips on its own mailbox, and the transport's serving thread answers other hosts.
package node

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"jiajia/core"
	"jiajia/core/balance"
	"jiajia/core/event"
	"jiajia/core/region"
	"jiajia/core/wire"
)

// Config describes a host.
type Config struct {
	Self  wire.HostID
	Hosts int

	// RegionBytes is the reservation; PageSize the coherence page in bytes. The same on all hosts.
	RegionBytes uint64
	PageSize    int
	Fault       region.Mode

	// ReadAhead is how many pages a fault fetches at most where accesses follow each other in order, the needed one included; below
	// 2: only that. Hosts may differ.
	ReadAhead int

	// CachePages is how many pages of other hosts this one may hold, at least MinCachePages, or 0 for any number. Hosts may differ.
	CachePages uint64

	// Checkpoints is nil for none.
	Checkpoints *Checkpoints

	Log *event.Log // nil for none

	// Fail ends the job with one line for the user, and does not return.
	Fail func(line string)

	// Lost is Fail for the loss of another host. nil: Fail does.
	Lost func(host wire.HostID, line string)
}

// Node is one host of a job. Its methods may be called by any number of threads at once, except where they say
// otherwise. Misuse of the interface, a lost peer and a system that refuses end the job through Config.Fail.
type Node struct {
	cfg    Config
	region *region.Region
	trans  Transport
	links  []Link // by host id, of the barrier tree; used by the one thread that is in a barrier
	// reached tells of each host whether its pages are read and written without its processor; direct whether any is. Both
	// are fixed by Connect.
	reached []bool
	direct  bool

	// mu guards the machine, the memory effects that belong to its steps, and the counts. It is never held across a wait.
	mu      mutex
	machine *core.Machine
	twins   twins
	tally   tally
	named   named
	spans   []core.Span // of the last allocation

	// idle are threads not in use. threads has every thread by its mailbox's port; readers take no lock.
	idleMu  mutex
	idle    []*thread
	threads atomic.Pointer[[]*thread]
	boxes   atomic.Uint32 // the newest mailbox

	in    inbox
	load  load
	pools pools
	ckpt  checkpoints

	short      chan struct{}  // the machine has asked for room
	background sync.WaitGroup // of the library's own threads
	over       chan struct{}  // closed to end them, before the region goes

	registered []registered // private memory that checkpoints have; guarded by mu
	restored   restored     // what this run began from

	pinned atomic.Bool // the machine has pins; set under mu
	hints  hints

	leaving atomic.Bool // this host is in jia_exit's barrier or beyond: peers may go
	left    atomic.Bool // it is beyond
	failing atomic.Bool // somebody reports a failure already
}

// Open reserves the region and prepares a host. With one host it is complete; else Attach and Connect must
// follow.
func Open(cfg Config) (*Node, error) {
	n := &Node{cfg: cfg, short: make(chan struct{}, 1), over: make(chan struct{})}
	n.threads.Store(new([]*thread))
	n.twins.pageSize = cfg.PageSize
	n.hints.idle.L = &n.hints.mu
	n.reached = make([]bool, cfg.Hosts)
	n.in.sending = make([]outbox, cfg.Hosts)
	n.load.weights = balance.Equal(cfg.Hosts)
	mode := cfg.Fault
	if cfg.Hosts == 1 && cfg.Checkpoints == nil {
		mode = region.Plain
	}
	var err error
	n.region, err = region.Open(region.Config{Size: cfg.RegionBytes, PageSize: cfg.PageSize, Mode: mode, OnFault: n.fault})
	if err != nil {
		return nil, err
	}
	n.machine = core.New(core.Config{Self: cfg.Self, Hosts: cfg.Hosts, Pages: n.region.Pages(), PageSize: cfg.PageSize,
		Base: uint64(n.region.Base()), ReadAhead: cfg.ReadAhead, CachePages: cfg.CachePages,
		Cuts: cfg.Checkpoints != nil})
	n.machine.SetOneSided(cfg.Hosts > 1)
	n.ckpt.state = func() any { return n.machine.Saved() }
	n.ckpt.additions = append(n.ckpt.additions, n.addSections)
	if n.ckpt.open(cfg.Checkpoints, cfg.Hosts); cfg.Checkpoints != nil && cfg.Hosts == 1 {
		n.readyForNext()
	}
	return n, nil
}

// Handler returns a server side of this host. Each transport gets one of its own: they serve in different threads.
func (n *Node) Handler() Handler { return &server{n: n} }

// Region returns the shared memory, for the log and for transports that reach it.
func (n *Node) Region() *region.Region { return n.region }

// Attach gives the host its transport, before that starts to serve.
func (n *Node) Attach(t Transport) { n.trans = t }

// Connect joins the other hosts through the transport, which has been started. It comes before the program's first call.
func (n *Node) Connect() error {
	n.mu.Lock()
	n.reach()
	n.mu.Unlock()
	n.links = make([]Link, n.cfg.Hosts)
	for _, h := range n.machine.Links() {
		l, err := n.trans.OpenLink(h)
		if err != nil {
			return fmt.Errorf("join host %d: %w", h, err)
		}
		n.links[h] = l
	}
	th, err := n.newThread()
	if err != nil {
		return err
	}
	n.putThread(th)
	n.background.Go(n.reclaimAhead)
	if n.ckpt.cfg != nil {
		n.readyForNext()
	}
	return nil
}

// reach learns which hosts' memory this host reaches, and they this one's.
func (n *Node) reach() {
	for h := range wire.HostID(n.cfg.Hosts) {
		if h != n.cfg.Self && n.trans.Reaches(h) {
			n.reached[h], n.direct = true, true
			n.machine.SetReached(h)
		}
	}
	n.machine.SetOneSided(n.direct)
	if t, ok := n.trans.(LockSharer); ok {
		n.machine.SetWords(t.LockWords())
	}
	if n.direct {
		n.machine.SetMarked(n.trans.Marked)
	}
}

// lost reports a peer that is gone, unless it may go. It does not wait for the end of the job, since the server calls it.
func (n *Node) lost(host wire.HostID, err error) {
	if !n.leaving.Load() {
		n.reportLoss(host, err)
	}
}

// reportLoss does so whether or not peers may go.
func (n *Node) reportLoss(host wire.HostID, err error) {
	host, err = blame(host, err)
	if !n.failing.CompareAndSwap(false, true) {
		return
	}
	line := fmt.Sprintf("host %d: lost host %d: %v", n.cfg.Self, host, err)
	if n.cfg.Lost == nil {
		go n.cfg.Fail(line)
		return
	}
	go n.cfg.Lost(host, line)
}

// blame returns the host whose loss an error of the transport tells, and why it is lost: a call that waits for one host, or
// for any, may end because another one is gone.
func blame(host wire.HostID, err error) (wire.HostID, error) {
	if gone := (*LostHost)(nil); errors.As(err, &gone) {
		return gone.Host, gone.Cause
	}
	return host, err
}

// fail ends the job for an error that a call met. It does not return. What a call met may be the loss of a host.
func (n *Node) fail(err error) {
	if gone := (*LostHost)(nil); errors.As(err, &gone) {
		n.peerFailed(gone.Host, gone.Cause)
	}
	n.cfg.Fail(fmt.Sprintf("host %d: %v", n.cfg.Self, err))
	os.Exit(1)
}

// peerFailed handles an error of the transport in a thread's call: the peer or the job is going down, and this thread
// has nothing left to do. It does not return.
func (n *Node) peerFailed(host wire.HostID, err error) {
	if n.left.Load() {
		host, err = blame(host, err)
		n.fail(fmt.Errorf("lost host %d during jia_exit, or shared memory was used after it: %w", host, err))
	}
	n.reportLoss(host, err) // in jia_exit, too: this thread has waited for that host
	select {}
}
