package core

import (
	"fmt"

	"jiajia/core/wire"
)

// page is what this host knows of one page that it has touched, or that another host has asked it about. It holds no
// pointer, so that the garbage collector does not look into page tables.
type page struct {
	logged uint64 // number of the page's newest entry in the write log, 0 for none
	home   HostID
	state  State
	flags  pageFlags
}

type pageFlags uint16

const (
	flagFetching  pageFlags = 1 << iota // a GetPage is under way; state is Absent (P6)
	flagDoomed                          // ... and an invalidation came in between: throw the reply away
	flagUnacked                         // a diff of the page is not acknowledged yet (P2)
	flagListed                          // the page is in Machine.dirty
	flagBlank                           // home: tracked, but never written yet: all zero
	flagAhead                           // a copy that was fetched ahead of any access
	flagNeighbour                       // home: last made writable because a neighbour was stored to
	flagAnnounced                       // home: in the notices of the barrier under way, not served since (P7)
	flagUndecided                       // first touch: as far as this host knows nobody has written the page yet (P17)
	flagProbed                          // a copy that was hidden and not used since
	flagCounted                         // the page cache counts its frame
	flagPinned                          // the program wants it here and writable all the time (Pin)
	flagShut                            // home: a cut has write-protected it while it was HomeUntracked, and it was not stored to since (P22)
)

// chunkPages is small, since a program may touch pages far apart: then a chunk is what each of them costs.
const chunkPages = 128

// pageTable finds records by page number. Records exist for pages that were touched; memory follows these.
type pageTable struct {
	chunks []*[chunkPages]page
}

// find returns p's record, or nil when nothing is known of p's neighbourhood. A record whose home is
// wire.Many has not been used yet.
func (t *pageTable) find(p PageID) *page {
	if c := uint64(p / chunkPages); c < uint64(len(t.chunks)) && t.chunks[c] != nil {
		return &t.chunks[c][p%chunkPages]
	}
	return nil
}

// at returns p's record and makes it if need be.
func (t *pageTable) at(m *Machine, p PageID) *page {
	pg := t.find(p)
	if pg == nil {
		c := int(p / chunkPages)
		if c >= len(t.chunks) {
			t.chunks = append(t.chunks, make([]*[chunkPages]page, c+1-len(t.chunks))...)
		}
		chunk := new([chunkPages]page)
		for i := range chunk {
			chunk[i].home = wire.Many
		}
		t.chunks[c] = chunk
		pg = &chunk[p%chunkPages]
	}
	if pg.home == wire.Many {
		m.initPage(p, pg)
	}
	return pg
}

// initPage gives a new record its home. That of a page which is not allocated here stays as it is.
func (m *Machine) initPage(p PageID, pg *page) {
	home, ok := m.Home(p)
	if !ok {
		return
	}
	pg.home = home
	if home == m.cfg.Self {
		pg.state = HomeFresh
	}
	if touch, _ := m.firstTouch(p); touch {
		pg.flags |= flagUndecided
	}
}

// ofHome returns the record of a page that another host takes to be homed here. If this host has not allocated the page
// yet, the other is ahead in its allocations, and knows.
func (m *Machine) ofHome(p PageID) *page {
	pg := m.pages.at(m, p)
	if pg.home == wire.Many {
		pg.home, pg.state = m.cfg.Self, HomeFresh
	}
	return pg
}

// StateOf is for checkers: what the machine believes about a page.
func (m *Machine) StateOf(p PageID) State {
	if !m.Allocated(p) {
		return Absent
	}
	return m.pages.at(m, p).state
}

// ErrUnallocated is returned by Fault for memory that no allocation covers: a wild access.
var ErrUnallocated = &Misuse{"access to shared memory that was not allocated"}

// Fault asks for access to a page, for a load or, with write, for a store. When it is Done the driver lets the thread
// repeat the access, which may fault again.
func (m *Machine) Fault(w Waiter, p PageID, write bool, fx *Effects) (Status, error) {
	o := m.begin(w, opFault)
	o.page, o.last, o.write = p, p, write
	return m.Resume(w, fx)
}

// freshRun is how many fresh home pages of 4 KiB, or as many bytes of larger ones, one fault maps at most: the kernel's price for a page falls to less than half.
const freshRun = 64

