package core

import (
	"cmp"
	"fmt"
	"slices"

	"jiajia/core/wire"
)

// The home of a first-touch page is decided by its first writer (P17). Its manager is the host that the extent's rule
// gives; to everybody a page is homed there until they know better, and flagUndecided says that they do not know yet.
//
// Invariant: the manager's record is undecided as long as nobody was given the page, and HomeFresh, or HomeClean and
// blank, so long. Elsewhere an undecided page is Absent, or ReadOnly and all zero. No undecided page is written, logged, or
// read one-sidedly, here or anywhere.

// firstTouch tells whether p belongs to an extent of first-touch pages. known is false for a page that this host has not
// allocated yet.
func (m *Machine) firstTouch(p PageID) (touch, known bool) {
	e := m.extentOf(p)
	return e != nil && m.cfg.Hosts > 1 && e.touch, e != nil
}

// unknown returns 1 if the home of a page is undecided as far as this host knows, else 0: what a GetPage says.
func (m *Machine) unknown(p PageID) HostID {
	if m.pages.at(m, p).flags&flagUndecided != 0 {
		return 1
	}
	return 0
}

// learn takes note that a page which this host has not allocated yet is one of first touch that it manages, since a faster host
// asks for it as that.
func (m *Machine) learn(p PageID, pg *page) {
	if _, known := m.Home(p); !known && pg.state == HomeFresh {
		pg.flags |= flagUndecided
	}
}

// undecide makes the records of a new first-touch extent undecided that exist already and say no more than that
// the page is this host's.
func (m *Machine) undecide(e *extent) {
	for p := e.first; e.touch && p < e.first+PageID(e.pages); p++ {
		pg := m.pages.find(p)
		if pg == nil {
			p |= chunkPages - 1 // no record before the next chunk
			continue
		}
		if touch, _ := m.firstTouch(p); touch && pg.home == m.cfg.Self && pg.state == HomeFresh {
			pg.flags |= flagUndecided
		}
	}
}

// HomeOf returns the home of a page, and whether that is decided as far as this host knows. While it is not, or for a page
// that is not allocated, the host means nothing.
func (m *Machine) HomeOf(p PageID) (home HostID, decided bool) {
	if _, known := m.firstTouch(p); !known {
		return 0, false
	}
	pg := m.pages.at(m, p)
	return pg.home, pg.flags&flagUndecided == 0
}

// touch deals with an access of a thread to an undecided page. It returns true when the call has to wait; else the fault
// goes on by the page's state.
func (m *Machine) touch(w Waiter, o *op, pg *page, fx *Effects) (wait bool) {
	p := o.page
	switch {
	case pg.home == m.cfg.Self && o.write:
		pg.flags &^= flagUndecided
		fx.add(Effect{Kind: Publish, Page: p, Count: 1})
	case pg.home == m.cfg.Self:
		if pg.state == HomeFresh {
			pg.state = HomeClean // a blank copy of its own: the first store is to be noticed
			pg.flags |= flagBlank
		}
	case o.write && pg.flags&flagFetching == 0:
		if m.cfg.Plant == PlantWriteBlank && pg.state == ReadOnly {
			return false
		}
		m.claim(w, o, p, pg, fx)
		return true
	}
	return false
}

// claim asks the manager of an undecided page to have it homed here. The frame is zero before anybody can take this host for
// the home, since who does so by itself stores there before this host hears of it (P17).
func (m *Machine) claim(w Waiter, o *op, p PageID, pg *page, fx *Effects) {
	if pg.state == ReadOnly {
		if pg.flags&flagAhead != 0 {
			m.ahead.touched(p)
			pg.flags &^= flagAhead
		}
		m.drop(p, pg)
	}
	if m.cfg.Plant != PlantDiscardLate {
		fx.add(Effect{Kind: Discard, Page: p, Count: 1})
	}
	m.frameGone(p, pg)
	m.comes(p, pg)
	o.phase = phFetch
	o.window = append(o.window, p)
	o.requests = append(o.requests, request{home: pg.home, end: 1, claim: true})
	fx.send(Send, pg.home, wire.Message{Type: wire.Claim, Reply: uint32(w), Obj: uint64(p)})
}

// manages returns the record of a page that another host takes this host to be the manager of.
func (m *Machine) manages(p PageID, msg *wire.Message) (pg *page, undecided bool, err error) {
	if uint64(p) >= m.cfg.Pages {
		return nil, false, fmt.Errorf("host %d sent a %v for page %d, beyond the region", msg.From, msg.Type, p)
	}
	pg = m.ofHome(p)
	manager, known := m.Home(p)
	touch, _ := m.firstTouch(p)
	if known && (!touch || manager != m.cfg.Self) {
		return nil, false, misuse("hosts allocate differently: to host %d page %d is one of first touch that host %d manages; every host must make the same jia_alloc and jia_free calls in the same order",
			msg.From, p, m.cfg.Self)
	}
	undecided = pg.flags&flagUndecided != 0
	if !known { // the extent is to come
		undecided = undecided || pg.home == m.cfg.Self && pg.state == HomeFresh
	}
	if m.cfg.Plant == PlantClaimWritten {
		undecided = pg.home == m.cfg.Self
	}
	return pg, undecided, nil
}

