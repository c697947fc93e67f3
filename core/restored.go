package core

import (
	"fmt"
	"slices"
	"sort"

	"jiajia/core/wire"
)

// Going on from a checkpoint (P23). Restore makes the allocations that it has, all at their old places; their homes follow from the
// old calls and the number of hosts now, so every host finds the same ones without a word. Then the pages are filled (Home, Load), before
// the program's first call. The program asks for the allocations again, in their old order, and gets what is there.

// Mismatch is an allocation call that is not the one that the checkpoint has. Its text is meant to be shown.
type Mismatch struct{ Text string }

func (e *Mismatch) Error() string { return e.Text }

// Restore makes the allocations of a checkpoint. It comes before any other use of the machine, on all hosts with the same state. After an
// error the machine is as before.
func (m *Machine) Restore(st *Saved) error {
	made, placed, vacant, err := m.rebuilt(st)
	if err != nil {
		return err
	}
	m.extents, m.vacant, m.allocated = placed, vacant, 0
	if n := len(placed); n > 0 {
		m.allocated = placed[n-1].end()
	}
	m.restored, m.restoredHosts, m.random, m.loading = made, st.Hosts, st.Random, true
	return nil
}

// Fits says what keeps this machine from going on from a checkpoint, if anything does.
func (m *Machine) Fits(st *Saved) error {
	_, _, _, err := m.rebuilt(st)
	return err
}

// mostSavedHosts is of how many hosts a checkpoint can be, and how many its allocations can name.
const mostSavedHosts = 1 << 16

// rebuilt returns the allocations of a checkpoint in the order of their calls and of their pages, and what is vacant between them.
func (m *Machine) rebuilt(st *Saved) (made, placed []*extent, vacant []Span, err error) {
	if st.PageSize != m.cfg.PageSize {
		return nil, nil, nil, fmt.Errorf("it has pages of %d bytes, this run has pages of %d: set JIA_PAGE_SIZE=%d", st.PageSize, m.cfg.PageSize, st.PageSize)
	}
	if st.Hosts < 1 || st.Hosts > mostSavedHosts {
		return nil, nil, nil, fmt.Errorf("it is of %d hosts", st.Hosts)
	}
	defer func(random uint64) { m.random = random }(m.random) // the rules draw
	for i := range st.Allocs {
		e, err := m.rebuild(&st.Allocs[i], st.Hosts)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("its allocation number %d: %w", i+1, err)
		}
		e.made = uint64(i)
		made = append(made, e)
	}
	placed = slices.Clone(made)
	sort.Slice(placed, func(i, j int) bool { return placed[i].first < placed[j].first })
	end := PageID(0)
	for _, e := range placed {
		if e.first < end {
			return nil, nil, nil, fmt.Errorf("its allocations overlap at page %d", e.first)
		}
		if e.first > end {
			vacant = append(vacant, Span{end, uint64(e.first - end)})
		}
		end = e.end()
	}
	return made, placed, vacant, nil
}

// rebuild returns an allocation that was one of so many hosts, with homes for those that there are now.
//
// Where their number has changed, nobody can say who will write a page of first touch first. Most programs deal out arrays in blocks, so
// that is where these pages go, and each manager is the home of what it manages.
func (m *Machine) rebuild(a *Allocation, hosts int) (*extent, error) {
	if len(a.Args) == 0 || a.Call == CallFree || a.Call >= AllocCall(len(allocNames)) {
		return nil, fmt.Errorf("by call %d with %d arguments", a.Call, len(a.Args))
	}
	if uint64(a.Page) > m.cfg.Pages || a.Pages > m.cfg.Pages-uint64(a.Page) {
		return nil, fmt.Errorf("%d pages at page %d do not fit into the %d bytes reserved; raise JIA_REGION_SIZE",
			a.Pages, a.Page, m.cfg.Pages*uint64(m.cfg.PageSize))
	}
	e, err := m.ruleOf(a)
	if err != nil {
		return nil, err
	}
	if e.pages != a.Pages || e.block == 0 {
		return nil, fmt.Errorf("%d pages by %s", a.Pages, describeAlloc(a.Call, a.Args))
	}
	if a.Call == CallAllocRandom {
		e.draw = a.Draw
		e.start = HostID(a.Draw % uint64(m.cfg.Hosts))
	}
	if e.touch && hosts != m.cfg.Hosts {
		e.start, e.block = 0, (e.pages-1)/uint64(m.cfg.Hosts)+1
	}
	e.start %= HostID(m.cfg.Hosts)
	for i := range e.segments {
		e.segments[i].host %= HostID(m.cfg.Hosts)
	}
	e.first, e.name, e.waits, e.askedBy = a.Page, a.Name, true, hosts
	if a.Hosts > 0 {
		e.askedBy = a.Hosts
	}
	if m.cfg.Plant == PlantRehomeOld {
		e.rehomeOld(hosts, m.cfg.Hosts)
	}
	return e, nil
}

// rehomeOld is a planted mistake: the homes are those of another number of hosts, folded.
func (e *extent) rehomeOld(before, now int) {
	var segs []segment
	for i := range e.pages {
		segs = append(segs, segment{i + 1, e.home(e.first+PageID(i), before) % HostID(now)})
	}
	e.segments = segs
}

