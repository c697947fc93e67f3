package core

import (
	"fmt"
	"slices"

	"jiajia/core/wire"
	"jiajia/lru"
)

// Machine is the protocol state of one host. It is not safe for concurrent use: the driver serialises all calls with
// one mutex, and carries out the memory effects of each call before it releases that mutex.
//
// A thread's call returns a Status. While that is not Done the driver does what the status says and calls Resume.
type Machine struct {
	cfg Config

	pages pageTable
	// dirty lists every page in state Dirty or HomeDirty, each once (flagListed), among stale entries.
	dirty []PageID
	log   writeLog
	// diffs are the unacknowledged diff messages in the order of their numbers.
	diffs    []*outDiff
	nextDiff uint64 // number of the next diff message, from 1
	free     []*outDiff
	building []*outDiff // of the flush step under way, one for each home
	perDiff  int        // pages that one diff message holds

	locks map[LockID]*lock
	// rwlocks are another set of locks. writing are those that a thread of this host holds as a writer.
	rwlocks map[LockID]*rwlock
	writing []*rwlock
	open    []*lock          // locks with an open scope
	held    map[Owner]uint32 // how many locks each owner holds; no zero entries

	// epoch counts barriers left, collections counts barriers whose notices were collected (P9, P10).
	// Invariant: epoch <= collections <= epoch+1.
	epoch       uint64
	collections uint64
	bar         barrier

	cvs map[CVID]*cv

	// homed counts the pages homed here that were written or given to a thread; cached the copies of others' pages.
	homed, cached uint64

	// reached tells of each host whether its pages are read and written without its processor; oneSided whether any is,
	// which may then do the same here.
	reached  []bool
	oneSided bool
	marked   func(dst []PageID) []PageID // nil when nobody marks pages here
	marks    []PageID

	// words are those of all locks below worded; nil when there are none.
	words   LockWords
	wordsOf LockID
	room    int
	offers  Offer // scratch

	ahead  ahead
	window int // pages that one call fetches at most
	cache  pageCache

	// extents are the allocations, by their pages. What lies between them and below allocated is in vacant, the ranges that
	// allocations are taken from first, or was freed and will be there after the barrier under way. vacant is sorted; no two
	// ranges of it touch.
	extents    []*extent
	vacant     []Span
	allocated  PageID
	newest     *extent
	lastFound  *extent   // by extentOf, or nil
	freed      []*extent // that this host has freed, in this order, and that no barrier has taken back yet
	newAllocs  []wire.Alloc
	allocCalls uint64
	random     uint64
	names      []Name

	// restored are the allocations of the checkpoint that this run began from which the program has not asked for yet, in the
	// order of their calls. They were made by restoredHosts hosts.
	restored      []*extent
	restoredHosts int
	loading       bool // pages of it may still be on their way

	ops    []op     // by waiter
	parked []Waiter // waiters in status Parked, in the order in which they were parked

	pins []Span // by Pin, in its order

	cuts cuts

	scratch []PageID
}

// New returns the machine of one host at the start of a job.
func New(cfg Config) *Machine {
	if cfg.Hosts < 1 || cfg.Self < 0 || int(cfg.Self) >= cfg.Hosts || cfg.PageSize < 1 {
		panic(fmt.Sprintf("core: bad configuration %+v", cfg))
	}
	window := min(wire.MaxWindow, pagesLike(windowPages, cfg.PageSize))
	cfg.ReadAhead = min(cfg.ReadAhead, window)
	m := &Machine{
		cfg:      cfg,
		window:   window,
		nextDiff: 1,
		locks:    make(map[LockID]*lock),
		rwlocks:  make(map[LockID]*rwlock),
		held:     make(map[Owner]uint32),
		cvs:      make(map[CVID]*cv),
		random:   88172645463325252,
		reached:  make([]bool, cfg.Hosts),
	}
	// A page's diff is at most its bytes, an eighth of masks, block maps and a record header.
	worst := cfg.PageSize + cfg.PageSize/8 + cfg.PageSize/64 + 64
	m.perDiff = min(64, max(1, wire.MaxDiff/worst))
	m.bar.init(cfg.Self, cfg.Hosts)
	if cfg.CachePages > 0 {
		m.cache.lru = lru.New(int(min(cfg.CachePages, cfg.Pages)))
	}
	return m
}

// opKind says which call a waiter is in.
type opKind uint8

const (
	opNone opKind = iota
	opFault
	opPrefetch
	opEvict
	opClean
	opLock
	opUnlock
	opBarrier
	opCV
	opFree
	opSettle
	opRefresh
	opReclaim
	opAtomic
	opRWLock
	opRWUnlock
)

// phase is how far a call has come.
type phase uint8

