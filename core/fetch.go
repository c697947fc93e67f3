package core

import (
	"cmp"
	"slices"

	"jiajia/core/wire"
)

// request is a part of a call's window that one GetPage asks for, or one Read brings: window[first:end], all homed at one
// host.
type request struct {
	home       HostID
	first, end int
	read       bool
}

// fetchable tells whether a fetch of p may begin. There is at most one of a page under way, and none while a diff of the page
// is unacknowledged (P6, P2).
func (m *Machine) fetchable(p PageID) bool {
	if p >= m.allocated {
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
		if len(o.window) == wire.MaxWindow || !m.fetchable(p) || slices.Contains(o.window, p) {
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

// Prefetch brings in those of the given pages that are absent and not on their way, at most wire.MaxWindow of them and no more than
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

func (m *Machine) prefetch(o *op, fx *Effects) Status {
	if len(o.window) > 0 && !m.fetched(o, fx) {
		return Await
	}
	return Done
}

// ask asks for the pages of o.window: everything goes out before the first answer is awaited. What homes have to send comes
// first, so that it is on its way while this thread reads.
func (m *Machine) ask(w Waiter, o *op, fx *Effects) Status {
	if len(o.window) > 1 {
		slices.SortFunc(o.window, func(p, q PageID) int {
			return cmp.Or(cmp.Compare(m.pages.at(m, p).home, m.pages.at(m, q).home), cmp.Compare(p, q))
		})
	}
	for i := 0; i < len(o.window); {
		r := m.nextRequest(o.window, i)
		for _, p := range o.window[i:r.end] {
			pg := m.pages.at(m, p)
			pg.flags |= flagFetching
			if m.cache.needs(p, pg) {
				m.cache.coming++
			}
		}
		if !r.read {
			p, stride := o.window[i], PageID(1)
			if r.end > i+1 {
				stride = o.window[i+1] - p
			}
			fx.send(Send, r.home, wire.Message{Type: wire.GetPage, Reply: uint32(w), Obj: uint64(p), Version: uint64(r.end - i), Epoch: uint64(stride)})
		}
		o.requests = append(o.requests, r)
		i = r.end
	}
	st := Again
	for _, r := range o.requests {
		if r.read {
			fx.list(Effect{Kind: Read, Host: r.home}, o.window[r.first:r.end])
		} else {
			st = Await
		}
	}
	return st
}

// nextRequest returns the longest request that begins with page i of a sorted window: pages of one home which, unless they are
// read, are equally far apart.
func (m *Machine) nextRequest(window []PageID, i int) request {
	home := m.pages.at(m, window[i]).home
	r := request{home: home, first: i, end: i + 1, read: m.reached[home]}
	for r.end < len(window) && m.pages.at(m, window[r.end]).home == home &&
		(r.read || r.end == i+1 || window[r.end]-window[r.end-1] == window[i+1]-window[i]) {
		r.end++
	}
	return r
}

// unread returns the index of the first request that is answered by a message. There is one while the call's status is
// Await.
func (o *op) unread() int {
	return slices.IndexFunc(o.requests, func(r request) bool { return !r.read })
}

// AwaitingPages tells which pages the message brings that a waiter with status Await receives next, if it is a Page: their
// bytes go straight into the frames, in this order. A home answers the requests of one call in their order. The slice is
// valid until that message is handled.
func (m *Machine) AwaitingPages(w Waiter) []PageID {
	o := m.op(w)
	if len(o.requests) == 0 {
		return nil
	}
	r := o.requests[o.unread()]
	return o.window[r.first:r.end]
}

// arrived takes the answer to one request.
func (m *Machine) arrived(msg *wire.Message, fx *Effects) error {
	o, err := m.mailbox(msg, phFetch)
	if err != nil {
		return err
	}
	i := o.unread()
	if i < 0 || msg.From != o.requests[i].home || PageID(msg.Obj) != o.window[o.requests[i].first] {
		return m.unexpected(msg)
	}
	m.install(o.window[o.requests[i].first:o.requests[i].end], fx)
	o.requests = slices.Delete(o.requests, i, i+1)
	return nil
}

// install makes pages that have come into copies, but throws those away that an invalidation met on their way. Testing for
// doom and installing are one step (P6).
func (m *Machine) install(pages []PageID, fx *Effects) {
	for _, p := range pages {
		pg := m.pages.at(m, p)
		if m.cache.needs(p, pg) {
			m.cache.coming--
		}
		m.frameCame(p, pg)
		if pg.flags&flagDoomed == 0 || m.cfg.Plant == PlantNoDoom {
			pg.state = ReadOnly
			m.cached++
		} else {
			m.notUsed(p, pg)
			m.frameStale(p, pg)
		}
		pg.flags &^= flagFetching | flagDoomed
		m.wakeParked(fx, p, phFetch)
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
// fetch, makes them readable and returns true. The page of a store is left out, since it needs more, and so is the last one that was
// guessed: its first access is to be noticed.
func (m *Machine) fetched(o *op, fx *Effects) bool {
	o.requests = slices.DeleteFunc(o.requests, func(r request) bool {
		if r.read {
			m.install(o.window[r.first:r.end], fx)
		}
		return r.read
	})
	if len(o.requests) > 0 {
		return false
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
	return true
}