// decideClaim answers a Claim: an undecided page is given away, with what is known of blank copies.
func (m *Machine) decideClaim(msg *wire.Message, fx *Effects) error {
	p := PageID(msg.Obj)
	pg, undecided, err := m.manages(p, msg)
	if err != nil {
		return err
	}
	if !undecided {
		fx.send(Reply, msg.From, wire.Message{Type: wire.HomeIs, Port: msg.Reply, Obj: msg.Obj, Numbers: []uint64{uint64(pg.home)}})
		return nil
	}
	answer := wire.Message{Type: wire.Claimed, Port: msg.Reply, Obj: msg.Obj}
	if pg.state != HomeFresh {
		fx.add(Effect{Kind: Discard, Page: p, Count: 1})
		if m.cfg.Plant != PlantClaimUntracked {
			answer.Version = 1
		}
	}
	pg.home, pg.state = msg.From, Absent
	pg.flags &^= flagUndecided | flagBlank | flagNeighbour | flagAnnounced
	fx.send(Reply, msg.From, answer)
	return nil
}

// redirect answers a GetPage for pages that are given away, some at least, with the homes of all. It returns false when there
// are none.
func (m *Machine) redirect(msg *wire.Message, fx *Effects) bool {
	if m.cfg.Plant == PlantOldHomeServes {
		return false
	}
	away := false
	for i := range msg.Version {
		p := PageID(msg.Obj + i*msg.Epoch)
		if uint64(p) >= m.cfg.Pages {
			return false
		}
		if m.ofHome(p).home == m.cfg.Self {
			continue
		}
		if _, _, err := m.manages(p, msg); err != nil {
			return false // a page of another host, to which that is an error
		}
		away = true
	}
	if !away {
		return false
	}
	answer := wire.Message{Type: wire.HomeIs, Port: msg.Reply, Obj: msg.Obj}
	for i := range msg.Version {
		answer.Numbers = append(answer.Numbers, uint64(m.pages.at(m, PageID(msg.Obj+i*msg.Epoch)).home))
	}
	fx.send(Reply, msg.From, answer)
	return true
}

// own makes this host the home of a page that it has claimed.
func (m *Machine) own(p PageID, pg *page, shared bool) {
	m.came(p, pg)
	pg.home, pg.state = m.cfg.Self, HomeFresh
	pg.flags &^= flagUndecided | flagFetching | flagDoomed
	if m.oneSided {
		m.changes(p) // others may have stored to it by themselves, and have announced that
	}
	switch {
	case !shared:
	case m.oneSided:
		pg.state = HomeClean // others may have written it
		m.homed++
	default:
		pg.state = HomeClean
		pg.flags |= flagBlank
	}
}

// claiming tells whether this host waits for the answer to a claim of a page, or else to a GetPage of one that is undecided
// here. Who takes this host for the home knows that the claim was granted.
func (pg *page) claiming() bool {
	return pg.flags&(flagUndecided|flagFetching) == flagUndecided|flagFetching
}

// claimed takes the answer that gives a page to this host. A request of another host may have told so before.
func (m *Machine) claimed(msg *wire.Message, fx *Effects) error {
	o, i, err := m.awaited(msg)
	if err != nil {
		return err
	}
	if !o.requests[i].claim {
		return m.unexpected(msg)
	}
	p := PageID(msg.Obj)
	pg := m.pages.at(m, p)
	if m.cfg.Plant == PlantDiscardLate {
		fx.add(Effect{Kind: Discard, Page: p, Count: 1})
	}
	if pg.home != m.cfg.Self {
		// An invalidation that met the claim says nothing of a page at home; a mark that was taken in says that somebody
		// reads it.
		m.own(p, pg, msg.Version != 0 || pg.flags&flagDoomed != 0)
	}
	fx.add(Effect{Kind: Publish, Page: p, Count: 1})
	o.requests = slices.Delete(o.requests, i, i+1)
	m.wakeParked(fx, p, phFetch, phQuiet, phCut)
	return nil
}

// redirected takes the answer that names the homes of pages. They are asked for again, there.
func (m *Machine) redirected(msg *wire.Message) error {
	o, i, err := m.awaited(msg)
	if err != nil {
		return err
	}
	r := &o.requests[i]
	if len(msg.Numbers) != r.end-r.first {
		return m.unexpected(msg)
	}
	for k, p := range o.window[r.first:r.end] {
		pg, home := m.pages.at(m, p), HostID(msg.Numbers[k])
		if home == pg.home && !r.claim {
			continue // the manager's own, or still undecided
		}
		if int(home) >= m.cfg.Hosts || home == m.cfg.Self || pg.flags&flagUndecided == 0 {
			return m.unexpected(msg)
		}
		pg.home = home
		pg.flags &^= flagUndecided
		if m.Allocated(p) {
			pg.flags &^= flagDoomed // what was invalidated meanwhile has not been served yet; what was freed is not wanted
		}
	}
	r.again, r.claim = true, false
	return nil
}

// askAgain asks for the pages whose homes were learned, and for what was postponed.
func (m *Machine) askAgain(w Waiter, o *op, fx *Effects) (st Status) {
	for n := len(o.requests); n > 0; n-- {
		r := o.requests[0]
		o.requests = slices.Delete(o.requests, 0, 1)
		st = m.askFor(w, o, r.first, r.end, fx)
	}
	return st
}

// asks tells whether an answer of a host is awaited.
func (o *op) asks(home HostID) bool {
	return slices.ContainsFunc(o.requests, func(r request) bool { return r.home == home && !r.read && !r.again })
}

// byHome orders pages by home and number.
func (m *Machine) byHome(p, q PageID) int {
	return cmp.Or(cmp.Compare(m.pages.at(m, p).home, m.pages.at(m, q).home), cmp.Compare(p, q))
}

// markClaimed notes that somebody reads a page by itself of which this host does not know yet that it is the home: the mark
// is gone when it hears of that. A mark without a claim is from an earlier life of the page.
func (m *Machine) markClaimed(pg *page) {
	if pg.claiming() && m.cfg.Plant != PlantClaimForgetsMark {
		pg.flags |= flagDoomed
	}
}
