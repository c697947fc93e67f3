package core

import (
	"slices"

	"jiajia/core/wire"
)

// request is a part of a call's window that one GetPage asks for, or one Read brings: window[first:end], all homed at one
// host. Or the one page of a claim.
type request struct {
	home       HostID
	first, end int
	read       bool
	claim      bool // not GetPage but Claim
	again      bool // to be asked for when nothing is awaited any more: answered by the homes of the pages, or postponed
}

// windowPages is how many pages of 4 KiB, or as many bytes of larger ones, a call fetches at most. Of pages up to 16 KiB it is a
// whole wire.MaxWindow.
const windowPages = 4 * wire.MaxWindow

// fetchable tells whether a fetch of p may begin. There is at most one of a page under way, and none while a diff of the page
// is unacknowledged (P6, P2).
func (m *Machine) fetchable(p PageID) bool {
	if !m.Allocated(p) {
		return false
	}
	pg := m.pages.at(m, p)
	busy := flagFetching | flagUnacked
	if m.cfg.Plant == PlantRefetchBeforeAck {
		busy = flagFetching
	}
	return pg.state == Absent && pg.flags&busy == 0
}

// fetch brings the absent page of a fault in, or waits for the thread that does already.
func (m *Machine) fetch(w Waiter, o *op, fx *Effects) Status {
	o.phase = phFetch
	if !m.fetchable(o.page) {
		return m.park(w)
	}
	if st := m.makeRoom(w, o, fx); st != Done {
		return st
	}
	room := m.roomBeside(o.page)
	o.window = append(o.window, o.page)
	switch {
	case o.tried: // an invalidation met the page on its way, maybe the others, too
	case m.cfg.Guess != nil:
		m.addWindow(o, m.cfg.Guess(o.page, nil), room)
	default:
		o.window = m.ahead.miss(o.page, min(m.cfg.ReadAhead, 1+room), m.fetchable, o.window)
	}
	o.tried = true
	o.last = o.window[len(o.window)-1]
	for _, p := range o.window[1:] {
		m.pages.at(m, p).flags |= flagAhead
	}
	return m.ask(w, o, fx)
}

// addWindow adds those of the given pages to o.window that can be fetched and are not in it, while it has room, and while there
// is room for so many frames.
func (m *Machine) addWindow(o *op, pages []PageID, room int) {
	for _, p := range pages {
		if len(o.window) >= m.window || !m.fetchable(p) || slices.Contains(o.window, p) {
			continue
		}
		if m.cache.needs(p, m.pages.at(m, p)) {
			if room < 1 {
				continue
			}
			room--
		}
		o.window = append(o.window, p)
	}
}

// Prefetch brings in those of the given pages that are absent and not on their way, at most a window of them and no more than
// there is room for, without an access.
func (m *Machine) Prefetch(w Waiter, pages []PageID, fx *Effects) (Status, error) {
	o := m.begin(w, opPrefetch)
	m.addWindow(o, pages, m.cache.room())
	if len(o.window) > 0 {
		o.phase = phFetch
		return m.ask(w, o, fx), nil
	}
	return m.Resume(w, fx)
}

func (m *Machine) prefetch(w Waiter, o *op, fx *Effects) Status {
	if len(o.window) > 0 {
		return m.fetched(w, o, fx)
	}
	return Done
}

// ask asks for the pages of o.window: everything goes out before the first answer is awaited. What homes have to send comes
// first, so that it is on its way while this thread reads.
func (m *Machine) ask(w Waiter, o *op, fx *Effects) Status {
	return m.askFor(w, o, 0, len(o.window), fx)
}

// askFor asks for a part of o.window.
func (m *Machine) askFor(w Waiter, o *op, first, end int, fx *Effects) Status {
	if end-first > 1 {
		slices.SortFunc(o.window[first:end], m.byHome)
	}
	asked := len(o.requests)
	for i := first; i < end; {
		r := m.nextRequest(o.window[:end], i)
		for _, p := range o.window[i:r.end] {
			m.comes(p, m.pages.at(m, p))
		}
		if !r.read {
			p, stride := o.window[i], PageID(1)
			if r.end > i+1 {
				stride = o.window[i+1] - p
			}
			fx.send(Send, r.home, wire.Message{Type: wire.GetPage, Reply: uint32(w), Obj: uint64(p), Version: uint64(r.end - i), Epoch: uint64(stride),
				Host: m.unknown(p)})
		}
		o.requests = append(o.requests, r)
		i = r.end
	}
	for i := asked; i < len(o.requests); i++ {
		switch r := &o.requests[i]; {
		case r.read && o.asks(r.home):
			r.read, r.again = false, true // a read that turns into a message would take the answer that is on its way
		case r.read:
			fx.list(Effect{Kind: Read, Host: r.home}, o.window[r.first:r.end])
		}
	}
	if o.unread() >= 0 {
		return Await
	}
	return Again
}