func (m *Machine) fault(w Waiter, o *op, fx *Effects) (Status, error) {
	if len(o.window) > 0 {
		if st := m.fetched(w, o, fx); st != Done {
			return st, nil
		}
		if !o.write && m.pages.at(m, o.page).state == ReadOnly {
			return Done, nil
		}
	}
	if o.phase == phReclaim {
		if st := m.makeRoom(w, o, fx); st != Done {
			return st, nil
		}
	}
	if !m.Allocated(o.page) {
		return Done, ErrUnallocated // never, or another thread has freed it meanwhile
	}
	p, pg := o.page, m.pages.at(m, o.page)
	if pg.flags&flagProbed != 0 {
		m.used(p, pg)
		if m.cfg.Plant == PlantProbeTwins && pg.state == Dirty {
			fx.add(Effect{Kind: Twin, Page: p})
		}
	}
	if pg.flags&flagUndecided != 0 && m.touch(w, o, pg, fx) {
		return Await, nil
	}
	if m.cfg.Plant != PlantCutKeepsShut {
		pg.flags &^= flagShut
	}
	switch pg.state {
	case HomeFresh:
		m.mapHomeRun(p, HomeFresh, fx)
	case HomeIdle:
		if o.write {
			m.mapHomeRun(p, HomeIdle, fx)
		} else {
			fx.add(Effect{Kind: Map, Page: p, Count: 1})
		}
	case HomeUntracked, HomeDirty, Dirty:
		if m.cfg.Plant == PlantSecondTwin && o.phase == phDone && pg.state == Dirty {
			fx.add(Effect{Kind: Twin, Page: p})
		}
		// The mapping was lost, or another thread was here first.
		if pg.state != Dirty {
			m.changes(p)
		}
		fx.add(Effect{Kind: MapWrite, Page: p, Count: 1})
	case HomeClean, ReadOnly:
		if pg.flags&flagAhead != 0 {
			m.ahead.touched(p)
		}
		if o.write {
			if m.cfg.Plant == PlantSecondTwin && o.phase != phDone {
				o.phase = phDone
				return Again, nil
			}
			m.makeDirty(p, pg, fx)
		} else {
			fx.add(Effect{Kind: Map, Page: p, Count: 1})
		}
	case Absent:
		return m.fetch(w, o, fx), nil
	}
	return Done, nil
}

// mapHomeRun makes p and the pages above it that are in the same state writable: no other host can hold a copy of them
// (P7; marking a page shared is a step of the same machine, so the two cannot cross). A page that counted as written since,
// after it was opened so, is left to a store of its own: where others read it all the time by themselves, it would count so for
// ever (P15).
func (m *Machine) mapHomeRun(p PageID, same State, fx *Effects) {
	kind := MapWrite
	if same == HomeFresh {
		kind = MapFresh
	}
	for q, end := p, p+m.homeRun(p); q < end && m.Allocated(q); q++ {
		pg := m.pages.at(m, q)
		if pg.state != same || pg.flags&flagUndecided != 0 || same == HomeIdle && q != p && pg.flags&flagNeighbour != 0 {
			break
		}
		pg.flags |= flagNeighbour
		if same == HomeFresh {
			m.homed++
		}
		pg.state = HomeUntracked
		m.changes(q)
		fx.run(kind, q)
	}
	m.pages.at(m, p).flags &^= flagNeighbour
}

// makeDirty lets a thread write to a clean page. Checking the state, copying the twin and raising the access are one
// step (P14).
func (m *Machine) makeDirty(p PageID, pg *page, fx *Effects) {
	m.notBlank(pg)
	pg.flags &^= flagNeighbour
	if pg.state == ReadOnly {
		fx.add(Effect{Kind: Twin, Page: p})
		m.setDirty(p, pg, Dirty)
	} else {
		m.setDirty(p, pg, HomeDirty)
		m.changes(p)
	}
	if m.cfg.Plant == PlantLogDirtyOnly {
		m.logPage(p)
	}
	fx.add(Effect{Kind: MapWrite, Page: p, Count: 1})
}

// notBlank notes that a page is about to be written.
func (m *Machine) notBlank(pg *page) {
	if pg.flags&flagBlank != 0 {
		pg.flags &^= flagBlank
		m.homed++
	}
}

// asHome returns the record of a page that another host takes this host to be the home of.
func (m *Machine) asHome(p PageID, msg *wire.Message) (*page, error) {
	if uint64(p) >= m.cfg.Pages {
		return nil, fmt.Errorf("host %d sent a %v for page %d, beyond the region", msg.From, msg.Type, p)
	}
	pg := m.ofHome(p)
	if pg.claiming() {
		m.own(p, pg, true) // the answer is on its way
	}
	if pg.home != m.cfg.Self && m.cfg.Plant != PlantOldHomeServes {
		return nil, misuse("hosts allocate differently: host %d takes host %d for the home of page %d, which is homed at host %d; every host must make the same jia_alloc and jia_free calls in the same order",
			msg.From, m.cfg.Self, p, pg.home)
	}
	return pg, nil
}