const (
	phStart   phase = iota
	phFetch         // Await: the page
	phFlush         // flushing the pages of pending
	phAcks          // waiting until all diffs below until are acknowledged
	phTake          // Again: the lock, from the one before in its queue
	phGrant         // Await: the lock
	phLocal         // Parked: the lock is at another thread of this host
	phEpoch         // Parked: this host must leave more barriers
	phInval         // invalidating the pages of pending
	phGather        // Await: children's arrivals
	phRelease       // Await: the parent's release
	phReply         // Await: a condition variable's manager
	phDone
	phGiveUp  // giving up the pages of a freed allocation
	phQuiet   // Parked: none of the pages in pending is to be under way
	phRecycle // taking back what was freed
	phReclaim // giving up pages; Await: acknowledgements of the dirty ones, which are in pending
	phCut     // marking pages for a checkpoint; Parked: what became of the one before, and no claims of the pages in pending
)

// op is the call that a waiter has under way.
type op struct {
	kind  opKind
	phase phase
	// granted: a local thread passed the lock to this waiter (phLocal).
	granted bool
	// taken: the lock was another host's, and was got through its words. Valid after Lock.
	taken   bool
	write   bool
	kindBar wire.Kind
	page    PageID
	lock    *lock
	owner   Owner
	peer    HostID // whom a reply is awaited from
	// window are the pages that this call has set out to fetch, sorted by home and number, and requests how they were asked
	// for, in that order, until the answer is in. Both are empty while it fetches nothing.
	window   []PageID
	requests []request
	// last is the page of the window that was guessed last, page itself if none was.
	last  PageID
	tried bool // the page of this fault was fetched before
	// roomMade: this fault has looked for pages to give up; freed counts what the call's last step gave up.
	roomMade bool
	freed    int
	// acks lists the homes that owe this waiter an acknowledgement, one entry for each message.
	acks []ackDue
	// pending are the pages still to be flushed or invalidated, sorted; next is where this pass has come to.
	pending []PageID
	next    int
	blocked []PageID // pages of this pass that wait for an acknowledgement
	until   uint64   // diff messages below this number must be acknowledged
	epoch   uint64   // the granter's
	// lateLog are pages whose log entry a planted mistake delays.
	lateLog []PageID
	own     []wire.Range // pages that this host wrote in the interval that a barrier ends
	extent  *extent      // that is being freed
	// lapsed are pinned pages that this waiter's calls have taken access to away since Lapsed. They outlive the calls.
	lapsed []PageID
	// try: the call does not wait for holders of its lock; refused: it was told that there are some (P20).
	try, refused bool
	// rw is the lock of opRWLock and opRWUnlock, mode how it is asked for, and version what it was granted with.
	rw      *rwlock
	mode    RWMode
	version uint64
	// atomic is the operation of opAtomic, and before what the word held, once its home has said so.
	atomic Atomic
	before uint64
}

type ackDue struct {
	id   uint64
	home HostID
}

func (m *Machine) op(w Waiter) *op {
	for int(w) >= len(m.ops) {
		m.ops = append(m.ops, op{})
	}
	return &m.ops[w]
}

func (m *Machine) begin(w Waiter, kind opKind) *op {
	o := m.op(w)
	if o.kind != opNone {
		panic(fmt.Sprintf("core: host %d waiter %d begins call %d inside %+v", m.cfg.Self, w, kind, *o))
	}
	*o = op{kind: kind, window: o.window[:0], requests: o.requests[:0], acks: o.acks[:0], pending: o.pending[:0], blocked: o.blocked[:0], lateLog: o.lateLog[:0], own: o.own[:0], lapsed: o.lapsed}
	return o
}

// Resume goes on with w's call after its message was handled, after it was woken, or after Again.
func (m *Machine) Resume(w Waiter, fx *Effects) (Status, error) {
	o := m.op(w)
	m.unpark(w) // it may have woken by itself
	for _, p := range o.lateLog {
		m.logPage(p)
	}
	o.lateLog = o.lateLog[:0]
	var st Status
	var err error
	switch o.kind {
	case opFault:
		st, err = m.fault(w, o, fx)
	case opPrefetch:
		st = m.prefetch(w, o, fx)
	case opEvict, opClean:
		st = m.evict(w, o, fx)
	case opLock:
		st, err = m.acquire(w, o, fx)
	case opUnlock:
		st = m.release(w, o, fx)
	case opBarrier:
		st, err = m.barrier(w, o, fx)
	case opCV:
		st = m.awaitCV(o)
	case opFree:
		st = m.giveUp(w, o, fx)
	case opSettle:
		st = m.goSettle(w, o, fx)
	case opRefresh:
		st = m.goInvalidate(w, o, fx)
	case opReclaim:
		if st = m.reclaim(w, o, fx); st == Done {
			m.cache.asked = false
		}
	case opAtomic:
		st = m.atomic(w, o, fx)
	case opRWLock:
		st = m.acquireRW(w, o, fx)
	case opRWUnlock:
		st = m.releaseRW(w, o, fx)
	default:
		panic(fmt.Sprintf("core: host %d waiter %d has no call to resume", m.cfg.Self, w))
	}
	if st == Done || err != nil {
		o.kind = opNone
	}
	return st, err
}