// nextRequest returns the longest request that begins with page i of a sorted window: pages of one home, which is known of all or
// of none, and which, unless they are read, are equally far apart.
func (m *Machine) nextRequest(window []PageID, i int) request {
	home, unknown := m.pages.at(m, window[i]).home, m.unknown(window[i])
	r := request{home: home, first: i, end: i + 1, read: m.reached[home] && (unknown == 0 || m.cfg.Plant == PlantReadUndecided)}
	for r.end < len(window) && m.pages.at(m, window[r.end]).home == home && m.unknown(window[r.end]) == unknown &&
		(r.read || r.end == i+1 || window[r.end]-window[r.end-1] == window[i+1]-window[i]) {
		r.end++
	}
	return r
}

// unread returns the index of the first request that is answered by a message. There is one while the call's status is
// Await.
func (o *op) unread() int {
	return slices.IndexFunc(o.requests, func(r request) bool { return !r.read && !r.again })
}

// AwaitingPages tells which pages the message brings that a waiter with status Await receives next, if it is a Page, and it
// may be none then: their bytes go straight into the frames, in this order. A home answers the requests of one call in their order. The slice is
// valid until that message is handled.
func (m *Machine) AwaitingPages(w Waiter) []PageID {
	o := m.op(w)
	if len(o.requests) == 0 {
		return nil
	}
	r := o.requests[o.unread()]
	if r.claim {
		return nil // others may have stored in the frame already
	}
	return o.window[r.first:r.end]
}

// awaited returns the call and the request that an answer is for.
func (m *Machine) awaited(msg *wire.Message) (o *op, i int, err error) {
	if o, err = m.mailbox(msg, phFetch); err != nil {
		return nil, 0, err
	}
	i = o.unread()
	if i < 0 || msg.From != o.requests[i].home || PageID(msg.Obj) != o.window[o.requests[i].first] {
		return nil, 0, m.unexpected(msg)
	}
	return o, i, nil
}

// arrived takes the answer to one request.
func (m *Machine) arrived(msg *wire.Message, fx *Effects) error {
	o, i, err := m.awaited(msg)
	if err != nil {
		return err
	}
	r := o.requests[i]
	if r.claim {
		return m.unexpected(msg)
	}
	for k, p := range o.window[r.first:r.end] {
		if msg.Carries(k) {
			m.pages.at(m, p).flags &^= flagUndecided // its manager has it for good (P17)
		}
	}
	m.install(o.window[r.first:r.end], fx)
	o.requests = slices.Delete(o.requests, i, i+1)
	return nil
}

// install makes pages that have come into copies, but throws those away that an invalidation met on their way. Testing for
// doom and installing are one step (P6).
func (m *Machine) install(pages []PageID, fx *Effects) {
	for _, p := range pages {
		pg := m.pages.at(m, p)
		m.came(p, pg)
		m.frameCame(p, pg)
		if pg.flags&flagDoomed == 0 || m.cfg.Plant == PlantNoDoom {
			pg.state = ReadOnly
			m.cached++
		} else {
			m.notUsed(p, pg)
			m.frameStale(p, pg)
		}
		pg.flags &^= flagFetching | flagDoomed
		m.wakeParked(fx, p, phFetch, phQuiet, phCut)
	}
	m.checkRoom(fx)
}

// notUsed ends what was known of a page that may have been fetched ahead, when it is dropped.
func (m *Machine) notUsed(p PageID, pg *page) {
	if pg.flags&flagAhead != 0 {
		pg.flags &^= flagAhead
		m.ahead.dropped(p)
	}
}

// drop gives up the copy of a page. Its frame stays.
func (m *Machine) drop(p PageID, pg *page) {
	m.forgetCopy(p, pg)
	m.frameStale(p, pg)
}

// forgetCopy ends the record of a copy.
func (m *Machine) forgetCopy(p PageID, pg *page) {
	pg.state = Absent
	pg.flags &^= flagProbed
	m.cached--
	m.notUsed(p, pg)
}

// fetched goes on with a fetch when a message was handled or the reads were done. When all pages have come it ends the
// fetch, makes them readable and returns Done. The page of a store is left out, since it needs more, and so is the last one that was
// guessed: its first access is to be noticed.
func (m *Machine) fetched(w Waiter, o *op, fx *Effects) Status {
	o.requests = slices.DeleteFunc(o.requests, func(r request) bool {
		if r.read {
			m.install(o.window[r.first:r.end], fx)
		}
		return r.read
	})
	switch {
	case o.unread() >= 0:
		return Await
	case len(o.requests) > 0:
		return m.askAgain(w, o, fx)
	}
	slices.Sort(o.window) // homes may alternate
	for _, p := range o.window {
		if p == o.page && o.write || p == o.last && p != o.page {
			continue
		}
		if pg := m.pages.at(m, p); pg.state == ReadOnly && pg.flags&flagProbed == 0 {
			fx.run(Map, p)
		}
	}
	o.window = o.window[:0]
	o.phase = phStart
	return Done
}
