package sim

import (
	"slices"

	"jiajia/core"
)

// words are the words of all locks, by lock.
type words struct {
	tails map[core.LockID]core.HostID
	cells []map[core.LockID]*core.Offer // by host; nil or missing: empty
	last  []map[core.LockID]uint64      // versions offered last
}

func newWords(hosts int) *words {
	w := &words{tails: map[core.LockID]core.HostID{}}
	for range hosts {
		w.cells = append(w.cells, map[core.LockID]*core.Offer{})
		w.last = append(w.last, map[core.LockID]uint64{})
	}
	return w
}

// unused tells that nobody has asked for a lock through words.
func (w *words) unused(id core.LockID) bool {
	_, used := w.tails[id]
	return !used
}

// hostWords are the words as seen by one host.
type hostWords struct {
	*words
	c    *cluster
	self core.HostID
}

// Follow implements core.LockWords.
func (w hostWords) Follow(id core.LockID) (core.HostID, bool, error) {
	before, ok := w.tails[id]
	w.tails[id] = w.self
	w.c.tracef("%d: follows host %d (%v) in the queue of lock %d", w.self, before, ok, id)
	return before, ok, nil
}

// Offer implements core.LockWords.
func (w hostWords) Offer(id core.LockID, o *core.Offer) {
	w.c.tracef("%d: offers lock %d: %+v", w.self, id, *o)
	if last, any := w.last[w.self][id]; w.cells[w.self][id] != nil || any && o.Version <= last || len(o.Notices) > w.c.swarm.room {
		w.c.failf("host %d offers %+v, lock %d, of which it has offered version %d", w.self, *o, id, last)
	}
	kept := *o
	kept.Notices = slices.Clone(o.Notices)
	w.cells[w.self][id], w.last[w.self][id] = &kept, o.Version
}

// Take implements core.LockWords.
func (w hostWords) Take(id core.LockID, from core.HostID, seen uint64, o *core.Offer) bool {
	cell := w.cells[from][id]
	if cell == nil || cell.Since > seen {
		w.c.tracef("%d: cannot take lock %d from host %d", w.self, id, from)
		return false
	}
	w.c.tracef("%d: takes lock %d from host %d", w.self, id, from)
	*o, w.cells[from][id] = *cell, nil
	return true
}

// TakeBack implements core.LockWords.
func (w hostWords) TakeBack(id core.LockID) bool {
	there := w.cells[w.self][id] != nil
	w.cells[w.self][id] = nil
	w.c.tracef("%d: takes lock %d back: %v", w.self, id, there)
	return there
}
