package node

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"jiajia/core"
	"jiajia/core/wire"
	"jiajia/pool"
)

// MaxPools is how many pools there may be at once.
const MaxPools = 256

// A PoolPlacement says where the pages of a pool live.
type PoolPlacement uint8

// The placements. Whichever it is, each host owns an equal part of the pool.
const (
	PoolOwn    PoolPlacement = iota // on the host that owns them
	PoolOnHost                      // on one host
	PoolCyclic                      // dealt round the hosts
)

// PoolConfig describes a pool, on all hosts alike.
type PoolConfig struct {
	Name      string // for messages
	Bytes     uint64 // at least 1
	Align     uint64 // of every object: a power of two from pool.Granule to the page size
	Object    uint64 // the size of every object, or 0
	Placement PoolPlacement
	Host      wire.HostID // of PoolOnHost
	Mix       bool        // a host whose part is used up gets single objects of others, not pages
}

// A Pool is what the fast path needs to know. The tables and classes are shared with the node, and live until the pool is destroyed.
type Pool struct {
	ID      int
	Base    uint64 // offset in the region, in bytes
	Bytes   uint64
	Serial  uint64 // changes when all objects are gone
	Classes *pool.Classes
	Tables  pool.Tables
}

// pools are those of a host.
type pools struct {
	mu      mutex // guards what follows and all of every hostPool; never held across a wait
	list    [MaxPools]*hostPool
	serials map[uint64]*hostPool
	serial  uint64      // the newest; counted alike on all hosts
	saved   []savedPool // of the checkpoint that this run began from, those that the program has not made again
	due     atomic.Bool // something is to be given back to other hosts
	// What is given back belongs to a round, which a thread ends that waits for all so far. untaken has the weight of each that has no
	// receipt yet, and no zeros; owing tells whether there is any.
	round   uint32
	untaken map[uint32]int64
	owing   atomic.Bool
	waiting []*thread // for the end of some round
}

// hostPool is a host's side of a pool.
type hostPool struct {
	PoolConfig
	Pool
	made     uint64   // its first serial number
	ending   bool     // PoolDestroy has begun: no checkpoint has it any more
	bounds   []uint64 // host h owns the pages from bounds[h] up to bounds[h+1]
	pageSize uint64
	part     *pool.Part
	// call and args are the allocation that gave the memory. homes tells of each page whether it is homed here, for a pool whose
	// pages were divided anew after a restore, nil for others.
	call   core.AllocCall
	args   []uint64
	homes  []bool
	tables [][]byte
	// back are freed objects and pages for other hosts, by host. Objects wait here until all that this host has written is at home.
	back   []giveBack
	queued int // objects in back
	// aside is what other hosts have given back, on pages that are not homed here: to be used again after a Refresh.
	aside aside
	PoolCounts
}

// giveBack has offsets of objects; of pages the first and how many, pair by pair.
type giveBack struct{ objects, pages []uint64 }

// aside has the hosts beside the pairs, too.
type aside struct {
	giveBack
	from []wire.HostID
}

// PoolCounts is what a host has done for a pool.
type PoolCounts struct {
	Asked    uint64 // requests to other hosts
	Returned uint64 // objects of other hosts that were freed here
}

// flushAt is how many objects of others may wait before they are sent without a synchronisation.
const flushAt = 64

// ErrNoPool is for an id that no pool has; ErrNoRoom for a pool that has no place in the region, or among the pools.
var (
	ErrNoPool = errors.New("there is no such pool")
	ErrNoRoom = errors.New("there is no room for the pool")
)

// PoolCreate makes a pool. It is collective and waits for all hosts.
func (n *Node) PoolCreate(owner core.Owner, c PoolConfig) (Pool, error) {
	if c.Bytes > n.cfg.RegionBytes {
		return Pool{}, ErrNoRoom
	}
	saved, err := n.nextSaved(&c)
	if err != nil {
		n.fail(err)
	}
	p, err := n.makePool(c, saved)
	if err != nil {
		if !errors.Is(err, ErrNoRoom) {
			n.fail(err)
		}
		return Pool{}, err
	}
	n.pools.mu.Lock()
	n.pools.list[p.ID] = p
	n.pools.name(p)
	p.made = p.Serial
	n.pools.mu.Unlock()
	n.Rendezvous(owner, wire.KindWait)
	return p.Pool, nil
}

// makePool makes a pool that is empty, or one of a checkpoint.
func (n *Node) makePool(c PoolConfig, saved *savedPool) (*hostPool, error) {
	if saved != nil {
		return n.resumePool(c, saved)
	}
	ps, hosts := uint64(n.cfg.PageSize), uint64(n.cfg.Hosts)
	partPages := (c.Bytes + hosts*ps - 1) / (hosts * ps)
	id := n.pools.vacantID()
	if id == MaxPools {
		return nil, ErrNoRoom
	}
	call, args := poolCall(&c, partPages*ps, hosts)
	first, err := n.allocPool(call, args)
	if err != nil {
		return nil, err
	}
	p, err := n.newPool(c, id, uint64(first), pool.Divide(partPages*hosts, n.cfg.Hosts, nil))
	if err != nil {
		return nil, err
	}
	p.call, p.args = call, args
	p.part = pool.New(n.partConfig(p))
	return p, nil
}

// vacantID returns the lowest number that no pool has, or had in the checkpoint; MaxPools when there is none.
func (s *pools) vacantID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := 0
	for id < MaxPools && (s.list[id] != nil || slices.ContainsFunc(s.saved, func(p savedPool) bool { return p.ID == id })) {
		id++
	}
	return id
}