// Awaiting says what a waiter with status Await waits for: the next message from a host (or wire.Any) to its mailbox,
// or, when link is true, the next message of that host's barrier thread.
func (m *Machine) Awaiting(w Waiter) (from HostID, link bool) {
	o := m.op(w)
	switch {
	case len(o.acks) > 0:
		return o.acks[0].home, false
	case o.phase == phGrant:
		return wire.Any, false
	case o.phase == phGather || o.phase == phRelease:
		return o.peer, true
	case len(o.requests) > 0:
		return o.requests[o.unread()].home, false
	}
	return o.peer, false
}

// park records that w sleeps until something that it may be waiting for has happened.
func (m *Machine) park(w Waiter) Status {
	m.parked = append(m.parked, w)
	return Parked
}

func (m *Machine) unpark(w Waiter) {
	if i := slices.Index(m.parked, w); i >= 0 {
		m.parked = slices.Delete(m.parked, i, i+1)
	}
}

// wakeParked wakes the waiters that sleep in one of the given phases; they look again at what they waited for.
// For phFetch only those that wait for page p.
func (m *Machine) wakeParked(fx *Effects, p PageID, phases ...phase) {
	keep := m.parked[:0]
next:
	for _, w := range m.parked {
		o := &m.ops[w]
		for _, ph := range phases {
			if o.phase == ph && (ph != phFetch || o.page == p) {
				fx.add(Effect{Kind: Wake, Waiter: w})
				continue next
			}
		}
		keep = append(keep, w)
	}
	m.parked = keep
}

// wake wakes one parked waiter.
func (m *Machine) wake(fx *Effects, w Waiter) {
	m.unpark(w)
	fx.add(Effect{Kind: Wake, Waiter: w})
}

// Handle acts on a message from another host: a request to the server, an answer to a mailbox, whose thread then calls
// Resume, or a message of the barrier tree. An error means that the peer does not keep to the protocol, or misuse that
// only the comparison of hosts could find.
//
// A Page has been received in full into the frames of AwaitingPages before. A Diff goes to HandleDiff.
func (m *Machine) Handle(msg *wire.Message, fx *Effects) error {
	switch msg.Type {
	case wire.GetPage:
		return m.serve(msg, fx)
	case wire.Page:
		return m.arrived(msg, fx)
	case wire.DiffAck:
		return m.acked(msg.Obj, fx)
	case wire.LockReq:
		return m.manage(msg, fx)
	case wire.LockFwd:
		return m.successor(LockID(msg.Obj), waiting{msg.Host, msg.Reply, msg.Version, msg.Epoch == tries(true)}, fx)
	case wire.LockGrant:
		return m.granted(msg)
	case wire.BarArrive:
		return m.childArrived(msg)
	case wire.BarRelease:
		return m.released(msg)
	case wire.CVSet, wire.CVReset, wire.CVWait:
		return m.manageCV(msg, fx)
	case wire.CVDone:
		return m.cvDone(msg)
	case wire.Claim:
		return m.decideClaim(msg, fx)
	case wire.Claimed:
		return m.claimed(msg, fx)
	case wire.HomeIs:
		return m.redirected(msg)
	case wire.LockBusy:
		return m.refused(msg, fx)
	case wire.RWAsk:
		return m.manageRW(msg, fx)
	case wire.RWDone:
		return m.endedRW(msg, fx)
	case wire.RWGrant:
		return m.grantedRW(msg)
	case wire.Atomic:
		return m.serveAtomic(msg, fx)
	case wire.AtomicDone:
		return m.atomicDone(msg)
	}
	return m.unexpected(msg)
}

func (m *Machine) unexpected(msg *wire.Message) error {
	return fmt.Errorf("host %d sent an unexpected %v (object %d, port %d)", msg.From, msg.Type, msg.Obj, msg.Port)
}

// mailbox returns the call that an answer is for, if it is in the given phase.
func (m *Machine) mailbox(msg *wire.Message, ph phase) (*op, error) {
	if int(msg.Port) >= len(m.ops) || m.ops[msg.Port].phase != ph || m.ops[msg.Port].kind == opNone {
		return nil, m.unexpected(msg)
	}
	return &m.ops[msg.Port], nil
}

// Usage tells how many pages homed here are in use, that is, not blank, and of how many others there is a copy here.
func (m *Machine) Usage() (homed, cached uint64) { return m.homed, m.cached }

// ReadAhead tells how many pages were fetched ahead of an access, and how many of these were dropped before the program was
// seen to have come past them.
func (m *Machine) ReadAhead() (pages, unused uint64) { return m.ahead.asked, m.ahead.unused }

// Epoch is the number of barriers that this host has left.
func (m *Machine) Epoch() uint64 { return m.epoch }