// ruleOf returns the rule of an allocation, which may name hosts that there are not: calls that a checkpoint answered could.
func (m *Machine) ruleOf(a *Allocation) (*extent, error) {
	if a.Call != CallAllocAttr {
		if len(a.Args) < scalars[a.Call] || len(a.Args) > scalars[a.Call] && a.Call != CallAlloc4 && a.Call != CallAllocArray {
			return nil, fmt.Errorf("%s with %d arguments", allocNames[a.Call], len(a.Args))
		}
		return m.rule(a.Call, a.Args, mostSavedHosts)
	}
	const fixed = 6
	if len(a.Args) < fixed || a.Args[5] > uint64(len(a.Args)-fixed) {
		return nil, fmt.Errorf("%s with %d arguments", allocNames[a.Call], len(a.Args))
	}
	sizes := fixed + int(a.Args[5])
	attr := &Attr{Placement: Placement(a.Args[1]), Host: a.Args[2], Block: a.Args[3], Alignment: a.Args[4],
		Sizes: a.Args[fixed:sizes], Hosts: a.Args[sizes:]}
	if len(attr.Hosts) > 0 && len(attr.Hosts) != len(attr.Sizes) {
		return nil, fmt.Errorf("%s with %d blocks on %d hosts", allocNames[a.Call], len(attr.Sizes), len(attr.Hosts))
	}
	if err := m.checkAttr(a.Args[0], attr, mostSavedHosts); err != nil {
		return nil, err
	}
	return m.attrRule(a.Args[0], attr), nil
}

// scalars is how many arguments the calls have in front of their lists.
var scalars = [...]int{CallAlloc: 1, CallAlloc1: 1, CallAlloc2: 2, CallAlloc2p: 2, CallAlloc3: 3, CallAlloc4: 2, CallAllocArray: 1,
	CallAllocRandom: 1, CallAllocTouch: 1}

// match gives the program the next allocation of the checkpoint, if it is what the call asks for. Where the number of hosts has changed,
// arguments may follow it, but for the size.
func (m *Machine) match(call AllocCall, args []uint64) (*extent, error) {
	e := m.restored[0]
	same := call == e.call && args[0] == e.args[0] && (e.askedBy != m.cfg.Hosts || slices.Equal(args, e.args))
	if !same {
		before := ""
		if e.made > 0 {
			before = fmt.Sprintf(" after %d others", e.made)
		}
		return nil, &Mismatch{fmt.Sprintf("%s, but the checkpoint has %s next%s: after a restore the program must make the calls again whose memory it had not freed, "+
			"in their order, before any other", describeAlloc(call, args), describeAlloc(e.call, e.args), before)}
	}
	if m.cfg.Plant != PlantMatchStays {
		m.restored = m.restored[1:]
	}
	if m.cfg.Plant != PlantMatchForgets {
		e.made, e.waits, e.args = m.allocCalls, false, slices.Clone(args)
	}
	m.newest = nil // its pages are published
	return e, nil
}

// hostsNamed is how many hosts the next allocation may name: those that there are, unless it is one of the checkpoint.
func (m *Machine) hostsNamed() int {
	if len(m.restored) > 0 {
		return mostSavedHosts
	}
	return m.cfg.Hosts
}

// RestoredSpans appends to dst the runs of pages homed here of all allocations, as HomeSpans does for one. It is for the time after Restore.
func (m *Machine) RestoredSpans(dst []Span) []Span {
	for _, e := range m.extents {
		dst = m.homeSpans(dst, e)
	}
	return dst
}

// LoadAt says where a page goes that the checkpoint has: to its home. nowhere is true for one that is not allocated any more. claim is true for
// one of first touch that was homed where it is being read, if nobody knows of that yet: then home is the manager, and LoadClaimed takes
// its answer to a Claim.
func (m *Machine) LoadAt(p PageID) (home HostID, claim, nowhere bool) {
	e := m.extentOf(p)
	if e == nil {
		return 0, false, true
	}
	if !e.touch || m.restoredHosts != m.cfg.Hosts || m.cfg.Hosts == 1 {
		return e.home(p, m.cfg.Hosts), false, false // no record: this host may never use it
	}
	pg := m.pages.at(m, p)
	return pg.home, pg.flags&flagUndecided != 0 && pg.home != m.cfg.Self, false
}

// Load notes that a page which lives here has got its content from the checkpoint: in this step the driver fills its frame.
func (m *Machine) Load(p PageID, fx *Effects) {
	pg := m.pages.at(m, p)
	if m.cfg.Plant != PlantLoadUnsaved {
		m.changes(p) // no checkpoint of this run has it
	}
	m.decideLoaded(p, pg, fx)
	if pg.state == HomeFresh && m.cfg.Plant != PlantLoadFresh {
		pg.state = HomeIdle // no other host has a copy
		m.homed++
	}
}

// LoadClaimed notes that this host has become the home of a page by its Claim.
func (m *Machine) LoadClaimed(msg *wire.Message, fx *Effects) error {
	p := PageID(msg.Obj)
	if msg.Type != wire.Claimed || uint64(p) >= m.cfg.Pages {
		return m.unexpected(msg)
	}
	pg := m.pages.at(m, p)
	pg.home, pg.state = m.cfg.Self, HomeFresh
	m.Load(p, fx) // which decides it
	return nil
}

// Loaded says that every page of the checkpoint is at its home, on all hosts.
func (m *Machine) Loaded() { m.loading = false }

// decideLoaded makes this host, the manager of a page of first touch, its home, since it is about to get what the checkpoint has.
func (m *Machine) decideLoaded(p PageID, pg *page, fx *Effects) {
	if m.loading && pg.flags&flagUndecided != 0 && pg.home == m.cfg.Self && m.cfg.Plant != PlantLoadUndecided {
		pg.flags &^= flagUndecided
		fx.run(Publish, p)
	}
}