// newPool returns a pool without a part.
func (n *Node) newPool(c PoolConfig, id int, first uint64, bounds []uint64) (*hostPool, error) {
	ps := uint64(n.cfg.PageSize)
	p := &hostPool{PoolConfig: c, bounds: bounds, pageSize: ps, back: make([]giveBack, n.cfg.Hosts)}
	p.Pool = Pool{ID: id, Base: first * ps, Bytes: p.pages() * ps, Classes: pool.NewClasses(n.cfg.PageSize, c.Align, c.Object)}
	return p, p.makeTables(n.cfg.PageSize, p.pages())
}

func (p *hostPool) pages() uint64 { return p.bounds[len(p.bounds)-1] }

// partConfig describes this host's part.
func (n *Node) partConfig(p *hostPool) pool.Config {
	first, end := p.bounds[n.cfg.Self], p.bounds[n.cfg.Self+1]
	return pool.Config{PageSize: n.cfg.PageSize, Place: (uint64(n.region.Base()) + p.Base) / p.pageSize, First: first, Pages: end - first,
		Classes: p.Classes, Tables: p.Tables}
}

// name gives a pool a new serial number, under which messages about its objects come.
func (s *pools) name(p *hostPool) {
	if s.serials == nil {
		s.serials, s.untaken = make(map[uint64]*hostPool), make(map[uint32]int64)
	}
	delete(s.serials, p.Serial)
	s.serial++
	p.Serial = s.serial
	s.serials[p.Serial] = p
}

// poolCall is the allocation for a pool of which each host has so many bytes.
func poolCall(c *PoolConfig, part, hosts uint64) (core.AllocCall, []uint64) {
	switch c.Placement {
	case PoolOnHost:
		return core.CallAlloc2p, []uint64{part * hosts, uint64(c.Host)}
	case PoolCyclic:
		return core.CallAlloc, []uint64{part * hosts}
	}
	return core.CallAlloc2, []uint64{part * hosts, part}
}

// allocPool reserves the pages of a pool.
func (n *Node) allocPool(call core.AllocCall, args []uint64) (core.PageID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	first, err := n.machine.Alloc(call, args...)
	if other := new(core.Mismatch); errors.As(err, &other) {
		n.fail(err)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	if err := n.publishNewest(); err != nil {
		n.fail(err)
	}
	return first, nil
}

// makeTables reserves memory for the tables, which takes some where it is touched.
func (p *hostPool) makeTables(pageSize int, pages uint64) error {
	ofPages, ofLive := pool.Words(pageSize, pages)
	for _, words := range []uint64{ofPages, ofLive} {
		table, err := unix.Mmap(-1, 0, int(words*4), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
		if err != nil {
			return fmt.Errorf("memory for the tables of pool %q: %w", p.Name, err)
		}
		p.tables = append(p.tables, table)
	}
	words := func(table []byte) []atomic.Uint32 {
		return unsafe.Slice((*atomic.Uint32)(unsafe.Pointer(unsafe.SliceData(table))), len(table)/4)
	}
	p.Tables = pool.Tables{Pages: words(p.tables[0]), Live: words(p.tables[1])}
	return nil
}

// find returns the pool of an id, nil when there is none.
func (s *pools) find(id int) *hostPool {
	if id < 0 || id >= MaxPools {
		return nil
	}
	return s.list[id]
}

// PoolReset frees all objects. It is collective, a barrier, and returns when all hosts have done it. The result is the new serial number.
func (n *Node) PoolReset(owner core.Owner, id int) (serial uint64) {
	n.Rendezvous(owner, wire.KindBarrier)
	n.pools.mu.Lock()
	p := n.pools.find(id)
	if p == nil {
		n.pools.mu.Unlock()
		n.fail(fmt.Errorf("jia_pool_reset(%d): %w", id, ErrNoPool))
	}
	p.part.Reset()
	clear(p.back)
	p.queued, p.aside = 0, aside{}
	n.pools.name(p)
	n.pools.mu.Unlock()
	n.Rendezvous(owner, wire.KindWait) // what comes for the new objects finds them
	return p.Serial
}

// PoolDestroy ends a pool. It is collective, and a barrier.
func (n *Node) PoolDestroy(owner core.Owner, id int) error {
	n.pools.mu.Lock()
	p := n.pools.find(id)
	if p != nil {
		p.ending = true
	}
	n.pools.mu.Unlock()
	if p == nil {
		return ErrNoPool
	}
	n.Free(uint64(n.region.Base()) + p.Base)
	n.Rendezvous(owner, wire.KindBarrier)
	n.pools.mu.Lock()
	n.pools.list[id] = nil
	delete(n.pools.serials, p.Serial)
	n.pools.mu.Unlock()
	for _, table := range p.tables {
		if err := unix.Munmap(table); err != nil {
			n.fail(fmt.Errorf("give back the tables of pool %q: %w", p.Name, err))
		}
	}
	return nil
}

// PoolStats tells what this host has of a pool.
func (n *Node) PoolStats(id int) (pool.Stats, PoolCounts, error) {
	n.pools.mu.Lock()
	defer n.pools.mu.Unlock()
	p := n.pools.find(id)
	if p == nil {
		return pool.Stats{}, PoolCounts{}, ErrNoPool
	}
	return p.part.Stats(), p.PoolCounts, nil
}

// owner returns the host whose part an offset of the pool lies in.
func (p *hostPool) owner(at uint64) wire.HostID {
	page := at / p.pageSize
	return wire.HostID(sort.Search(len(p.bounds)-1, func(h int) bool { return page < p.bounds[h+1] }))
}

// largestPart is how many pages the host has that has most.
func (p *hostPool) largestPart() (most uint64) {
	for h := range p.bounds[1:] {
		most = max(most, p.bounds[h+1]-p.bounds[h])
	}
	return most
}
