package core

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"jiajia/core/wire"
)

// AllocCall names the function that a program called, for the comparison between hosts and for messages.
type AllocCall uint64

const (
	CallAlloc AllocCall = iota
	CallAlloc1
	CallAlloc2
	CallAlloc2p
	CallAlloc3
	CallAlloc4
	CallAllocArray
	CallAllocRandom
	CallFree
	CallAllocAttr
	CallAllocTouch
)

var allocNames = [...]string{"jia_alloc", "jia_alloc1", "jia_alloc2", "jia_alloc2p", "jia_alloc3", "jia_alloc4",
	"jia_alloc_array", "jia_alloc_random", "jia_free", "jia_alloc_attr", "first-touch jia_alloc_attr"}

// extent is one allocation: a run of pages and the rule that gives their homes.
type extent struct {
	first PageID
	pages uint64
	// block and start: block i of the extent is homed at (start+i) mod hosts. Used when segments is empty.
	block uint64
	start HostID
	// segments is a pattern of homes that repeats every segments[last].end pages.
	segments []segment
	// freed: this host has called jia_free. The page records keep their homes until all hosts have (P18).
	freed bool
	// touch: the rule gives managers; homes are decided by the first writers (P17).
	touch bool
	name  string // for messages; may be empty
	named uint8  // number of the name for the statistics, 0 for none
	// made is how many calls came before the one that made it; call and args are that one's, and draw is what jia_alloc_random
	// drew. A checkpoint has them (Saved).
	made uint64
	call AllocCall
	args []uint64
	draw uint64
	// waits: it came from a checkpoint, and the program has not asked for it yet. made is then its number there, from 0.
	waits bool
	// askedBy is how many hosts the run had whose program gave args, while waits.
	askedBy int
}

// segment says that pages up to end (exclusive, from the pattern's beginning) live at host.
type segment struct {
	end  uint64
	host HostID
}

func (e *extent) home(p PageID, hosts int) HostID {
	i := uint64(p - e.first)
	if len(e.segments) == 0 {
		return HostID((uint64(e.start) + i/e.block) % uint64(hosts))
	}
	i %= e.segments[len(e.segments)-1].end
	k := sort.Search(len(e.segments), func(k int) bool { return i < e.segments[k].end })
	return e.segments[k].host
}

// Alloc gives the program args[0] bytes of fresh zeroed memory and returns its first page. args are the call's
// arguments in order, arrays flattened behind the scalars. Every host must make the same calls in the same order; the
// next barrier compares them. After a Restore it is the memory of the checkpoint for as long as that has some.
func (m *Machine) Alloc(call AllocCall, args ...uint64) (PageID, error) {
	if len(m.restored) > 0 {
		e, err := m.match(call, args)
		if err != nil {
			return 0, err
		}
		m.called(call, e.first, args)
		return e.first, nil
	}
	e, err := m.rule(call, args, m.cfg.Hosts)
	if err != nil {
		return 0, err
	}
	if !m.settle(e, 1) {
		return 0, misuse("%s: %d bytes do not fit in what is left of the %d reserved; raise JIA_REGION_SIZE",
			describeAlloc(call, args), args[0], m.cfg.Pages*uint64(m.cfg.PageSize))
	}
	m.called(call, e.first, args)
	return e.first, nil
}

// rule returns the allocation that a call asks for, which has no place yet. of is how many hosts the arguments may name; what they
// name beyond the job's own is to be folded.
func (m *Machine) rule(call AllocCall, args []uint64, of int) (*extent, error) {
	size := args[0]
	pages := m.pagesFor(size)
	e := &extent{pages: pages, block: 1, made: m.allocCalls, call: call, args: slices.Clone(args)}
	hosts := uint64(of)
	needHost := func(what string, h uint64) error {
		if h >= hosts {
			return misuse("%s: %s %d does not exist; hosts are 0 to %d", describeAlloc(call, args), what, int64(h), hosts-1)
		}
		return nil
	}
	needBlock := func(bytes uint64) error {
		if int64(bytes) <= 0 {
			return misuse("%s: a block of %d bytes; give each block at least 1", describeAlloc(call, args), int64(bytes))
		}
		return nil
	}
	if int64(size) < 0 {
		return nil, misuse("%s: %d bytes; a size must be 0 or more, and an int overflows at 2 GiB: multiply in size_t",
			describeAlloc(call, args), int64(size))
	}
	var err error
	switch call {
	case CallAlloc:
	case CallAllocTouch:
		e.touch = true
	case CallAlloc1:
		e.block = pages
	case CallAlloc2:
		e.block = m.pagesFor(args[1])
		err = needBlock(args[1])
	case CallAlloc2p:
		e.block, e.start = pages, HostID(args[1])
		err = needHost("host", args[1])
	case CallAlloc3:
		e.block, e.start = m.pagesFor(args[1]), HostID(args[2])
		if err = needHost("starting host", args[2]); err == nil {
			err = needBlock(args[1])
		}
	case CallAlloc4: // size, start, blocks...
		if err = needHost("starting host", args[1]); err == nil {
			err = needNatural(call, args, args[2:])
		}
		if err == nil {
			e.segments = m.lapSegments(args[1], args[2:])
		}
	case CallAllocArray: // size, bytes on each host...
		if n := uint64(len(args) - 1); n > hosts {
			err = misuse("%s: %d shares for %d hosts; give at most one a host", describeAlloc(call, args), n, hosts)
		} else if err = needNatural(call, args, args[1:]); err == nil {
			e.segments = m.shareSegments(args[1:])
		}
	case CallAllocRandom:
		// A small generator of its own: every host draws the same sequence.
		m.random = m.random*6364136223846793005 + 1442695040888963407
		e.draw = m.random >> 33
		e.block, e.start = pages, HostID(e.draw%hosts)
	}
	if err == nil && (call == CallAlloc4 || call == CallAllocArray) && len(e.segments) == 0 {
		err = misuse("%s: no block has a size above 0", describeAlloc(call, args))
	}
	return e, err
}

