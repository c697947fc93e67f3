package node

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"jiajia/core"
	"jiajia/core/wire"
	"jiajia/pool"
)

// Pools in checkpoints. Each host describes its part; a restored run divides the pages of a pool among its own hosts, which all know
// every description. Objects in the magazines of threads are free then.

// poolsSection is the name of the section of a checkpoint that has a host's savedPools.
const poolsSection = "pools"

// A savedPool is a pool as one host of a checkpoint describes it.
type savedPool struct {
	ID        int
	Bytes     uint64 // as PoolCreate had it
	Align     uint64
	Object    uint64
	Placement PoolPlacement
	Mix       bool
	Call      core.AllocCall // that gave its memory, with Args
	Args      []uint64
	Pages     uint64
	Held      []pool.Held // on this host
}

// savePools describes this host's part of all pools, in the order in which they were made, the same on all hosts. It comes while
// no host uses a pool.
func (n *Node) savePools() []byte {
	n.pools.mu.Lock()
	defer n.pools.mu.Unlock()
	var made []*hostPool
	for _, p := range n.pools.list {
		if p != nil && !p.ending {
			made = append(made, p)
		}
	}
	if len(made)+len(n.pools.saved) == 0 {
		return nil
	}
	slices.SortFunc(made, func(a, b *hostPool) int { return cmp.Compare(a.made, b.made) })
	var all []savedPool
	for _, p := range made {
		all = append(all, savedPool{ID: p.ID, Bytes: p.PoolConfig.Bytes, Align: p.Align, Object: p.Object, Placement: p.Placement, Mix: p.Mix,
			Call: p.call, Args: p.args, Pages: p.pages(), Held: p.part.Held()})
	}
	for _, s := range n.pools.saved { // which the program has still to make again; all hosts know what all had
		if n.cfg.Self != 0 {
			s.Held = nil
		}
		all = append(all, s)
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(fmt.Sprintf("pools as JSON: %v", err))
	}
	return text
}

// restorePools takes the descriptions that all hosts of a checkpoint have left. PoolCreate makes the pools again.
func (n *Node) restorePools(sections [][]byte) error {
	for i, text := range sections {
		var all []savedPool
		if err := json.Unmarshal(text, &all); err != nil {
			return fmt.Errorf("the description of pools: %w", err)
		}
		if i == 0 {
			n.pools.saved = all
			continue
		}
		if len(all) != len(n.pools.saved) {
			return fmt.Errorf("one host describes %d pools, another %d", len(n.pools.saved), len(all))
		}
		for k := range all {
			s := &n.pools.saved[k]
			if s.ID != all[k].ID || s.Pages != all[k].Pages {
				return fmt.Errorf("hosts describe pool %d differently", s.ID)
			}
			s.Held = append(s.Held, all[k].Held...)
		}
	}
	for _, s := range n.pools.saved {
		slices.SortFunc(s.Held, func(a, b pool.Held) int { return cmp.Compare(a.First, b.First) })
	}
	return nil
}

// sharePools tells all hosts what the parts of a checkpoint say of pools. read has what this host has read, by the part; readers names
// the host that has read each. It is collective.
func (n *Node) sharePools(read map[int][]byte, readers []int) error {
	var sections [][]byte
	for part, reader := range readers {
		var size [8]byte
		data := read[part]
		binary.LittleEndian.PutUint64(size[:], uint64(len(data)))
		n.Bcast(wire.HostID(reader), uint64(len(size)), size[:])
		if reader != int(n.cfg.Self) {
			data = make([]byte, binary.LittleEndian.Uint64(size[:]))
		}
		for rest := data; len(rest) > 0; {
			k := min(len(rest), wire.MaxData)
			n.Bcast(wire.HostID(reader), uint64(len(data)), rest[:k])
			rest = rest[k:]
		}
		if len(data) > 0 {
			sections = append(sections, data)
		}
	}
	return n.restorePools(sections)
}

// nextSaved returns the next pool that is to be made again, nil when there is none, and an error when what the program asks for is
// another one.
func (n *Node) nextSaved(c *PoolConfig) (*savedPool, error) {
	n.pools.mu.Lock()
	defer n.pools.mu.Unlock()
	if len(n.pools.saved) == 0 {
		return nil, nil
	}
	s := &n.pools.saved[0]
	if s.Bytes != c.Bytes || s.Align != c.Align || s.Object != c.Object || s.Placement != c.Placement || s.Mix != c.Mix {
		return nil, fmt.Errorf("jia_pool_create: after a restore pools are created as before: the next one in the checkpoint, pool %d, has %d bytes in objects of %d, "+
			"aligned to %d, placed by rule %d, this one %d bytes in objects of %d, aligned to %d, placed by rule %d", s.ID, s.Bytes, s.Object, s.Align, s.Placement,
			c.Bytes, c.Object, c.Align, c.Placement)
	}
	n.pools.saved = n.pools.saved[1:]
	return s, nil
}

// resumePool makes a pool again.
func (n *Node) resumePool(c PoolConfig, s *savedPool) (*hostPool, error) {
	first, err := n.allocPool(s.Call, s.Args)
	if err != nil {
		return nil, err
	}
	p, err := n.newPool(c, s.ID, uint64(first), pool.Divide(s.Pages, n.cfg.Hosts, s.Held))
	if err != nil {
		return nil, err
	}
	part, ok := pool.Resume(n.partConfig(p), s.Held)
	if !ok {
		return nil, fmt.Errorf("pool %d of the checkpoint has objects that overlap, or that it cannot have", s.ID)
	}
	p.part = part
	p.call, p.args = s.Call, s.Args
	n.mu.Lock()
	p.homes = make([]bool, s.Pages)
	for i := range p.homes {
		home, _ := n.machine.Home(first + core.PageID(i))
		p.homes[i] = home == n.cfg.Self
	}
	n.mu.Unlock()
	return p, nil
}

// homedHere tells whether a page of the pool is homed at this host, and partHomed whether all of this host's part is.
func (n *Node) homedHere(p *hostPool, page uint64) bool {
	switch {
	case p.homes != nil:
		return p.homes[page]
	case p.Placement == PoolOnHost:
		return p.Host == n.cfg.Self
	case p.Placement == PoolCyclic:
		return page%uint64(n.cfg.Hosts) == uint64(n.cfg.Self)
	}
	return p.owner(page*uint64(n.cfg.PageSize)) == n.cfg.Self
}

func (n *Node) partHomed(p *hostPool) bool {
	if p.homes != nil {
		return !slices.Contains(p.homes[p.bounds[n.cfg.Self]:p.bounds[n.cfg.Self+1]], false)
	}
	return p.Placement == PoolOwn || p.Placement == PoolOnHost && p.Host == n.cfg.Self || n.cfg.Hosts == 1
}
