package core

import (
	"errors"
	"fmt"
	"math/bits"
)

// Placement says where the pages of an allocation live.
type Placement uint64

// The values are those of jia.h.
const (
	Cyclic     Placement = iota // blocks dealt round the hosts
	Blocks                      // one block a host, as equal as pages allow
	OneHost                     // all on one host
	Listed                      // blocks of any size on any hosts, over and over
	FirstTouch                  // each page on the host that writes it first

	placements
)

// Attr are the attributes of an allocation, as jia_alloc_attr takes them. The other allocation calls are cases of it.
type Attr struct {
	Placement Placement
	Host      uint64   // the home for OneHost, the host to begin with for Cyclic, Blocks, and Listed without Hosts
	Block     uint64   // bytes of a block of Cyclic; 0: a page
	Alignment uint64   // of the address, a power of two; 0: a page
	Sizes     []uint64 // bytes of each block of Listed; 0: no block
	Hosts     []uint64 // their homes, as many; nil: one host after the other
	Name      string   // for messages and statistics; hosts may differ
}

// ErrNoRoom is returned, wrapped, for an allocation that what is left of the reservation cannot hold.
var ErrNoRoom = errors.New("no room")

// AllocAttr gives the program size bytes of fresh zeroed memory and returns the first page. Like Alloc it is to be called in the same
// order with the same arguments on all hosts; one that fails is as if it had not been called. The error wraps ErrNoRoom, or is a
// *Misuse.
func (m *Machine) AllocAttr(size uint64, a *Attr) (PageID, error) {
	if err := m.checkAttr(size, a, m.hostsNamed()); err != nil {
		return 0, err
	}
	args := a.args(size)
	var e *extent
	if len(m.restored) > 0 {
		var err error
		if e, err = m.match(CallAllocAttr, args); err != nil {
			return 0, err
		}
		e.name = a.Name
	} else if e = m.attrRule(size, a); !m.settle(e, max(a.Alignment, 1)) {
		return 0, fmt.Errorf("%s: %d bytes do not fit in what is left of the %d reserved; raise JIA_REGION_SIZE: %w",
			allocNames[CallAllocAttr], size, m.cfg.Pages*uint64(m.cfg.PageSize), ErrNoRoom)
	}
	e.named = m.named(a.Name)
	m.called(CallAllocAttr, e.first, args)
	return e.first, nil
}

// args are the arguments of a call for size bytes, as hosts compare them: all but the name.
func (a *Attr) args(size uint64) []uint64 {
	args := []uint64{size, uint64(a.Placement), a.Host, a.Block, a.Alignment, uint64(len(a.Sizes))}
	return append(append(args, a.Sizes...), a.Hosts...)
}

// attrRule returns the allocation that a call asks for whose arguments were checked. It has no place yet.
func (m *Machine) attrRule(size uint64, a *Attr) *extent {
	e := &extent{pages: m.pagesFor(size), block: 1, start: HostID(a.Host), name: a.Name, made: m.allocCalls, call: CallAllocAttr, args: a.args(size)}
	hosts := uint64(m.cfg.Hosts)
	switch a.Placement {
	case Cyclic:
		e.block = m.pagesFor(a.Block)
	case Blocks:
		e.block = (e.pages-1)/hosts + 1
	case OneHost:
		e.block = e.pages
	case Listed:
		e.segments = m.listSegments(a)
	case FirstTouch:
		e.touch = true
	}
	return e
}

// checkAttr refuses arguments that cannot be. of is how many hosts they may name.
func (m *Machine) checkAttr(size uint64, a *Attr, of int) error {
	name, hosts := allocNames[CallAllocAttr], uint64(of)
	switch {
	case size == 0:
		return misuse("%s: a size of 0; give at least 1 byte", name)
	case a.Placement >= placements:
		return misuse("%s: placement %d; there are 0 to %d", name, int64(a.Placement), placements-1)
	case bits.OnesCount64(a.Alignment) > 1:
		return misuse("%s: an alignment of %d; it must be a power of two", name, a.Alignment)
	case a.Host >= hosts:
		return misuse("%s: host %d does not exist; hosts are 0 to %d", name, int64(a.Host), hosts-1)
	case a.Placement == Listed && len(a.Sizes) > MostListed:
		return misuse("%s: a list of %d blocks; at most %d", name, len(a.Sizes), MostListed)
	case a.Placement != Listed:
		return nil
	}
	for _, h := range a.Hosts {
		if h >= hosts {
			return misuse("%s: host %d in the list does not exist; hosts are 0 to %d", name, int64(h), hosts-1)
		}
	}
	total := uint64(0)
	for _, b := range a.Sizes {
		n := m.pagesFor(b)
		if b == 0 {
			n = 0
		}
		if total += n; n > m.cfg.Pages || total > m.cfg.Pages {
			return misuse("%s: a list of more bytes than are reserved", name)
		}
	}
	if total == 0 {
		return misuse("%s: a list without a block above 0 bytes", name)
	}
	return nil
}

// MostListed is how many blocks a list has at most: an arrival at a barrier has to hold it.
const MostListed = 1 << 18

// listSegments is the pattern of a list that was checked.
func (m *Machine) listSegments(a *Attr) []segment {
	var segs []segment
	var end uint64
	for i, b := range a.Sizes {
		if b == 0 {
			continue
		}
		host := (a.Host + uint64(i)) % uint64(m.cfg.Hosts)
		if len(a.Hosts) > 0 {
			host = a.Hosts[i]
		}
		end += m.pagesFor(b)
		segs = append(segs, segment{end, HostID(host)})
	}
	return segs
}