// called notes an allocation or a jia_free for the comparison at the next rendezvous.
func (m *Machine) called(call AllocCall, at PageID, args []uint64) {
	m.newAllocs = append(m.newAllocs, wire.Alloc{Call: uint64(call), Args: append([]uint64(nil), args...), At: at})
	m.allocCalls++
}

// needNatural refuses lists of bytes, ints where they come from, with a negative element.
func needNatural(call AllocCall, args, list []uint64) error {
	for _, bytes := range list {
		if int64(bytes) < 0 {
			return misuse("%s: %d bytes; an element of the array must be 0 or more", describeAlloc(call, args), int64(bytes))
		}
	}
	return nil
}

// lapSegments is jia_alloc4's pattern: lap i over the hosts gives each of them blocks[i] bytes.
func (m *Machine) lapSegments(start uint64, blocks []uint64) []segment {
	var segs []segment
	var end uint64
	hosts := uint64(m.cfg.Hosts)
	for _, b := range blocks {
		if b == 0 {
			continue
		}
		for h := uint64(0); h < hosts; h++ {
			end += m.pagesFor(b)
			segs = append(segs, segment{end, HostID((start + h) % hosts)})
		}
	}
	return segs
}

// shareSegments is jia_alloc_array's pattern: bytes[i] bytes on host i.
func (m *Machine) shareSegments(bytes []uint64) []segment {
	var segs []segment
	var end uint64
	for h, b := range bytes {
		if b > 0 {
			end += m.pagesFor(b)
			segs = append(segs, segment{end, HostID(h)})
		}
	}
	return segs
}

// pagesFor rounds bytes up to whole pages, at least one.
func (m *Machine) pagesFor(bytes uint64) uint64 {
	ps := uint64(m.cfg.PageSize)
	if bytes == 0 {
		return 1
	}
	return (bytes-1)/ps + 1
}

// Home returns the home of a page that was allocated, and not freed before the last barrier.
func (m *Machine) Home(p PageID) (home HostID, ok bool) {
	e := m.extentOf(p)
	if e == nil {
		return 0, false
	}
	return e.home(p, m.cfg.Hosts), true
}

// describeAlloc renders a call the way its programmer wrote it.
func describeAlloc(call AllocCall, args []uint64) string {
	name := "an unknown allocation call"
	if call < AllocCall(len(allocNames)) {
		name = allocNames[call]
	}
	if call == CallAlloc4 && len(args) > 1 {
		// jia_alloc4(size, blocks, n, start)
		args = append(append([]uint64{args[0]}, args[2:]...), uint64(len(args)-2), args[1])
	}
	s := make([]string, 0, len(args))
	for i, a := range args {
		if i == 8 {
			s = append(s, "...")
			break
		}
		if call == CallFree {
			s = append(s, fmt.Sprintf("%#x", a))
			continue
		}
		s = append(s, fmt.Sprint(int64(a))) // a size that was negative looks so again
	}
	return name + "(" + strings.Join(s, ", ") + ")"
}

// comparedCalls is how many allocations earlier rendezvous have compared.
func (m *Machine) comparedCalls() uint64 { return m.allocCalls - uint64(len(m.newAllocs)) }

// compareAllocs checks another host's allocations since the last rendezvous against this host's. What another thread of
// this host has allocated after its barrier thread came is not looked at: the other host's list ends there, too.
func (m *Machine) compareAllocs(from HostID, total uint64, theirs []wire.Alloc) error {
	base := m.comparedCalls()
	ours := m.newAllocs[:m.bar.allocs]
	show := func(l []wire.Alloc, i int) string {
		if i >= len(l) {
			return "made no such call"
		}
		return "called " + describeAlloc(AllocCall(l[i].Call), l[i].Args)
	}
	for i := 0; i < len(theirs) || i < len(ours); i++ {
		if i < len(theirs) && i < len(ours) && sameAlloc(&theirs[i], &ours[i]) {
			if ours[i].At != theirs[i].At {
				return misuse("as allocation number %d %s gave %#x on host %d and %#x on host %d: a host allocated or freed while another of its threads was in a barrier, and not all hosts did",
					base+uint64(i)+1, describeAlloc(AllocCall(ours[i].Call), ours[i].Args), m.address(ours[i].At), m.cfg.Self, m.address(theirs[i].At), from)
			}
			continue
		}
		return misuse("hosts allocate differently: as allocation number %d host %d %s, host %d %s; every host must make the same jia_alloc and jia_free calls in the same order",
			base+uint64(i)+1, m.cfg.Self, show(ours, i), from, show(theirs, i))
	}
	if made := base + uint64(len(ours)); total != made {
		return misuse("hosts allocate differently: host %d made %d allocations, host %d made %d", m.cfg.Self, made, from, total)
	}
	return nil
}

func sameAlloc(a, b *wire.Alloc) bool {
	if a.Call != b.Call || len(a.Args) != len(b.Args) {
		return false
	}
	for i := range a.Args {
		if a.Args[i] != b.Args[i] {
			return false
		}
	}
	return true
}
